"""I9, with breaches that are planted."""

from typing import Any

import pytest
from bson import ObjectId

from tests import make
from tests.orders.buying import Staff
from truestyle.audit.service import audit
from truestyle.invoices.models import Invoice
from truestyle.shop import Shop

INVOICES, NOTES, ORDERS, COUNTERS = "invoices", "credit_notes", "orders", "counters"
SUMS = "invoice: the totals are not the sums of the lines"
BACK = "invoice: credit notes are not what was given back"


async def breaches(shop: Shop) -> list[str]:
    return sorted({one.message for one in (await audit(shop)).breaches if one.invariant == "I9"})


@pytest.mark.parametrize(
    ("collection", "change", "message"),
    [
        (INVOICES, {"sequence": 9_000}, "a series has a gap, or a number twice"),
        (INVOICES, {"number": "TS/2627/999999"}, "a number is not of its series"),
        (INVOICES, {"totals.total": 1}, SUMS),
        (INVOICES, {"totals.cgst": 1}, SUMS),
        (NOTES, {"lines.0.line_total": 1}, SUMS),
        (INVOICES, {"credited": 1}, "invoice: credited is not the sum of its credit notes, or more than it"),
        (NOTES, {"invoice_number": "TS/2627/000099"}, "invoice: a credit note names another invoice"),
        (NOTES, {"invoice_id": ObjectId("0" * 23 + "1")}, "a credit note without its invoice"),
        (NOTES, {"totals.cgst": 10**9}, "invoice: more tax was credited than invoiced"),
        (ORDERS, {"total": 5}, "invoice: it is not of the order's total"),
        (ORDERS, {"status": "packed"}, "invoice: it was taken back, and its order was not"),
        (ORDERS, {"status": "packed", "amount_refunded": 7}, BACK),
        (INVOICES, {"order_id": ObjectId("0" * 23 + "2")}, "invoice: there is no such order"),
    ],
)
async def test_a_planted_breach_is_found(
    shop: Shop,
    admin: make.Person,
    packed: dict[str, Any],
    packer: Staff,
    collection: str,
    change: dict[str, Any],
    message: str,
) -> None:
    await packer.move(packed["id"], "cancelled")
    assert await breaches(shop) == []
    await shop.store.db[collection].update_one({}, {"$set": change})
    assert message in await breaches(shop)


async def test_a_number_that_was_lost_is_found(shop: Shop, admin: make.Person, packed: dict[str, Any]) -> None:
    found = await shop.store.invoices.first({})
    assert isinstance(found, Invoice)
    await shop.store.db[INVOICES].delete_one({"_id": found.id})
    assert await breaches(shop) == ["an order was sent without an invoice"]
    await shop.store.db[INVOICES].insert_one(found.dump())
    await shop.store.db[COUNTERS].update_one({"_id": found.series}, {"$inc": {"n": 1}})
    assert await breaches(shop) == ["a series does not end where its counter stands"]
    await shop.store.db[COUNTERS].update_one({"_id": found.series}, {"$inc": {"n": -1}})
    assert await breaches(shop) == []
