"""Plans without a store: whatever is asked, rules hold, and taking back what was done leaves what was there."""

from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from truestyle.catalog.bulk import carrying
from truestyle.catalog.bulk.models import BulkAsk, Item
from truestyle.catalog.bulk.planning import Ground, plan, stepped
from truestyle.catalog.products.models import Discount, Product, Variant
from truestyle.catalog.products.pricing import effective, listing
from truestyle.inventory.models import Stock
from truestyle.kit import money

TODAY = datetime(2026, 11, 21, tzinfo=UTC)
FIGURE = st.integers(0, 10_000_00)
STEP = st.one_of(
    st.fixed_dictionaries({"set": FIGURE.map(money.wire)}, optional={"round_to": st.just("10.00")}),
    st.fixed_dictionaries({"percent": st.integers(-100_00, 200_00).map(money.wire)}),
    st.fixed_dictionaries({"amount": st.integers(-5000_00, 5000_00).map(money.wire)}),
)
DISCOUNT = (
    st.none()
    | st.builds(Discount, type=st.just("percent"), value=st.integers(0, 100_00))
    | st.builds(Discount, type=st.just("fixed"), value=st.integers(0, 50_00))
)


@st.composite
def products(draw: st.DrawFn) -> Product:
    base_mrp = draw(st.integers(100_00, 10_000_00))
    base_price = draw(st.integers(50_00, base_mrp))
    variants = []
    for number in range(draw(st.integers(1, 4))):
        own = draw(st.sampled_from(("none", "price", "both")))
        mrp = draw(st.integers(100_00, 10_000_00)) if own == "both" else None
        price = draw(st.integers(50_00, mrp or base_mrp)) if own != "none" else None
        variants.append(Variant(sku=f"V.{number}", base_mrp=mrp, base_price=price, mrp=0, price=0))
    values: dict[str, Any] = {"name": "P", "slug": "p", "slugs": ["p"], "sort_name": "p", "mrp": 0, "price": 0}
    return listing(
        Product(**values, base_mrp=base_mrp, base_price=base_price, variants=variants, discount=draw(DISCOUNT))
    )


@st.composite
def asks(draw: st.DrawFn) -> BulkAsk:
    change = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "price": STEP,
                "mrp": STEP,
                "stock": st.one_of(
                    st.fixed_dictionaries({"set": st.integers(0, 50)}),
                    st.fixed_dictionaries({"delta": st.integers(-20, 20)}),
                ),
                "status": st.sampled_from(("draft", "active", "archived")),
            },
        ).filter(bool)
    )
    return BulkAsk.model_validate({"filter": {}, **change})


def stock_of(product: Product) -> dict[str, Stock]:
    figures = {"on_hand": 10, "reserved": 2, "available": 8, "updated_at": TODAY, "product_id": product.id}
    return {one.sku: Stock(sku=one.sku, **figures) for one in product.variants}


def planned(product: Product, ask: BulkAsk, chosen: set[str] | None) -> Item | None:
    edits = dict.fromkeys((one.sku for one in product.variants), None)
    return plan(ObjectId(), ask, product, Ground(stock_of(product), edits, chosen, TODAY))


SOME = st.none() | st.sets(st.sampled_from([f"V.{n}" for n in range(4)]), min_size=1)


@settings(max_examples=300)
@given(products(), asks(), SOME)
def test_what_is_told_is_what_is_done_and_it_can_be_taken_back(
    product: Product, ask: BulkAsk, chosen: set[str] | None
) -> None:
    item = planned(product, ask, chosen)
    if item is None:
        return
    edits = dict.fromkeys((one.sku for one in product.variants), None)
    assert carrying.stale(item, product, stock_of(product), edits) == []

    after = carrying.carried(item, product)

    told = {one.sku: one for one in item.variants}
    for old, new in zip(product.variants, after.variants, strict=True):
        one = told.get(old.sku)
        done = one is not None and not one.problems
        for at, name in enumerate(("mrp", "price")):
            change = getattr(one, name) if done else None
            before, now = effective(product, old)[at], effective(after, new)[at]
            assert (before, now) == ((change.before, change.after) if change else (before, before))
        paid = one.charged if one is not None and done else None
        assert new.price == (paid.after if paid else old.price)
        assert effective(after, new)[1] <= effective(after, new)[0]
        assert 0 <= new.price <= new.mrp
        if chosen is not None and old.sku not in chosen:
            assert one is None
    assert after == listing(after)
    assert carrying.restored(item, after) == (product, [])


@given(products(), asks(), products())
def test_taking_back_never_breaks_a_rule_whatever_happened_since(
    product: Product, ask: BulkAsk, other: Product
) -> None:
    """Somebody has put quite other prices, variants and a discount there."""
    item = planned(product, ask, None)
    if item is None:
        return
    now = other.model_copy(update={"id": product.id, "status": carrying.carried(item, product).status})

    back, left = carrying.restored(item, now)

    assert back is not None
    assert all(0 <= effective(back, one)[1] <= effective(back, one)[0] for one in back.variants)
    assert all(one.price >= 0 for one in back.variants)
    for one in left:
        assert one.product_id == product.id


@given(FIGURE, st.integers(-100_00, 200_00))
def test_percent_is_rounded_half_up_once(figure: int, percent: int) -> None:
    step = BulkAsk.model_validate({"filter": {}, "price": {"percent": money.wire(percent)}}).price
    exact = figure * (100_00 + percent)
    assert stepped(step, figure) == (exact + 50_00) // 100_00
