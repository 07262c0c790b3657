"""What coupons take off: pure, by examples and for any cart."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from truestyle.coupons.discounts import Buyer, Item, Offer, Reduction, judge, off_amount
from truestyle.coupons.errors import CouponInvalid
from truestyle.coupons.models import Buy, Coupon, CouponType, compared
from truestyle.coupons.offers import Applied
from truestyle.orders import amounts
from truestyle.orders.amounts import Line, Terms

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KURTAS, DUPATTAS, BRAND, PRODUCT = (ObjectId(f"{number:024x}") for number in range(1, 5))


def item(price: int, quantity: int = 1, category: ObjectId = KURTAS, product: ObjectId = PRODUCT) -> Item:
    return Item(product, frozenset([category]), BRAND, quantity, price)


def coupon(kind: CouponType = CouponType.PERCENT, value: int = 1000, **more: Any) -> Coupon:
    return Coupon(code="X", type=kind, value=value, **more)


def off(one: Coupon, *items: Item, buyer: Buyer | None = None, categories: set[ObjectId] | None = None) -> Reduction:
    return judge(Offer(one, frozenset(categories or ())), items, NOW, buyer or Buyer())


def test_the_worked_example_of_the_largest_remainder() -> None:
    """docs/reference/gst.md: ₹300 off 999 + 1,999 + 2 × 499."""
    got = off(coupon(CouponType.FIXED, 30_000), item(99_900), item(199_900), item(49_900, 2))
    assert got.shares == (7_500, 15_008, 7_492)


def test_percent_rounds_half_up_once_and_stops_at_its_most() -> None:
    assert off(coupon(value=1250), item(100_01)).shares == (12_50,)
    assert off(coupon(value=5000), item(1)).shares == (1,)
    assert off(coupon(value=5000, max_discount=20_000), item(99_900), item(99_900)).shares == (10_000, 10_000)


def test_a_fixed_sum_is_never_more_than_what_it_is_for() -> None:
    fixed = coupon(CouponType.FIXED, 50_000, category_ids=[DUPATTAS])
    got = off(fixed, item(99_900), item(30_000, category=DUPATTAS), categories={DUPATTAS})
    assert got.shares == (0, 30_000)


@pytest.mark.parametrize("scope", [{"product_ids": [PRODUCT]}, {"brand_ids": [BRAND]}, {"category_ids": [KURTAS]}])
def test_only_what_it_is_for_costs_less(scope: dict[str, Any]) -> None:
    other = Item(ObjectId("f" * 24), frozenset([DUPATTAS]), None, 1, 99_900)
    got = off(coupon(**scope), item(50_000), other, categories=set(scope.get("category_ids", ())))
    assert got.shares == (5_000, 0)
    with pytest.raises(CouponInvalid, match="cannot be used") as refused:
        off(coupon(**scope), other)
    assert "covered" in refused.value.reason


@pytest.mark.parametrize(
    ("x", "y", "value", "shares"),
    [
        (2, 1, 0, (0, 0, 30_000)),
        (2, 1, 10_000, (0, 0, 30_000)),
        (1, 1, 5_000, (0, 20_000, 15_000)),
        (3, 1, 0, (0, 0, 30_000)),
    ],
)
def test_of_x_and_y_pieces_the_cheapest_cost_less(x: int, y: int, value: int, shares: tuple[int, ...]) -> None:
    got = off(coupon(CouponType.BUY_X_GET_Y, value, buy=Buy(x=x, y=y)), item(90_000, 2), item(40_000), item(30_000))
    assert got.shares == shares


def test_too_few_pieces_for_x_and_y() -> None:
    with pytest.raises(CouponInvalid) as refused:
        off(coupon(CouponType.BUY_X_GET_Y, 0, buy=Buy(x=2, y=1)), item(90_000, 2))
    assert "3 pieces" in refused.value.reason


def test_free_shipping_takes_nothing_off_the_goods() -> None:
    got = off(coupon(CouponType.FREE_SHIPPING, 0), item(99_900))
    assert (got.shares, got.free_shipping) == ((0,), True)
    line = Line("A", 1, 99_900, 99_900, 99_900, "6205")
    terms = Terms(NOW, intra_state=True, shipping_fee=7_900, cod_fee=2_000)
    applied = Applied(Offer(coupon(CouponType.FREE_SHIPPING, 0)), got)
    assert amounts.price([line], terms).shipping == 9_900
    assert amounts.price(*applied.on([line], terms)).shipping == 2_000, "the fee of paying on delivery stays"


@pytest.mark.parametrize(
    ("more", "buyer", "word"),
    [
        ({"status": "inactive"}, Buyer(), "not active"),
        ({"starts_at": NOW + timedelta(seconds=1)}, Buyer(), "begins on 20 November 2026"),
        ({"ends_at": NOW}, Buyer(), "ended on 20 November 2026"),
        ({"usage_limit": 3, "used_count": 3}, Buyer(), "used up"),
        ({"usage_limit_per_user": 1}, Buyer(uses=1), "used this coupon already"),
        ({"first_order_only": True}, Buyer(ordered=True), "first order"),
        ({"min_amount": 50_001}, Buyer(), "₹500.01"),
    ],
)
def test_what_stands_in_the_way_is_told_in_words(more: dict[str, Any], buyer: Buyer, word: str) -> None:
    with pytest.raises(CouponInvalid) as refused:
        off(coupon(**more), item(50_000), buyer=buyer)
    assert word in refused.value.reason


def test_the_edges_of_what_stands_in_the_way() -> None:
    more: dict[str, Any] = {"starts_at": NOW, "ends_at": NOW + timedelta(seconds=1), "usage_limit": 3, "used_count": 2}
    assert off(coupon(**more, usage_limit_per_user=2, min_amount=50_000), item(50_000), buyer=Buyer(1)).total == 5_000


@pytest.mark.parametrize(
    ("one", "other"), [("diwali10", " DIWALI10 "), ("ＤＩＷＡＬＩ１０", "diwali10"), ("STRASSE", "straße")]
)
def test_codes_are_the_same_however_they_are_written(one: str, other: str) -> None:
    assert compared(one) == compared(other)


@st.composite
def coupons(draw: st.DrawFn) -> Coupon:
    kind = draw(st.sampled_from(list(CouponType)))
    value = draw(st.integers(1, 10**7) if kind is CouponType.FIXED else st.integers(1, 10_000))
    buy = Buy(x=draw(st.integers(1, 4)), y=draw(st.integers(1, 4))) if kind is CouponType.BUY_X_GET_Y else None
    most = draw(st.none() | st.integers(0, 10**7))
    return coupon(kind, value, buy=buy, max_discount=most, category_ids=draw(st.sampled_from([[], [KURTAS]])))


ITEMS = st.lists(
    st.builds(item, st.integers(0, 10**7), st.integers(1, 20), st.sampled_from([KURTAS, DUPATTAS])),
    min_size=1,
    max_size=8,
)


@settings(max_examples=10_000, deadline=None)
@given(coupons(), ITEMS, st.booleans())
def test_for_any_cart_the_parts_add_up_and_nothing_is_negative(
    one: Coupon,
    items: list[Item],
    intra: bool,
) -> None:
    try:
        got = off(one, *items, categories=set(one.category_ids))
    except CouponInvalid:
        return
    assert all(0 <= share <= each.total for share, each in zip(got.shares, items, strict=True))
    assert one.max_discount is None or one.type is CouponType.FREE_SHIPPING or got.total <= one.max_discount
    if one.category_ids:
        assert all(share == 0 for share, each in zip(got.shares, items, strict=True) if KURTAS not in each.category_ids)
    if not one.category_ids and one.type in {CouponType.PERCENT, CouponType.FIXED}:
        assert got.total == off_amount(one, sum(each.total for each in items)), "what /validate says"
    lines = [Line("A", each.quantity, each.unit_price, each.unit_price, each.unit_price, "6205") for each in items]
    figures = amounts.price(*Applied(Offer(one), got).on(lines, Terms(NOW, intra_state=intra, shipping_fee=7_900)))
    assert figures.discount == got.total
    assert figures.total == sum(each.total for each in items) - got.total + figures.shipping
    assert all(each.total == each.tax.taxable + each.tax.total for each in figures.lines)
