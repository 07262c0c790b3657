import random
from datetime import UTC, datetime

from bson import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from truestyle.kit import money
from truestyle.orders import amounts, tax
from truestyle.orders.amounts import Line, Priced, Terms
from truestyle.orders.models import OrderItem
from truestyle.orders.reading import line_tax
from truestyle.orders.shares import share

TODAY = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOME, AWAY = Terms(TODAY, intra_state=True), Terms(TODAY, intra_state=False)


def line(sku: str = "A", quantity: int = 1, price: int = 99900, **more: int) -> Line:
    mrp, list_price = more.get("mrp", price), more.get("list_price", price)
    return Line(sku, quantity, mrp, list_price, price, "6205", more.get("discount", 0))


@st.composite
def lines(draw: st.DrawFn) -> Line:
    mrp = draw(st.integers(0, 10**8))
    list_price = draw(st.integers(0, mrp))
    unit_price = draw(st.integers(0, list_price))
    quantity = draw(st.integers(1, 1000))
    hsn = draw(st.sampled_from(["6205", "6403", "5208", "4202", None]))
    return Line("A", quantity, mrp, list_price, unit_price, hsn, draw(st.integers(0, quantity * unit_price)))


def terms() -> st.SearchStrategy[Terms]:
    fee = st.integers(0, 100_000)
    return st.builds(Terms, st.just(TODAY), st.booleans(), fee, st.none() | st.integers(0, 10**7), fee)


@settings(deadline=None)
@given(st.lists(lines(), max_size=12), terms())
def test_the_parts_add_up_and_nothing_is_negative(bought: list[Line], how: Terms) -> None:
    order = amounts.price(bought, how)

    assert order.total == sum(one.total for one in order.lines) + order.shipping
    assert order.total == order.subtotal - order.discount + order.shipping
    for one in order.lines:
        assert one.total == one.line.quantity * one.line.unit_price - one.line.discount
        assert one.tax.taxable + one.tax.total == one.total
        assert min(one.total, one.tax.taxable, one.tax.cgst, one.tax.sgst, one.tax.igst) >= 0
    taxes = order.cgst + order.sgst + order.igst
    assert order.cgst == order.sgst
    assert taxes + order.shipping_tax.taxable + sum(one.tax.taxable for one in order.lines) == order.total
    assert min(order.subtotal, order.discount, order.shipping, order.total, taxes) >= 0
    assert (order.igst == 0) if how.intra_state else (order.cgst == 0)


def test_an_empty_order_costs_nothing_whatever_shipping_is() -> None:
    order = amounts.price([], Terms(TODAY, intra_state=True, shipping_fee=4900, cod_fee=2900))
    assert (order.total, order.shipping, order.cgst) == (0, 0, 0)


def test_shipping_is_free_from_exactly_the_goods_total_named() -> None:
    how = Terms(TODAY, intra_state=True, shipping_fee=4900, free_shipping_from=99900)
    assert amounts.price([line(price=99900)], how).shipping == 0
    assert amounts.price([line(price=99899)], how).shipping == 4900


def test_free_shipping_does_not_waive_the_fee_of_cash_on_delivery() -> None:
    how = Terms(TODAY, intra_state=True, shipping_fee=4900, free_shipping_from=0, cod_fee=2900)
    order = amounts.price([line(price=99900)], how)
    assert (order.shipping, order.total) == (2900, 102800)


def test_shipping_is_taxed_at_the_highest_rate_among_the_goods() -> None:
    how = Terms(TODAY, intra_state=False, shipping_fee=11800)
    order = amounts.price([line(price=99900), line("B", price=499900)], how)
    assert [one.tax.rate for one in order.lines] == [5, 18]
    assert (order.shipping_tax.rate, order.shipping_tax.igst) == (18, 1800)
    assert order.igst == 4757 + 76256 + 1800


def test_the_rate_is_chosen_after_the_discount() -> None:
    full, reduced = amounts.price([line(price=299900)], HOME), amounts.price([line(price=299900, discount=40000)], HOME)
    assert (full.lines[0].tax.rate, reduced.lines[0].tax.rate) == (18, 5)
    assert (reduced.subtotal, reduced.discount, reduced.total) == (299900, 40000, 259900)


def test_a_line_in_the_dead_zone_is_flagged_and_says_so() -> None:
    priced = amounts.price([line(price=280000)], HOME).lines[0]
    assert (priced.tax.rate, priced.tax.flagged) == (18, True)
    assert priced.explanation[-1] == "no GST rate fits this price; the higher one is charged"


def test_the_explanation_leads_from_mrp_to_line_total() -> None:
    bought = line(quantity=2, price=45000, mrp=99900, list_price=50000, discount=10000)
    assert amounts.price([bought], HOME).lines[0].explanation == [
        "MRP 999.00",
        "selling price 500.00",
        "discount 50.00 → 450.00",
        "2 × 450.00 = 900.00",
        "share of coupon −100.00 → 800.00",
        "includes 5 % GST (CGST + SGST) 38.10 on 761.90",
    ]
    assert amounts.price([bought], AWAY).lines[0].explanation[-1] == "includes 5 % GST (IGST) 38.10 on 761.90"


def test_the_coupon_of_the_worked_example_is_split_by_largest_remainder() -> None:
    prices = [(99900, 1), (199900, 1), (49900, 2)]
    parts = money.shares(30000, [price * count for price, count in prices])
    assert parts == [7500, 15008, 7492]
    bought = [
        line(str(at), quantity=count, price=price, discount=part)
        for at, ((price, count), part) in enumerate(zip(prices, parts, strict=True))
    ]
    order = amounts.price(bought, HOME)
    assert [one.total for one in order.lines] == [92400, 184892, 92308]
    assert (order.total, order.lines[0].tax.taxable, order.lines[0].tax.cgst) == (369600, 88000, 2200)
    assert [one.tax.rate for one in order.lines] == [5, 5, 5]


def cart_of(dice: random.Random) -> tuple[list[Line], Terms]:
    """A cart as one might be: a coupon over some lines, shipping, here or elsewhere, today or before the new rates."""
    bought = []
    for at in range(dice.randint(1, 8)):
        mrp = dice.choice([99900, 249900, 262500, 262501, 295000, 295001, dice.randint(1, 10**6)])
        price, count = dice.randint(1, mrp), dice.randint(1, 10)
        bought.append(Line(str(at), count, mrp, price, price, dice.choice(["6205", "6403", "5208", "4202", None])))
    worth = [one.quantity * one.unit_price for one in bought]
    parts = money.shares(dice.randint(0, sum(worth)), worth)
    reduced = [
        Line(one.sku, one.quantity, one.mrp, one.list_price, one.unit_price, one.hsn_code, part)
        for one, part in zip(bought, parts, strict=True)
    ]
    moment = dice.choice([TODAY, datetime(2025, 9, 21, 12, tzinfo=UTC)])
    return reduced, Terms(moment, dice.random() < 0.5, dice.randint(0, 20000), dice.choice([None, 99900]), 2900)


def frozen(one: Priced) -> OrderItem:
    return OrderItem(
        id=ObjectId(),
        product_id=ObjectId(),
        sku=one.line.sku,
        name="A",
        size=None,
        color=None,
        image_url=None,
        hsn_code=None,
        quantity=one.line.quantity,
        unit_price=one.line.unit_price,
        mrp=one.line.mrp,
        discount=one.line.discount,
        taxable_value=one.tax.taxable,
        tax=line_tax(one.tax),
        line_total=one.total,
        returnable=True,
        explanation=[],
    )


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 2**48))
def test_ten_thousand_carts_add_up_and_given_back_piece_by_piece_are_what_was_paid(seed: int) -> None:
    """Fifty carts an example: hypothesis draws two hundred seeds."""
    dice = random.Random(seed)  # noqa: S311 - not a secret
    for _ in range(50):
        bought, how = cart_of(dice)
        order = amounts.price(bought, how)
        assert order.total == sum(one.total for one in order.lines) + order.shipping
        assert sum(one.line.discount for one in order.lines) == order.discount
        back = order.shipping
        for one in order.lines:
            assert one.tax.taxable + one.tax.total == one.total
            assert min(one.total, one.tax.taxable, one.tax.cgst, one.tax.igst) >= 0
            percent, flagged = tax.choose(tax.rate_for(one.line.hsn_code, how.moment), one.total, one.line.quantity)
            assert (one.tax.rate, one.tax.flagged) == (percent, flagged)
            item, before = frozen(one), 0
            sums = [0] * 6
            while before < item.quantity:
                pieces = dice.randint(1, item.quantity - before)
                part = share(item, before, pieces)
                values = (part.gross, part.taxable, part.cgst, part.sgst, part.igst, part.discount)
                assert part.gross == part.taxable + part.cgst + part.sgst + part.igst
                sums = [sum(pair) for pair in zip(sums, values, strict=True)]
                before += pieces
            taxes = one.tax
            assert sums == [one.total, taxes.taxable, taxes.cgst, taxes.sgst, taxes.igst, one.line.discount]
            back += sums[0]
        assert back == order.total
