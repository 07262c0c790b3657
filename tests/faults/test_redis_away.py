"""Redis dead, hung, emptied, full of rubbish, and back: whoever shops notices nothing."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from redis import Redis
from tests import make
from tests.faults.conftest import Tell
from tests.running import Process, RunningRedis, environment, free_port, running_redis

from truestyle.audit.service import audit
from truestyle.shop import Shop

BUYERS = 8
WITHIN = 3.0  # seconds for an order; Redis itself may cost a quarter of one
RATES = {f"RATE_LIMIT_{name}": "100000/minute" for name in ("DEFAULT", "READ")}


@dataclass
class Counter:
    """A server that counts requests and keeps permissions in Redis, and people who order from it."""

    shop: Shop
    client: httpx.AsyncClient
    staff: make.Person
    ordered: int = 0

    async def serves(self) -> float:
        """Everybody orders at once, and staff see it; the seconds that the slowest waited."""
        product = await make.product(self.shop, stock=BUYERS)
        people = [await make.person(self.shop) for _ in range(BUYERS)]
        for one in people:
            await make.cart(self.shop, one, {product.variants[0].sku: 1})

        async def order(person: make.Person) -> float:
            began = time.monotonic()
            answer = await self.client.post("/checkout", json=make.COD, headers=person.headers)
            assert answer.status_code == 201, answer.text
            return time.monotonic() - began

        waits = await asyncio.gather(*(order(one) for one in people))
        self.ordered += BUYERS
        seen = await self.client.get("/orders", headers=self.staff.headers)
        assert (seen.status_code, seen.json()["total"]) == (200, self.ordered)
        refused = await self.client.get("/orders", headers=people[0].headers)
        assert refused.json()["total"] == 1, "others' orders are shown"
        return max(waits)


@pytest.fixture
async def counter(fault_shop: Shop, redis: RunningRedis, tmp_path: Path) -> AsyncIterator[Counter]:
    more = {"REDIS_HOST": redis.url, "RATE_LIMIT_ENABLED": "true", **RATES}
    process = Process(["serve"], environment(fault_shop.settings, **more), tmp_path, free_port())
    process.wait_ready()
    async with httpx.AsyncClient(base_url=f"{process.url}/api/v1", timeout=30) as client:
        yield Counter(fault_shop, client, await make.person(fault_shop, "staff"))
    process.stop()


async def test_whatever_becomes_of_redis_orders_go_on(
    counter: Counter, redis: RunningRedis, tmp_path: Path, figure: Tell
) -> None:
    waits = {"well": await counter.serves()}
    with Redis.from_url(redis.url) as plain:
        assert plain.dbsize(), "nobody asked it"
        plain.flushall()
        waits["emptied"] = await counter.serves()
        for key in plain.scan_iter():
            plain.delete(key)
            plain.set(key, b"\x80\x04cos\nsystem\n(S'no'\ntR.")
        waits["full of rubbish"] = await counter.serves()
    redis.hang()
    waits["hung"] = await counter.serves()
    waits["still hung"] = await counter.serves()
    redis.go_on()
    redis.die()
    waits["dead"] = await counter.serves()
    with (
        running_redis(tmp_path, int(redis.url.rpartition(":")[2].partition("/")[0])) as again,
        Redis.from_url(again.url) as plain,
    ):
        async with asyncio.timeout(30):
            while not plain.dbsize():
                await counter.client.get("/orders", headers=counter.staff.headers)
                await asyncio.sleep(0.1)
        waits["back"] = await counter.serves()
    figure(", ".join(f"{name} {seconds:.2f} s" for name, seconds in waits.items()))
    assert max(waits.values()) < WITHIN
    report = await audit(counter.shop)
    assert report.clean, report.breaches
