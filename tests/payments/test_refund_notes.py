"""Refunds of invoiced orders take as much back from the invoice, in the same transaction."""

from typing import Any

import pytest
from bson import ObjectId

from tests.orders.buying import refused
from tests.payments.refunding import Cashier
from tests.payments.test_refunds import VPA, line
from truestyle.invoices.models import CreditNote, Invoice
from truestyle.payments import repaying
from truestyle.payments.providers.base import Result, State
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")


async def papers(shop: Shop, order: dict[str, Any]) -> tuple[Invoice, list[CreditNote]]:
    invoice = await shop.store.invoices.of_order(ObjectId(order["id"]))
    assert invoice is not None
    return invoice, await shop.store.credit_notes.of_order(invoice.order_id)


def lines(note: CreditNote) -> dict[str, tuple[int, int]]:
    """Pieces and paise by what the line is of."""
    return {one.sku or "": (one.quantity, one.line_total) for one in note.lines}


async def test_an_amount_is_spread_over_the_lines(delivered: dict[str, Any], cashier: Cashier, shop: Shop) -> None:
    await cashier.refund(delivered["id"], amount="250.00")
    invoice, [note] = await papers(shop, delivered)
    assert (note.cause, note.reason, note.totals.total, invoice.credited) == (
        *("refund", "A button was missing", 25000, 25000),
    )
    # 250.00 by 4497.00 and 499.00 of 4996.00
    assert lines(note) == {"K-M": (0, 22503), "S-1": (0, 2497)}


async def test_pieces_are_taken_back_as_pieces(delivered: dict[str, Any], cashier: Cashier, shop: Shop) -> None:
    await cashier.refund(delivered["id"], items=[line(delivered, "K-M", 2), line(delivered, "S-1", 1)])
    _, [note] = await papers(shop, delivered)
    assert lines(note) == {"K-M": (2, 299800), "S-1": (1, 49900)}


async def test_all_kinds_together_are_the_invoice(delivered: dict[str, Any], cashier: Cashier, shop: Shop) -> None:
    await cashier.refund(delivered["id"], amount="250.00", refund_to=VPA)
    await cashier.refund(delivered["id"], items=[line(delivered, "K-M", 1)])
    await cashier.refund(delivered["id"])
    invoice, notes = await papers(shop, delivered)
    assert [one.totals.total for one in notes] == [25000, 149900, 324700]
    assert len({one.source for one in notes}) == 3
    for tax in ("cgst", "sgst", "igst", "taxable_value"):
        assert sum(getattr(one.totals, tax) for one in notes) == getattr(invoice.totals, tax)


async def test_what_is_refused_leaves_no_note(delivered: dict[str, Any], cashier: Cashier, shop: Shop) -> None:
    refused(await cashier.ask(delivered["id"], amount="4996.01"), 409, "refund_exceeds_captured")
    assert (await papers(shop, delivered))[1] == []
    assert await shop.store.counters.collection.count_documents({"_id": {"$regex": "^CN/"}}) == 0


async def test_before_the_invoice_there_is_none_until_it_is_drawn(
    till: Any, packer: Any, cashier: Cashier, shop: Shop
) -> None:
    order = await till.sandbox("approve")
    await shop.worker.drain()
    await cashier.refund(order["id"], amount="100.00")
    assert await shop.store.credit_notes.count({}) == 0
    await packer.bring_to(order["id"], "packed")
    await cashier.refund(order["id"], amount="50.00")
    _, notes = await papers(shop, order)
    assert [one.totals.total for one in notes] == [10000, 5000]


async def test_one_that_fails_is_owed_so_the_next_needs_no_other_note(
    delivered: dict[str, Any], cashier: Cashier, shop: Shop
) -> None:
    await cashier.refund(delivered["id"], items=[line(delivered, "K-M", 1)], refund_to=VPA)
    [refund] = await cashier.refunds(delivered["id"])
    await cashier.settle(refund, "fail", reason="The bank knows no such address")
    assert len((await papers(shop, delivered))[1]) == 1
    assert (await cashier.settle(refund, "retry", refund_to="store_credit")).status_code == 200
    assert len((await papers(shop, delivered))[1]) == 1
    await cashier.refund(delivered["id"])
    invoice, notes = await papers(shop, delivered)
    assert [one.totals.total for one in notes] == [149900, 349700]
    assert invoice.credited == invoice.totals.total


async def test_one_that_arrives_after_all_when_another_took_its_place(
    till: Any, packer: Any, cashier: Cashier, shop: Shop
) -> None:
    order = await till.sandbox("approve")
    await shop.worker.drain()
    await packer.bring_to(order["id"], "delivered")
    await cashier.refund(order["id"], amount="100.00")
    [first] = await cashier.refunds(order["id"])

    async def told(result: Result) -> None:
        state = State(result, "x", 10000, "INR", reference="rf-1", refund_id=first["id"])
        await repaying.settle_refund(shop.store, state, provider="sandbox")

    await told(Result.FAILED)
    await cashier.refund(order["id"], amount="100.00", refund_to="store_credit")
    assert [one.totals.total for one in (await papers(shop, order))[1]] == [10000]
    for result in (Result.REFUNDED, Result.FAILED, Result.REFUNDED):
        await told(result)
    assert [one.totals.total for one in (await papers(shop, order))[1]] == [10000, 10000]
