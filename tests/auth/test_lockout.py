"""Guessing passwords: five tries for an account from one address, whatever is sent at once, known account or not."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from httpx import AsyncClient

from tests import make
from tests.auth.test_register import ASHA
from tests.conftest import make_settings
from tests.running import environment, running
from truestyle.auth.errors import AccountLocked
from truestyle.kit import clock
from truestyle.settings import Settings
from truestyle.shop import Shop

RIGHT = {"email": ASHA["email"], "password": ASHA["password"]}
WRONG = {**RIGHT, "password": "not this one, surely"}
ELSEWHERE = ("198.51.100.9", 40_000)


@contextmanager
def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> Iterator[None]:
    with monkeypatch.context() as patch:
        now = clock.now
        patch.setattr(clock, "now", lambda: now() + by)
        yield


@pytest.fixture(autouse=True)
async def asha(client: AsyncClient) -> None:
    await client.post("/auth/register", json=ASHA)


@pytest.fixture
async def elsewhere(client: AsyncClient, shop: Shop) -> AsyncIterator[AsyncClient]:
    """The same app, asked from another address."""
    app = client._transport.app  # type: ignore[attr-defined]  # noqa: SLF001 - the one that `client` asks
    transport = httpx.ASGITransport(app, client=ELSEWHERE)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as other:
        yield other


async def guess(client: AsyncClient, times: int, body: dict[str, str] = WRONG) -> list[int]:
    return [(await client.post("/auth/login", json=body)).status_code for _ in range(times)]


async def test_five_failures_lock_the_account_for_this_address_for_fifteen_minutes(
    client: AsyncClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await guess(client, 7) == [401] * 5 + [423] * 2
    locked = await client.post("/auth/login", json=RIGHT)
    assert (locked.status_code, locked.json()["code"]) == (423, "account_locked")
    assert 14 * 60 < int(locked.headers["retry-after"]) <= 15 * 60
    assert locked.headers["content-type"] == "application/problem+json"
    assert await shop.store.sessions.count({}) == 0
    with later(monkeypatch, timedelta(minutes=14, seconds=50)):
        assert await guess(client, 1, RIGHT) == [423]
    with later(monkeypatch, timedelta(minutes=15, seconds=1)):
        assert await guess(client, 1, RIGHT) == [200]


async def test_an_account_that_does_not_exist_is_locked_the_same(client: AsyncClient, elsewhere: AsyncClient) -> None:
    headers = {"x-request-id": "same"}
    nobody = {**WRONG, "email": "nobody@example.com"}
    known, unknown = [], []
    for _ in range(6):
        known.append(await client.post("/auth/login", json=WRONG, headers=headers))
        unknown.append(await client.post("/auth/login", json=nobody, headers=headers))
    assert [one.status_code for one in unknown] == [401] * 5 + [423]
    for one, other in zip(known, unknown, strict=True):
        assert (one.status_code, one.content) == (other.status_code, other.content)
        assert set(one.headers) == set(other.headers)


async def test_fifty_guesses_at_once_are_five(client: AsyncClient, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    looked, verify = [], shop.keys.passwords.verify

    async def counting(password: str, stored: str | None) -> bool:
        looked.append(password)
        return await verify(password, stored)

    monkeypatch.setattr(shop.keys.passwords, "verify", counting)
    answers = await asyncio.gather(*(client.post("/auth/login", json=WRONG) for _ in range(50)))
    assert Counter(one.status_code for one in answers) == {401: 5, 423: 45}
    assert len(looked) == 5


async def test_many_right_sign_ins_at_once_all_succeed(client: AsyncClient, shop: Shop) -> None:
    answers = await asyncio.gather(*(client.post("/auth/login", json=RIGHT) for _ in range(15)))
    assert Counter(one.status_code for one in answers) == {200: 15}
    rows = await shop.store.failures.collection.find({}).to_list()
    assert [(row["failed"], row["pending"]) for row in rows] == [(0, 0)] * 3  # pair, account, address


async def test_the_owner_gets_in_from_elsewhere_while_one_address_is_locked(
    client: AsyncClient, elsewhere: AsyncClient
) -> None:
    assert await guess(client, 6) == [401] * 5 + [423]
    assert await guess(elsewhere, 1, RIGHT) == [200]
    assert await guess(client, 1, RIGHT) == [423]  # and that does not unlock the one who guesses


async def test_a_right_password_forgets_the_wrong_ones_before(client: AsyncClient) -> None:
    for _ in range(3):
        assert await guess(client, 4) == [401] * 4
        assert await guess(client, 1, RIGHT) == [200]


async def test_an_address_written_otherwise_is_the_same_account(client: AsyncClient) -> None:
    spellings = ["asha@example.com", "ASHA@example.com", " Asha@EXAMPLE.com", "asha@Example.Com", "aSHA@example.com "]
    assert [(await guess(client, 1, {**WRONG, "email": one}))[0] for one in spellings] == [401] * 5
    assert await guess(client, 1, RIGHT) == [423]


async def test_the_form_counts_like_json(client: AsyncClient) -> None:
    form = {"username": WRONG["email"], "password": WRONG["password"]}
    got = [(await client.post("/auth/login", data=form)).status_code for _ in range(3)]
    assert got + await guess(client, 3) == [401] * 5 + [423]


async def test_a_stolen_session_guesses_no_longer_than_a_stranger(client: AsyncClient, shop: Shop) -> None:
    token = (await client.post("/auth/login", json=RIGHT)).json()["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    change = {"current_password": "not this one, surely", "new_password": "brass kettle on the hob"}
    farewell = {"password": "not this one, surely"}
    asked = [("POST", "/auth/change-password", change), ("POST", "/users/me/delete", farewell)] * 3
    got = [(await client.request(m, path, json=body, headers=headers)).status_code for m, path, body in asked]
    assert got == [401] * 5 + [423]
    assert await guess(client, 1, RIGHT) == [423]


async def test_many_addresses_meet_the_ceiling_of_the_account_and_each_lock_lasts_longer(
    client: AsyncClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    lockout, email = shop.keys.lockout, ASHA["email"]
    monkeypatch.setattr(lockout, "_settings", shop.settings.limits.model_copy(update={"lockout_account_failures": 10}))

    async def wrong() -> bool:
        return False

    async def round_of_guesses(subnet: int) -> int:
        """As many as lock the account; each address stays below the measure of its pair. For how long it is locked."""
        for number in range(10):
            assert not await lockout.right(email, f"198.51.{subnet}.{number // 3}", wrong)
        with pytest.raises(AccountLocked) as refused:
            await lockout.right(email, f"198.51.{subnet}.99", wrong)
        return int(refused.value.headers["Retry-After"])

    assert 14 * 60 < await round_of_guesses(1) <= 15 * 60
    locked = await client.post("/auth/login", json=RIGHT)  # from an address that never guessed
    assert locked.status_code == 423
    with later(monkeypatch, timedelta(minutes=16)):
        assert 29 * 60 < await round_of_guesses(2) <= 30 * 60
    with later(monkeypatch, timedelta(minutes=47)):
        assert 59 * 60 < await round_of_guesses(3) <= 60 * 60
    with later(monkeypatch, timedelta(days=2)):  # a day of quiet, and it begins again
        assert 14 * 60 < await round_of_guesses(4) <= 15 * 60


async def test_one_address_that_tries_many_accounts_meets_its_own_ceiling(
    client: AsyncClient, elsewhere: AsyncClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = shop.settings.limits.model_copy(update={"lockout_address_failures": 8})
    monkeypatch.setattr(shop.keys.lockout, "_settings", limits)
    got = [(await guess(client, 1, {**WRONG, "email": f"person{at}@example.com"}))[0] for at in range(10)]
    assert got == [401] * 8 + [423] * 2
    assert await guess(client, 1, RIGHT) == [423]
    assert await guess(elsewhere, 1, RIGHT) == [200]


async def test_an_administrator_unlocks_by_setting_the_account_active(client: AsyncClient, admin: make.Person) -> None:
    user_id = (await client.post("/auth/login", json=RIGHT)).json()["user"]["id"]
    assert await guess(client, 6) == [401] * 5 + [423]
    answer = await client.put(f"/users/{user_id}/status", json={"status": "active"}, headers=admin.headers)
    assert answer.status_code == 200
    assert await guess(client, 1, RIGHT) == [200]


async def test_what_is_counted_names_nobody(client: AsyncClient, shop: Shop) -> None:
    await guess(client, 2, {**WRONG, "email": "typed.by.mistake@example.com"})
    rows = await shop.store.failures.collection.find({}).to_list()
    assert rows
    assert "typed" not in str(rows)
    assert "127.0.0.1" not in str(rows)


async def test_a_password_pool_that_is_full_counts_as_no_failure(
    client: AsyncClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("truestyle.auth.passwords.QUEUE", 0)
        assert await guess(client, 6) == [503] * 6
    assert await guess(client, 1, RIGHT) == [200]


async def test_two_processes_without_redis_count_together(mongo_uri: str, tmp_path: Path, shop: Shop) -> None:
    settings: Settings = make_settings(mongo_uri, tmp_path)
    env = environment(settings, REFRESH_COOKIE_SECURE="true")
    with (
        running(["serve", "--workers", "1"], env, tmp_path) as one,
        running(["serve", "--workers", "1"], env, tmp_path) as other,
    ):
        urls = [f"{process.url}/api/v1/auth/login" for process in (one, other)] * 15
        async with httpx.AsyncClient(timeout=30) as client:
            answers = await asyncio.gather(*(client.post(url, json=WRONG) for url in urls))
    assert Counter(one.status_code for one in answers) == {401: 5, 423: 25}
