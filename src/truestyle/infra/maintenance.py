"""The flag that closes the store while a backup is put back, and the locks of backups and restores.

The flag is a row that every process hears of by the change stream; while the stream is not certainly up to date, each
request asks the row itself. So one second after it was set, nobody begins what it forbids.
"""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from truestyle.infra.push import FLAG, Push
from truestyle.kit import clock
from truestyle.kit.errors import Problem
from truestyle.kit.gathering import Gather
from truestyle.kit.repository import Collection, Row

STORE, WORK = FLAG, "work"
LEASE = timedelta(seconds=12)  # after which whoever held a lock counts as dead
BEAT = 3.0  # seconds between two signs of life
RETRY_AFTER = 10  # seconds


class Phase(StrEnum):
    """How far the store is closed."""

    OPEN = "open"
    LOADING = "loading"  # nobody may write: it would be lost
    SWAPPING = "swapping"  # nobody may read either: some collections are the old ones, some the new


class Closed(Problem):
    """A backup is being put back."""

    status, code, detail = 503, "maintenance", "A backup is being restored. Try again shortly."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": str(RETRY_AFTER)})


class Maintenance(Collection):
    """One row for the flag, one for the lock of who makes or restores a backup."""

    name = "maintenance"
    unaudited = "locks; backups and restores have rows of their own"

    async def read(self) -> Row:
        """The flag's row; {} where there never was one."""
        return await self.collection.find_one({"_id": STORE}) or {}

    async def take(self, owner: str) -> bool:
        """Take the lock under which backups and restores are made one after the other."""
        return await self._take(WORK, owner, {}) is not None

    async def close(self, owner: str, facts: Row) -> bool:
        """Close the store to writes, unless somebody else holds it closed; whether it is."""
        return await self._take(STORE, owner, {"phase": Phase.LOADING, "since": clock.now(), **facts}) is not None

    async def take_over(self, owner: str) -> Row | None:
        """The flag's row, if whoever closed the store died; then it is `owner`'s to finish or to undo."""
        where = {"_id": STORE, "phase": {"$ne": Phase.OPEN}, "lease_until": {"$lt": clock.now()}}
        held = {"$set": {"owner": owner, "lease_until": clock.now() + LEASE}}
        return await self.collection.find_one_and_update(where, held, return_document=ReturnDocument.AFTER)

    async def swap(self, owner: str, plan: Row) -> bool:
        """Close the store to everybody, with the plan by which anybody can finish; False: it is no longer ours."""
        done = await self.collection.update_one(
            {"_id": STORE, "owner": owner, "phase": Phase.LOADING}, {"$set": {"phase": Phase.SWAPPING, "plan": plan}}
        )
        return done.matched_count == 1

    async def reopen(self, owner: str) -> None:
        """Open the store. Every process then forgets what it knew."""
        await self.collection.update_one(
            {"_id": STORE, "owner": owner}, {"$set": {"phase": Phase.OPEN, "plan": None}, "$inc": {"epoch": 1}}
        )

    async def beat(self, owner: str) -> None:
        """Say that whoever holds the locks is alive."""
        await self.collection.update_many({"owner": owner}, {"$set": {"lease_until": clock.now() + LEASE}})

    async def release(self, owner: str) -> None:
        """Let the lock go."""
        await self.collection.update_one({"_id": WORK, "owner": owner}, {"$set": {"lease_until": None, "owner": None}})

    async def _take(self, key: str, owner: str, facts: Row) -> Row | None:
        moment = clock.now()
        free: list[dict[str, Any]] = [{"lease_until": None}, {"owner": owner}]
        free.append({"phase": Phase.OPEN} if key == STORE else {"lease_until": {"$lt": moment}})
        try:
            return await self.collection.find_one_and_update(
                {"_id": key, "$or": free},
                {"$set": {**facts, "owner": owner, "lease_until": moment + LEASE}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:  # it is there, and somebody's
            return None


class Door:
    """What this process knows of the flag."""

    def __init__(self, rows: Maintenance, push: Push) -> None:
        self._rows, self._push = rows, push
        self._reads: Gather[str, Row] = Gather(self._read)

    @property
    def wide_open(self) -> bool:
        """Whether this process is certain, without asking, that nobody is kept out."""
        row = self._push.flag
        return row is not None and row.get("phase", Phase.OPEN) == Phase.OPEN

    async def phase(self) -> Phase:
        """Raises PyMongoError where that cannot be known."""
        row = self._push.flag
        if row is None:
            row = await self._reads.one(STORE) or {}
        return Phase(row.get("phase", Phase.OPEN))

    async def _read(self, asked: Sequence[str]) -> dict[str, Row]:
        row = await self._rows.read()
        return dict.fromkeys(asked, row)
