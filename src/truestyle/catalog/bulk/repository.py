"""Changesets in MongoDB, and their products in a collection beside them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel, UpdateOne

from truestyle.catalog.bulk.models import Changeset, Item, Left
from truestyle.kit.repository import Repository


class Changesets(Repository[Changeset]):
    """One row a bulk change."""

    document, name = Changeset, "changesets"
    indexes = (
        IndexModel([("owner_id", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("status", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("owner_id", ASCENDING), ("status", ASCENDING), ("_id", DESCENDING)]),
        IndexModel("expires_at", expireAfterSeconds=0),
    )

    async def move(self, key: ObjectId, where: Mapping[str, Any], fields: Mapping[str, Any]) -> Changeset | None:
        """Take a changeset on, if it stands within `where`."""
        return await self.change(key, {"$set": fields}, where=where)


class ChangesetItems(Repository[Item]):
    """One row a product of a changeset."""

    document, name = Item, "changeset_items"
    unaudited = "what a changeset would do; what it did is in the trail"
    indexes = (
        IndexModel([("changeset_id", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("changeset_id", ASCENDING), ("problem", DESCENDING), ("_id", ASCENDING)]),
        IndexModel("expires_at", expireAfterSeconds=0),
    )

    async def write(self, items: Sequence[Item]) -> None:
        """Store the items of a new changeset."""
        if items:
            await self.collection.insert_many([one.dump() for one in items], session=self.session)

    async def of(self, changeset: ObjectId, where: Mapping[str, Any] | None = None) -> list[Item]:
        """All items, by product."""
        found = self.collection.find(
            {"changeset_id": changeset, **(where or {})}, sort=[("_id", 1)], session=self.session
        )
        return [Item.load(row) async for row in found]

    async def first_of(self, changeset: ObjectId, most: int) -> list[Item]:
        """Some items, those with problems first."""
        found = self.collection.find(
            {"changeset_id": changeset}, sort=[("problem", -1), ("_id", 1)], limit=most, session=self.session
        )
        return [Item.load(row) async for row in found]

    async def applied(self, changeset: ObjectId, keys: Iterable[ObjectId]) -> None:
        """These were carried out; all are kept from now on."""
        await self.collection.update_many(
            {"changeset_id": changeset}, {"$set": {"expires_at": None}}, session=self.session
        )
        await self.collection.update_many(
            {"_id": {"$in": list(keys)}}, {"$set": {"applied": True}}, session=self.session
        )

    async def leave(self, left: Mapping[ObjectId, Sequence[Left]]) -> None:
        """What was left of items, and why."""
        if left:
            await self.collection.bulk_write(
                [
                    UpdateOne({"_id": key}, {"$set": {"left": [one.model_dump() for one in rows]}})
                    for key, rows in left.items()
                ],
                session=self.session,
            )
