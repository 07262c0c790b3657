"""Previews held against what is stored now, carried out, and taken back: pure."""

from collections.abc import Mapping

from truestyle.catalog.bulk.models import Item, Left, Mark, Written
from truestyle.catalog.products.models import Product, Variant
from truestyle.catalog.products.pricing import effective, listing
from truestyle.inventory.models import Stock
from truestyle.kit.errors import ValidationFailed

SINCE = "has changed since"
GONE = "is gone"
FIELDS = ("mrp", "price")
Edits = Mapping[str, object]


def _left(item: Item, sku: str | None, field: str, reason: str = SINCE) -> Left:
    return Left(product_id=item.product_id, sku=sku, field=field, reason=reason)


def _written(one: Variant) -> Written:
    return Written(mrp=one.base_mrp, price=one.base_price)


def _moves_prices(item: Item) -> bool:
    return item.basis.before != item.basis.after or any(_repriced(mark) for mark in item.basis.marks)


def _repriced(mark: Mark) -> bool:
    return mark.after is not None and mark.after != mark.before


def stale(item: Item, product: Product | None, stock: Mapping[str, Stock], edits: Edits) -> list[Left]:
    """What the preview of a product rests on and is otherwise by now."""
    if product is None:
        return [_left(item, None, "product", GONE)]
    found = []
    if item.status is not None and product.status is not item.status.before:
        found.append(_left(item, None, "status"))
    if _moves_prices(item):
        found += _stale_prices(item, product)
    return found + [one for mark in item.basis.marks if mark.delta for one in _stale_stock(item, mark, stock, edits)]


def _stale_prices(item: Item, product: Product) -> list[Left]:
    basis, found = item.basis, []
    if product.discount != basis.discount:
        found.append(_left(item, None, "discount"))
    now = Written(mrp=product.base_mrp, price=product.base_price)
    found += [_left(item, None, name) for name in FIELDS if getattr(now, name) != getattr(basis.before, name)]
    there, moved = {one.sku: _written(one) for one in product.variants}, basis.before != basis.after
    for mark in basis.marks:
        own = there.pop(mark.sku, None)
        if not moved and mark.after is None:  # stays whatever it is
            continue
        if own is None:
            found.append(_left(item, mark.sku, "variant", GONE))
        else:
            found += [
                _left(item, mark.sku, name) for name in FIELDS if getattr(own, name) != getattr(mark.before, name)
            ]
    return found + [_left(item, sku, "variant", "is new since") for sku in there if moved]


def _stale_stock(item: Item, mark: Mark, stock: Mapping[str, Stock], edits: Edits) -> list[Left]:
    """A `delta` bears sales in between, a stock-take does not."""
    row = stock.get(mark.sku)
    if row is None:
        return [_left(item, mark.sku, "stock", GONE)]
    if edits.get(mark.sku) != mark.edit or (mark.exact and row.on_hand != mark.on_hand):
        return [_left(item, mark.sku, "stock")]
    if row.available + mark.delta < 0:
        return [_left(item, mark.sku, "stock", f"has only {row.available} available")]
    return []


def carried(item: Item, product: Product) -> Product:
    """The product with the change. Raises ValidationFailed, which `stale` has ruled out."""
    marks, basis = {one.sku: one for one in item.basis.marks}, item.basis
    values: dict[str, object] = {"status": item.status.after} if item.status else {}
    if _moves_prices(item):
        values |= {"base_mrp": basis.after.mrp, "base_price": basis.after.price}
        values["variants"] = [
            _with(one, mark.after if (mark := marks.get(one.sku)) else None) for one in product.variants
        ]
    return listing(product.model_copy(update=values))


def _with(variant: Variant, written: Written | None) -> Variant:
    if written is None:
        return variant
    return variant.model_copy(update={"base_mrp": written.mrp, "base_price": written.price})


def restored(item: Item, product: Product | None) -> tuple[Product | None, list[Left]]:
    """The product with the change taken back as far as nobody has changed it since, and what was left."""
    if product is None:
        return None, [_left(item, None, "product", GONE)]
    left, values = list[Left](), dict[str, object]()
    if item.status is not None:
        if product.status is item.status.after:
            values["status"] = item.status.before
        else:
            left.append(_left(item, None, "status"))
    if _moves_prices(item):
        prices, more = _prices_back(item, product)
        values |= prices
        left += more
    try:
        return listing(product.model_copy(update=values)), left
    except ValidationFailed:  # a discount that the old price does not bear
        kept = {name: value for name, value in values.items() if name == "status"}
        return listing(product.model_copy(update=kept)), [*left, _left(item, None, "price", "the discount has changed")]


def _prices_back(item: Item, product: Product) -> tuple[dict[str, object], list[Left]]:
    basis, there = item.basis, {one.sku: one for one in product.variants}
    now = Written(mrp=product.base_mrp, price=product.base_price)
    untouched = now == basis.after and all(
        (one := there.get(mark.sku)) is not None and _written(one) == (mark.after or mark.before)
        for mark in basis.marks
    )
    if not untouched:
        return _one_by_one(item, product)
    before = {mark.sku: mark.before for mark in basis.marks}
    variants = [_with(one, before.get(one.sku) or _pinned(product, one)) for one in product.variants]
    return {"base_mrp": basis.before.mrp, "base_price": basis.before.price, "variants": variants}, []


def _pinned(product: Product, variant: Variant) -> Written:
    """What a variant costs, written for itself, so that it does not move with the product."""
    mrp, price = effective(product, variant)
    return Written(mrp=mrp, price=price)


def _one_by_one(item: Item, product: Product) -> tuple[dict[str, object], list[Left]]:
    """The product's own prices stay; each variant's figure that still is what the change made of it goes back."""
    left, fresh = list[Left](), {one.sku: one for one in product.variants}
    for mark in item.basis.marks:
        old, made = (_effective(item, mark, after=after) for after in (False, True))
        moved = [name for name in FIELDS if getattr(old, name) != getattr(made, name)]
        one = fresh.get(mark.sku)
        if one is None:
            left += [_left(item, mark.sku, name, GONE) for name in moved]
            continue
        now = _pinned(product, one)
        back = [name for name in moved if getattr(now, name) == getattr(made, name)]
        left += [_left(item, mark.sku, name) for name in moved if name not in back]
        then = now.model_copy(update={name: getattr(old, name) for name in back})
        if (then.price or 0) > (then.mrp or 0):
            left += [_left(item, mark.sku, name, "would be a price above the MRP") for name in back]
        elif back:
            own = {name: _again(product, mark, name, getattr(old, name)) for name in back}
            fresh[mark.sku] = one.model_copy(update={f"base_{name}": figure for name, figure in own.items()})
    return {"variants": list(fresh.values())}, left


def _again(product: Product, mark: Mark, name: str, figure: int) -> int | None:
    """What is written for a variant that costs `figure` again: nothing, where that is the product's price again."""
    common = product.base_mrp if name == "mrp" else product.base_price
    return None if getattr(mark.before, name) is None and common == figure else figure


def _effective(item: Item, mark: Mark, *, after: bool) -> Written:
    """What a variant cost before, or what the change made of it."""
    base = item.basis.after if after else item.basis.before
    own = (mark.after or mark.before) if after else mark.before
    return Written(mrp=base.mrp if own.mrp is None else own.mrp, price=base.price if own.price is None else own.price)


def stock_back(item: Item, stock: Mapping[str, Stock], edits: Edits) -> tuple[dict[str, int], list[Left]]:
    """The pieces that go back or come back, by SKU, and what was left."""
    back, left = dict[str, int](), list[Left]()
    for mark in (one for one in item.basis.marks if one.delta):
        row = stock.get(mark.sku)
        if row is None:
            left.append(_left(item, mark.sku, "stock", GONE))
        elif edits.get(mark.sku) != item.id:
            left.append(_left(item, mark.sku, "stock"))
        elif row.available < mark.delta:
            left.append(_left(item, mark.sku, "stock", f"has only {row.available} available"))
        else:
            back[mark.sku] = -mark.delta
    return back, left
