"""Recurring work in MongoDB: one row a name. Every guard is in the filter of the write."""

from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId

from truestyle.kit import clock
from truestyle.kit.repository import Collection, Row
from truestyle.schedules.models import RunStatus, Ticket

DEAD_AFTER = timedelta(seconds=30)  # without a word of the worker that runs it


class ScheduleRows(Collection):
    """`{_id: name, cron, zone, next_run_at, run: {status, due_at, started_at, finished_at, result, error, …}}`."""

    name = "schedules"
    unaudited = "when recurring work is due, and how it went"

    async def every(self) -> dict[str, Row]:
        """All rows by name."""
        return {row["_id"]: row async for row in self.collection.find({}, session=self.session)}

    async def declare(self, name: str, cron: str, zone: str, following: datetime | None) -> None:
        """Make the row if there is none, and set the time anew if another cron was declared before."""
        fresh = {"cron": cron, "zone": zone, "next_run_at": following, "updated_at": clock.now()}
        await self.collection.update_one({"_id": name}, {"$setOnInsert": {**fresh, "run": None}}, upsert=True)
        other = {"_id": name, "$or": [{"cron": {"$ne": cron}}, {"zone": {"$ne": zone}}]}
        await self.collection.update_one(other, {"$set": fresh})

    async def due(self, name: str, seen: datetime, following: datetime | None, moment: datetime) -> bool:
        """Take the run that was due at `seen`, for whoever is first; not while another goes on."""
        free = {"_id": name, "next_run_at": seen, **_free(moment)}
        return await self._begin(free, seen, {"next_run_at": following})

    async def ask(self, name: str, moment: datetime) -> bool:
        """A run out of turn, unless one waits or goes on."""
        waits = [{"run": None}, {"run.status": {"$in": [RunStatus.DONE, RunStatus.FAILED]}}]
        return await self._begin({"_id": name, "$or": waits}, moment, {})

    async def _begin(self, where: Row, due_at: datetime, more: Row) -> bool:
        run = {"status": RunStatus.WAITING, "due_at": due_at, "alive_at": clock.now()}
        done = await self.collection.update_one(
            where, {"$set": {**more, "run": run, "updated_at": clock.now()}}, session=self.session
        )
        return done.modified_count == 1

    async def claim(self, name: str, due_at: datetime, moment: datetime) -> Ticket | None:
        """Take a run for oneself; None if it is done, goes on elsewhere, or a later one took its place."""
        mine = Ticket(name, due_at, ObjectId())
        again = {"run.status": {"$in": [RunStatus.WAITING, RunStatus.FAILED]}}
        died = {"run.status": RunStatus.RUNNING, "run.alive_at": {"$lt": moment - DEAD_AFTER}}
        done = await self.collection.update_one(
            {"_id": name, "run.due_at": due_at, "$or": [again, died]},
            {
                "$set": {
                    "run.status": RunStatus.RUNNING,
                    "run.owner": mine.owner,
                    "run.started_at": moment,
                    "run.alive_at": moment,
                }
            },
        )
        return mine if done.modified_count else None

    async def running(self, name: str, due_at: datetime) -> bool:
        """Whether somebody is at this run."""
        where = {"_id": name, "run.due_at": due_at, "run.status": RunStatus.RUNNING}
        return await self.collection.find_one(where, {"_id": 1}) is not None

    async def alive(self, mine: Ticket) -> None:
        """Say that it is still being worked on."""
        await self.collection.update_one(_held(mine), {"$set": {"run.alive_at": clock.now()}})

    async def finish(self, mine: Ticket, status: RunStatus, **told: Any) -> None:
        """Say how it ended, unless it was taken away meanwhile."""
        moment = clock.now()
        fields = {f"run.{name}": value for name, value in told.items()} | _wrong(told.get("error"), moment)
        await self.collection.update_one(
            _held(mine),
            {"$set": {"run.status": status, "run.finished_at": moment, "updated_at": moment, **fields}},
        )

    async def say(self, name: str, began: datetime, result: Row | None, error: str | None) -> bool:
        """Say how work goes that every worker does all the time; False where there is no row yet."""
        moment, status = clock.now(), RunStatus.DONE if error is None else RunStatus.FAILED
        run = {"status": status, "due_at": began, "started_at": began, "finished_at": moment}
        fields = {"run": {**run, "result": result, "error": error}, "updated_at": moment, **_wrong(error, moment)}
        asked = {"run.status": {"$ne": RunStatus.WAITING}}  # a run that somebody asked for is not to be forgotten
        done = await self.collection.update_one({"_id": name, **asked, **_free(moment)}, {"$set": fields})
        return done.matched_count == 1


def _wrong(error: str | None, moment: datetime) -> Row:
    """An error stays to be seen when later runs are fine."""
    return {} if error is None else {"last_error": error, "last_error_at": moment}


def _free(moment: datetime) -> Row:
    """That no run goes on; one whose worker has died does not count."""
    died = {"run.status": RunStatus.RUNNING, "run.alive_at": {"$lt": moment - DEAD_AFTER}}
    return {"$or": [{"run": None}, {"run.status": {"$ne": RunStatus.RUNNING}}, died]}


def _held(mine: Ticket) -> Row:
    return {"_id": mine.name, "run.owner": mine.owner, "run.status": RunStatus.RUNNING}
