"""What an order costs after a change of its lines or of where it goes. The rules: see `editing`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bson import ObjectId

from truestyle.cart.service import line_of, picture
from truestyle.catalog.products.models import Product, ProductStatus, Variant
from truestyle.coupons import offers
from truestyle.coupons import service as coupons
from truestyle.coupons.discounts import Buyer, Item, Offer, Reduction, judge
from truestyle.coupons.errors import CouponInvalid
from truestyle.coupons.models import CouponStatus, CouponType, Redemption
from truestyle.coupons.offers import Applied, item_of
from truestyle.kit.errors import ValidationFailed
from truestyle.orders import amounts
from truestyle.orders.amounts import Amounts, Line, Priced
from truestyle.orders.errors import NotEditable
from truestyle.orders.models import ItemChange, Order, OrderItem
from truestyle.orders.reading import frozen_item, line_tax
from truestyle.shipping.service import Service
from truestyle.store import Store


@dataclass(frozen=True)
class Wanted:
    """A line as it is to be: one that is there, or one of a variant that is added."""

    quantity: int
    item: OrderItem | None = None
    chosen: tuple[Product, Variant] | None = None
    product: Product | None = None  # of a line that is there, if it still is in the catalogue

    def line(self) -> Line:
        """Its pieces at the price that holds for them."""
        if self.chosen is not None:
            return line_of(*self.chosen, self.quantity)
        item = self._kept()
        listed = item.unit_price if item.list_price is None else item.list_price
        return Line(item.sku, self.quantity, item.mrp, listed, item.unit_price, item.hsn_code)

    def as_item(self) -> Item:
        """As a coupon sees it."""
        if self.chosen is not None:
            return item_of(*self.chosen, self.quantity)
        item, product = self._kept(), self.product
        categories = frozenset(one.id for one in product.categories) if product else frozenset[ObjectId]()
        brand = product.brand.id if product and product.brand else None
        return Item(item.product_id, categories, brand, self.quantity, item.unit_price)

    def frozen(self, store: Store, priced: Priced) -> OrderItem:
        """As the order keeps it."""
        if self.chosen is not None:
            return frozen_item(*self.chosen, priced, picture(*self.chosen, store.shop))
        new = {
            "quantity": self.quantity,
            "discount": priced.line.discount,
            "taxable_value": priced.tax.taxable,
            "tax": line_tax(priced.tax),
            "line_total": priced.total,
            "explanation": priced.explanation,
        }
        return self._kept().model_copy(update=new)

    def _kept(self) -> OrderItem:
        if self.item is None:
            raise NotEditable
        return self.item


@dataclass(frozen=True)
class Requoted:
    """The new lines and figures, and the coupon's part in them: `applied` is None where there is none (any more)."""

    items: list[OrderItem]
    figures: Amounts
    redemption: Redemption | None
    applied: Applied | None

    @property
    def coupon_code(self) -> str | None:
        """The code that the order has from now on."""
        return self.redemption.code if self.redemption is not None and self.applied is not None else None

    async def settle_coupon(self, tx: Store, order: Order) -> None:
        """The redemption says what the order says; one that does not fit any more is as if it had never been."""
        if self.redemption is None:
            return
        if self.applied is None:
            await coupons.forget(tx, order.id)
        elif self.figures.discount != self.redemption.discount:
            await tx.redemptions.change(self.redemption.id, {"$set": {"discount": self.figures.discount}})


async def requote(tx: Store, order: Order, service: Service, changes: Sequence[ItemChange] | None) -> Requoted:
    """An order with changed lines (None: as they are), brought by `service`. Raises NotEditable, ValidationFailed."""
    products = await tx.products.by_ids({item.product_id for item in order.items})
    wanted = [Wanted(item.quantity, item, product=products.get(item.product_id)) for item in order.items]
    if changes is not None:
        wanted = await _changed(tx, order, changes, products)
    redemption = await tx.redemptions.first({"order_id": order.id, "released_at": None})
    lines, terms = [one.line() for one in wanted], service.terms(cod=True)
    applied = await _applied(tx, order, redemption, wanted, same=changes is None) if redemption is not None else None
    figures = amounts.price(lines, terms) if applied is None else amounts.price(*applied.on(lines, terms))
    items = [one.frozen(tx, priced) for one, priced in zip(wanted, figures.lines, strict=True)]
    return Requoted(items, figures, redemption, applied)


async def _applied(
    tx: Store, order: Order, redemption: Redemption, wanted: Sequence[Wanted], *, same: bool
) -> Applied | None:
    """The order's coupon on its new goods, or None where it does not fit them.

    This use was counted when the order was placed, and its window, limits and person were right then: they are not
    asked again. With the same lines the shares stay as they are.
    """
    coupon = await tx.coupons.first({"_id": redemption.coupon_id})
    if coupon is None:
        return None
    granted = {"status": CouponStatus.ACTIVE, "usage_limit": None, "usage_limit_per_user": None}
    if same:
        shares = tuple(item.discount for item in order.items)
        free = coupon.type is CouponType.FREE_SHIPPING
        return Applied(Offer(coupon), Reduction(shares, free_shipping=free))
    offer = await offers.widened(tx, coupon.model_copy(update={**granted, "starts_at": None, "ends_at": None}))
    try:
        reduction = judge(offer, [one.as_item() for one in wanted], order.placed_at, Buyer())
    except CouponInvalid:
        return None
    return Applied(offer, reduction)


async def _changed(
    tx: Store, order: Order, changes: Sequence[ItemChange], products: Mapping[ObjectId, Product]
) -> list[Wanted]:
    """The lines after the changes, those that are named twice refused."""
    counts = {item.id: item.quantity for item in order.items}
    added: dict[str, int] = {}
    named: set[object] = set()
    for at, one in enumerate(changes):
        item = _line(order, one, at)
        name = one.sku if item is None else item.id
        if name in named:
            raise ValidationFailed("names a line twice", ("body", "items", str(at)), "unique")
        named.add(name)
        if item is not None:
            if one.quantity > item.quantity:
                _require_room(tx, products.get(item.product_id), item.sku, one.quantity, at)
            counts[item.id] = one.quantity
        elif one.quantity and one.sku is not None:
            added[one.sku] = one.quantity
    kept = [
        Wanted(counts[item.id], item, product=products.get(item.product_id)) for item in order.items if counts[item.id]
    ]
    wanted = kept + await _added(tx, added, [one.sku for one in changes])
    if not wanted:
        raise NotEditable("Nothing would be left. Cancel the order instead.")
    if len(wanted) > tx.shop.max_cart_lines:
        raise ValidationFailed(f"at most {tx.shop.max_cart_lines} lines", ("body", "items"))
    return wanted


def _line(order: Order, one: ItemChange, at: int) -> OrderItem | None:
    """The line that a change names; None for a SKU that is new. Raises ValidationFailed."""
    if (one.order_item_id is None) == (one.sku is None):
        raise ValidationFailed("give either order_item_id or sku", ("body", "items", str(at)))
    found = next((item for item in order.items if one.order_item_id == item.id or one.sku == item.sku), None)
    if found is None and one.sku is None:
        raise ValidationFailed("is no line of this order", ("body", "items", str(at), "order_item_id"))
    return found


def _require_room(tx: Store, product: Product | None, sku: str, quantity: int, at: int) -> None:
    """Whether so many can be bought of something that is sold. Raises ValidationFailed."""
    if product is None or product.status is not ProductStatus.ACTIVE or product.variant(sku) is None:
        raise ValidationFailed("is not sold any more", ("body", "items", str(at), "quantity"))
    most = min(tx.shop.max_quantity_per_line, product.max_per_order or tx.shop.max_quantity_per_line)
    if quantity > most:
        raise ValidationFailed(f"at most {most} pieces of one SKU", ("body", "items", str(at), "quantity"))


async def _added(tx: Store, added: Mapping[str, int], places: Sequence[str | None]) -> list[Wanted]:
    """Lines of SKUs that were not in the order. Raises ValidationFailed."""
    found = {one.sku: product for product in await tx.products.by_skus(added) for one in product.variants}
    wanted = []
    for sku, quantity in added.items():
        product = found.get(sku)
        _require_room(tx, product, sku, quantity, places.index(sku))
        variant = product.variant(sku) if product else None
        if product is not None and variant is not None:
            wanted.append(Wanted(quantity, chosen=(product, variant)))
    return wanted
