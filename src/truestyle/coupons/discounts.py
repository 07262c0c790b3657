"""What a coupon takes off: pure functions on paise, no database, no clock."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from bson import ObjectId

from truestyle.coupons.errors import CouponInvalid
from truestyle.coupons.models import Coupon, CouponStatus, CouponType
from truestyle.kit.money import half_up, shares, wire

WHOLE = 10_000  # hundredths of a percent
INDIA = ZoneInfo("Asia/Kolkata")


@dataclass(frozen=True)
class Item:
    """Some pieces of one product, at `unit_price` paise each."""

    product_id: ObjectId
    category_ids: frozenset[ObjectId]
    brand_id: ObjectId | None
    quantity: int
    unit_price: int

    @property
    def total(self) -> int:
        """All its pieces."""
        return self.quantity * self.unit_price


@dataclass(frozen=True)
class Offer:
    """A coupon, with the ids of its categories and of all below them."""

    coupon: Coupon
    categories: frozenset[ObjectId] = frozenset()

    def covers(self, item: Item) -> bool:
        """Whether it is for this item."""
        coupon = self.coupon
        return (
            not coupon.scoped
            or item.product_id in coupon.product_ids
            or item.brand_id in coupon.brand_ids
            or not self.categories.isdisjoint(item.category_ids)
        )


@dataclass(frozen=True)
class Buyer:
    """Who buys: how often they used the coupon, and whether they have ordered before. A stranger did neither."""

    uses: int = 0
    ordered: bool = False


@dataclass(frozen=True)
class Reduction:
    """What comes off each item, in paise; and the shipping charge, if that is what the coupon gives."""

    shares: tuple[int, ...]
    free_shipping: bool = False

    @property
    def total(self) -> int:
        """Off all items."""
        return sum(self.shares)


def judge(offer: Offer, items: Sequence[Item], moment: datetime, buyer: Buyer) -> Reduction:
    """What the offer takes off these items. Raises CouponInvalid."""
    coupon = offer.coupon
    require_usable(coupon, sum(item.total for item in items), moment, buyer)
    covered = [offer.covers(item) for item in items]
    if not any(covered):
        raise CouponInvalid("Nothing in the cart is covered by this coupon.")
    if coupon.type is CouponType.FREE_SHIPPING:
        return Reduction((0,) * len(items), free_shipping=True)
    if coupon.type is CouponType.BUY_X_GET_Y:
        parts = _cheapest(coupon, items, covered)
    else:
        weights = [item.total if there else 0 for item, there in zip(items, covered, strict=True)]
        parts = shares(_off(coupon, sum(weights)), weights)
    return Reduction(tuple(_capped(coupon, parts)))


def require_usable(coupon: Coupon, goods: int, moment: datetime, buyer: Buyer) -> None:
    """Everything but what the goods are. Raises CouponInvalid, in words for the shopper."""
    if coupon.status is not CouponStatus.ACTIVE:
        raise CouponInvalid("This coupon is not active.")
    if coupon.starts_at is not None and moment < coupon.starts_at:
        raise CouponInvalid(f"This coupon begins on {_day(coupon.starts_at)}.")
    if coupon.ends_at is not None and moment >= coupon.ends_at:
        raise CouponInvalid(f"This coupon ended on {_day(coupon.ends_at)}.")
    if coupon.usage_limit is not None and coupon.used_count >= coupon.usage_limit:
        raise CouponInvalid("This coupon has been used up.")
    if coupon.usage_limit_per_user is not None and buyer.uses >= coupon.usage_limit_per_user:
        raise CouponInvalid("You have used this coupon already.")
    if coupon.first_order_only and buyer.ordered:
        raise CouponInvalid("This coupon is for a first order only.")
    if goods < coupon.min_amount:
        raise CouponInvalid(f"This coupon needs goods for ₹{wire(coupon.min_amount)} or more.")


def off_amount(coupon: Coupon, goods: int) -> int:
    """What it takes off goods of this total, where it covers all of them; 0 where that depends on the pieces."""
    if coupon.type in {CouponType.FREE_SHIPPING, CouponType.BUY_X_GET_Y}:
        return 0
    return min(_off(coupon, goods), goods if coupon.max_discount is None else coupon.max_discount)


def _off(coupon: Coupon, goods: int) -> int:
    if coupon.type is CouponType.FIXED:
        return min(coupon.value, goods)
    off = half_up(goods * coupon.value, WHOLE)
    return off if coupon.max_discount is None else min(off, coupon.max_discount)


def _cheapest(coupon: Coupon, items: Sequence[Item], covered: Sequence[bool]) -> list[int]:
    """Of each x + y pieces the y cheapest, the dearest pieces counted first."""
    buy = coupon.buy
    if buy is None:
        raise CouponInvalid("This coupon is not active.")
    pieces = sum(item.quantity for item, there in zip(items, covered, strict=True) if there)
    left = pieces // (buy.x + buy.y) * buy.y
    if left == 0:
        raise CouponInvalid(f"This coupon needs {buy.x + buy.y} pieces that it covers.")
    parts = [0] * len(items)
    for at in sorted((at for at, there in enumerate(covered) if there), key=lambda at: (items[at].unit_price, at)):
        count = min(left, items[at].quantity)
        parts[at] = half_up(count * items[at].unit_price * (coupon.value or WHOLE), WHOLE)
        left -= count
    return parts


def _capped(coupon: Coupon, parts: list[int]) -> Iterator[int]:
    most = coupon.max_discount
    if most is None or sum(parts) <= most:
        yield from parts
    else:
        yield from shares(most, parts)


def _day(moment: datetime) -> str:
    local = moment.astimezone(INDIA)
    return f"{local.day} {local:%B %Y}"
