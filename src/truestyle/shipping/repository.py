"""Shipping zones in MongoDB."""

from collections.abc import Sequence

from pymongo import ASCENDING, IndexModel

from truestyle.kit.repository import Repository
from truestyle.shipping.models import MOST_ZONES, ShippingZone


class Zones(Repository[ShippingZone]):
    """One row a zone."""

    document, name = ShippingZone, "shipping_zones"
    indexes = (IndexModel([("sort_order", ASCENDING), ("_id", ASCENDING)]),)

    async def active(self) -> list[ShippingZone]:
        """The zones that count, in their order."""
        found = self.collection.find(
            {"is_active": True},
            sort=[("sort_order", ASCENDING), ("_id", ASCENDING)],
            limit=MOST_ZONES,
            session=self.session,
        )
        return [ShippingZone.load(row) async for row in found]

    async def write(self, zones: Sequence[ShippingZone]) -> None:
        """Insert new zones."""
        # What a release brings, nobody did.
        await self.unwatched.insert_many([one.dump() for one in zones], session=self.session)
