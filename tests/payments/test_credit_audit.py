"""Breaches of refunds and store credit that are planted are found."""

from typing import Any

import pytest
from bson import ObjectId

from tests.orders.buying import Buyer
from tests.orders.spending import COD, give
from tests.payments.refunding import Cashier
from tests.payments.test_audit import found, plant
from tests.payments.test_refunds import VPA
from truestyle.shop import Shop

SPENT = ("I2", "store credit that was spent is not what it paid")
SUM = ("I2", "store credit is not the sum of its rows")
BELOW = ("I2", "store credit is below zero")
DIFFER = ("I2", "a refund and its store credit differ")
STATE = ("I2", "a refund's amount does not fit its state")
NOTES = ("I9", "invoice: credit notes are not what was given back")


@pytest.fixture
async def order(delivered: dict[str, Any], cashier: Cashier, buyer: Buyer, shop: Shop, admin: Any) -> dict[str, Any]:
    """Two refunds of a delivered order, one to credit; and a second order that the credit helped to pay."""
    assert admin
    await cashier.refund(delivered["id"], amount="250.00")
    await cashier.refund(delivered["id"], amount="300.00", refund_to=VPA)
    await give(shop, buyer.person, 10000)
    await buyer.fill(K_M=1)
    assert (await buyer.check_out(**COD)).json()["order"]["amount_paid"] == "350.00"
    assert await found(shop) == set()
    return delivered


ROWS, BALANCES = "store_credit", "store_credit_balances"


@pytest.mark.parametrize(
    ("collection", "where", "change", "messages"),
    [
        (BALANCES, {}, {"balance": 1}, {SUM}),
        (BALANCES, {}, {"balance": -1}, {SUM, BELOW}),
        (ROWS, {"cause": "granted"}, {"delta": 10001}, {SUM}),
        (ROWS, {"cause": "spent"}, {"balance_after": -1}, {BELOW}),
        (ROWS, {"cause": "spent"}, {"order_id": ObjectId("0" * 24)}, {SPENT}),
        (ROWS, {"cause": "spent"}, {"cause": "granted"}, {SPENT}),
        (ROWS, {"cause": "refund"}, {"refund_id": None}, {DIFFER}),
        (ROWS, {"cause": "refund"}, {"delta": 24999}, {DIFFER, SUM}),
        ("payments", {"type": "store_credit"}, {"type": "upi"}, {SPENT}),
        ("payments", {"type": "cod", "refunded_amount": {"$gt": 0}}, {"ledger.2.state": "failed"}, {STATE}),
        ("payments", {"type": "cod", "refunded_amount": {"$gt": 0}}, {"ledger.1.to": "original"}, {DIFFER}),
        ("invoices", {}, {"credited": 0}, set()),
        ("orders", {"amount_refunded": 55000}, {"amount_refunded": 54999}, {NOTES}),
    ],
    ids=lambda given: str(sorted(given)) if isinstance(given, set) else str(given),
)
async def test_it_is_found(
    shop: Shop,
    order: dict[str, Any],
    collection: str,
    where: dict[str, Any],
    change: dict[str, Any],
    messages: set[tuple[str, str]],
) -> None:
    assert order
    done = await shop.store.db[collection].update_one(where, {"$set": change})
    assert done.modified_count == 1
    seen = await found(shop)
    assert seen >= messages
    assert seen


async def test_a_refund_that_failed_excuses_no_more_than_itself(
    shop: Shop, order: dict[str, Any], cashier: Cashier
) -> None:
    refund = (await cashier.refunds(order["id"]))[-1]
    await cashier.settle(refund, "fail", reason="The bank knows no such address")
    assert await found(shop) == set()
    await plant(shop, "orders", order["id"], amount_refunded=24999)
    assert NOTES in await found(shop)
