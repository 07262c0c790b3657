"""Windows in one process: exact, sliding, several keys all or none, bounded."""

from types import SimpleNamespace

import pytest

from truestyle.infra import rates
from truestyle.infra.rates import Charge, Rate, Windows


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rates, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


def charge(key: str = "k", most: int = 3, seconds: int = 60) -> Charge:
    return Charge(key, Rate(most, seconds))


@pytest.mark.parametrize(("text", "rate"), [("100/minute", Rate(100, 60)), ("1/day", Rate(1, 86_400))])
def test_a_rate_is_read(text: str, rate: Rate) -> None:
    assert Rate.parse(text) == rate


@pytest.mark.parametrize("text", ["", "0/minute", "-1/minute", "5", "5/fortnight", "5 /minute", "99999999/second"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="100/minute"):
        Rate.parse(text)


def test_exactly_so_many_pass_and_the_headers_count_down(clock: Clock) -> None:
    windows = Windows()
    found = [windows.hit([charge()]) for _ in range(5)]
    assert [one.allowed for one in found] == [True] * 3 + [False] * 2
    assert [one.remaining for one in found] == [2, 1, 0, 0, 0]
    assert {one.limit for one in found} == {3}


def test_no_sixty_seconds_hold_more_than_the_rate_wherever_they_begin(clock: Clock) -> None:
    windows, let_in = Windows(), []
    for _ in range(1000):
        clock.now += 0.7
        if windows.hit([charge(most=10)]).allowed:
            let_in.append(clock.now)
    assert max(sum(1 for one in let_in if at - 60 < one <= at) for at in let_in) == 10
    assert len(let_in) > 100


def test_reset_is_when_the_oldest_hit_is_forgotten(clock: Clock) -> None:
    windows = Windows()
    for _ in range(3):
        windows.hit([charge()])
        clock.now += 10
    refused = windows.hit([charge()])
    assert (refused.allowed, refused.reset) == (False, 30)
    clock.now += 30.01
    assert windows.hit([charge()]).allowed


def test_a_refused_request_is_charged_to_none_of_its_keys(clock: Clock) -> None:
    windows = Windows()
    account, address = charge("account", most=1), charge("address", most=3)
    assert windows.hit([account, address]).allowed
    assert [windows.hit([account, address]).allowed for _ in range(5)] == [False] * 5
    assert [windows.hit([address]).allowed for _ in range(3)] == [True, True, False]


def test_the_key_with_the_least_room_is_told(clock: Clock) -> None:
    found = Windows().hit([charge("account", most=5), charge("crowd", most=50)])
    assert (found.limit, found.remaining) == (5, 4)


def test_memory_is_bounded(clock: Clock) -> None:
    windows = Windows(most_keys=10)
    for number in range(100):
        windows.hit([charge(f"client{number}")])
    assert len(windows._hits) == 10  # noqa: SLF001


def test_a_single_key_is_charged_as_several_are(clock: Clock) -> None:
    several, single, rate = Windows(most_keys=10), Windows(most_keys=10), charge(most=4).rate
    for step in range(200):
        clock.now += step % 7 * 3.3
        key = f"client{step % 5 if step < 150 else step}"
        found = single.hit_one(key, rate)
        assert found == several.hit([Charge(key, rate)]), step
    assert len(single._hits) == 10  # noqa: SLF001
