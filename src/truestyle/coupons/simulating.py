"""A rehearsal: what a coupon would have cost, had past orders had it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId

from truestyle.catalog.products.models import Product
from truestyle.coupons import offers
from truestyle.coupons.discounts import Buyer, Item, Offer, judge
from truestyle.coupons.errors import CouponInvalid
from truestyle.coupons.models import Coupon, Rehearsal, Rehearsed
from truestyle.coupons.service import require_sensible_draft
from truestyle.kit import clock
from truestyle.kit.errors import ValidationFailed
from truestyle.kit.money import half_up
from truestyle.orders.flow import OrderStatus
from truestyle.store import Store

USUAL = timedelta(days=90)
MOST, AT_ONCE = 100_000, 500  # orders in all, and at a time
FIELDS = ("user_id", "email", "status", "placed_at", "coupon_code", "discount", "total", "shipping", "items")


@dataclass
class Tally:
    """What came of it so far. `uses` and `ordered`: by person."""

    orders: int = 0
    applied: int = 0
    left_out: int = 0
    discount: int = 0
    shipping: int = 0
    revenue: int = 0
    uses: Counter[object] = field(default_factory=Counter)
    ordered: set[object] = field(default_factory=set)


async def rehearse(store: Store, body: Rehearsal) -> Rehearsed:
    """Replay past orders, in their order, with a coupon that nobody has. Raises ValidationFailed.

    Products count as they are filed today; limits, windows and first orders as they would have been then.
    """
    require_sensible_draft(body.coupon, "coupon")
    end = body.end or clock.now()
    start = body.start or end - USUAL
    if end <= start:
        raise ValidationFailed("must be after from", ("body", "to"))
    offer = await offers.widened(store, Coupon.model_validate({**body.coupon.model_dump(), "code": None}))
    tally, after, seen = Tally(), None, 0
    while seen < MOST:
        rows = await store.orders.placed_between(start, end, after, AT_ONCE, FIELDS)
        if not rows:
            break
        products = await store.products.by_ids({item["product_id"] for row in rows for item in row["items"]})
        for row in rows:
            _replay(offer, row, products, tally, store.shop.cod_fee)
        after, seen = (rows[-1]["placed_at"], rows[-1]["_id"]), seen + len(rows)
    cost = tally.discount + tally.shipping
    return Rehearsed(
        orders=tally.orders,
        applied=tally.applied,
        left_out=tally.left_out,
        discount=tally.discount,
        shipping=tally.shipping,
        cost=cost,
        revenue=tally.revenue,
        revenue_with=tally.revenue - cost,
        average_discount=half_up(cost, tally.applied) if tally.applied else 0,
        buyers=len(tally.uses),
        complete=seen < MOST,
    )


def _replay(offer: Offer, row: dict[str, Any], products: dict[ObjectId, Product], tally: Tally, cod_fee: int) -> None:
    if row["discount"] or row["coupon_code"] or row["status"] == OrderStatus.CANCELLED:
        tally.left_out += 1
        return
    tally.orders += 1
    tally.revenue += row["total"]
    person: object = row["user_id"] or row["email"]
    buyer = Buyer(tally.uses[person], person in tally.ordered)
    tally.ordered.add(person)
    coupon = offer.coupon.model_copy(update={"used_count": tally.applied})
    moment: datetime = row["placed_at"]
    try:
        reduction = judge(Offer(coupon, offer.categories), _items(row, products), moment, buyer)
    except CouponInvalid:
        return
    tally.applied += 1
    tally.uses[person] += 1
    tally.discount += reduction.total
    if reduction.free_shipping:
        tally.shipping += max(0, row["shipping"] - cod_fee)


def _items(row: dict[str, Any], products: dict[ObjectId, Product]) -> list[Item]:
    found = []
    for item in row["items"]:
        product = products.get(item["product_id"])
        categories = frozenset(one.id for one in product.categories) if product else frozenset[ObjectId]()
        brand = product.brand.id if product and product.brand else None
        found.append(Item(item["product_id"], categories, brand, item["quantity"], item["unit_price"]))
    return found
