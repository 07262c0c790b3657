"""/health: how each part is and how long it took to say so; one that hangs keeps nobody waiting."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.running import RunningRedis
from truestyle import health
from truestyle.health import WITHIN, checked
from truestyle.infra.cache import RedisCache
from truestyle.infra.mail import SmtpMailer, SmtpServer
from truestyle.infra.outbox import event
from truestyle.kit import clock
from truestyle.shop import Shop

PARTS = ["mongo", "sql", "cache", "storage", "mail", "worker"]


async def asked(client: httpx.AsyncClient) -> tuple[int, Any, float]:
    began = time.monotonic()
    answer = await client.get("http://test/health")
    return answer.status_code, answer.json(), time.monotonic() - began


async def test_each_part_tells_its_state_and_latency(client: httpx.AsyncClient) -> None:
    status, found, _ = await asked(client)
    assert (status, found["status"]) == (200, "ok")
    assert list(found["checks"]) == PARTS
    for name in PARTS[:-1]:
        one = found["checks"][name]
        assert (one["ok"], one["state"]) in {(True, "up"), (True, "slow")}
        assert 0 <= one["latency_ms"] == one["ms"] < WITHIN * 1000
    worker = found["checks"]["worker"]
    assert (worker["ok"], worker["state"]) == (True, "elsewhere"), "the tests drain by hand"


async def test_a_worker_that_leaves_things_undone_is_behind(client: httpx.AsyncClient, shop: Shop) -> None:
    late = event("test.late", {}).model_copy(update={"due_at": clock.now() - timedelta(minutes=4)})
    await shop.store.outbox.write([late])
    status, found, _ = await asked(client)
    assert (status, found["status"], found["checks"]["worker"]["state"]) == (200, "degraded", "behind")


@pytest.fixture
async def silent() -> AsyncIterator[int]:
    """A port that takes connections and never says a word."""
    lines: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: lines.append(writer), "127.0.0.1")
    yield int(server.sockets[0].getsockname()[1])
    server.close()
    for one in lines:
        one.close()
    await server.wait_closed()


async def test_servers_that_hang_are_down_and_keep_nobody_waiting(
    shop: Shop, client: httpx.AsyncClient, silent: int, redis: RunningRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, mailer = RedisCache(redis.url), SmtpMailer(SmtpServer("127.0.0.1", silent))
    monkeypatch.setattr(shop, "cache", cache)
    monkeypatch.setattr(shop, "mailer", mailer)
    redis.hang()
    status, found, took = await asked(client)
    assert took < WITHIN + 1
    assert (status, found["status"]) == (200, "degraded")
    down = {name: one for name, one in found["checks"].items() if one["state"] == "down"}
    assert down.keys() == {"cache", "mail"}
    assert down["mail"]["detail"] == "no answer in time"
    assert down["cache"]["latency_ms"] < 1000
    redis.go_on()
    assert (await client.get("http://test/health")).json()["checks"]["cache"]["state"] in {"up", "slow"}
    await cache.close()


async def test_a_part_that_cannot_even_be_called_off_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "WITHIN", 0.1)
    free = asyncio.Event()

    async def stubborn() -> bool:
        while not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                continue
        return True

    began = time.monotonic()
    found = await checked(stubborn(), "stubborn")
    assert (found.ok, found.state, found.detail) == (False, "down", "no answer in time")
    assert time.monotonic() - began < 1
    free.set()
    await asyncio.sleep(0)


async def test_a_slow_part_is_slow_and_one_that_fails_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "SLOW", 20)

    async def slow() -> bool:
        await asyncio.sleep(0.05)
        return True

    async def fails() -> bool:
        raise ConnectionRefusedError("host secret-host")

    assert (await checked(slow(), "x")).state == "slow"
    found = await checked(fails(), "x")
    assert (found.state, found.detail) == ("down", "ConnectionRefusedError")
