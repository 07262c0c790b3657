"""What credit notes take back: alone, and in whatever order."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from truestyle.invoices import crediting, service
from truestyle.invoices.crediting import Done
from truestyle.invoices.facts import goods_line
from truestyle.invoices.models import CreditExceedsInvoice, CreditNote, PaperLine
from truestyle.kit import clock
from truestyle.orders import tax
from truestyle.orders.models import LineTax, Order, OrderItem
from truestyle.orders.reading import line_tax
from truestyle.shop import Shop
from truestyle.store import Store


def item(quantity: int, gross: int, percent: int, *, intra: bool) -> OrderItem:
    inside = tax.split(gross, percent, intra_state=intra)
    return OrderItem(
        id=ObjectId(),
        product_id=ObjectId(),
        sku="A",
        name="A",
        size=None,
        color=None,
        image_url=None,
        hsn_code="6205",
        quantity=quantity,
        unit_price=gross,
        mrp=gross,
        discount=0,
        taxable_value=inside.taxable,
        tax=line_tax(inside),
        line_total=gross,
        returnable=True,
        explanation=[],
    )


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 2**32))
def test_whatever_is_taken_back_in_whatever_order_is_the_invoice_in_the_end(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - not a secret
    intra = dice.random() < 0.5
    items = [
        item(dice.randint(1, 9), dice.randint(0, 10 ** dice.randint(1, 7)), dice.choice([5, 12, 18]), intra=intra)
        for _ in range(dice.randint(1, 5))
    ]
    lines = [goods_line(one, 4) for one in items]
    known = {one.id: one for one in items}
    taken: list[PaperLine] = []
    for _ in range(dice.randint(0, 12)):
        past = crediting.done(taken)
        if dice.random() < 0.5:
            some = dice.choice(items)
            left = some.quantity - past.get(some.id, Done()).pieces
            parts = crediting.of_pieces(lines, known, {some.id: dice.randint(0, left)}, past)
        else:
            left = sum(one.line_total - past.get(one.item_id, Done()).gross for one in lines)
            parts = crediting.of_amount(lines, dice.randint(0, left // dice.randint(1, 4)), past)
        taken += [crediting.credited(one, past.get(one.line.item_id, Done())) for one in parts]
    past = crediting.done(taken)
    taken += [crediting.credited(one, past.get(one.line.item_id, Done())) for one in crediting.everything(lines, past)]

    for one in taken:
        assert one.taxable_value + one.tax.cgst + one.tax.sgst + one.tax.igst == one.line_total
        assert one.tax.cgst == one.tax.sgst
        assert min(one.quantity, one.taxable_value, one.tax.cgst, one.tax.igst, one.line_total) >= 0
    for line in lines:
        mine = [one for one in taken if one.item_id == line.item_id]
        assert sum(one.line_total for one in mine) == line.line_total
        assert sum(one.quantity for one in mine) == line.quantity
        for name in ("cgst", "igst"):
            back = sum(getattr(one.tax, name) for one in mine)
            assert back <= getattr(line.tax, name)
            if all(one.line_total >= 100 or not one.line_total for one in mine):
                assert back == getattr(line.tax, name)


async def credit(
    shop: Shop, pieces: dict[ObjectId, int], moment: datetime | None = None, **more: Any
) -> CreditNote | None:
    order = await shop.store.orders.first({})
    assert order is not None
    facts: dict[str, Any] = {"cause": "refund", "source": str(ObjectId()), "reason": "Faded", **more}

    async def work(tx: Store, order: Order = order) -> CreditNote | None:
        return await service.credit(tx, order, pieces, moment=moment or clock.now(), **facts)

    return await shop.store.transaction(work)


@pytest.fixture
async def items(shop: Shop, packed: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines of the packed order: one pair of shoes (2,999.00, 18 %), three kurtas (4,497.00, 5 %)."""
    assert [one["line_total"] for one in packed["items"]] == ["2999.00", "4497.00"]
    found: list[dict[str, Any]] = packed["items"]
    return found


async def test_pieces_are_taken_back_at_their_frozen_share(shop: Shop, items: list[dict[str, Any]]) -> None:
    kurta = ObjectId(items[1]["id"])
    notes = [await credit(shop, {kurta: 1}), await credit(shop, {kurta: 2})]
    assert [one.totals.total for one in notes if one] == [149900, 299800]
    assert [one.lines[0].quantity for one in notes if one] == [1, 2]
    assert sum(one.totals.cgst for one in notes if one) == 10707
    assert [one.number for one in notes if one] == [f"{notes[0].series}/00000{n}" for n in (1, 2) if notes[0]]
    with pytest.raises(ValueError, match="pieces"):
        await credit(shop, {kurta: 1})
    assert await shop.store.credit_notes.count({}) == 2


async def test_the_same_source_again_changes_nothing(shop: Shop, items: list[dict[str, Any]]) -> None:
    kurta = ObjectId(items[1]["id"])
    first = await credit(shop, {kurta: 1}, source="return:1")
    assert await credit(shop, {kurta: 1}, source="return:1") == first
    assert await shop.store.credit_notes.count({}) == 1


async def test_an_amount_is_a_reduced_price_spread_over_the_lines(shop: Shop, items: list[dict[str, Any]]) -> None:
    note = await credit(shop, {}, amount=10001)
    assert note is not None
    assert [(one.quantity, one.line_total, one.tax.rate) for one in note.lines] == [(0, 4001, "18"), (0, 6000, "5")]
    assert (note.lines[0].tax.cgst, note.lines[1].tax.cgst) == (305, 143)
    shoes = await credit(shop, {ObjectId(items[0]["id"]): 1})
    assert shoes is not None
    assert shoes.totals.total == 299900 - 4001
    rest = await credit(shop, {}, cause="reversal")
    assert rest is not None
    assert rest.totals.total == 749600 - 10001 - shoes.totals.total


async def test_pieces_at_less_than_they_cost(shop: Shop, items: list[dict[str, Any]]) -> None:
    note = await credit(shop, {ObjectId(items[1]["id"]): 2}, amount=250000)
    assert note is not None
    assert [(one.quantity, one.line_total) for one in note.lines] == [(2, 250000)]


async def test_more_than_was_invoiced_is_refused(shop: Shop, items: list[dict[str, Any]]) -> None:
    with pytest.raises(CreditExceedsInvoice):
        await credit(shop, {}, amount=749601)
    assert await shop.store.credit_notes.count({}) == 0
    assert await shop.store.counters.collection.count_documents({"_id": {"$regex": "^TC/"}}) == 0


async def test_after_the_last_day_only_money_is_given_back(shop: Shop, items: list[dict[str, Any]]) -> None:
    invoice = await shop.store.invoices.first({})
    assert invoice is not None
    kurta = ObjectId(items[1]["id"])
    last = datetime(2027, 11, 30, 18, 29, tzinfo=UTC)
    in_time = await credit(shop, {kurta: 1}, last)
    late = await credit(shop, {kurta: 1}, last + timedelta(minutes=1))
    assert in_time is not None
    assert late is not None
    assert (in_time.commercial, in_time.totals.tax) == (False, 7138)
    assert (late.commercial, late.number, late.totals.tax, late.totals.total) == (True, None, 0, 149900)


async def test_before_the_invoice_there_is_nothing_to_credit(shop: Shop, order: dict[str, Any]) -> None:
    assert await credit(shop, {ObjectId(order["items"][0]["id"]): 1}) is None
    assert await shop.store.credit_notes.count({}) == 0


async def test_what_was_given_back_before_is_credited_with_the_invoice(
    shop: Shop, order: dict[str, Any], packer: Any
) -> None:
    kurta = order["items"][1]["id"]
    await shop.store.orders.collection.update_one(
        {}, {"$set": {"amount_refunded": 150000, "items.1.refunded_quantity": 1}}
    )
    await packer.bring_to(order["id"], "packed")
    (note,) = await shop.store.credit_notes.of_order(ObjectId(order["id"]))
    by_item = {str(one.item_id): (one.quantity, one.line_total) for one in note.lines}
    assert note.totals.total == 150000
    assert by_item[kurta][0] == 1
    assert LineTax.model_validate(note.lines[0].tax).cgst > 0
