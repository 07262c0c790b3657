"""The audit trail in MongoDB."""

from collections.abc import Sequence
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel, UpdateOne

from truestyle.kit import clock
from truestyle.kit.repository import Collection, Repository, Row, holding
from truestyle.kit.trail import COLLECTION
from truestyle.trail import chain
from truestyle.trail.chain import Key
from truestyle.trail.models import Entry


class Trail(Repository[Entry]):
    """One row a changed row; written by every watched collection, sealed afterwards."""

    document, name = Entry, COLLECTION
    unaudited = "it is the trail"
    indexes = (
        IndexModel("seq", unique=True, partialFilterExpression=holding("seq", 0)),
        IndexModel([("sealed", ASCENDING), ("_id", ASCENDING)], partialFilterExpression={"sealed": False}),
        *(
            IndexModel([(key, ASCENDING), ("_id", DESCENDING)])
            for key in ("resource", "resource_id", "actor.id", "action", "request_id", "created_at")
        ),
        IndexModel([("changeset_id", ASCENDING), ("_id", DESCENDING)], partialFilterExpression=holding("changeset_id")),
        IndexModel("subject", partialFilterExpression=holding("subject")),
    )

    async def unsealed(self, most: int) -> list[Row]:
        """The oldest entries that are not in the chain yet."""
        found = self.collection.find({"sealed": False}, sort=[("_id", 1)], limit=most, session=self.session)
        return await found.to_list()

    async def seal(self, rows: list[Row], head: Row, key: Key) -> bytes:
        """Put entries into the chain after `head`, inside a transaction; the seal of the last."""
        fields = list(chain.sealed(rows, head["seq"], head["seal"], key))
        await self.collection.bulk_write(
            [UpdateOne({"_id": one, "sealed": False}, {"$set": values}) for one, values in fields],
            session=self.session,
        )
        return bytes(fields[-1][1]["seal"])

    async def between(self, after: int, upto: int, resources: Sequence[str]) -> list[Entry]:
        """The sealed entries of these collections after one place in the chain, up to another, in its order."""
        where = {"seq": {"$gt": after, "$lte": upto}, "resource": {"$in": list(resources)}}
        rows = await self.collection.find(where, sort=[("seq", 1)], session=self.session).to_list()
        return [Entry.load(row) for row in rows]

    async def newest(self, resource: str) -> ObjectId | None:
        """The newest entry of a collection."""
        row = await self.collection.find_one({"resource": resource}, {"_id": 1}, sort=[("_id", -1)])
        return None if row is None else row["_id"]

    async def forget(self, user_id: ObjectId) -> None:
        """Erase what the trail tells of a person; that something was done, when and by whom stays in the chain."""
        await self.collection.update_many(
            {"subject": user_id},
            {"$set": {"details": None, "salt": None, "erased_at": clock.now(), "updated_at": clock.now()}},
            session=self.session,
        )


class TrailHead(Collection):
    """Where the chain ends."""

    name = chain.HEADS
    unaudited = "the end of the trail"

    async def read(self) -> dict[str, Any]:
        """`{seq, seal}` of the last sealed entry."""
        row = await self.collection.find_one({"_id": chain.HEAD}, session=self.session)
        return {"seq": row["seq"], "seal": row["seal"]} if row else {"seq": 0, "seal": chain.START}

    async def move(self, seq: int, seal: bytes) -> None:
        """The chain now ends here. Two who try at once conflict, and one of them is retried."""
        await self.collection.update_one(
            {"_id": chain.HEAD},
            {"$set": {"seq": seq, "seal": seal, "updated_at": clock.now()}},
            upsert=True,
            session=self.session,
        )
