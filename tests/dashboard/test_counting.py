"""Figures follow the orders, whatever happens to the events that say so."""

import asyncio
import random
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.dashboard.conftest import Reader
from tests.dashboard.recount import Plain
from tests.orders.buying import FORWARD, Buyer, Staff, settle
from tests.running import environment
from truestyle.audit.service import audit, repair
from truestyle.dashboard import counting
from truestyle.events import handlers
from truestyle.infra.outbox import LEASE, Event, EventStatus, Outbox, event
from truestyle.kit import clock
from truestyle.shop import Shop
from truestyle.store import Store

Check = Callable[[], Awaitable[Plain]]
PLACES = (
    ("Karnataka", "560038"),
    ("Maharashtra", "400020"),
    ("Delhi", "110001"),
)
MOVES = ("cancel", "deliver", "return to origin", "send elsewhere", "nothing")


async def some_history(shop: Shop, client: AsyncClient, staff: make.Person, seed: int, orders: int = 12) -> None:
    """Orders of several people on several days, that go every way an order can."""
    chance, mover = random.Random(seed), Staff(client, staff)  # noqa: S311 - to be the same each time
    skus = ["A", "B", "C-1", "C-2"]
    await make.product(shop, stock=500, price="100", mrp="999", variants=[{"sku": "A"}])
    await make.product(shop, stock=500, price="333.33", mrp="999", variants=[{"sku": "B"}])
    await make.product(shop, stock=500, price="50", mrp="999", variants=[{"sku": "C-1", "size": "S"}, {"sku": "C-2"}])
    people = [Buyer(client, shop, await make.person(shop)) for _ in range(3)]
    now = clock.now()
    for back in sorted((chance.uniform(0, 5) for _ in range(orders)), reverse=True):
        with time_machine.travel(now - timedelta(minutes=back)):
            buyer, (state, pincode) = chance.choice(people), chance.choice(PLACES)
            await make.cart(shop, buyer.person, {sku: chance.randint(1, 3) for sku in chance.sample(skus, 2)})
            to = make.ADDRESS | {"state": state, "pincode": pincode}
            answer = await buyer.check_out(address=to)
            assert answer.status_code == 201, answer.text
            key = answer.json()["order_id"]
        move = chance.choice(MOVES)
        if move == "cancel":
            await client.post(f"/orders/{key}/cancel", json={"reason": "no"}, headers=buyer.headers)
        elif move == "deliver":
            await mover.bring_to(key, "delivered")
        elif move == "return to origin":
            await mover.bring_to(key, "shipped")
            await mover.move(key, "returned_to_origin")
        elif move == "send elsewhere":
            to = make.ADDRESS | {"state": "Tamil Nadu", "pincode": "600001"}
            moved = await client.put(f"/orders/{key}", json={"address": to}, headers=buyer.headers)
            assert moved.status_code == 200, moved.text


async def spread_over_days(shop: Shop, seed: int) -> None:
    """The orders and accounts that are there, on other days: as if they had been placed then."""
    chance = random.Random(seed)  # noqa: S311 - to be the same each time
    for repository, field in ((shop.store.orders, "placed_at"), (shop.store.users, "created_at")):
        collection: Any = repository.unwatched
        topic, name = ("order.changed", "order_id") if field == "placed_at" else ("user.registered", "user_id")
        for row in await collection.find({}).to_list():
            moment = clock.now() - timedelta(hours=chance.uniform(0, 300 * 24))
            await collection.update_one({"_id": row["_id"]}, {"$set": {field: moment}})
            await shop.store.outbox.write([event(topic, {name: row["_id"]})])


@pytest.mark.parametrize("seed", range(3))
async def test_after_any_history_every_figure_is_what_a_plain_recount_says(
    shop: Shop, client: AsyncClient, staff: make.Person, held_against_the_orders: Check, seed: int
) -> None:
    await some_history(shop, client, staff, seed)
    if seed % 2:
        await shop.worker.drain()
    await spread_over_days(shop, seed)
    plain = await held_against_the_orders()
    assert len(plain.orders) == 12
    assert len(plain.sales()) > 1
    await shop.worker.drain()
    await held_against_the_orders()
    assert await shop.store.outbox.count({"status": {"$ne": EventStatus.DELIVERED}}) == 0


async def test_each_change_of_an_order_is_counted_as_it_happens(
    shop: Shop, client: AsyncClient, staff: make.Person, buyer: Buyer, held_against_the_orders: Check
) -> None:
    await make.product(shop, stock=50, variants=[{"sku": "A"}])
    kept, cancelled, back = [(await buyer.order(A=2))["id"] for _ in range(3)]
    await held_against_the_orders()
    to = make.ADDRESS | {"state": "Tamil Nadu", "pincode": "600001"}
    assert (await client.put(f"/orders/{kept}", json={"address": to}, headers=buyer.headers)).status_code == 200
    await held_against_the_orders()
    mover = Staff(client, staff)
    for status in FORWARD:
        assert (await mover.move(kept, status)).status_code == 200
        await held_against_the_orders()
    await client.post(f"/orders/{cancelled}/cancel", json={"reason": "no"}, headers=buyer.headers)
    await held_against_the_orders()
    await mover.bring_to(back, "shipped")
    await mover.move(back, "returned_to_origin")
    plain = await held_against_the_orders()
    assert plain.statuses() == {"delivered": 1, "cancelled": 1, "returned_to_origin": 1}


async def everything(store: Store) -> list[list[dict[str, Any]]]:
    """All rows of figures, but for when they were counted."""
    found = []
    for one in (store.figures, store.figure_products, store.figure_buyers, store.counted):
        rows = await one.collection.find({}, {"counted_at": 0}, sort=[("_id", 1)]).to_list()
        found.append(rows)
    return found


async def test_events_may_come_again_in_any_order_and_by_many_hands(
    shop: Shop, client: AsyncClient, staff: make.Person, held_against_the_orders: Check
) -> None:
    await some_history(shop, client, staff, 7)
    await shop.worker.drain()
    before = await everything(shop.store)
    events = [Event.load(row) for row in await shop.store.outbox.collection.find({}).to_list()]
    ours = [one for one in events if one.topic in counting.TOPICS]
    random.Random(7).shuffle(ours)  # noqa: S311 - to be the same each time
    assert len(ours) > 20
    handle = handlers(shop)
    for _ in range(2):
        await asyncio.gather(*(handle[one.topic](one) for one in ours[:10]))
    for one in ours:
        await handle[one.topic](one)
    # As if nothing had ever been marked.
    await shop.store.outbox.collection.update_many({}, {"$set": {"status": EventStatus.WAITING}})
    for one in ours:
        await handle[one.topic](one)
    assert await everything(shop.store) == before
    await held_against_the_orders()


async def test_an_order_is_counted_though_its_first_events_are_lost(
    shop: Shop, client: AsyncClient, staff: make.Person, buyer: Buyer, held_against_the_orders: Check
) -> None:
    await make.product(shop, variants=[{"sku": "A"}])
    key = (await buyer.order(A=1))["id"]
    await Staff(client, staff).bring_to(key, "packed")
    await shop.store.outbox.collection.delete_many({"topic": "order.placed"})
    await shop.worker.drain()
    await held_against_the_orders()


async def test_two_who_count_at_once_count_everything_once(
    shop: Shop, client: AsyncClient, staff: make.Person, held_against_the_orders: Check
) -> None:
    await some_history(shop, client, staff, 5, orders=20)
    await asyncio.gather(*(shop.worker.drain() for _ in range(3)), *(counting.catch_up(shop.store) for _ in range(3)))
    await held_against_the_orders()


async def test_many_events_are_counted_in_one_transaction(
    shop: Shop, client: AsyncClient, staff: make.Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await some_history(shop, client, staff, 3)
    calls, transaction = [], Store.transaction

    async def counted(store: Store, work: Any, **options: Any) -> Any:
        if store.session is None:
            calls.append(1)
        return await transaction(store, work, **options)

    waiting = await shop.store.outbox.count({"topic": {"$in": counting.TOPICS}, "status": EventStatus.WAITING})
    assert waiting > 20
    monkeypatch.setattr(Store, "transaction", counted)
    await counting.catch_up(shop.store)
    assert len(calls) == 1
    assert await shop.store.outbox.waiting(counting.TOPICS, 1) == []


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


async def test_one_order_that_cannot_be_counted_does_not_hold_up_the_others(
    shop: Shop, buyer: Buyer, read: Reader
) -> None:
    await make.product(shop, stock=50, variants=[{"sku": "A"}])
    good = [(await buyer.order(A=1))["id"] for _ in range(3)]
    bad = ObjectId((await buyer.order(A=1))["id"])
    await shop.store.orders.unwatched.update_one({"_id": bad}, {"$unset": {"items": 1}})
    assert (await read("/dashboard/overview"))["orders"] == 0  # nobody could be counted, and the answer came
    await shop.worker.drain()
    assert (await read("/dashboard/overview"))["orders"] == len(good)
    left = await shop.store.outbox.waiting(counting.TOPICS, 10)
    assert left == []
    failed = await shop.store.outbox.first({"topic": "order.placed", "status": EventStatus.WAITING})
    assert failed is not None
    assert failed.payload["order_id"] == bad
    assert "items" in (failed.error or "")


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


async def test_who_leaves_is_counted_no_more_but_what_they_bought_is(
    shop: Shop, client: AsyncClient, admin: make.Person, buyer: Buyer, read: Reader, held_against_the_orders: Check
) -> None:
    await make.product(shop, stock=50, variants=[{"sku": "A"}])
    body = {"email": "new@example.com", "password": "a long and unlikely phrase", "full_name": "New"}
    assert (await client.post("/auth/register", json=body)).status_code == 201
    await buyer.order(A=1)
    assert (await read("/dashboard/overview"))["users"] == 3
    gone = await client.delete(f"/users/{buyer.person.user.id}", headers=admin.headers)
    assert gone.status_code == 204
    overview = await read("/dashboard/overview")
    assert (overview["users"], overview["orders"]) == (2, 1)
    [top] = (await read("/admin/analytics/users"))["top_users"]
    assert (top["user_id"], top["full_name"], top["email"]) == (str(buyer.person.user.id), None, None)
    await held_against_the_orders()
    assert await shop.store.counted.of([buyer.person.user.id]) == {}


async def test_a_change_that_was_rolled_back_is_counted_nowhere(shop: Shop, buyer: Buyer, read: Reader) -> None:
    await make.product(shop, stock=1, variants=[{"sku": "A"}])
    await buyer.fill(A=2)
    assert (await buyer.check_out()).status_code == 409
    assert (await read("/dashboard/overview"))["orders"] == 0
    assert await shop.store.outbox.count({"topic": {"$in": counting.TOPICS}}) == 0


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


async def test_readers_do_not_wait_for_who_counts(shop: Shop, buyer: Buyer, read: Reader) -> None:
    await make.product(shop, stock=50, variants=[{"sku": "A"}])
    await buyer.order(A=1)
    held, free = asyncio.Event(), asyncio.Event()

    async def hold(tx: Store) -> None:
        await tx.figures.lock(clock.now())
        held.set()
        await free.wait()

    holding = asyncio.create_task(shop.store.transaction(hold))
    await held.wait()
    began = asyncio.get_running_loop().time()
    assert (await read("/dashboard/overview"))["orders"] == 0
    assert asyncio.get_running_loop().time() - began < 4
    free.set()
    await holding
    assert (await read("/dashboard/overview"))["orders"] == 1


async def test_an_event_once_failed_waits_for_its_turn(shop: Shop) -> None:
    one = event("order.changed", {"order_id": ObjectId()})
    await shop.store.outbox.write([one])
    leased = await shop.store.outbox.lease("main", clock.now())
    assert leased is not None
    assert [found.id for found in await shop.store.outbox.waiting(counting.TOPICS, 5)] == [one.id]
    await shop.store.outbox.failed(leased, "no")
    assert await shop.store.outbox.waiting(counting.TOPICS, 5) == []
    assert isinstance(shop.store.outbox, Outbox)
