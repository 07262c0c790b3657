"""/coupons: staff make them, shoppers ask what they are worth."""

from typing import Annotated

from fastapi import Response

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.coupons import service, simulating
from truestyle.coupons.models import (
    CouponAnswer,
    CouponAsk,
    CouponChange,
    CouponCreate,
    CouponVerdict,
    Rehearsal,
    Rehearsed,
)
from truestyle.coupons.service import Filters
from truestyle.deps import OPTIONAL_SIGN_IN, Db, MaybeCaller, Version, allowed
from truestyle.infra.http.limits import Limit, limited
from truestyle.infra.http.route import changing, gathered, router
from truestyle.kit.errors import Duplicate, InUse, NotFound, VersionConflict, responses
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.types import Id

routes = router("/coupons", tag="Coupons")
Reader = Annotated[Caller, allowed(Permission.COUPONS_READ)]
Writer = Annotated[Caller, allowed(Permission.COUPONS_WRITE)]


@routes.post("", status_code=201, responses=responses(Duplicate))
async def create_coupon(body: CouponCreate, response: Response, store: Db, _: Writer) -> CouponAnswer:
    """Make a coupon, or an offer that needs no code."""
    coupon = await service.create(store, body)
    response.headers["location"] = f"{store.shop.api_v1_prefix}/coupons/{coupon.id}"
    return coupon.answer()


@routes.get("")
async def list_coupons(
    store: Db,
    _: Reader,
    filters: Annotated[Filters, gathered(Filters)],
    query: Annotated[PageQuery, paging("-created_at", "created_at")],
) -> Page[CouponAnswer]:
    """The coupons there are."""
    return (await service.find(store, filters, query)).page()


@routes.post("/validate", openapi_extra=OPTIONAL_SIGN_IN)
@limited(Limit.COUPON)
async def validate_coupon(body: CouponAsk, store: Db, caller: MaybeCaller) -> CouponVerdict:
    """What a code would take off goods of a total, or why it gives nothing."""
    return await service.validate(store, body, caller.user_id if caller else None)


@routes.post("/simulate")
async def simulate_coupon(body: Rehearsal, store: Db, _: Reader) -> Rehearsed:
    """Replay past orders with a coupon that nobody has yet: what it would have cost."""
    return await simulating.rehearse(store, body)


@routes.get("/{coupon_id}", responses=responses(NotFound))
async def get_coupon(coupon_id: Id, store: Db, _: Reader) -> CouponAnswer:
    """One coupon."""
    return (await store.coupons.get(coupon_id)).answer()


@changing(routes, "/{coupon_id}", responses=responses(NotFound, Duplicate, VersionConflict))
async def change_coupon(coupon_id: Id, body: CouponChange, store: Db, _: Writer, version: Version) -> CouponAnswer:
    """Change a coupon; orders keep what they got."""
    return (await service.change(store, coupon_id, body, version)).answer()


@routes.delete("/{coupon_id}", status_code=204, responses=responses(NotFound, InUse))
async def remove_coupon(coupon_id: Id, store: Db, _: Writer) -> None:
    """Delete a coupon that no order ever had."""
    await service.remove(store, coupon_id)
