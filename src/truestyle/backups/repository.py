"""Backups and restores in MongoDB."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bson import ObjectId
from pymongo import IndexModel

from truestyle.backups.models import BackupLog, BackupStatus, RestoreLog, RestoreStatus
from truestyle.kit import clock
from truestyle.kit.repository import Collection, Repository, Row

if TYPE_CHECKING:
    from truestyle.store import Store


class BackupLogs(Repository[BackupLog]):
    """One row a backup, made or to be made."""

    document, name = BackupLog, "backup_logs"
    indexes = (
        IndexModel([("status", 1), ("_id", -1)]),
        IndexModel([("scope", 1), ("_id", -1)]),
        IndexModel([("status", 1), ("scheduled_at", 1)]),
        IndexModel([("status", 1), ("finished_at", -1)]),
    )

    async def note(self, key: ObjectId, facts: Mapping[str, Any], *, among: tuple[BackupStatus, ...]) -> bool:
        """Say how far the work is, if it is still at one of these; whether it was."""
        where = {"_id": key, "status": {"$in": list(among)}}
        update = {"$set": {**facts, "updated_at": clock.now()}, "$inc": {"version": 1}}
        done = await self.unwatched.update_one(where, update, session=self.session)  # the work's, nobody did it
        return done.matched_count == 1

    async def follow(self, log: BackupLog) -> None:
        """Write down the next of a row of backups."""
        await self.unwatched.insert_one(log.dump(), session=self.session)  # follows from the frequency

    async def due(self, moment: datetime) -> list[BackupLog]:
        """Those whose time has come, the first ones first."""
        where = {"status": BackupStatus.SCHEDULED, "scheduled_at": {"$lte": moment}}
        rows = await self.collection.find(where, sort=[("scheduled_at", 1)], limit=20).to_list()
        return [BackupLog.load(row) for row in rows]

    async def last_good_at(self) -> datetime | None:
        """When the newest good one was finished."""
        where = {"status": BackupStatus.GOOD}
        row = await self.collection.find_one(where, {"finished_at": 1}, sort=[("finished_at", -1)])
        return None if row is None else row["finished_at"]

    async def kept(self) -> list[BackupLog]:
        """All good ones, newest first."""
        rows = await self.collection.find({"status": BackupStatus.GOOD}, sort=[("finished_at", -1)]).to_list()
        return [BackupLog.load(row) for row in rows]

    async def of_folder(self, path: str) -> BackupLog | None:
        """The row of a folder, by the id in its name."""
        return await self.first({"_id": ObjectId(path.rpartition("-")[2])})


class RestoreLogs(Repository[RestoreLog]):
    """One row a restore."""

    document, name = RestoreLog, "restore_logs"
    indexes = (IndexModel([("status", 1), ("_id", -1)]), IndexModel([("backup_id", 1), ("_id", -1)]))

    async def note(self, key: ObjectId, facts: Mapping[str, Any]) -> None:
        """Say how far the work is, unless it has ended."""
        where = {"_id": key, "status": {"$in": [RestoreStatus.WAITING, RestoreStatus.RUNNING]}}
        update = {"$set": {**facts, "updated_at": clock.now()}, "$inc": {"version": 1}}
        await self.unwatched.update_one(where, update, session=self.session)  # the work's, nobody did it


async def missing(tx: "Store", name: str, rows: Sequence[Row]) -> list[Row]:
    """Those of these rows that a collection of the store does not have."""
    keys = [row["_id"] for row in rows]
    found = await _of(tx, name).collection.find({"_id": {"$in": keys}}, {"_id": 1}, session=tx.session).to_list()
    there = {row["_id"] for row in found}
    return [row for row in rows if row["_id"] not in there]


async def put_back(tx: "Store", name: str, rows: Sequence[Row]) -> None:
    """Add rows to a collection of the store. Raises BulkWriteError where another has what must be unique."""
    if rows:
        await _of(tx, name).collection.insert_many(list(rows), session=tx.session)


def _of(tx: "Store", name: str) -> Collection:
    return next(one for one in tx.collections() if one.name == name)
