"""Issuing invoices and credit notes, inside the transaction of what they are for.

Numbers have no gaps because the counter is in that transaction too: what is rolled back never drew one. Whoever draws
at the same moment conflicts, and is run again.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import datetime
from typing import Literal

from bson import ObjectId

from truestyle.invoices import crediting, series, words
from truestyle.invoices.crediting import Done, Part
from truestyle.invoices.facts import goods_line, postal, seller_now, shipping_line, supply_of, totals_of
from truestyle.invoices.models import Cause, CreditExceedsInvoice, CreditNote, Invoice, PaperLine
from truestyle.orders.models import Order
from truestyle.store import Store


async def issue(tx: Store, order: Order, moment: datetime) -> Invoice:
    """Draw the invoice of an order that is packed, in the same transaction; the one it has, if it has one.

    What was given back before is credited at once, so that the invoice is of the whole order.
    """
    known = await tx.invoices.of_order(order.id)
    if known is not None:
        return known
    lines = [goods_line(item, int(tx.shop.hsn_digits)) for item in order.items]
    shipping = shipping_line(order, lines)
    totals = totals_of(lines, shipping)
    name = series.series_of(tx.shop.invoice_prefix, moment)
    sequence = await tx.counters.take(name)
    invoice = Invoice(
        number=series.number_in(name, sequence),
        series=name,
        sequence=sequence,
        financial_year=series.year_text(series.year_of(moment)),
        issued_at=moment,
        order_id=order.id,
        order_number=order.number,
        ordered_at=order.placed_at,
        user_id=order.user_id,
        seller=await seller_now(tx, moment),
        buyer=postal(order.billing_address, order.gstin),
        ship_to=postal(order.shipping_address),
        place_of_supply=supply_of(order.shipping_address),
        inter_state=crosses(tx, order),
        lines=lines,
        shipping=shipping,
        totals=totals,
        amount_in_words=words.rupees(totals.total),
        payment=order.payment.type,
    )
    await tx.invoices.add(invoice)
    if order.amount_refunded:
        pieces = {item.id: item.refunded_quantity for item in order.items if item.refunded_quantity}
        await credit(
            tx,
            order,
            pieces,
            cause="refund",
            source=f"before:{order.id}",
            amount=order.amount_refunded,
            reason="Given back before the invoice",
            moment=moment,
        )
    return invoice


def crosses(tx: Store, order: Order) -> bool:
    """Whether the order's frozen taxes are those of another state."""
    if order.tax.total == 0:
        return supply_of(order.shipping_address).state_code != supply_of(tx.shop.store_state).state_code
    return order.tax.igst > 0


async def credit(
    tx: Store,
    order: Order,
    pieces: Mapping[ObjectId, int],
    *,
    cause: Literal["refund", "exchange", "reversal"],
    source: str,
    reason: str,
    moment: datetime,
    shipping: bool = False,
    amount: int | None = None,
) -> CreditNote | None:
    """Take back part of an order's invoice, in the transaction of what it is for; None where there is none yet.

    `pieces` by order item; `shipping`: that too; `amount` in paise: of those pieces, or without any a reduced price,
    spread over the lines. A reversal without pieces and amount takes back all that is left. The same `source` again
    changes nothing. After the last day in law the note is `commercial`: without number, without taking tax back.
    None also where nothing is left to take back. Raises CreditExceedsInvoice, ValueError: more pieces than there are.
    """
    invoice = await tx.invoices.of_order(order.id)
    if invoice is None:
        return None
    known = await tx.credit_notes.of_source(source)
    if known is not None:
        return known
    past = await _past(tx, order.id)
    parts = _parts(invoice, order, pieces, past, whole=cause == "reversal", shipping=shipping, amount=amount)
    late = series.day_of(moment) > series.last_credit_day(invoice.issued_at)
    lines = _lines(parts, past, late=late)
    total = sum(line.line_total for line in lines)
    if not total:
        return None
    if not await tx.invoices.credit(invoice, total):
        raise CreditExceedsInvoice
    note = await _note(tx, invoice, lines, moment, late=late, cause=Cause(cause), source=source, reason=reason)
    return await tx.credit_notes.add(note)


async def catch_up(
    tx: Store,
    order: Order,
    pieces: Mapping[ObjectId, int],
    *,
    cause: Literal["refund", "exchange"],
    source: str,
    reason: str,
    moment: datetime,
) -> CreditNote | None:
    """Credit what was given back of an order (as `order` says) and is not credited yet, for these pieces if any.

    A refund that failed keeps its note: the money is owed, and whatever is given back next comes out of that first.
    Raises CreditExceedsInvoice.
    """
    invoice = await tx.invoices.of_order(order.id)
    if invoice is None or order.amount_refunded <= invoice.credited:
        return None
    return await credit(
        tx,
        order,
        pieces,
        cause=cause,
        source=source,
        amount=order.amount_refunded - invoice.credited,
        reason=reason,
        moment=moment,
    )


@asynccontextmanager
async def turn(store: Store, order_id: ObjectId) -> AsyncIterator[None]:
    """Whoever takes back from an invoice draws a number, so those of one process wait for each other."""
    async with store.drawing if await store.invoices.of_order(order_id) else nullcontext():
        yield


async def _past(tx: Store, order_id: ObjectId) -> dict[crediting.Key, Done]:
    notes = await tx.credit_notes.of_order(order_id)
    return crediting.done(line for note in notes for line in _all(note.lines, note.shipping))


def _all(lines: Sequence[PaperLine], shipping: PaperLine | None) -> list[PaperLine]:
    return [*lines, shipping] if shipping else list(lines)


def _parts(
    invoice: Invoice,
    order: Order,
    pieces: Mapping[ObjectId, int],
    past: Mapping[crediting.Key, Done],
    *,
    whole: bool,
    shipping: bool,
    amount: int | None,
) -> list[Part]:
    lines = _all(invoice.lines, invoice.shipping)
    if not any(pieces.values()) and not shipping and amount is None:
        return crediting.everything(lines, past) if whole else []
    items = {item.id: item for item in order.items}
    parts = crediting.of_pieces(lines, items, pieces, past)
    if shipping:
        parts += [one for one in crediting.everything(lines, past) if one.line.item_id is None]
    if amount is None:
        return parts
    worth = sum(one.gross for one in parts)
    if amount <= worth:
        return crediting.scaled(parts, amount)
    return crediting.joined(parts, crediting.of_amount(lines, amount - worth, crediting.after(past, parts)))


def _lines(parts: Sequence[Part], past: Mapping[crediting.Key, Done], *, late: bool) -> list[PaperLine]:
    lines = [crediting.credited(one, past.get(one.line.item_id, Done())) for one in parts]
    lines = [one for one in lines if one.line_total or one.quantity]
    return [crediting.untaxed(one) for one in lines] if late else lines


async def _note(
    tx: Store,
    invoice: Invoice,
    lines: Sequence[PaperLine],
    moment: datetime,
    *,
    late: bool,
    cause: Cause,
    source: str,
    reason: str,
) -> CreditNote:
    goods = [line for line in lines if line.item_id is not None]
    shipping = next((line for line in lines if line.item_id is None), None)
    totals = totals_of(goods, shipping)
    name = None if late else series.series_of(tx.shop.credit_note_prefix, moment)
    sequence = None if name is None else await tx.counters.take(name)
    same = ("order_id", "order_number", "ordered_at", "user_id", "buyer", "ship_to", "place_of_supply", "inter_state")
    return CreditNote(
        **{field: getattr(invoice, field) for field in same},
        number=None if name is None or sequence is None else series.number_in(name, sequence),
        series=name,
        sequence=sequence,
        commercial=late,
        financial_year=series.year_text(series.year_of(moment)),
        issued_at=moment,
        seller=invoice.seller,
        invoice_id=invoice.id,
        invoice_number=invoice.number,
        invoiced_at=invoice.issued_at,
        invoice_total=invoice.totals.total,
        cause=cause,
        source=source,
        reason=reason,
        lines=goods,
        shipping=shipping,
        totals=totals,
        amount_in_words=words.rupees(totals.total),
    )
