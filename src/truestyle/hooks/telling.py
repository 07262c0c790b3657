"""What entries of the audit trail mean to integrators: messages, told with ids, numbers and amounts, never with people.

Names, addresses, mails and telephone numbers are left out: who needs them asks the API, with its own permission.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import orjson
from bson import ObjectId

from truestyle.catalog.products.models import ProductAnswer
from truestyle.hooks.models import HookEvent, Message
from truestyle.kit.trail import Action
from truestyle.payments.models import EntryKind, EntryState
from truestyle.returns.flow import Kind
from truestyle.store import Store
from truestyle.trail.models import Entry

ORDER_SHOWN = {"id", "number", "status", "total", "currency", "amount_paid", "amount_refunded", "placed_at", "version"}
LINE_SHOWN = {"id", "product_id", "sku", "quantity", "unit_price", "line_total"}
ORDER_EDITED = {"items", "shipping_address", "billing_address", "tracking", "notes", "total"}
PAYMENT_SHOWN = {"id", "order_id", "type", "provider", "status", "currency", "version"}
RETURN_SHOWN = {"id", "order_id", "order_number", "status", "reason", "refund_amount", "version"}
PIECE_SHOWN = {"order_item_id", "product_id", "sku", "quantity"}
PRODUCT_SHOWN = {"id", "name", "slug", "status", "price", "mrp", "version"}
PRODUCT_TOLD = ("name", "slug", "status", "price", "mrp")
PUT_BACK = timedelta(hours=1)  # a row that is so much older than its entry came from a backup, and is no news
Facts = dict[str, Any]
Told = Iterator[tuple[HookEvent, Facts]]


async def messages(tx: Store, entries: Sequence[Entry]) -> list[Message]:
    """What there is to tell of these entries, in their order; the rows are told as they are by now."""
    rows = {name: await _rows(tx, name, entries) for name in READERS}
    found = []
    for entry in entries:
        told = orjson.loads(entry.details) if entry.details else {"before": None, "after": None}
        before, after = told["before"] or {}, told["after"] or {}
        row = rows[entry.resource].get(entry.resource_id)
        if entry.action is Action.CREATE and row is not None and entry.created_at - row.created_at > PUT_BACK:
            continue
        for number, (event, data) in enumerate(READERS[entry.resource](entry, before, after, row)):
            ident = f"evt_{entry.id}" + (f"_{number}" if number else "")
            found.append(Message(id=ident, event=event, at=entry.created_at, data=data))
    return found


async def _rows(tx: Store, resource: str, entries: Sequence[Entry]) -> dict[str, Any]:
    ids = sorted({ObjectId(one.resource_id) for one in entries if one.resource == resource})
    if not ids:
        return {}
    repository: Any = {"orders": tx.orders, "payments": tx.payments, "returns": tx.returns, "products": tx.products}
    return {str(one.id): one async for one in repository[resource].every({"_id": {"$in": ids}})}


def _order(entry: Entry, before: Facts, after: Facts, row: Any) -> Told:
    if row is None:
        return
    told = row.model_dump(mode="json", include=ORDER_SHOWN)
    told["items"] = [one.model_dump(mode="json", include=LINE_SHOWN) for one in row.items]
    if entry.action is Action.CREATE:
        yield HookEvent.ORDER_PLACED, {"order": told}
    elif "status" in after and before.get("status") != after["status"]:
        moved = {"status": after["status"], "previous_status": before.get("status")}
        yield HookEvent.ORDER_STATUS_CHANGED, {**moved, "order": told}
    elif changed := sorted(ORDER_EDITED & after.keys()):
        yield HookEvent.ORDER_UPDATED, {"changed": changed, "order": told}


def _payment(_: Entry, before: Facts, after: Facts, row: Any) -> Told:
    if row is None:
        return
    payment = row.model_dump(mode="json", include=PAYMENT_SHOWN)
    known = {one["id"]: one for one in before.get("ledger") or ()}
    for one in after.get("ledger") or ():
        old = known.get(one["id"])
        if old is not None and old["state"] == one["state"]:
            continue
        money = {name: one[name] for name in ("id", "amount", "state", "reference", "at")}
        if one["kind"] == EntryKind.CAPTURE:
            yield HookEvent.PAYMENT_CAPTURED, {"capture": money, "payment": payment}
            continue
        failed = one["state"] == EntryState.FAILED  # its amount is zero by now
        amount = (one.get("asked") if failed else None) or one["amount"] or ""
        refund = {"refund": {**money, "amount": amount.removeprefix("-")}, "payment": payment}
        if old is None:
            yield HookEvent.REFUND_CREATED, refund
        if one["state"] == EntryState.DONE:
            yield HookEvent.REFUND_COMPLETED, refund
        elif failed:
            yield HookEvent.REFUND_FAILED, refund
    if after.get("status") == "failed" != before.get("status"):
        yield HookEvent.PAYMENT_FAILED, {"payment": payment}


def _return(entry: Entry, before: Facts, after: Facts, row: Any) -> Told:
    if row is None:
        return
    told = row.model_dump(mode="json", include=RETURN_SHOWN)
    told["items"] = [
        {
            **one.model_dump(mode="json", include=PIECE_SHOWN),
            "new_sku": one.replacement.sku if one.replacement is not None else None,
        }
        for one in row.items
    ]
    is_return = row.kind is Kind.RETURN
    name = "return" if is_return else "exchange"
    if entry.action is Action.CREATE:
        yield HookEvent.RETURN_REQUESTED if is_return else HookEvent.EXCHANGE_REQUESTED, {name: told}
    elif "status" in after:
        moved = {"status": after["status"], "previous_status": before.get("status"), name: told}
        yield HookEvent.RETURN_STATUS_CHANGED if is_return else HookEvent.EXCHANGE_STATUS_CHANGED, moved


def _product(entry: Entry, before: Facts, after: Facts, row: Any) -> Told:
    known = {name: {**before, **after}.get(name) for name in PRODUCT_TOLD}  # of one that is gone by now
    told = row.model_dump(mode="json", include=PRODUCT_SHOWN) if row is not None else {"id": entry.resource_id, **known}
    if entry.action is Action.DELETE:
        yield HookEvent.PRODUCT_DELETED, {"product": told}
    elif entry.action is Action.CREATE:
        yield HookEvent.PRODUCT_CREATED, {"product": told}
    elif changed := sorted((before.keys() | after.keys()) & ProductAnswer.model_fields.keys()):
        yield HookEvent.PRODUCT_UPDATED, {"changed": changed, "product": told}


READERS = {"orders": _order, "payments": _payment, "returns": _return, "products": _product}
