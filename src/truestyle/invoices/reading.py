"""Reading invoices and credit notes."""

import re
from collections.abc import Mapping
from typing import Any

from bson import ObjectId

from truestyle.invoices import series
from truestyle.invoices.models import (
    CreditNote,
    Invoice,
    InvoiceAnswer,
    InvoiceNotIssued,
    NoteAnswer,
    NoteList,
)
from truestyle.orders.access import Holder
from truestyle.store import Store

QUALITY = re.compile(r";\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*$")


async def invoice_of(store: Store, holder: Holder, order_id: ObjectId) -> Invoice:
    """The invoice of an order that the holder may see. Raises NotFound, InvoiceNotIssued."""
    order = await store.orders.get(order_id, **holder.within)
    found = await store.invoices.of_order(order.id)
    if found is None:
        raise InvoiceNotIssued
    return found


async def notes_of(store: Store, holder: Holder, order_id: ObjectId) -> NoteList:
    """The credit notes of an order that the holder may see. Raises NotFound."""
    order = await store.orders.get(order_id, **holder.within)
    invoice = await store.invoices.of_order(order.id)
    notes = [note_answer(one) for one in await store.credit_notes.of_order(order.id)]
    return NoteList(items=notes, last_day=invoice and series.last_credit_day(invoice.issued_at))


async def note_of(store: Store, holder: Holder, order_id: ObjectId, note_id: ObjectId) -> CreditNote:
    """One of them. Raises NotFound."""
    order = await store.orders.get(order_id, **holder.within)
    return await store.credit_notes.get(note_id, order_id=order.id)


def invoice_answer(invoice: Invoice) -> InvoiceAnswer:
    """What is told of an invoice."""
    return InvoiceAnswer.model_validate(_facts(invoice, InvoiceAnswer.model_fields))


def note_answer(note: CreditNote) -> NoteAnswer:
    """What is told of a credit note."""
    return NoteAnswer.model_validate(_facts(note, NoteAnswer.model_fields))


def _facts(paper: Any, names: Mapping[str, Any]) -> dict[str, Any]:
    return {name: getattr(paper, name) for name in names}


def wants_json(accept: str | None) -> bool:
    """Whether an `Accept` header asks for JSON rather than PDF; who does not mind gets the PDF (RFC 9110, 12.5.1)."""
    return _quality(accept or "*/*", "application/json") > _quality(accept or "*/*", "application/pdf")


def _quality(accept: str, wanted: str) -> float:
    best = (0, 0.0)  # how exactly the range names it, and its quality
    for part in accept.lower().split(","):
        name = part.split(";", 1)[0].strip()
        exactness = {"*/*": 1, "application/*": 2, wanted: 3}.get(name, 0)
        if exactness > best[0]:
            found = QUALITY.search(part)
            best = (exactness, float(found[1]) if found else 1.0)
    return best[1]
