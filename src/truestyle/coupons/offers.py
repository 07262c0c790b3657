"""Which coupon a cart has: the one of its code, or the automatic offer that saves most. One an order, never two."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bson import ObjectId

from truestyle.catalog.products.models import Product, Variant
from truestyle.catalog.products.references import descendants
from truestyle.coupons.discounts import Buyer, Item, Offer, Reduction, judge
from truestyle.coupons.errors import CouponInvalid, unknown
from truestyle.coupons.models import Coupon, compared
from truestyle.kit import clock
from truestyle.orders.amounts import Line, Terms
from truestyle.store import Store

MOST_AUTOMATIC = 20  # offers without a code that are looked at


@dataclass(frozen=True)
class Applied:
    """An offer, and what it takes off a cart."""

    offer: Offer
    reduction: Reduction

    @property
    def label(self) -> str:
        """What it is called in the steps of a price."""
        coupon = self.offer.coupon
        return f"coupon {coupon.code}" if coupon.code else f"offer “{coupon.description or coupon.type}”"

    def on(self, lines: Sequence[Line], terms: Terms) -> tuple[list[Line], Terms]:
        """The lines with their shares, and the terms without shipping where it is free."""
        shared = [
            replace(line, discount=share, offer=self.label)
            for line, share in zip(lines, self.reduction.shares, strict=True)
        ]
        return shared, replace(terms, ships_free=self.reduction.free_shipping)


def item_of(product: Product, variant: Variant, quantity: int) -> Item:
    """Pieces of a variant, as a coupon sees them."""
    brand = product.brand.id if product.brand else None
    return Item(product.id, frozenset(one.id for one in product.categories), brand, quantity, variant.price)


async def widened(store: Store, coupon: Coupon) -> Offer:
    """A coupon with everything below its categories."""
    named = [str(key) for key in coupon.category_ids]
    return Offer(coupon, frozenset(await descendants(store, named)) if named else frozenset())


async def of_code(store: Store, code: str) -> Offer:
    """The coupon of a code, however it is written. Raises CouponInvalid."""
    coupon = await store.coupons.first({"key": compared(code)})
    if coupon is None:
        raise unknown(code)
    return await widened(store, coupon)


async def buyer_of(store: Store, coupon: Coupon, user_id: ObjectId | None, email: str | None) -> Buyer:
    """What the coupon has to know about a person."""
    uses = await store.redemptions.uses(coupon.id, user_id, email) if coupon.usage_limit_per_user is not None else 0
    ordered = await store.orders.has_ordered(user_id, email) if coupon.first_order_only else False
    return Buyer(uses, ordered)


async def apply(
    store: Store, code: str, items: Sequence[Item], user_id: ObjectId | None, email: str | None = None
) -> Applied:
    """What a code takes off these items for this person. Raises CouponInvalid."""
    offer = await of_code(store, code)
    buyer = await buyer_of(store, offer.coupon, user_id, email)
    return Applied(offer, judge(offer, items, clock.now(), buyer))


async def best_automatic(
    store: Store, items: Sequence[Item], terms: Terms, user_id: ObjectId | None, email: str | None = None
) -> Applied | None:
    """The offer without a code that saves most on these items, if any fits."""
    found: list[Applied] = []
    for coupon in await store.coupons.automatic(MOST_AUTOMATIC) if items else []:
        offer = await widened(store, coupon)
        buyer = await buyer_of(store, coupon, user_id, email)
        applied = _try(offer, items, terms.moment, buyer)
        if applied is not None:
            found.append(applied)
    goods = sum(item.total for item in items)
    best = max(found, key=lambda one: _saved(one.reduction, goods, terms), default=None)
    return best if best is not None and _saved(best.reduction, goods, terms) > 0 else None


def _try(offer: Offer, items: Sequence[Item], moment: datetime, buyer: Buyer) -> Applied | None:
    try:
        return Applied(offer, judge(offer, items, moment, buyer))
    except CouponInvalid:
        return None


def _saved(reduction: Reduction, goods: int, terms: Terms) -> int:
    if not reduction.free_shipping:
        return reduction.total
    free = terms.free_shipping_from is not None and goods >= terms.free_shipping_from
    return 0 if free else terms.shipping_fee
