"""Counting again: lost events, death in the middle, another time zone, and figures that somebody spoiled."""

import asyncio
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from httpx import AsyncClient

from tests import make
from tests.dashboard.conftest import Reader
from tests.dashboard.history import Check, everything, some_history
from tests.orders.buying import Buyer, settle
from tests.running import environment
from truestyle.audit.service import audit, repair
from truestyle.dashboard import counting
from truestyle.infra.outbox import LEASE, EventStatus
from truestyle.kit import clock
from truestyle.shop import Shop


async def test_a_worker_that_dies_in_the_middle_leaves_nothing_half_counted(
    shop: Shop,
    client: AsyncClient,
    staff: make.Person,
    held_against_the_orders: Check,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await some_history(shop, client, staff, 9)
    before = await everything(shop.store)
    for dies_in in ("figures", "figure_products", "figure_buyers"):
        repository = type(getattr(shop.store, dies_in))

        async def die(*_: Any) -> None:
            raise asyncio.CancelledError

        with monkeypatch.context() as patch:
            patch.setattr(repository, "add", die)
            with pytest.raises(asyncio.CancelledError):
                await shop.worker.drain()
        assert await everything(shop.store) == before
        assert await shop.store.outbox.count({"status": EventStatus.DELIVERED, "topic": {"$in": counting.TOPICS}}) == 0
    assert (await audit(shop)).breaches == []  # what waits is no breach
    with time_machine.travel(clock.now() + LEASE + timedelta(seconds=1)):
        await shop.worker.drain()
    await held_against_the_orders()


DIES = """
import asyncio, os, signal, sys
from truestyle.dashboard import counting
from truestyle.dashboard.repository import FigureBuyers
from truestyle.settings import Settings
from truestyle.shop import Shop

counting.MOST, add, calls = 5, FigureBuyers.add, []

async def die_on_the_third(self, changes):
    calls.extend([1] if changes else [])
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    await add(self, changes)

FigureBuyers.add = die_on_the_third

async def main():
    shop = Shop(Settings.load())
    await shop.open(work=False)
    await shop.worker.drain()

asyncio.run(main())
"""


async def test_a_worker_process_killed_in_mid_transaction_leaves_nothing_half_counted(
    shop: Shop, client: AsyncClient, staff: make.Person, held_against_the_orders: Check, tmp_path: Path
) -> None:
    await some_history(shop, client, staff, 21, orders=25)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DIES, env=environment(shop.settings), cwd=tmp_path, stdout=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == -signal.SIGKILL
    counted = await shop.store.counted.count({"kind": "order"})
    assert 0 < counted < 25, "killed too early or too late to show anything"
    report = await audit(shop)
    assert [one for one in report.breaches if one.invariant == "I12"] == []
    with time_machine.travel(clock.now() + LEASE + timedelta(seconds=1)):
        await shop.worker.drain()
    await held_against_the_orders()


async def test_a_store_that_was_there_before_its_figures_is_counted_at_the_next_start(
    shop: Shop, client: AsyncClient, staff: make.Person, held_against_the_orders: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    await some_history(shop, client, staff, 11)
    await shop.worker.drain()
    for one in (shop.store.figures, shop.store.figure_products, shop.store.figure_buyers, shop.store.counted):
        await one.collection.delete_many({})
    monkeypatch.setattr(counting, "MOST", 5)
    await asyncio.gather(*(counting.prepare(shop.store) for _ in range(3)))
    assert await shop.store.outbox.count({"topic": counting.RECOUNT}) == 1
    assert (await audit(shop)).breaches == []  # it is known that everything waits to be counted
    await asyncio.gather(shop.worker.drain(), shop.worker.drain())
    assert await shop.store.outbox.count({"topic": counting.RECOUNT, "status": EventStatus.DELIVERED}) > 4
    await held_against_the_orders()
    await counting.prepare(shop.store)
    assert await shop.store.outbox.count({"topic": counting.RECOUNT, "status": EventStatus.WAITING}) == 0


async def test_another_time_zone_moves_everything_to_its_days(
    shop: Shop, buyer: Buyer, read: Reader, held_against_the_orders: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make.product(shop, stock=50, variants=[{"sku": "A"}])
    await buyer.order(A=1)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    late = today - timedelta(hours=5)  # 19:00 UTC of yesterday: half past midnight in India, afternoon in New York
    await shop.store.orders.unwatched.update_many({}, {"$set": {"placed_at": late}})
    await counting.prepare(shop.store)
    await shop.worker.drain()

    async def days_with_orders() -> list[str]:
        return [one["date"] for one in (await read("/dashboard/sales", days=5))["items"] if one["orders"]]

    assert await days_with_orders() == [today.date().isoformat()]
    settle(monkeypatch, shop, store_timezone="America/New_York")
    assert {one.invariant for one in (await audit(shop)).breaches} == {"I12"}  # until the next start
    await counting.prepare(shop.store)
    await shop.worker.drain()
    assert await days_with_orders() == [late.date().isoformat()]
    await held_against_the_orders()


ONE_DAY, ONE_PRODUCT_DAY = {"_id": {"$ne": "all"}}, {"day": {"$ne": "all"}}


EARLIER = datetime(2026, 1, 2, tzinfo=UTC)


TAMPERINGS: dict[str, Any] = {
    "a day": lambda s: s.figures.collection.update_one(ONE_DAY, {"$inc": {"revenue": 1}}),
    "a day's state": lambda s: s.figures.collection.update_one(ONE_DAY, {"$inc": {"states.29.orders": 1}}),
    "a day that is not": lambda s: s.figures.collection.insert_one({"_id": "2020-01-01", "orders": 3}),
    "a day's absence": lambda s: s.figures.collection.delete_one(ONE_DAY),
    "all days": lambda s: s.figures.collection.update_one({"_id": "all"}, {"$inc": {"buyers": 1}}),
    "all days' absence": lambda s: s.figures.collection.delete_one({"_id": "all"}),
    "a product's day": lambda s: s.figure_products.collection.update_one(ONE_PRODUCT_DAY, {"$inc": {"quantity": 1}}),
    "a product": lambda s: s.figure_products.collection.update_one({"day": "all"}, {"$inc": {"quantity": -1}}),
    "a product's absence": lambda s: s.figure_products.collection.delete_one(ONE_PRODUCT_DAY),
    "a buyer": lambda s: s.figure_buyers.collection.update_one({}, {"$inc": {"orders": 5}}),
    "what an order was counted as": lambda s: s.counted.collection.update_one(
        {"sale": {"$type": "object"}}, {"$inc": {"sale.revenue": 100}}
    ),
    "an order that was never counted": lambda s: s.counted.collection.delete_one({"kind": "order"}),
    "an account that was never counted": lambda s: s.counted.collection.delete_one({"kind": "user"}),
    "an order": lambda s: s.orders.unwatched.update_one({}, {"$set": {"placed_at": EARLIER}}),
    "a popularity": lambda s: s.products.unwatched.update_one({"popularity": {"$gt": 0}}, {"$inc": {"popularity": 1}}),
}


@pytest.mark.parametrize("what", TAMPERINGS)
async def test_the_audit_finds_each_wrong_figure_and_mends_it(
    shop: Shop, buyer: Buyer, held_against_the_orders: Check, what: str
) -> None:
    await make.product(shop, stock=50, variants=[{"sku": "A"}])
    await make.product(shop, stock=50, variants=[{"sku": "B"}])
    for _ in range(2):
        await buyer.order(A=1, B=2)
    await shop.worker.drain()
    await held_against_the_orders()
    await TAMPERINGS[what](shop.store)
    report = await audit(shop)
    assert {one.invariant for one in report.breaches} == {"I12"}
    assert await repair(shop, report) >= 1
    assert (await audit(shop)).breaches == []
    await held_against_the_orders()


async def test_auditing_a_store_in_full_swing_finds_no_breach(
    shop: Shop, client: AsyncClient, admin: make.Person, staff: make.Person
) -> None:
    shopping = asyncio.create_task(some_history(shop, client, staff, 13, orders=15))
    audits = 0
    while not shopping.done():
        report = await audit(shop)
        assert [one for one in report.breaches if one.invariant == "I12"] == []
        await counting.catch_up(shop.store)
        audits += 1
    await shopping
    assert audits > 0
