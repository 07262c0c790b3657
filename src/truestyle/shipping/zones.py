"""What staff do with shipping zones. A change holds here at once and everywhere within a second."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from bson import ObjectId

from truestyle.kit.errors import NotFound, ValidationFailed
from truestyle.shipping.models import MOST_ZONES, ShippingZone, ZoneChange, ZoneCreate
from truestyle.shipping.table import SUBJECT
from truestyle.shop import Shop
from truestyle.store import Store

Result = TypeVar("Result")


async def _changing(shop: Shop, work: Callable[[Store], Awaitable[Result]]) -> Result:
    """Run `work` and count the version of the zones up in the same transaction."""

    async def both(tx: Store) -> tuple[Result, int]:
        version = await tx.versions.bump(SUBJECT)  # first: changes take turns
        return await work(tx), version

    result, version = await shop.store.transaction(both)
    shop.push.saw(SUBJECT, version)
    return result


async def create(shop: Shop, body: ZoneCreate) -> ShippingZone:
    """A new zone. Raises ValidationFailed where there are too many."""

    async def work(tx: Store) -> ShippingZone:
        if await tx.zones.count({}) >= MOST_ZONES:
            raise ValidationFailed(f"there are {MOST_ZONES} zones already", ("body", "name"))
        return await tx.zones.add(ShippingZone.model_validate(body.model_dump()))

    return await _changing(shop, work)


async def change(shop: Shop, key: ObjectId, body: ZoneChange, version: int | None) -> ShippingZone:
    """Change a zone; orders keep what they cost. Raises NotFound, VersionConflict."""
    if not body.model_fields_set:
        return await shop.store.zones.get(key)

    async def work(tx: Store) -> ShippingZone:
        changed = await tx.zones.change(key, {"$set": body.sent()}, version=version)
        if changed is None:
            raise NotFound
        return changed

    return await _changing(shop, work)


async def remove(shop: Shop, key: ObjectId) -> None:
    """Delete a zone. Raises NotFound."""

    async def work(tx: Store) -> None:
        if not await tx.zones.remove(key):
            raise NotFound

    await _changing(shop, work)
