"""Figures follow the orders, whatever happens to the events that say so."""

import asyncio
import random
from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.dashboard.conftest import Reader
from tests.dashboard.history import Check, everything, some_history, spread_over_days
from tests.orders.buying import FORWARD, Buyer, Staff
from truestyle.dashboard import counting
from truestyle.events import handlers
from truestyle.infra.outbox import Event, EventStatus, Outbox, event
from truestyle.kit import clock
from truestyle.shop import Shop
from truestyle.store import Store


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
