"""Rates over a real Redis: exact for several processes at once, and never open when it is away."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis import Redis

from tests.running import RunningRedis, free_port, running_redis
from truestyle.infra.cache import RedisCache
from truestyle.infra.limiter import PREFIX, Limiter
from truestyle.infra.rates import Charge, Rate, Verdict
from truestyle.infra.redis import Breaker
from truestyle.kit import tasks

MINUTE = Rate(20, 60)
MOST_ADDED = 0.25  # seconds


@pytest.fixture
async def pair(redis: RunningRedis) -> AsyncIterator[tuple[Limiter, Limiter]]:
    """Two limiters, as two processes have them."""
    both = Limiter(redis.url, Breaker(rest=0.3)), Limiter(redis.url, Breaker(rest=0.3))
    for one in both:
        one.start()
    yield both
    for one in both:
        await one.close()


@asynccontextmanager
async def lateness() -> AsyncIterator[list[float]]:
    """By how much this machine wakes everybody too late meanwhile, in seconds: not what Redis costs."""
    found: list[float] = [0]

    async def look() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.01)
            found.append(time.perf_counter() - began - 0.01)

    task = asyncio.create_task(look())
    yield found
    await tasks.end(task)


async def hits(limiter: Limiter, times: int, key: str = "k", rate: Rate = MINUTE) -> list[Verdict]:
    return await asyncio.gather(*(limiter.hit([Charge(key, rate)]) for _ in range(times)))


async def test_two_processes_at_once_let_in_exactly_the_rate(pair: tuple[Limiter, Limiter]) -> None:
    found = await asyncio.gather(*(hits(one, 50) for one in pair))
    assert sum(one.allowed for part in found for one in part) == 20
    left = sorted(one.remaining for part in found for one in part if one.allowed)
    assert left == list(range(20))


async def test_the_window_slides_and_is_forgotten_by_redis(pair: tuple[Limiter, Limiter], redis: RunningRedis) -> None:
    rate = Rate(3, 1)
    assert [one.allowed for one in await hits(pair[0], 4, rate=rate)] == [True] * 3 + [False]
    assert not (await hits(pair[1], 1, rate=rate))[0].allowed
    await asyncio.sleep(1.05)
    assert [one.allowed for one in await hits(pair[1], 4, rate=rate)] == [True] * 3 + [False]
    with Redis.from_url(redis.url) as plain:
        assert 0 < int(str(plain.pttl(PREFIX + "k"))) <= 1000


async def test_keys_are_charged_all_or_none(pair: tuple[Limiter, Limiter]) -> None:
    account, address = Charge("account", Rate(1, 60)), Charge("address", Rate(3, 60))
    assert [(await one.hit([account, address])).allowed for one in pair * 3] == [True] + [False] * 5
    assert [(await pair[1].hit([address])).allowed for _ in range(3)] == [True, True, False]


async def test_a_dead_redis_opens_nothing(pair: tuple[Limiter, Limiter], redis: RunningRedis) -> None:
    assert all(one.allowed for one in await hits(pair[0], 15))
    redis.die()
    found = await hits(pair[0], 30)
    assert sum(one.allowed for one in found) == 5  # it goes on from where it stood
    assert not (await hits(pair[0], 1))[0].allowed


async def test_a_process_that_loses_redis_goes_on_from_where_all_processes_stood(
    pair: tuple[Limiter, Limiter], redis: RunningRedis
) -> None:
    assert all(one.allowed for one in [*await hits(pair[0], 9), *await hits(pair[1], 9)])
    await hits(pair[0], 1)  # from which it learns of the others' nine
    redis.die()
    assert sum(one.allowed for one in await hits(pair[0], 30)) == 1


async def test_a_hung_redis_costs_a_quarter_second_once_and_opens_nothing(
    pair: tuple[Limiter, Limiter], redis: RunningRedis
) -> None:
    assert all(one.allowed for one in await hits(pair[0], 15))
    redis.hang()
    waits: list[float] = []

    async def timed() -> Verdict:
        begun = time.perf_counter()
        try:
            return await pair[0].hit([Charge("k", MINUTE)])
        finally:
            waits.append(time.perf_counter() - begun)

    async with lateness() as late:
        found = await asyncio.gather(*(timed() for _ in range(30)))
    assert sum(one.allowed for one in found) == 5
    assert max(waits) <= MOST_ADDED + max(late)
    waits.clear()
    asked = pair[0].breaker.failures
    async with lateness() as late:
        ends = time.perf_counter() + 1.5  # longer than the breaker rests: some of these ask again, and are cut off
        while time.perf_counter() < ends:
            await pair[0].hit([Charge(f"k{len(waits)}", MINUTE)])
            await timed()
            await asyncio.sleep(0.01)
    assert max(waits) <= MOST_ADDED + max(late)
    assert 1 <= pair[0].breaker.failures - asked <= 6
    redis.go_on()
    await asyncio.sleep(0.4)
    assert (await hits(pair[0], 1, "another"))[0].allowed
    assert not pair[0].breaker._until  # noqa: SLF001 - Redis is asked again


async def test_a_request_that_needs_redis_twice_waits_once(redis: RunningRedis) -> None:
    breaker = Breaker()
    limiter, cache = Limiter(redis.url, breaker), RedisCache(redis.url, breaker)
    limiter.start()
    redis.hang()
    async with lateness() as late:
        began = time.perf_counter()
        assert await cache.get("rbac:1:staff") is None
        assert (await hits(limiter, 1))[0].allowed
        await cache.set("rbac:1:staff", [], 60)
        seconds = time.perf_counter() - began
    assert seconds <= MOST_ADDED + max(late)
    assert breaker.failures == 1
    redis.go_on()
    await limiter.close()
    await cache.close()


async def test_a_redis_that_was_emptied_forgets_nothing_of_this_process(
    pair: tuple[Limiter, Limiter], redis: RunningRedis
) -> None:
    await hits(pair[0], 20)
    with Redis.from_url(redis.url) as plain:
        plain.flushall()
    assert not (await hits(pair[0], 1))[0].allowed


async def test_rubbish_under_a_key_opens_nothing_and_troubles_no_other(
    pair: tuple[Limiter, Limiter], redis: RunningRedis
) -> None:
    with Redis.from_url(redis.url) as plain:
        plain.set(PREFIX + "k", b"\x80garbage")
        plain.rpush(PREFIX + "l", b"garbage")
    for key in "kl":
        assert sum(one.allowed for one in await hits(pair[0], 30, key)) == 20
    assert sum(one.allowed for one in [*await hits(pair[0], 15, "m"), *await hits(pair[1], 15, "m")]) == 20


async def test_a_redis_that_comes_back_is_counted_in_again(tmp_path: Path) -> None:
    port = free_port()
    limiter = Limiter(f"127.0.0.1:{port}", Breaker(rest=0.1))
    limiter.start()
    assert (await hits(limiter, 1))[0].allowed
    with running_redis(tmp_path, port) as server:
        await asyncio.sleep(0.2)
        assert (await hits(limiter, 1))[0].allowed
        with Redis.from_url(server.url) as plain:
            assert plain.llen(PREFIX + "k") == 1
        await limiter.close()


async def test_without_redis_it_counts_here() -> None:
    limiter = Limiter(None)
    limiter.start()
    assert sum(one.allowed for one in await hits(limiter, 50)) == 20
    await limiter.close()
