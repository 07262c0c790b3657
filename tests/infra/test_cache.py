"""The cache on a real Redis: shared, and never a reason for a request to fail."""

import os
import signal
import time

from redis import Redis

from tests.running import RunningRedis
from truestyle.infra import cache
from truestyle.infra.cache import LocalCache, RedisCache


async def test_values_are_shared_and_expire(redis: RunningRedis) -> None:
    one, other = cache.connect(redis.url), cache.connect(redis.url.removeprefix("redis://"))
    await one.set("rbac:1:staff", ["orders:read"], 60)
    assert await other.get("rbac:1:staff") == ["orders:read"]
    assert await other.get("rbac:2:staff") is None
    with Redis.from_url(redis.url) as plain:
        assert 0 < int(str(plain.ttl("truestyle:rbac:1:staff"))) <= 60
    await one.close()
    await other.close()


async def test_rubbish_in_redis_is_a_miss(redis: RunningRedis) -> None:
    with Redis.from_url(redis.url) as plain:
        plain.set("truestyle:key", b"\x80\x04cos\nsystem\n")
    found = RedisCache(redis.url)
    assert await found.get("key") is None
    await found.close()


async def test_a_hung_redis_costs_little_and_a_dead_one_nothing_fails(
    redis: RunningRedis,
) -> None:
    url, process = redis.url, redis.process
    found = RedisCache(url)
    assert await found.ping() is True
    os.kill(process.pid, signal.SIGSTOP)
    began = time.monotonic()
    assert await found.get("key") is None
    assert time.monotonic() - began < 2
    assert await found.ping() is False
    os.kill(process.pid, signal.SIGCONT)
    process.kill()
    process.wait()
    assert await found.get("key") is None
    await found.set("key", 1, 60)
    assert await found.ping() is False
    await found.close()


async def test_without_redis_values_stay_in_this_process_and_within_bounds() -> None:
    local = cache.connect(None)
    assert isinstance(local, LocalCache)
    small = LocalCache(most=2)
    for number in range(3):
        await small.set(str(number), number, 60)
    assert [await small.get(str(number)) for number in range(3)] == [None, 1, 2]
    await small.set("gone", 1, -1)
    assert await small.get("gone") is None
