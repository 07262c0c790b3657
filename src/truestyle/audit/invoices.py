"""I9: numbers without gaps, and papers that say what their orders and refunds do."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

from bson import ObjectId

from truestyle.audit.joining import with_theirs
from truestyle.audit.report import Breach
from truestyle.infra.snapshot import Snapshot
from truestyle.invoices import series
from truestyle.kit.repository import Row
from truestyle.orders.flow import OrderStatus
from truestyle.payments.models import EntryState

UNDONE = {OrderStatus.CANCELLED, OrderStatus.RETURNED_TO_ORIGIN}
NAMES = ("order_id", "lines.line_total", "lines.taxable_value", "lines.tax", "shipping", "totals")
PAPER = (*NAMES, "credited", "number")
NOTE = (*NAMES, "invoice_id", "invoice_number", "cause")
SENT = (OrderStatus.PACKED, OrderStatus.SHIPPED, OrderStatus.OUT_FOR_DELIVERY, OrderStatus.DELIVERED)


async def numbers(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """Each series counts 1, 2, 3, … up to its counter; each number is of its series."""
    drawn = {row["_id"]: row["n"] async for row in snapshot.rows("counters")}
    for collection in ("invoices", "credit_notes"):
        stages: tuple[Mapping[str, Any], ...] = (
            {"$match": {"series": {"$gte": ""}}},
            {"$sort": {"series": 1, "sequence": 1}},
            {"$project": {"series": 1, "sequence": 1, "number": 1}},
        )
        name, last = None, 0
        async for row in snapshot.grouped(collection, *stages):
            yield 1
            if row["series"] != name:
                for breach in _ended(collection, name, last, drawn):
                    yield breach
                name, last = row["series"], 0
            if row["sequence"] != last + 1:
                documents = {collection: row["_id"], "number": row["number"], "after": last}
                yield Breach("I9", "a series has a gap, or a number twice", documents)
            if row["number"] != series.number_in(row["series"], row["sequence"]):
                yield Breach("I9", "a number is not of its series", {collection: row["_id"], "number": row["number"]})
            last = row["sequence"]
        for breach in _ended(collection, name, last, drawn):
            yield breach


def _ended(collection: str, name: str | None, last: int, drawn: Mapping[str, int]) -> list[Breach]:
    if name is None or drawn.get(name) == last:
        return []
    return [Breach("I9", "a series does not end where its counter stands", {"series": name, collection: last})]


async def papers(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """Each invoice is its order's, each order that was sent has one, and each credit note one of them.

    What credit notes took back is what was given back, or all where the order was undone.
    """
    strays, loose = list[Row](), list[Row]()
    notes = snapshot.rows("credit_notes", fields=NOTE, sort="order_id")
    async for order, mine in with_theirs(_invoiced(snapshot, strays), notes, "order_id"):
        invoices = order["invoices"] if order else []
        yield len(invoices)
        for row in invoices:
            row["notes"] = [note for note in mine if note["invoice_id"] == row["_id"]]
            for breach in _told(row, order):
                yield breach
        known = {row["_id"] for row in invoices}
        loose += [note for note in mine if note["invoice_id"] not in known]
        if order is not None and not invoices and order["status"] in SENT:
            yield Breach("I9", "an order was sent without an invoice", {"orders": order["_id"]})
    for row in strays:
        for breach in _told({**row, "notes": [note for note in loose if note["invoice_id"] == row["_id"]]}, None):
            yield breach
    known = {row["_id"] for row in strays}
    for note in loose:
        if note["invoice_id"] not in known:
            yield Breach("I9", "a credit note without its invoice", {"credit_notes": note["_id"]})


async def _invoiced(snapshot: Snapshot, strays: list[Row]) -> AsyncIterator[Row]:
    """Orders with their invoices; those of no order are put into `strays`."""
    failed = await _failed(snapshot)
    orders = snapshot.rows("orders", fields=("status", "total", "amount_refunded"))
    async for order, found in with_theirs(orders, snapshot.rows("invoices", fields=PAPER, sort="order_id"), "order_id"):
        if order is None:
            strays += found
        else:
            yield {**order, "invoices": found, "failed": failed.get(order["_id"], 0)}


def _told(row: Row, order: Row | None) -> list[Breach]:
    wrong = [*_wrong_sums(row), *(one for note in row["notes"] for one in _wrong_sums(note))]
    wrong += ["there is no such order"] if order is None else _wrong_papers(row, order)
    documents = {"invoice_id": row["_id"], "order_id": row["order_id"]}
    return [Breach("I9", f"invoice: {message}", documents) for message in wrong]


def _wrong_sums(paper: Row) -> list[str]:
    lines = [*paper["lines"], *([paper["shipping"]] if paper["shipping"] else [])]
    totals = paper["totals"]
    taxes = {name: sum(line["tax"][name] for line in lines) for name in ("cgst", "sgst", "igst")}
    good = (
        totals["total"] == sum(line["line_total"] for line in lines)
        and totals["taxable_value"] == sum(line["taxable_value"] for line in lines)
        and all(totals[name] == amount for name, amount in taxes.items())
        and totals["total"] == totals["taxable_value"] + totals["tax"]
        and totals["tax"] == sum(taxes.values())
    )
    return [] if good else ["the totals are not the sums of the lines"]


def _wrong_papers(row: Row, order: Row) -> list[str]:
    wrong, notes = [], row["notes"]
    total, credited = row["totals"]["total"], sum(note["totals"]["total"] for note in notes)
    undone = order["status"] in UNDONE
    if total != order["total"]:
        wrong.append("it is not of the order's total")
    if row["credited"] != credited or credited > total:
        wrong.append("credited is not the sum of its credit notes, or more than it")
    if any(note["invoice_number"] != row["number"] for note in notes):
        wrong.append("a credit note names another invoice")
    # A refund that failed has its note all the same: the money is owed until it is given back in another way.
    least = total if undone else order["amount_refunded"]
    most = total if undone else least + order["failed"]
    if not least <= credited <= most:
        wrong.append("credit notes are not what was given back")
    if not undone and any(note["cause"] == "reversal" for note in notes):
        wrong.append("it was taken back, and its order was not")
    if any(sum(note["totals"][tax] for note in notes) > row["totals"][tax] for tax in ("cgst", "sgst", "igst")):
        wrong.append("more tax was credited than invoiced")
    return wrong


async def _failed(snapshot: Snapshot) -> dict[ObjectId, int]:
    """What refunds that failed were for, by order: few, if all is well."""
    found = Counter[ObjectId]()
    fields = ("order_id", "ledger.asked", "ledger.state")
    async for row in snapshot.rows("payments", {"ledger.state": EntryState.FAILED.value}, fields):
        asked = (entry.get("asked") or 0 for entry in row["ledger"] if entry["state"] == EntryState.FAILED)
        found[row["order_id"]] += sum(asked)
    return found
