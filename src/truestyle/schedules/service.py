"""Recurring work: several workers, each run once.

Who finds that something is due moves its `next_run_at` on and writes an outbox event, in one transaction whose filter
holds the time that was seen: only one can. What follows is the outbox's: a lease, tries with growing pauses, and a dead
letter in the end. Runs that were missed while no worker was up are caught up by one.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pymongo.errors import PyMongoError

from truestyle.infra.outbox import Chore, Event, NotYet, event
from truestyle.kit import clock, tasks
from truestyle.kit.cron import ALWAYS, following
from truestyle.kit.errors import NotFound, Problem
from truestyle.kit.repository import Row
from truestyle.schedules.models import Recurring, Run, RunStatus, ScheduleAnswer, Schedules, Ticket
from truestyle.store import Store

if TYPE_CHECKING:
    from truestyle.shop import Shop

TOPIC = "schedule.run"
ALIVE_EVERY = 5.0  # seconds
LOOK_EVERY = 1.0  # seconds
SAY_EVERY = 60.0  # seconds between two words about work that goes on always


class AlreadyRunning(Problem):
    """A run waits or goes on."""

    status, code, detail = 409, "already_running", "A run of this waits already, or goes on."


class Scheduler:
    """Finds what is due. One in each worker."""

    def __init__(self, store: Store, recurring: Sequence[Recurring]) -> None:
        self._store = store
        self.recurring = {one.name: one for one in recurring}
        self._declared = False
        self._looked_at: datetime | None = None

    async def look(self) -> int:
        """Begin what is due; how many runs. Called all the time by the worker."""
        moment = clock.now()
        if _within(self._looked_at, moment, LOOK_EVERY):
            return 0
        self._looked_at = moment
        begun = 0
        for name, row in (await self._rows()).items():
            one, due = self.recurring.get(name), row["next_run_at"]
            if one is not None and due is not None and due <= moment:
                begun += await self._begin(one, due, moment)
        return begun

    async def _rows(self) -> dict[str, Row]:
        """The rows, of which none is missing; at first with the cron that this process knows."""
        rows = await self._store.schedules.every() if self._declared else {}
        if self.recurring.keys() - rows.keys():  # at first, and where a restore took them away
            zone = self._store.shop.zone
            for one in self.recurring.values():
                after = following(one.cron, zone, clock.now())
                await self._store.schedules.declare(one.name, one.cron, zone.key, after)
            self._declared = True
            rows = await self._store.schedules.every()
        return rows

    async def _begin(self, one: Recurring, due: datetime, moment: datetime) -> bool:
        after = following(one.cron, self._store.shop.zone, moment)

        async def work(tx: Store) -> bool:
            if not await tx.schedules.due(one.name, due, after, moment):
                return False
            await tx.outbox.write([_event(one.name, due)])
            return True

        return await self._store.transaction(work)

    async def ask(self, name: str) -> ScheduleAnswer:
        """Run it now, out of turn. Raises NotFound, AlreadyRunning."""
        self._known(name)
        await self._rows()
        moment = clock.now()

        async def work(tx: Store) -> None:
            if not await tx.schedules.ask(name, moment):
                raise AlreadyRunning
            await tx.outbox.write([event(TOPIC, {"schedule": name, "due_at": moment}, lane="jobs")])

        await self._store.transaction(work)
        return await self.get(name)

    def standing(self) -> list[Chore]:
        """What is to be done always, for a worker's chores."""
        return [Standing(self._store, one).look for one in self.recurring.values() if one.cron == ALWAYS]

    async def find(self) -> Schedules:
        """All of them, by name."""
        rows = await self._store.schedules.every()
        return Schedules(items=[self._answer(one, rows.get(name)) for name, one in sorted(self.recurring.items())])

    async def get(self, name: str) -> ScheduleAnswer:
        """One of them. Raises NotFound."""
        return self._answer(self._known(name), (await self._store.schedules.every()).get(name))

    def _known(self, name: str) -> Recurring:
        if name not in self.recurring:
            raise NotFound
        return self.recurring[name]

    def _answer(self, one: Recurring, row: Row | None) -> ScheduleAnswer:
        zone = self._store.shop.zone
        return ScheduleAnswer(
            name=one.name,
            says=one.says,
            cron=one.cron,
            zone=zone.key,
            next_run_at=_next(one, row, zone),
            last_run=Run.model_validate(row["run"]) if row and row["run"] else None,
            last_error=row.get("last_error") if row else None,
            last_error_at=row.get("last_error_at") if row else None,
        )


def _next(one: Recurring, row: Row | None, zone: ZoneInfo) -> datetime | None:
    if one.cron == ALWAYS:
        return clock.now()
    return row["next_run_at"] if row else following(one.cron, zone, clock.now())


def _event(name: str, due: datetime) -> Event:
    return event(TOPIC, {"schedule": name, "due_at": due}, f"{TOPIC}:{name}:{due.isoformat()}", lane="jobs")


async def run(shop: "Shop", one: Event) -> None:
    """Handle the event of a run. Raises NotYet while another worker is at it, and whatever the work raises."""
    name, due_at = one.payload["schedule"], one.payload["due_at"]
    known, rows = shop.scheduler.recurring.get(name), shop.store.schedules
    if known is None:
        msg = f"this release knows no {name}"
        raise LookupError(msg)
    mine = await rows.claim(name, due_at, clock.now())
    if mine is None:
        if await rows.running(name, due_at):
            raise NotYet("it goes on elsewhere")
        return
    try:
        async with _saying_alive(shop.store, mine):
            result = await known.work()
    except asyncio.CancelledError:
        await rows.finish(mine, RunStatus.FAILED, error="its worker was stopped", result=None)
        raise
    except Exception as error:
        await rows.finish(mine, RunStatus.FAILED, error=f"{type(error).__name__}: {error}"[:500], result=None)
        raise
    await rows.finish(mine, RunStatus.DONE, result=result, error=None)


@asynccontextmanager
async def _saying_alive(store: Store, mine: Ticket) -> AsyncIterator[None]:
    async def say() -> None:
        while True:
            await asyncio.sleep(ALIVE_EVERY)
            with suppress(PyMongoError):
                await store.schedules.alive(mine)

    task = asyncio.create_task(say())
    try:
        yield
    finally:
        await tasks.end(task)


class Standing:
    """Work that every worker does all the time; once a minute, and when it fails, it says how it goes."""

    def __init__(self, store: Store, one: Recurring) -> None:
        self._store, self._one = store, one
        self._looked_at: datetime | None = None
        self._said_at: datetime | None = None
        self._done: dict[str, Any] = {}

    async def look(self) -> None:
        """Do it, unless it was done just now. Raises what the work raises."""
        moment = clock.now()
        if _within(self._looked_at, moment, self._one.every):
            return
        self._looked_at = moment
        try:
            for name, count in (await self._one.work() or {}).items():
                self._done[name] = self._done.get(name, 0) + count
        except Exception as error:
            with suppress(PyMongoError):
                await self._store.schedules.say(self._one.name, moment, None, f"{type(error).__name__}: {error}"[:500])
            raise
        if _within(self._said_at, moment, SAY_EVERY):
            return
        if await self._store.schedules.say(self._one.name, moment, self._done, None):
            self._said_at, self._done = moment, {}


def _within(last: datetime | None, moment: datetime, seconds: float) -> bool:
    return last is not None and 0 <= (moment - last).total_seconds() < seconds
