"""Breaches that are planted are found, each under its invariant."""

from typing import Any

import pytest
from bson import ObjectId

from tests import make
from tests.payments.paying import Till
from truestyle.audit.service import audit
from truestyle.orders import expiring
from truestyle.shop import Shop


async def found(shop: Shop) -> set[tuple[str, str]]:
    return {(one.invariant, one.message) for one in (await audit(shop)).breaches}


async def plant(shop: Shop, collection: str, key: str, **values: Any) -> None:
    await shop.store.db[collection].update_one({"_id": ObjectId(key)}, {"$set": values})


@pytest.fixture
async def order(till: Till, admin: make.Person) -> dict[str, Any]:
    assert admin
    return await till.order("upi")


async def test_an_order_that_goes_on_unpaid(shop: Shop, order: dict[str, Any]) -> None:
    stored = await shop.store.orders.get(ObjectId(order["id"]))
    step = {**stored.status_history[0].model_dump(), "status": "confirmed"}
    await shop.store.db["orders"].update_one({"_id": stored.id}, {"$push": {"status_history": step}})
    await plant(shop, "orders", order["id"], status="confirmed")
    assert ("I2", "it goes on although it was not paid") in await found(shop)


async def test_an_order_that_nobody_looks_at(shop: Shop, order: dict[str, Any]) -> None:
    await plant(shop, "payments", order["payment"]["id"], look_at=None)
    assert ("I2", "it waits for its payment, and nobody looks") in await found(shop)


async def test_a_payment_that_says_something_else(shop: Shop, order: dict[str, Any]) -> None:
    await plant(shop, "payments", order["payment"]["id"], status="failed")
    assert ("I2", "what the order says of its payment is not what the payment says") in await found(shop)


async def test_a_payment_that_did_not_follow_an_edit(shop: Shop, order: dict[str, Any]) -> None:
    await plant(shop, "payments", order["payment"]["id"], amount=1)
    assert await found(shop) == {("I2", "its payment asks for something else than what is owed")}


async def test_a_surplus_that_was_kept(till: Till, shop: Shop, order: dict[str, Any]) -> None:
    await till.confirm(order)
    surplus = (await till.confirm(order, "412345678999")).json()
    assert await found(shop) == set()
    await plant(shop, "payments", surplus["id"], refunded_amount=0)
    assert any("came too much, and was kept" in message for _, message in await found(shop))


async def test_a_mismatch_that_paid(till: Till, shop: Shop, order: dict[str, Any]) -> None:
    await till.confirm(order)
    await plant(shop, "payments", order["payment"]["id"], status="mismatch")
    assert any("does not fit, and paid" in message for _, message in await found(shop))


async def test_two_open_attempts(till: Till, shop: Shop, order: dict[str, Any]) -> None:
    await till.pay(order, "upi")
    await plant(shop, "payments", order["payment"]["id"], status="pending")
    assert any("is open beside the newest" in message for _, message in await found(shop))


async def test_a_reservation_that_is_not_there(shop: Shop, order: dict[str, Any]) -> None:
    await shop.store.db["stock_movements"].delete_many({"order_id": ObjectId(order["id"])})
    assert ("I1", "what is set aside for an order is not its goods") in await found(shop)


async def test_a_way_back_that_was_not_open(till: Till, shop: Shop, order: dict[str, Any]) -> None:
    await till.window_over(order)
    await expiring.sweep(shop)
    await till.confirm(order)
    assert await found(shop) == set()
    by = str(till.buyer.person.user.id)
    await plant(shop, "orders", order["id"], **{"status_history.1.by": by})
    assert ("I5", "the status history is not a legal path to the status") in await found(shop)
