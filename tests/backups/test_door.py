"""While a backup is put back nobody writes, for a moment nobody reads, and afterwards nobody remembers."""

import asyncio

import httpx
import pytest
from bson import ObjectId
from fastapi import FastAPI

from tests import make
from truestyle.backups import restoring
from truestyle.infra.maintenance import LEASE, Phase
from truestyle.infra.outbox import Worker, event
from truestyle.shop import Shop

OWNER = "somebody-else"


async def until(shop: Shop, phase: Phase) -> None:
    async with asyncio.timeout(10):
        while await shop.door.phase() is not phase:  # noqa: ASYNC110 - the stream tells
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("sure", [True, False], ids=["by the stream", "by asking"])
async def test_the_flag_closes_and_opens_the_store(app: FastAPI, shop: Shop, sure: bool) -> None:
    if not sure:
        await shop.push.stop()
        assert shop.push.flag is None
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        person, product = await make.person(shop), await make.product(shop)
        assert await shop.store.maintenance.close(OWNER, {"restore_id": ObjectId()})
        assert not await shop.store.maintenance.close("another", {})
        await until(shop, Phase.LOADING)
        await make.cart(shop, person, {product.variants[0].sku: 1})
        refused = await client.post("/checkout", json=make.COD, headers=person.headers)
        assert (refused.status_code, refused.json()["code"]) == (503, "maintenance")
        assert int(refused.headers["retry-after"]) > 0
        assert refused.headers["content-type"] == "application/problem+json"
        assert (await client.get("/products")).status_code == 200
        assert await shop.store.orders.count({}) == 0

        assert not await shop.store.maintenance.swap("another", {})
        assert await shop.store.maintenance.swap(OWNER, {})
        await until(shop, Phase.SWAPPING)
        assert (await client.get("/products")).json()["code"] == "maintenance"
        assert (await client.get("http://test/health")).status_code == 200
        assert (await client.get("http://test/health/live")).status_code == 200

        await shop.store.maintenance.reopen(OWNER)
        await until(shop, Phase.OPEN)
        assert (await client.get("/products")).status_code == 200
        assert (await client.post("/checkout", json=make.COD, headers=person.headers)).status_code == 201


async def test_every_process_forgets_what_it_knew(shop: Shop) -> None:
    person = await make.person(shop)
    raw = person.headers["authorization"].removeprefix("Bearer ")
    await shop.keys.gate.caller(raw)
    assert raw in shop.keys.gate._known  # noqa: SLF001
    read = 0

    def again() -> None:
        nonlocal read
        read += 1

    shop.push.on_restore(again)
    await shop.store.maintenance.close(OWNER, {})
    await shop.store.maintenance.reopen(OWNER)
    async with asyncio.timeout(10):
        while not read:  # noqa: ASYNC110 - the stream will tell
            await asyncio.sleep(0.01)
    assert raw not in shop.keys.gate._known  # noqa: SLF001


async def test_a_worker_begins_nothing_while_the_store_is_closed(shop: Shop) -> None:
    seen = list[str]()

    async def handle(one: object) -> None:
        seen.append(str(one))

    await shop.store.maintenance.close(OWNER, {"restore_id": ObjectId()})
    await until(shop, Phase.LOADING)
    await shop.store.outbox.write([event("test", {}, "test:1")])
    worker = Worker(shop.store.outbox, {"test": handle}, pause=0.02, held=lambda: restoring.held(shop))
    worker.start()
    await asyncio.sleep(0.3)
    assert seen == []
    await shop.store.maintenance.reopen(OWNER)
    async with asyncio.timeout(10):
        while not seen:  # noqa: ASYNC110 - the worker does it
            await asyncio.sleep(0.02)
    await worker.stop()


async def test_who_gives_no_sign_of_life_is_taken_over(shop: Shop) -> None:
    await shop.store.maintenance.close(OWNER, {"restore_id": ObjectId()})
    await restoring.recover(shop)
    assert (await shop.store.maintenance.read())["phase"] == Phase.LOADING  # it may live
    rows = shop.store.maintenance.collection
    await rows.update_one({}, [{"$set": {"lease_until": {"$subtract": ["$lease_until", LEASE.seconds * 1000 + 1]}}}])
    await asyncio.gather(*(restoring.recover(shop) for _ in range(5)))
    row = await shop.store.maintenance.read()
    assert (row["phase"], row["epoch"]) == (Phase.OPEN, 1)  # once
    assert not await shop.store.maintenance.swap(OWNER, {})  # who was given up cannot go on
