"""/shipping and /shipping-zones."""

from typing import Annotated

from fastapi import Path, Response

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.deps import Db, ShopDep, Version, allowed
from truestyle.infra.http.route import changing, router
from truestyle.kit.errors import NotFound, VersionConflict, responses
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.types import Id, Pincode
from truestyle.shipping import service, zones
from truestyle.shipping.models import Serviceability, ShippingZone, ZoneChange, ZoneCreate

routes = router(tag="Shipping")
Staff = Annotated[Caller, allowed(Permission.SHIPPING_WRITE)]


@routes.get("/shipping/serviceability/{pincode}")
async def get_serviceability(pincode: Annotated[Pincode, Path(description="Six digits.")], store: Db) -> Serviceability:
    """What can be sent to a PIN code, for how much, and when it would be there."""
    return await service.serviceability(store, pincode)


@routes.post("/shipping-zones", status_code=201)
async def create_shipping_zone(body: ZoneCreate, response: Response, shop: ShopDep, _: Staff) -> ShippingZone:
    """Add a zone; the first zone, by `sort_order`, that has a destination counts."""
    zone = await zones.create(shop, body)
    response.headers["location"] = f"{shop.settings.shop.api_v1_prefix}/shipping-zones/{zone.id}"
    return zone


@routes.get("/shipping-zones")
async def list_shipping_zones(
    store: Db, _: Staff, query: Annotated[PageQuery, paging("sort_order", "created_at", "-created_at")]
) -> Page[ShippingZone]:
    """The zones, in the order in which they are asked."""
    return (await store.zones.find({}, query)).page()


@routes.get("/shipping-zones/{zone_id}", responses=responses(NotFound))
async def get_shipping_zone(zone_id: Id, store: Db, _: Staff) -> ShippingZone:
    """One zone."""
    return await store.zones.get(zone_id)


@changing(routes, "/shipping-zones/{zone_id}", responses=responses(NotFound, VersionConflict))
async def change_shipping_zone(
    zone_id: Id, body: ZoneChange, shop: ShopDep, _: Staff, version: Version
) -> ShippingZone:
    """Change a zone; orders keep what they cost."""
    return await zones.change(shop, zone_id, body, version)


@routes.delete("/shipping-zones/{zone_id}", status_code=204, responses=responses(NotFound))
async def remove_shipping_zone(zone_id: Id, shop: ShopDep, _: Staff) -> None:
    """Delete a zone; what was in it falls to the next that has it."""
    await zones.remove(shop, zone_id)
