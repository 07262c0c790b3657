"""kill -9 in the middle of a rush: nothing acknowledged is lost, nothing is done twice, the books are clean."""

import asyncio
from pathlib import Path

from bson import ObjectId
from tests import make
from tests.faults.shopping import patiently, rush
from tests.running import Process, environment, free_port

from truestyle.audit.service import audit
from truestyle.shop import Shop

BUYERS, ROUNDS = 60, 3


async def test_a_server_killed_in_mid_checkout_loses_and_doubles_nothing(fault_shop: Shop, tmp_path: Path) -> None:
    product = await make.product(fault_shop, stock=BUYERS * ROUNDS)
    sku = product.variants[0].sku
    env = environment(fault_shop.settings, IDEMPOTENCY_LEASE_SECONDS="1")
    port = free_port()
    promised: dict[str, str] = {}
    for number in range(ROUNDS):
        people = [await make.person(fault_shop) for _ in range(BUYERS)]
        for one in people:
            await make.cart(fault_shop, one, {sku: 1})
        first = number * BUYERS
        process = Process(["serve"], env, tmp_path, port)
        process.wait_ready()
        before = await fault_shop.store.orders.count({})
        racing = asyncio.create_task(rush(process.url, people, first=first))
        while await fault_shop.store.orders.count({}) == before:  # noqa: ASYNC110 - the first batch is in: the rest is under way
            await asyncio.sleep(0.002)
        process.kill()
        seen = await racing
        assert len([got for got in seen.values() if got.status == 201]) < BUYERS, "killed too late to show anything"
        promised |= {key: got.json()["order_id"] for key, got in seen.items() if got.status == 201}

        await asyncio.sleep(1.1)  # dead leases end
        process = Process(["serve"], env, tmp_path, port)
        process.wait_ready()
        again = await patiently(process.url, people, first=first)
        process.stop()
        assert {got.status for got in again.values()} == {201}, [got.content for got in again.values()][:3]
        for key, got in again.items():
            assert promised.setdefault(key, got.json()["order_id"]) == got.json()["order_id"]

    assert len(promised) == BUYERS * ROUNDS == len(set(promised.values()))
    ids = [ObjectId(one) for one in promised.values()]
    assert await fault_shop.store.orders.count({"_id": {"$in": ids}}) == BUYERS * ROUNDS
    assert await fault_shop.store.orders.count({}) == BUYERS * ROUNDS
    assert await fault_shop.store.stock.available([sku]) == {sku: 0}
    report = await audit(fault_shop)
    assert report.clean, report.breaches
