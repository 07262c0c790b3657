"""What a bulk change would do to one product: pure, from the request and what is stored."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime

from bson import ObjectId

from truestyle.catalog.bulk.models import (
    Basis,
    BulkAsk,
    CountChange,
    Item,
    Mark,
    MoneyChange,
    PriceStep,
    StatusChange,
    StockStep,
    VariantChange,
    Written,
)
from truestyle.catalog.products.models import Product, Variant
from truestyle.catalog.products.pricing import charged, effective
from truestyle.inventory.models import Stock
from truestyle.kit import money
from truestyle.kit.errors import ValidationFailed
from truestyle.kit.money import LARGEST, half_up
from truestyle.orders.tax import in_dead_zone

MOST_PIECES = 1_000_000_000


@dataclass(frozen=True)
class Ground:
    """What is known of the stock of the products, which variants were chosen (None: all), and the day."""

    stock: Mapping[str, Stock]
    edits: Mapping[str, ObjectId | None]
    chosen: AbstractSet[str] | None
    today: datetime


@dataclass(frozen=True)
class Row:
    """What becomes of one variant: as it is told, the prices it would have, the pieces it would gain."""

    told: VariantChange
    mrp: int
    price: int
    delta: int = 0

    @property
    def changes(self) -> bool:
        """Whether anything would."""
        return any((self.told.mrp, self.told.price, self.told.stock))


def stepped(step: PriceStep | None, figure: int) -> int:
    """A price after a step, in paise. Raises ValueError where it cannot be."""
    if step is None:
        return figure
    if step.set is not None:
        figure = step.set
    elif step.percent is not None:
        figure = half_up(figure * (100_00 + step.percent), 100_00)
    else:
        figure += step.amount or 0
    if figure < 0:
        message = "would be below zero"
        raise ValueError(message)
    if step.round_to:
        figure = half_up(figure, step.round_to) * step.round_to
    if figure > LARGEST:
        message = f"would be above {money.wire(LARGEST)}"
        raise ValueError(message)
    return figure


def counted(step: StockStep, row: Stock) -> int:
    """The pieces on hand after a step. Raises ValueError where it cannot be."""
    after = step.set if step.set is not None else row.on_hand + (step.delta or 0)
    if after < row.reserved:
        message = f"would leave {after}, and {row.reserved} are reserved" if row.reserved else "would be below zero"
        raise ValueError(message)
    if after > MOST_PIECES:
        message = f"would be above {MOST_PIECES}"
        raise ValueError(message)
    return after


def plan(changeset: ObjectId, ask: BulkAsk, product: Product, ground: Ground) -> Item | None:
    """What would become of a product; None where nothing would, and nothing is amiss."""
    chosen = [one for one in product.variants if ground.chosen is None or one.sku in ground.chosen]
    rows = {one.sku: _row(ask, product, one, ground) for one in chosen}
    status = None
    if ask.status is not None and ask.status is not product.status:
        status = StatusChange(before=product.status, after=ask.status)
    told = [row.told for row in rows.values() if row.changes or row.told.problems]
    if not told and status is None:
        return None
    return Item(
        changeset_id=changeset,
        product_id=product.id,
        name=product.name,
        status=status,
        variants=told,
        problem=any(one.problems for one in told),
        basis=_basis(ask, product, rows, ground),
    )


def _row(ask: BulkAsk, product: Product, variant: Variant, ground: Ground) -> Row:
    mrp, price = effective(product, variant)
    row = Row(VariantChange(sku=variant.sku, size=variant.size, color=variant.color), mrp, price)
    row = _priced(ask, product, variant, row)
    if ask.stock is not None:
        row = _stocked(ask.stock, ground.stock.get(variant.sku), row)
    paid = row.told.charged
    if paid is not None and in_dead_zone(product.hsn_code, paid.after, 1, ground.today):
        row.told.warnings.append("no GST rate fits this price (the dead zone); the higher rate will be charged")
    return row


def _priced(ask: BulkAsk, product: Product, variant: Variant, row: Row) -> Row:
    told, figures = row.told, {"mrp": row.mrp, "price": row.price}
    for name, step in (("mrp", ask.mrp), ("price", ask.price)):
        try:
            figures[name] = stepped(step, figures[name])
        except ValueError as error:
            told.problems.append(f"{name} {error}")
    mrp, price = figures["mrp"], figures["price"]
    if price > mrp:
        told.problems.append(f"price {money.wire(price)} would be above the MRP of {money.wire(mrp)}")
    try:
        paid = charged(price, product.discount)
    except ValidationFailed:
        told.problems.append(f"price {money.wire(price)} would be less than the discount")
        paid = variant.price
    told.mrp, told.price = _change(row.mrp, mrp), _change(row.price, price)
    told.charged = _change(variant.price, paid)
    return replace(row, mrp=mrp, price=price)


def _change(before: int, after: int) -> MoneyChange | None:
    return None if before == after else MoneyChange(before=before, after=after)


def _stocked(step: StockStep, stock: Stock | None, row: Row) -> Row:
    if stock is None:
        row.told.problems.append("stock has no row")
        return row
    try:
        after = counted(step, stock)
    except ValueError as error:
        row.told.problems.append(f"stock {error}")
        return row
    if after != stock.on_hand:
        row.told.stock = CountChange(before=stock.on_hand, after=after)
    return replace(row, delta=after - stock.on_hand)


def _basis(ask: BulkAsk, product: Product, rows: Mapping[str, Row], ground: Ground) -> Basis:
    """What would be written. The product's own prices move only where all its variants do."""
    before = Written(mrp=product.base_mrp, price=product.base_price)
    after = before
    if len(rows) == len(product.variants) and not any(row.told.problems for row in rows.values()):
        try:
            after = Written(mrp=stepped(ask.mrp, product.base_mrp), price=stepped(ask.price, product.base_price))
        except ValueError:  # no variant has the product's price, or it would be a problem of that variant
            after = before
    moved = after != before
    marks = []
    for one in product.variants:
        own, row, stock = Written(mrp=one.base_mrp, price=one.base_price), rows.get(one.sku), ground.stock.get(one.sku)
        mark = Mark(sku=one.sku, before=own, edit=ground.edits.get(one.sku), on_hand=stock.on_hand if stock else 0)
        if row is not None and not row.told.problems:
            fresh = Written(
                mrp=own.mrp if _stays(ask.mrp, own.mrp, moved=moved) else row.mrp,
                price=own.price if _stays(ask.price, own.price, moved=moved) else row.price,
            )
            exact = ask.stock is not None and ask.stock.set is not None
            mark = mark.model_copy(update={"after": fresh, "delta": row.delta, "exact": exact})
        marks.append(mark)
    return Basis(before=before, after=after, discount=product.discount, marks=marks)


def _stays(step: PriceStep | None, own: int | None, *, moved: bool) -> bool:
    """Whether what is written for a variant stays: nothing was asked, or it has the product's price, which moves."""
    return step is None or (own is None and moved)
