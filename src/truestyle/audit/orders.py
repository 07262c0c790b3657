"""I2, I4, I5 and I6: what orders say of money, of each other, of their history, and of their mails."""

from collections.abc import AsyncIterator
from typing import Any

from truestyle.audit.report import Breach
from truestyle.infra.snapshot import Snapshot
from truestyle.orders.flow import OrderStatus, is_path

CAPTURED, REFUNDED = "captured_amount", "refunded_amount"


async def amounts(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """I2: the parts of every order add up, and its payments agree with it."""
    async for row in snapshot.grouped(
        "orders",
        {"$project": {"items": 1, "total": 1, "shipping": 1, "tax": 1, "amount_paid": 1, "amount_refunded": 1}},
        {"$lookup": {"from": "payments", "localField": "_id", "foreignField": "order_id", "as": "payments"}},
    ):
        yield 1
        for message in _wrong_amounts(row):
            yield Breach("I2", message, {"order_id": row["_id"]})


def _wrong_amounts(row: dict[str, Any]) -> list[str]:
    wrong = [message for item in row["items"] for message in _wrong_line(item)]
    tax = row["tax"]
    if row["total"] != sum(item["line_total"] for item in row["items"]) + row["shipping"]:
        wrong.append("total is not the lines and shipping together")
    if tax["total"] != tax["cgst"] + tax["sgst"] + tax["igst"]:
        wrong.append("the tax total is not the taxes together")
    captured = sum(one[CAPTURED] for one in row["payments"])
    refunded = sum(one[REFUNDED] for one in row["payments"])
    if row["amount_paid"] != captured or row["amount_refunded"] != refunded:
        wrong.append("amount_paid or amount_refunded is not what the payments say")
    if captured > row["total"] or refunded > captured:
        wrong.append("more was captured than owed, or refunded than captured")
    return wrong + [
        f"payment {one['_id']} is not the sum of its ledger"
        for one in row["payments"]
        if one[CAPTURED] - one[REFUNDED] != sum(entry["amount"] for entry in one["ledger"])
    ]


def _wrong_line(item: dict[str, Any]) -> list[str]:
    wrong, parts = [], item["tax"]
    if item["line_total"] != item["quantity"] * item["unit_price"] - item["discount"]:
        wrong.append(f"line {item['sku']} is not quantity × unit price − discount")
    if item["line_total"] != item["taxable_value"] + parts["cgst"] + parts["sgst"] + parts["igst"]:
        wrong.append(f"the taxes of line {item['sku']} are not inside it")
    if parts["cgst"] != parts["sgst"] or item["line_total"] < 0 or item["discount"] < 0:
        wrong.append(f"line {item['sku']} has amounts that cannot be")
    return wrong


async def once(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """I4: one order a cart at most, one answer a key, one capture a reference."""
    for collection, key, message in (
        ("orders", "cart_key", "two orders of one cart"),
        ("payments", "reference", "two captures under one reference"),
    ):
        stages = (
            {"$match": {key: {"$type": "string"}}},
            {"$group": {"_id": f"${key}", "ids": {"$push": "$_id"}, "n": {"$sum": 1}}},
            {"$match": {"n": {"$gt": 1}}},
        )
        yield await snapshot.count(collection)
        async for row in snapshot.grouped(collection, *stages):
            yield Breach("I4", message, {"ids": row["ids"]})


async def histories(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """I5: every history is a legal path in time order that ends where the order stands."""
    async for row in snapshot.rows("orders", fields=("status", "status_history")):
        yield 1
        steps = row["status_history"]
        times = [step["at"] for step in steps]
        path = [OrderStatus(step["status"]) for step in steps]
        if not is_path(path) or times != sorted(times) or path[-1] != row["status"]:
            documents = {"order_id": row["_id"], "status": row["status"], "path": [str(one) for one in path]}
            yield Breach("I5", "the status history is not a legal path to the status", documents)


async def events(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """I6: each placed order has exactly one confirmation mail event, unless it is old enough to be forgotten."""
    stages = (
        {"$project": {"number": 1, "placed_at": 1}},
        {
            "$lookup": {
                "from": "outbox",
                "localField": "_id",
                "foreignField": "payload.order_id",
                "pipeline": [{"$match": {"topic": "mail.order_confirmation"}}, {"$project": {"status": 1}}],
                "as": "events",
            }
        },
        {"$match": {"events": {"$not": {"$size": 1}}, "$expr": {"$gt": ["$placed_at", _recently()]}}},
    )
    yield await snapshot.count("orders")
    async for row in snapshot.grouped("orders", *stages):
        found = [event["_id"] for event in row["events"]]
        yield Breach("I6", "an order has no confirmation event, or several", {"order_id": row["_id"], "events": found})
    async for row in snapshot.rows("outbox", {"status": {"$nin": ["waiting", "delivered", "dead"]}}):
        yield Breach("I6", "an event is in no known state", {"event_id": row["_id"]})


def _recently() -> dict[str, Any]:
    # Delivered events are dropped after 30 days.
    return {"$dateSubtract": {"startDate": "$$NOW", "unit": "day", "amount": 29}}
