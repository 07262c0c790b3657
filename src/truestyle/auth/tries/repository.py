"""What is tried to prove who one is: passwords and codes, counted. Every guard is in the filter of the write."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from bson import ObjectId
from pymongo import IndexModel, ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError

from truestyle.auth.models import OneTimeCode, Purpose
from truestyle.kit.errors import Duplicate
from truestyle.kit.repository import Collection, Repository

REMEMBERED = timedelta(days=1)  # how long a lock makes the next one longer
MOST_DOUBLED = 4  # 15 minutes, 30, 1 h, 2 h, 4 h
MAX_TRIES, MAX_SENT = 5, 5
SENDING_WINDOW = timedelta(hours=1)
# Whoever asks again and again has tries without end: beyond this only the link of the mail works, until the next day.
MAX_GUESSES, GUESSING_WINDOW = 20, timedelta(days=1)


class Taken(Enum):
    """Whether a try may be made."""

    YES = "yes"
    BUSY = "busy"  # it may turn out that there is room: other tries are under way


class Failures(Collection):
    """Wrong passwords of late, by what they are counted for: `failed` and, of tries under way, `pending`.

    After `until` a row counts as empty; some time later MongoDB drops it.
    """

    name = "login_failures"
    unaudited = "counts that live for a day; a row holds keyed hashes"
    indexes = (IndexModel("account"), IndexModel("forget_at", expireAfterSeconds=0))

    async def take(
        self, key: bytes, most: int, account: bytes | None, moment: datetime, window: timedelta
    ) -> Taken | datetime:
        """Count a try as pending if there is room; when the lock ends, if there is a lock."""
        over: dict[str, Any] = {"$lte": ["$until", moment]}
        calm: dict[str, Any] = {"$lte": ["$locked_until", moment - REMEMBERED]}
        values = {
            "failed": {"$cond": [over, 0, "$failed"]},
            "pending": {"$cond": [over, 1, {"$add": ["$pending", 1]}]},
            "until": {"$cond": [over, moment + window, "$until"]},
            "forget_at": {"$cond": [over, moment + window + REMEMBERED, "$forget_at"]},
            "locks": {"$cond": [calm, 0, "$locks"]},
        }
        room = {"$expr": {"$or": [over, {"$lt": [{"$add": ["$failed", "$pending"]}, most]}]}}
        taken = await self.collection.update_one({"_id": key, **room}, [{"$set": values}])
        if taken.matched_count:
            return Taken.YES
        row = await self.collection.find_one({"_id": key})
        if row is not None:
            locked: datetime = row["until"]
            return locked if row["failed"] >= most and locked > moment else Taken.BUSY
        counts = {"failed": 0, "pending": 1, "locks": 0, "locked_until": moment}
        times = {"until": moment + window, "forget_at": moment + window + REMEMBERED}
        try:
            await self.collection.insert_one({"_id": key, "account": account, **counts, **times})
        except DuplicateKeyError:  # another try was first
            return Taken.BUSY
        return Taken.YES

    async def give_back(self, keys: Sequence[bytes], *, forgiven: bytes | None = None) -> None:
        """These tries were not wrong; of `forgiven` earlier ones are forgotten too."""
        less = {"pending": {"$max": [0, {"$subtract": ["$pending", 1]}]}}
        writes = [
            UpdateOne({"_id": key}, [{"$set": {**less, "failed": 0} if key == forgiven else less}]) for key in keys
        ]
        if writes:
            await self.collection.bulk_write(writes, ordered=False)

    async def failed(self, key: bytes, most: int, moment: datetime, lock: timedelta, *, doubles: bool) -> bool:
        """A pending try was wrong. The one that fills the measure locks; with `doubles` for longer each time.

        Whether it was that one.
        """
        full: dict[str, Any] = {"$gte": ["$failed", most]}  # the new count: a later stage sees the earlier one
        seconds: dict[str, Any] = {"$literal": lock.total_seconds()}
        if doubles:
            longer = {"$pow": [2, {"$min": ["$locks", MOST_DOUBLED]}]}
            seconds = {"$cond": [full, {"$multiply": [seconds, longer]}, seconds]}
        until = {"$add": [moment, {"$multiply": [1000, seconds]}]}
        row = await self.collection.find_one_and_update(
            {"_id": key},
            [
                {
                    "$set": {
                        "failed": {"$add": ["$failed", 1]},
                        "pending": {"$max": [0, {"$subtract": ["$pending", 1]}]},
                    }
                },
                {"$set": {"until": {"$max": ["$until", until]}}},
                {
                    "$set": {
                        "locks": {"$add": ["$locks", {"$cond": [full, 1, 0]}]},
                        "locked_until": {"$cond": [full, "$until", "$locked_until"]},
                        "forget_at": {"$add": ["$until", REMEMBERED // timedelta(milliseconds=1)]},
                    }
                },
            ],
            return_document=ReturnDocument.AFTER,
        )
        return row is not None and row["failed"] == most

    async def forget(self, account: bytes) -> None:
        """Drop what is counted for an account, from whatever address."""
        await self.collection.delete_many({"account": account})


class OneTimeCodes(Repository[OneTimeCode]):
    """One row an account and purpose. Every guard is in the filter of the write."""

    document, name = OneTimeCode, "one_time_codes"
    unaudited = "hashes that live for minutes"
    indexes = (
        IndexModel([("user_id", 1), ("purpose", 1)], unique=True),
        IndexModel("token_hash"),
        IndexModel("expires_at", expireAfterSeconds=86_400),
    )

    async def issue(self, user_id: ObjectId, purpose: Purpose, values: dict[str, Any], moment: datetime) -> None:
        """Put a new code in place of the one before. Raises Duplicate when MAX_SENT were sent in the window."""
        fresh = {"$lte": [{"$ifNull": ["$window_until", moment]}, moment]}
        another_day = {"$lte": [{"$ifNull": ["$guesses_until", moment]}, moment]}
        mine = {"user_id": user_id, "purpose": purpose}
        allowed = {"$or": [{"sent": {"$lt": MAX_SENT}}, {"window_until": {"$lte": moment}}]}
        try:
            await self.collection.update_one(
                {**mine, **allowed},
                [
                    {
                        "$set": {
                            **{name: {"$literal": value} for name, value in values.items()},
                            "sent": {"$cond": [fresh, 1, {"$add": ["$sent", 1]}]},
                            "window_until": {"$cond": [fresh, moment + SENDING_WINDOW, "$window_until"]},
                            "guesses": {"$cond": [another_day, 0, "$guesses"]},
                            "guesses_until": {"$cond": [another_day, moment + GUESSING_WINDOW, "$guesses_until"]},
                            "created_at": {"$ifNull": ["$created_at", moment]},
                            "version": {"$add": [{"$ifNull": ["$version", 0]}, 1]},
                        }
                    }
                ],
                upsert=True,
            )
        except DuplicateKeyError as error:
            raise Duplicate("purpose") from error

    async def take_try(self, user_id: ObjectId, purpose: Purpose) -> OneTimeCode | None:
        """Count a try of the account's code, before looking whether it is right; None when none is left."""
        return await self.change(
            await self._id_of(user_id, purpose),
            {"$inc": {"tries": 1, "guesses": 1}},
            where={"used_at": None, "tries": {"$lt": MAX_TRIES}, "guesses": {"$not": {"$gte": MAX_GUESSES}}},
        )

    async def _id_of(self, user_id: ObjectId, purpose: Purpose) -> ObjectId | None:
        row = await self.collection.find_one({"user_id": user_id, "purpose": purpose}, {"_id": 1})
        return row["_id"] if row else None

    async def remove_all(self, user_id: ObjectId) -> None:
        """Every code of a user."""
        await self.collection.delete_many({"user_id": user_id}, session=self.session)
