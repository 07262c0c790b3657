"""Webhook endpoints and deliveries in MongoDB."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument

from truestyle.hooks.models import KEPT_TRIES, Attempt, Delivery, DeliveryStatus, Endpoint
from truestyle.kit import clock
from truestyle.kit.repository import Collection, Repository
from truestyle.kit.trail import Watch

FEWEST = 10  # failures in a row before an endpoint is switched off, however long it took
CURSOR = "trail"
BATCH = 1000


class Endpoints(Repository[Endpoint]):
    """Where integrators want to be told."""

    document, name = Endpoint, "webhook_endpoints"
    watch = Watch(
        secret=frozenset({"locked", "old_locked"}), upkeep=frozenset({"failures", "failing_since", "locked_by"})
    )
    indexes = (IndexModel([("active", ASCENDING), ("_id", DESCENDING)]),)

    async def listening(self) -> list[Endpoint]:
        """Those that are on."""
        rows = await self.collection.find({"active": True}, sort=[("_id", 1)], session=self.session).to_list()
        return [Endpoint.load(row) for row in rows]

    async def failed(self, key: ObjectId, moment: datetime) -> Endpoint | None:
        """Count a try that failed; the endpoint after."""
        since = {"$ifNull": ["$failing_since", moment]}
        row = await self.unwatched.find_one_and_update(  # how it goes, nobody did it
            {"_id": key},
            [{"$set": {"failures": {"$add": ["$failures", 1]}, "failing_since": since}}],
            return_document=ReturnDocument.AFTER,
        )
        return None if row is None else Endpoint.load(row)

    async def answered(self, key: ObjectId) -> None:
        """It took a message: whatever failed before counts no more."""
        fine = {"$set": {"failures": 0, "failing_since": None}}
        await self.unwatched.update_one({"_id": key, "failures": {"$gt": 0}}, fine)  # how it goes, nobody did it

    async def switch_off(self, key: ObjectId, failing_since: datetime) -> bool:
        """Switch off what has been failing since then or longer; whether it was still on."""
        where = {"active": True, "failing_since": {"$lte": failing_since}, "failures": {"$gte": FEWEST}}
        done = await self.change(key, {"$set": {"active": False, "switched_off_at": clock.now()}}, where=where)
        return done is not None

    async def locked_otherwise(self, newest: str, most: int) -> list[Endpoint]:
        """Some whose secrets are locked under another key."""
        rows = await self.collection.find({"locked_by": {"$ne": newest}}, limit=most).to_list()
        return [Endpoint.load(row) for row in rows]

    async def relock(self, one: Endpoint, locked: bytes, old_locked: bytes | None, locked_by: str) -> None:
        """The same secrets under another key, unless they changed meanwhile."""
        fresh = {"locked": locked, "old_locked": old_locked, "locked_by": locked_by}
        where = {"_id": one.id, "locked": one.locked}
        await self.unwatched.update_one(where, {"$set": fresh})  # the same secrets


class Deliveries(Repository[Delivery]):
    """Messages to endpoints; each to each once."""

    document, name = Delivery, "webhook_deliveries"
    unaudited = "what was sent, with each try; what it tells of is in the trail"
    indexes = (
        IndexModel([("endpoint_id", ASCENDING), ("message_id", ASCENDING)], unique=True),
        IndexModel([("endpoint_id", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("endpoint_id", ASCENDING), ("status", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("endpoint_id", ASCENDING), ("event", ASCENDING), ("_id", DESCENDING)]),
    )

    async def known(self, endpoint_ids: Sequence[ObjectId], message_ids: Sequence[str]) -> set[tuple[ObjectId, str]]:
        """Which of these messages each of these endpoints has already, or will have."""
        where = {"endpoint_id": {"$in": list(endpoint_ids)}, "message_id": {"$in": list(message_ids)}}
        rows = self.collection.find(where, {"endpoint_id": 1, "message_id": 1}, session=self.session)
        return {(row["endpoint_id"], row["message_id"]) async for row in rows}

    async def write(self, deliveries: Sequence[Delivery]) -> None:
        """Keep new ones, in the transaction of the events that send them."""
        if deliveries:
            await self.collection.insert_many([one.dump() for one in deliveries], session=self.session)

    async def tried(self, key: ObjectId, attempt: Attempt, status: DeliveryStatus) -> None:
        """Note a try, and where that leaves the delivery; one that arrived is not undone by a try that came late."""
        kept = {"$push": {"attempts": {"$each": [attempt.model_dump()], "$slice": -KEPT_TRIES}}, "$inc": {"tries": 1}}
        stand: dict[str, Any] = {"status": status, "updated_at": attempt.at}
        if status is DeliveryStatus.DELIVERED:
            stand["delivered_at"] = attempt.at
        await self.collection.update_one({"_id": key, "status": DeliveryStatus.WAITING}, {**kept, "$set": stand})

    async def drop(self, key: ObjectId) -> None:
        """It is not sent: nobody is there any more."""
        gone = {"$set": {"status": DeliveryStatus.DROPPED, "updated_at": clock.now()}}
        await self.collection.update_one({"_id": key, "status": DeliveryStatus.WAITING}, gone)

    async def again(self, key: ObjectId, endpoint_id: ObjectId, lost: int | None = None) -> Delivery | None:
        """Let it wait once more; None if it waits already, or there is none.

        `lost`: it waits since so many replays, and nobody takes it: then that is no reason.
        """
        fresh = {"status": DeliveryStatus.WAITING, "forced": True, "delivered_at": None}
        over = {"status": {"$ne": DeliveryStatus.WAITING}} if lost is None else {"replays": lost}
        where = {"endpoint_id": endpoint_id, **over}
        return await self.change(key, {"$set": fresh, "$inc": {"replays": 1}}, where=where)

    async def forget(self, before: datetime) -> int:
        """Remove what is older and over; how many. Several may do it at once."""
        where = {"_id": {"$lt": ObjectId.from_datetime(before)}, "status": {"$ne": DeliveryStatus.WAITING}}
        done = 0
        while True:
            found = await self.collection.find(where, {"_id": 1}, sort=[("_id", 1)], limit=BATCH).to_list()
            if not found:
                return done
            gone = await self.collection.delete_many({**where, "_id": {"$in": [row["_id"] for row in found]}})
            done += gone.deleted_count


class HookCursor(Collection):
    """`{_id, seq}`: the last entry of the audit trail that integrators were told of."""

    name = "webhook_cursor"
    unaudited = "how far the trail was read"

    async def read(self) -> int | None:
        """The number; None before the first time."""
        row = await self.collection.find_one({"_id": CURSOR}, session=self.session)
        return None if row is None else int(row["seq"])

    async def move(self, seen: int | None, seq: int) -> bool:
        """Go on, for whoever is first: only from where it was seen."""
        if seen is None:
            await self.collection.insert_one({"_id": CURSOR, "seq": seq}, session=self.session)
            return True
        done = await self.collection.update_one(
            {"_id": CURSOR, "seq": seen}, {"$set": {"seq": seq}}, session=self.session
        )
        return done.modified_count == 1
