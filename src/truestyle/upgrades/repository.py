"""How far migrations are, who runs them, and the rows that need them."""

from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from typing import Any

import pymongo
from bson import ObjectId
from pymongo import ReturnDocument, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from truestyle.kit import clock
from truestyle.kit.repository import Collection, Row
from truestyle.upgrades.models import Migration

LOCK = 0  # the row of who runs them; the others are numbered from 1
SCANNED_WITHIN = 3600  # seconds


class Migrations(Collection):
    """`{_id: number, name, additive, started_at, finished_at, after, changed}`, and the lock."""

    name = "migrations"
    unaudited = "what releases did to the data, which nobody did"

    async def every(self) -> dict[int, Row]:
        """What is known of each migration that was begun, by number."""
        found = self.collection.find({"_id": {"$gt": LOCK}}, sort=[("_id", 1)], session=self.session)
        return {row["_id"]: row async for row in found}

    async def take(self, owner: ObjectId, lease: Any) -> bool:
        """Take the lock, if nobody alive has it."""
        moment = clock.now()
        free = {"_id": LOCK, "$or": [{"lease_until": None}, {"lease_until": {"$lt": moment}}]}
        held = {"$set": {"owner": owner, "lease_until": moment + lease}}
        try:
            await self.collection.update_one(free, held, upsert=True)
        except DuplicateKeyError:  # it is there, and somebody's
            return False
        return True

    async def hold(self, owner: ObjectId, lease: Any) -> bool:
        """Keep the lock; False if it is another's. In a transaction, whoever else writes the row conflicts."""
        until = {"$set": {"lease_until": clock.now() + lease}}
        done = await self.collection.update_one({"_id": LOCK, "owner": owner}, until, session=self.session)
        return done.matched_count == 1

    async def release(self, owner: ObjectId) -> None:
        """Let the lock go."""
        await self.collection.update_one({"_id": LOCK, "owner": owner}, {"$set": {"lease_until": None, "owner": None}})

    async def begin(self, one: Migration) -> Row:
        """The row of a migration, made if this is its first run."""
        fresh = {"name": one.name, "additive": one.additive, "started_at": clock.now(), "finished_at": None}
        row = await self.collection.find_one_and_update(
            {"_id": one.number},
            {"$setOnInsert": {**fresh, "after": None, "changed": 0}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return row or {}

    async def advance(self, number: int, after: Any, changed: int) -> None:
        """Everything up to `after` is as it should be, in the transaction that made it so."""
        update = {"$set": {"after": after}, "$inc": {"changed": changed}}
        await self.collection.update_one({"_id": number}, update, session=self.session)

    async def finish(self, number: int) -> None:
        """All of it is done."""
        await self.collection.update_one({"_id": number}, {"$set": {"finished_at": clock.now()}})

    async def any_since(self, moment: datetime) -> bool:
        """Whether one was finished after that, so that older rows may need it."""
        where = {"_id": {"$gt": LOCK}, "finished_at": {"$gt": moment}}
        return await self.collection.find_one(where, {"_id": 1}) is not None

    async def anew(self, one: Migration, names: Container[str]) -> None:
        """Let one that is done wait again, from the first row on, if rows of one of these collections need it."""
        if one.collection not in names or not await self.count_needing(one, None):
            return
        await self.collection.update_one({"_id": one.number}, {"$set": {"finished_at": None, "after": None}})

    async def after(self, one: Migration, after: Any, limit: int) -> list[Any]:
        """The ids of the next rows that need a migration, in their order."""
        stages = [*_beyond(after), {"$sort": {"_id": 1}}, *one.needs, {"$limit": limit}, {"$project": {"_id": 1}}]
        with pymongo.timeout(SCANNED_WITHIN):
            found = await self._rows(one).aggregate(stages, hint={"_id": 1})
            return [row["_id"] async for row in found]

    async def needing(self, one: Migration, ids: Sequence[Any]) -> list[Row]:
        """Those of these rows that need it still, as they are within the transaction."""
        stages = [{"$match": {"_id": {"$in": list(ids)}}}, *one.needs, {"$sort": {"_id": 1}}]
        found = await self._rows(one).aggregate(stages, session=self.session)
        return await found.to_list()

    async def count_needing(self, one: Migration, after: Any) -> int:
        """How many rows beyond `after` need it."""
        with pymongo.timeout(SCANNED_WITHIN):
            stages = [*_beyond(after), *one.needs, {"$count": "n"}]
            rows = await (await self._rows(one).aggregate(stages)).to_list()
        return int(rows[0]["n"]) if rows else 0

    async def rewrite(self, rows: Collection, updates: Mapping[Any, Row]) -> int:
        """Change rows of another collection, each by its own update; how many there were."""
        writes = [UpdateOne({"_id": key}, update) for key, update in updates.items()]
        if not writes:
            return 0
        done = await rows.unwatched.bulk_write(writes, session=self.session)  # a release's doing, nobody's
        return done.matched_count

    def _rows(self, one: Migration) -> AsyncCollection[Row]:
        return self.collection.database[one.collection]


def _beyond(after: Any) -> list[Row]:
    return [] if after is None else [{"$match": {"_id": {"$gt": after}}}]
