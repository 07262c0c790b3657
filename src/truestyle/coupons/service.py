"""What staff do with coupons, and what shoppers ask about them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from bson import ObjectId
from fastapi import Query

from truestyle.catalog.lookups import Brand, Category
from truestyle.coupons import offers
from truestyle.coupons.discounts import WHOLE, off_amount, require_usable
from truestyle.coupons.errors import CouponInvalid
from truestyle.coupons.models import (
    Coupon,
    CouponAnswer,
    CouponAsk,
    CouponChange,
    CouponCreate,
    CouponDraft,
    CouponStatus,
    CouponType,
    CouponVerdict,
    compared,
)
from truestyle.kit import clock
from truestyle.kit.errors import InUse, NotFound, ValidationFailed
from truestyle.kit.paging import Found, PageQuery
from truestyle.kit.types import ShortLine
from truestyle.store import Store


@dataclass(frozen=True)
class Filters:
    """What the list is narrowed to."""

    status: Annotated[CouponStatus | None, Query(description="Usable or not.")] = None
    type: Annotated[CouponType | None, Query(description="What they do.")] = None
    automatic: Annotated[bool | None, Query(description="Given without a code, or not.")] = None
    code: Annotated[ShortLine | None, Query(description="The one with this code.")] = None


async def find(store: Store, filters: Filters, query: PageQuery) -> Found[CouponAnswer]:
    """One page of coupons."""
    where: dict[str, Any] = {
        name: value for name in ("status", "type", "automatic") if (value := getattr(filters, name)) is not None
    }
    if filters.code is not None:
        where["key"] = compared(filters.code)
    return (await store.coupons.find(where, query)).map(Coupon.answer)


async def create(store: Store, body: CouponCreate) -> Coupon:
    """A new coupon. Raises Duplicate, ValidationFailed."""
    key = compared(body.code) if body.code is not None else None
    coupon = Coupon.model_validate({**body.model_dump(), "key": key})

    async def work(tx: Store) -> Coupon:
        await _require_sensible(tx, coupon)
        return await tx.coupons.add(coupon)

    return await store.transaction(work)


async def change(store: Store, key: ObjectId, body: CouponChange, version: int | None) -> Coupon:
    """Change a coupon; orders keep what they got. Raises NotFound, Duplicate, ValidationFailed, VersionConflict."""
    sent = body.model_dump(include=body.model_fields_set)
    if "code" in sent:
        sent["key"] = compared(body.code) if body.code is not None else None

    async def work(tx: Store) -> Coupon:
        before = await tx.coupons.get(key)  # a use meanwhile writes this row too: then all of this runs again
        if not sent:
            return before
        await _require_not_used_more(tx, before, body)
        await _require_sensible(
            tx, before.model_copy(update={**sent, "buy": body.buy if "buy" in sent else before.buy})
        )
        changed = await tx.coupons.change(key, {"$set": sent}, version=version)
        if changed is None:
            raise NotFound
        return changed

    return await store.transaction(work)


async def _require_not_used_more(tx: Store, coupon: Coupon, body: CouponChange) -> None:
    """A limit below what orders used already would never have held. Raises ValidationFailed."""
    total, mine = body.usage_limit, body.usage_limit_per_user
    if total is not None and total < coupon.used_count:
        raise ValidationFailed(
            f"orders have used it {coupon.used_count} times: set it inactive", ("body", "usage_limit")
        )
    if mine is not None and mine < (most := await tx.redemptions.most_of_one(coupon.id)):
        raise ValidationFailed(f"somebody has used it {most} times", ("body", "usage_limit_per_user"))


async def remove(store: Store, key: ObjectId) -> None:
    """Delete a coupon that no order ever had. Raises NotFound, InUse."""

    async def work(tx: Store) -> None:
        if not await tx.coupons.lock([key]):  # nobody redeems it meanwhile
            raise NotFound
        if await tx.redemptions.first({"coupon_id": key}) is not None:
            msg = "Orders had this coupon. Set it inactive instead."
            raise InUse(msg)
        await tx.coupons.remove(key)

    await store.transaction(work)


async def validate(store: Store, ask: CouponAsk, user_id: ObjectId | None) -> CouponVerdict:
    """What a code would take off goods of a total, if it covers them all; why not, in words for the shopper."""
    try:
        coupon = (await offers.of_code(store, ask.code)).coupon
        require_usable(coupon, ask.amount, clock.now(), await offers.buyer_of(store, coupon, user_id, None))
    except CouponInvalid as invalid:
        return CouponVerdict(valid=False, discount_amount=0, final_amount=ask.amount, reason=invalid.reason)
    off = off_amount(coupon, ask.amount)
    return CouponVerdict(valid=True, discount_amount=off, final_amount=ask.amount - off, reason=_hint(coupon))


def _hint(coupon: Coupon) -> str | None:
    if coupon.type is CouponType.FREE_SHIPPING:
        return "Shipping is free with this coupon."
    if coupon.type is CouponType.BUY_X_GET_Y:
        return "What it takes off depends on the pieces in the cart."
    return "It is for some goods only." if coupon.scoped else None


async def release(tx: Store, order_id: ObjectId, moment: datetime) -> None:
    """Give the use of an order's coupon back, once; in the transaction that calls the order off."""
    coupon_id = await tx.redemptions.release(order_id, moment)
    if coupon_id is not None:
        await tx.coupons.give_back(coupon_id)


async def use_again(tx: Store, order_id: ObjectId) -> bool:
    """Take the use of an order's coupon again, in the transaction that revives the order.

    True if it has none. False, and nothing changed, where a limit was reached in the meantime.
    """
    redemption = await tx.redemptions.first({"order_id": order_id})
    if redemption is None or redemption.released_at is None:
        return True
    coupon = (await tx.coupons.lock([redemption.coupon_id])).get(redemption.coupon_id)
    if coupon is None:
        return False
    most = coupon.usage_limit_per_user
    if most is not None and await tx.redemptions.uses(coupon.id, redemption.user_id, redemption.email) >= most:
        return False
    return await tx.coupons.use({coupon.id: 1}) and await tx.redemptions.renew(redemption.id)


async def forget(tx: Store, order_id: ObjectId) -> None:
    """An order that was changed has its coupon no more: as if it had never had it."""
    redemption = await tx.redemptions.first({"order_id": order_id, "released_at": None})
    if redemption is not None and await tx.redemptions.remove(redemption.id):
        await tx.coupons.give_back(redemption.coupon_id)


async def _require_sensible(tx: Store, coupon: Coupon) -> None:
    """What one field says of another, and whether what it names is there. Raises ValidationFailed."""
    if coupon.code is None and not coupon.automatic:
        raise ValidationFailed("is needed unless the coupon is automatic", ("body", "code"))
    require_sensible_draft(coupon)
    named = (
        ("product_ids", coupon.product_ids, tx.products),
        ("category_ids", coupon.category_ids, tx.of(Category)),
        ("brand_ids", coupon.brand_ids, tx.of(Brand)),
    )
    for field, ids, repository in named:
        if ids and await repository.count({"_id": {"$in": ids}}) < len(set(ids)):
            raise ValidationFailed("names something that does not exist", ("body", field))


def require_sensible_draft(coupon: Coupon | CouponDraft, *inside: str) -> None:
    """What one field says of another. Raises ValidationFailed, at `inside` the body."""
    if coupon.type in {CouponType.PERCENT, CouponType.BUY_X_GET_Y} and coupon.value > WHOLE:
        raise ValidationFailed("must be at most 100 percent", ("body", *inside, "value"))
    if coupon.type in {CouponType.PERCENT, CouponType.FIXED} and coupon.value == 0:
        raise ValidationFailed("must be more than nothing", ("body", *inside, "value"))
    if (coupon.type is CouponType.BUY_X_GET_Y) != (coupon.buy is not None):
        raise ValidationFailed("goes with buy_x_get_y, and only with it", ("body", *inside, "buy"))
    if coupon.starts_at is not None and coupon.ends_at is not None and coupon.ends_at <= coupon.starts_at:
        raise ValidationFailed("must be after starts_at", ("body", *inside, "ends_at"))
