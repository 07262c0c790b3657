import pytest
from bson import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from truestyle.catalog.products import pricing
from truestyle.catalog.products.models import Discount, DiscountType, Product, Variant
from truestyle.kit.errors import ValidationFailed


def percent(hundredths: int) -> Discount:
    return Discount(type=DiscountType.PERCENT, value=hundredths)


def fixed(paise: int) -> Discount:
    return Discount(type=DiscountType.FIXED, value=paise)


def variant(sku: str = "A", *, mrp: int | None = None, price: int | None = None, **more: str) -> Variant:
    return Variant(sku=sku, base_mrp=mrp, base_price=price, mrp=0, price=0, **more)


@pytest.mark.parametrize(
    ("price", "discount", "charged"),
    [
        (149900, None, 149900),
        (149900, percent(10_00), 134910),
        (99999, percent(33_33), 66669),
        (101, percent(50_00), 50),
        (149900, percent(100_00), 0),
        (149900, percent(0), 149900),
        (149900, fixed(9900), 140000),
        (149900, fixed(149900), 0),
    ],
)
def test_what_is_charged_is_the_price_less_the_discount(price: int, discount: Discount | None, charged: int) -> None:
    assert pricing.charged(price, discount) == charged


def test_a_fixed_discount_cannot_pass_the_price() -> None:
    with pytest.raises(ValidationFailed):
        pricing.charged(9900, fixed(9901))


def test_a_variant_without_figures_has_the_products() -> None:
    mrp, price, variants = pricing.reprice(199900, 149900, percent(10_00), [variant()])
    assert (mrp, price) == (199900, 134910)
    assert (variants[0].mrp, variants[0].price) == (199900, 134910)
    assert (variants[0].base_mrp, variants[0].base_price) == (None, None)


def test_the_product_shows_its_cheapest_variant() -> None:
    written = [variant("A", price=120000), variant("B", price=90000, mrp=100000), variant("C")]
    mrp, price, variants = pricing.reprice(199900, 149900, None, written)
    assert (mrp, price) == (100000, 90000)
    assert [one.price for one in variants] == [120000, 90000, 149900]


@pytest.mark.parametrize(
    ("base", "written", "loc"),
    [
        ((100, 101), variant(), ("body", "price")),
        ((100, 100), variant(price=101), ("body", "variants", 0, "price")),
        ((100, 100), variant(mrp=99), ("body", "price")),
    ],
)
def test_no_price_is_above_its_mrp(base: tuple[int, int], written: Variant, loc: tuple[str, ...]) -> None:
    with pytest.raises(ValidationFailed) as refused:
        pricing.reprice(*base, None, [written])
    assert refused.value.members["errors"][0]["loc"] == list(loc)


@settings(deadline=None)
@given(st.integers(0, 10**10), st.integers(0, 100_00))
def test_a_percentage_never_goes_below_nothing_nor_above_the_price(price: int, hundredths: int) -> None:
    charged = pricing.charged(price, percent(hundredths))
    assert 0 <= charged <= price
    assert abs(charged - price * (1 - hundredths / 10_000)) <= 1


def test_the_options_that_tell_variants_apart_are_named() -> None:
    plain = [variant("A", size="M"), variant("B", size="L")]
    assert pricing.option_names(plain) == ["size"]
    rich = [variant("A", size="M", color="Red").model_copy(update={"attributes": {"sleeve": "long", "fit": "slim"}})]
    assert pricing.option_names(rich) == ["size", "color", "fit", "sleeve"]
    assert pricing.option_names([variant()]) == []


def test_a_listing_has_each_size_and_colour_once_in_order() -> None:
    product = Product(
        id=ObjectId(),
        name="Émilie KURTA",
        slug="a",
        slugs=["a"],
        sort_name="",
        base_mrp=100,
        base_price=90,
        mrp=0,
        price=0,
        variants=[variant("A", size="M", color="Red"), variant("B", size="L", color="Red"), variant("C", size="M")],
    )
    listed = pricing.listing(product)
    assert (listed.sizes, listed.colors) == (["M", "L"], ["Red"])
    assert listed.option_keys == ["size:m", "size:l", "color:red"]
    assert (listed.price, listed.mrp, listed.discounted, listed.sort_name) == (90, 100, True, "émilie kurta")
