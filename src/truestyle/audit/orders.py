"""I2, I4, I5 and I6: what orders say of money, of each other, of their history, and of their mails."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import orjson
from bson import ObjectId

from truestyle.audit.joining import with_theirs
from truestyle.audit.report import Breach
from truestyle.infra.outbox import KEPT, EventStatus
from truestyle.infra.snapshot import Snapshot
from truestyle.kit import clock
from truestyle.kit.repository import NO_ID
from truestyle.orders.flow import EXPIRED, SYSTEM, OrderStatus, is_path
from truestyle.orders.models import OrderPlaced
from truestyle.payments.models import OPEN, EntryKind, PaymentStatus, PaymentType

CAPTURED, REFUNDED = "captured_amount", "refunded_amount"
TAXES = ("cgst", "sgst", "igst")
MONEY = (
    "items",
    "subtotal",
    "discount",
    "shipping",
    "tax",
    "total",
    "amount_paid",
    "amount_refunded",
    "payment",
    "status",
)
PAID = (
    "order_id",
    "type",
    "status",
    "amount",
    "surplus",
    "look_at",
    CAPTURED,
    REFUNDED,
    "ledger.kind",
    "ledger.amount",
)
UNPAID = (OrderStatus.PLACED, OrderStatus.CANCELLED)  # may be, whatever way of paying was chosen
CONFIRMATION = "mail.order_confirmation"
EARLIER = timedelta(days=1)  # delivered events are dropped some time after KEPT
STATUSES = {str(one) for one in OrderStatus}


async def amounts(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """I2: the parts of every order add up, and its payments agree with it."""
    payments = snapshot.rows("payments", fields=PAID, sort="order_id")
    async for row, mine in with_theirs(snapshot.rows("orders", fields=MONEY), payments, "order_id"):
        if row is None:
            continue  # I8 tells of them
        yield 1
        row["payments"] = mine
        for message in _wrong_amounts(row):
            yield Breach("I2", message, {"order_id": row["_id"]})


def _wrong_amounts(row: dict[str, Any]) -> list[str]:
    items, tax = row["items"], row["tax"]
    wrong = [message for item in items for message in _wrong_line(item)]
    if row["total"] != sum(item["line_total"] for item in items) + row["shipping"]:
        wrong.append("total is not the lines and shipping together")
    if row["subtotal"] != sum(item["quantity"] * item["unit_price"] for item in items):
        wrong.append("the subtotal is not the lines before their discounts")
    if row["discount"] != sum(item["discount"] for item in items):
        wrong.append("the discount is not the lines' shares together")
    if tax["total"] != sum(tax[name] for name in TAXES):
        wrong.append("the tax total is not the taxes together")
    of_shipping = [tax[name] - sum(item["tax"][name] for item in items) for name in TAXES]
    if min(of_shipping) < 0 or sum(of_shipping) > row["shipping"] or row["shipping"] < 0:
        wrong.append("the taxes are not those of the lines and shipping")
    return wrong + _wrong_payments(row)


def _wrong_payments(row: dict[str, Any]) -> list[str]:
    wrong = list[str]()
    mine = [one for one in row["payments"] if not one.get("surplus")]  # which goes back, and is in no figure
    captured = sum(one[CAPTURED] for one in mine)
    refunded = sum(one[REFUNDED] for one in mine)
    if row["amount_paid"] != captured or row["amount_refunded"] != refunded:
        wrong.append("amount_paid or amount_refunded is not what the payments say")
    if captured > row["total"] or refunded > captured:
        wrong.append("more was captured than owed, or refunded than captured")
    if row["payment"]["id"] not in [one["_id"] for one in row["payments"]]:
        wrong.append("the payment that it names is not one of its own")
    if row["status"] not in UNPAID and row["payment"]["type"] != PaymentType.COD and captured != row["total"]:
        wrong.append("it goes on although it was not paid")
    for one in row["payments"]:
        wrong += _wrong_payment(row, one)
        sums = dict.fromkeys(EntryKind, 0)
        for entry in one["ledger"]:
            sums[entry["kind"]] += entry["amount"]
        if (one[CAPTURED], one[REFUNDED]) != (sums[EntryKind.CAPTURE], -sums[EntryKind.REFUND]):
            wrong.append(f"payment {one['_id']} is not the sum of its ledger")
        if not 0 <= one[REFUNDED] <= one[CAPTURED]:
            wrong.append(f"of payment {one['_id']} more went back than came in")
    return wrong


def _wrong_payment(order: dict[str, Any], one: dict[str, Any]) -> list[str]:
    wrong, ours = [], one["_id"] == order["payment"]["id"]
    if ours and (one["type"], one["status"]) != (order["payment"]["type"], order["payment"]["status"]):
        wrong.append("what the order says of its payment is not what the payment says")
    if one.get("surplus") and one[CAPTURED] != one[REFUNDED]:
        wrong.append(f"payment {one['_id']} came too much, and was kept")
    if one["status"] == PaymentStatus.MISMATCH and one[CAPTURED]:
        wrong.append(f"payment {one['_id']} does not fit, and paid")
    if ours and order["status"] == OrderStatus.PLACED and one.get("look_at") is None:
        wrong.append("it waits for its payment, and nobody looks")
    if ours and one["status"] == PaymentStatus.PENDING and one["amount"] != order["total"] - order["amount_paid"]:
        wrong.append("its payment asks for something else than what is owed")
    if one["status"] in OPEN and not ours:
        wrong.append(f"payment {one['_id']} is open beside the newest")
    return wrong


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
    """I4: one order a cart at most, one capture a reference."""
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


async def keys(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """I4: a caller's Idempotency-Key answers with one order that is there, and an order answers to one key.

    The row of a key is named by (caller, key), so that there cannot be two; it is kept for a day.
    """
    answers: dict[ObjectId, list[str]] = {}
    async for row in snapshot.rows("idempotency_keys", {"body": {"$type": "string"}}, ("body",)):
        yield 1
        body = orjson.loads(row["body"])
        if isinstance(body, dict) and body.keys() == OrderPlaced.model_fields.keys():
            answers.setdefault(ObjectId(body["order_id"]), []).append(bytes(row["_id"]).hex())
    there = {row["_id"] async for row in snapshot.rows("orders", {"_id": {"$in": list(answers)}}, ("_id",))}
    for order_id, named in answers.items():
        if len(named) > 1:
            yield Breach("I4", "an order answers to several Idempotency-Keys", {"order_id": order_id, "keys": named})
        if order_id not in there:
            yield Breach("I4", "an Idempotency-Key answers with no order", {"order_id": order_id, "keys": named})


async def histories(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """I5: every history is a legal path in time order that ends where the order stands."""
    fields = ("status", *(f"status_history.{name}" for name in ("status", "at", "by", "note")))
    async for row in snapshot.rows("orders", fields=fields):
        yield 1
        steps = row["status_history"]
        times = [step["at"] for step in steps]
        path = [step["status"] for step in steps]
        expired = {at for at, step in enumerate(steps) if (step["by"], step["note"]) == (SYSTEM, EXPIRED)}
        legal = STATUSES.issuperset(path) and is_path((OrderStatus(one) for one in path), expired)
        if not legal or times != sorted(times) or path[-1] != row["status"]:
            documents = {"order_id": row["_id"], "status": row["status"], "path": path}
            yield Breach("I5", "the status history is not a legal path to the status", documents)


async def events(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """I6: each placed order has exactly one confirmation mail event, unless it is old enough to be forgotten."""
    since = clock.now() - KEPT + EARLIER
    mails = {"topic": CONFIRMATION, "payload.order_id": {"$gte": NO_ID}}
    fields = ("payload.order_id", "topic")
    orders = snapshot.rows("orders", fields=("placed_at",))
    sent = snapshot.rows("outbox", mails, fields, sort="payload.order_id")
    async for row, mine in with_theirs(orders, sent, "payload.order_id"):
        found = [event["_id"] for event in mine]
        if row is None:
            yield Breach("I6", "a confirmation event of no order", {"events": found})
            continue
        yield 1
        if len(found) > 1 or (not found and row["placed_at"] > since):
            documents = {"order_id": row["_id"], "events": found}
            yield Breach("I6", "an order has no confirmation event, or several", documents)
    async for row in snapshot.rows("outbox", {"status": {"$nin": [str(one) for one in EventStatus]}}, ("status",)):
        yield Breach("I6", "an event is in no known state", {"event_id": row["_id"], "status": row.get("status")})
    dead = {"status": EventStatus.DEAD.value, "$or": [{"expires_at": {"$ne": None}}, {"error": None}]}
    async for row in snapshot.rows("outbox", dead, ("topic",)):
        yield Breach("I6", "a dead event would be forgotten, or does not say why", {"event_id": row["_id"]})
