"""What can be wrong with returns is found: each breach is planted."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from bson import ObjectId

from tests import make
from tests.orders.buying import Buyer
from tests.returns.returning import NOWHERE, Desk, asking, delivered, made
from truestyle.audit.service import audit
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("kurta", "admin")
Plant = Callable[[Shop, ObjectId, ObjectId], Awaitable[Any]]


async def found(shop: Shop) -> set[tuple[str, str]]:
    return {(one.invariant, one.message) for one in (await audit(shop)).breaches}


def order(**update: Any) -> Plant:
    async def plant(shop: Shop, _: ObjectId, key: ObjectId) -> None:
        await shop.store.orders.unwatched.update_one({"_id": key}, {f"${name}": how for name, how in update.items()})

    return plant


def returned(**update: Any) -> Plant:
    async def plant(shop: Shop, key: ObjectId, _: ObjectId) -> None:
        await shop.store.returns.unwatched.update_one({"_id": key}, {f"${name}": how for name, how in update.items()})

    return plant


async def restocked_twice(shop: Shop, key: ObjectId, _: ObjectId) -> None:
    row = await shop.store.movements.collection.find_one({"return_id": key, "reason": "restocked"})
    assert row is not None
    await shop.store.movements.collection.insert_one({**row, "_id": ObjectId()})
    await shop.store.stock.collection.update_one({"_id": row["sku"]}, {"$inc": {"on_hand": 1, "available": 1}})


async def never_restocked(shop: Shop, key: ObjectId, _: ObjectId) -> None:
    await shop.store.movements.collection.delete_one({"return_id": key, "reason": "restocked"})
    await shop.store.stock.collection.update_one({"_id": "K-M"}, {"$inc": {"on_hand": -1, "available": -1}})


async def given_twice(shop: Shop, key: ObjectId, order_id: ObjectId) -> None:
    await shop.store.orders.unwatched.update_one({"_id": order_id}, {"$push": {"given_back": f"return:{key}"}})


async def never_given(shop: Shop, key: ObjectId, order_id: ObjectId) -> None:
    await shop.store.orders.unwatched.update_one({"_id": order_id}, {"$pull": {"given_back": f"return:{key}"}})


COUNTED = ("I2", "the pieces counted as returned are not those of the returns")
MOVED = ("I1", "stock did not move as this return says")
PATH = ("I5", "the history of a return is not a legal path to its status")
PLANTED: dict[str, tuple[Plant, set[tuple[str, str]]]] = {
    "too few counted": (order(set={"items.0.returned_quantity": 0}), {COUNTED}),
    "more than bought": (
        order(set={"items.0.returned_quantity": 3}),
        {COUNTED, ("I2", "more came back, or was given back, than was bought")},
    ),
    "restocked twice": (restocked_twice, {MOVED}),
    "never restocked": (never_restocked, {MOVED}),
    "damaged, and restocked": (returned(set={"condition": "damaged"}), {MOVED}),
    "given twice": (given_twice, {("I2", "money was given for goods that are not settled, or twice")}),
    "never given": (never_given, {("I2", "a completed return whose money was not given back")}),
    "steps left out": (returned(pop={"status_history": 1}), {PATH}),
    "of no line": (
        returned(set={"items.0.order_item_id": ObjectId(NOWHERE)}),
        {COUNTED, ("I2", "a return of a line that the order does not have")},
    ),
    "of no order": (
        returned(set={"order_id": ObjectId(NOWHERE)}),
        {
            ("I8", "a return without its order"),
            ("I8", "a return of no order"),
            COUNTED,
            ("I2", "money was given for goods that are not settled, or twice"),
        },
    ),
    "a picture that is gone": (
        returned(set={"image_ids": [ObjectId(NOWHERE)]}),
        {("I8", "a picture without its file")},
    ),
}


@pytest.mark.parametrize("name", PLANTED)
async def test_what_is_planted_in_a_return_is_found(name: str, shop: Shop, buyer: Buyer, desk: Desk) -> None:
    bought = await delivered(buyer, desk, K_M=2)
    done = await desk.bring_to(await made(buyer, asking(bought, 1)), "completed")
    await shop.worker.drain()
    assert await found(shop) == set()
    plant, breaches = PLANTED[name]
    await plant(shop, ObjectId(done["id"]), ObjectId(bought["id"]))
    left = await found(shop) - {("I12", one) for _, one in await found(shop)}
    assert left >= breaches
    assert {one for one in left if one[0] in {"I1", "I5", "I8"}} == {
        one for one in breaches if one[0] in {"I1", "I5", "I8"}
    }


async def test_an_exchange_without_its_replacement_is_found(shop: Shop, buyer: Buyer, desk: Desk) -> None:
    bought = await delivered(buyer, desk, K_M=1)
    done = await desk.bring_to(await made(buyer, asking(bought, new="K-L")), "completed")
    await shop.worker.drain()
    assert await found(shop) == set()
    key = ObjectId(done["id"])
    await shop.store.returns.unwatched.update_one({"_id": key}, {"$set": {"replacement_order_id": None}})
    assert await found(shop) == {("I2", "an exchange and its replacement do not go together")}
    await shop.store.returns.unwatched.delete_one({"_id": key})
    assert {("I8", "a replacement of no exchange"), MOVED, COUNTED} <= await found(shop)


async def test_what_is_kept_ready_for_nobody_is_found(shop: Shop, buyer: Buyer, desk: Desk, staff: make.Person) -> None:
    path = await made(buyer, asking(await delivered(buyer, desk, K_M=1), new="K-L"))
    await desk.bring_to(path, "approved")
    await shop.worker.drain()
    assert await found(shop) == set()
    steps = {"$set": {"status": "requested"}, "$pop": {"status_history": 1}}
    await shop.store.returns.unwatched.update_one({"_id": ObjectId(path.rpartition("/")[2])}, steps)
    assert MOVED in await found(shop)
