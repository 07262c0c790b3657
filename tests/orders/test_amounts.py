from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from truestyle.orders import amounts
from truestyle.orders.amounts import Line, Terms

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
