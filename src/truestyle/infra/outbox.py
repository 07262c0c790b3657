"""Effects that wait for a commit: rows written in the cause's transaction, delivered afterwards at least once.

A worker leases a row, hands it to the handler of its topic, and marks it delivered. A handler that fails is tried
again with growing pauses; after the last try the row is `dead` and waits for people. A handler whose effect is in
MongoDB runs in one transaction with the mark, so that its effect happens exactly once.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import structlog
from bson import ObjectId
from pymongo import IndexModel, ReturnDocument
from pymongo.errors import PyMongoError

from truestyle.infra import metrics, tracing
from truestyle.kit import clock, tasks
from truestyle.kit.documents import Document
from truestyle.kit.repository import Repository
from truestyle.kit.types import Id

MAX_ATTEMPTS = 14  # with doubling pauses: about three hours
# Deliveries at a time. Mail, gateways, webhooks of others and long work have lanes of their own, so that they hold
# nothing else up.
LANES = {"main": 1, "mail": 4, "payments": 4, "hooks": 8, "jobs": 1}
# What is in these is done within a minute, or something is wrong; receivers of webhooks may be away for hours.
PROMPT = tuple(one for one in LANES if one not in {"jobs", "hooks"})
LEASE = timedelta(seconds=60)
KEPT = timedelta(days=30)
PAUSE = timedelta(seconds=10)  # until an event that could not be handled yet is looked at again
PATIENCE = 5.0  # seconds for the event in hand when the worker is to end
log = structlog.get_logger("outbox")


def free(moment: datetime) -> list[dict[str, Any]]:
    """Of rows that nobody has in hand."""
    return [{"lease_until": None}, {"lease_until": {"$lt": moment}}]


class EventStatus(StrEnum):
    """Where an event stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


DEAD = {"status": EventStatus.DEAD.value}
AIMED = {"status": EventStatus.WAITING.value, "payload.endpoint_id": {"$exists": True}}


class Event(Document):
    """Something that happened. `key` makes it unique where only one may ever be."""

    topic: str
    lane: str = "main"
    payload: dict[str, Any]
    key: str
    status: EventStatus = EventStatus.WAITING
    due_at: datetime
    attempts: int = 0
    lease_until: datetime | None = None
    error: str | None = None
    expires_at: datetime | None = None
    trace: str | None = None  # the W3C traceparent of its cause, where there are traces
    replays: int = 0  # how often people had it tried again after it was given up
    replayed_at: datetime | None = None
    replayed_by: Id | None = None


def event(topic: str, payload: dict[str, Any], key: str | None = None, *, lane: str = "main") -> Event:
    """A new event, due at once. `key` defaults to a unique one. Topics that begin with `mail.` are mail."""
    ident = ObjectId()
    lane = "mail" if topic.startswith("mail.") else lane
    return Event(
        id=ident,
        topic=topic,
        lane=lane,
        payload=payload,
        key=key or f"{topic}:{ident}",
        due_at=clock.now(),
        trace=tracing.here(),
    )


class Outbox(Repository[Event]):
    """The rows; inside a transaction when its store is."""

    document, name = Event, "outbox"
    unaudited = "effects of changes that are in the trail themselves"
    indexes = (
        IndexModel([("status", 1), ("due_at", 1)]),
        IndexModel([("lane", 1), ("status", 1), ("due_at", 1)]),
        IndexModel("key", unique=True),
        IndexModel([("payload.order_id", 1), ("topic", 1)]),
        IndexModel([("topic", 1), ("_id", 1)], partialFilterExpression={"status": "waiting"}, name="waiting"),
        IndexModel([("payload.endpoint_id", 1), ("due_at", 1)], partialFilterExpression=AIMED, name="aimed"),
        IndexModel("expires_at", expireAfterSeconds=0),
        IndexModel([("status", 1), ("_id", -1)], partialFilterExpression=DEAD, name="dead"),
        IndexModel([("topic", 1), ("_id", -1)], partialFilterExpression=DEAD, name="dead_by_topic"),
    )

    async def write(self, events: Sequence[Event]) -> None:
        """Write events as part of the surrounding transaction."""
        if events:
            await self.collection.insert_many([one.dump() for one in events], session=self.session)

    async def lease(self, lane: str, moment: datetime) -> Event | None:
        """Take the row of a lane that is due longest, for LEASE."""
        row = await self.collection.find_one_and_update(
            {
                "lane": lane,
                "status": EventStatus.WAITING,
                "due_at": {"$lte": moment},
                "$or": free(moment),
            },
            {"$set": {"lease_until": moment + LEASE}, "$inc": {"attempts": 1}},
            sort=[("due_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return None if row is None else Event.load(row)

    async def waiting(self, topics: Sequence[str], most: int) -> list[Event]:
        """Events of these topics that wait and never failed, leased or not, in no order: to handle many at once.

        Only for handlers that mark what they did in the transaction of its effect.
        """
        where = {"topic": {"$in": list(topics)}, "status": EventStatus.WAITING.value, "error": None}
        rows = await self.collection.find(where, limit=most, session=self.session).to_list()
        return [Event.load(row) for row in rows]

    async def oldest_due(self, *lanes: str) -> datetime | None:
        """Since when the event (of these lanes) that waits longest has been due, or will be; not those in hand."""
        where: dict[str, Any] = {"status": EventStatus.WAITING.value, "$or": free(clock.now())}
        if lanes:
            where["lane"] = {"$in": list(lanes)}
        row = await self.collection.find_one(where, {"due_at": 1}, sort=[("due_at", 1)])
        return None if row is None else row["due_at"]

    async def delivered_all(self, events: Sequence[Event]) -> None:
        """Mark rows delivered that are not yet."""
        await self.collection.update_many(
            {"_id": {"$in": [one.id for one in events]}, "status": EventStatus.WAITING},
            {"$set": {"status": EventStatus.DELIVERED, "lease_until": None, "expires_at": clock.now() + KEPT}},
            session=self.session,
        )

    async def delivered(self, one: Event) -> bool:
        """Mark a leased row delivered; False if somebody else already did."""
        result = await self.collection.update_one(
            {"_id": one.id, "status": EventStatus.WAITING},
            {"$set": {"status": EventStatus.DELIVERED, "lease_until": None, "expires_at": clock.now() + KEPT}},
            session=self.session,
        )
        return result.modified_count == 1

    async def withdraw(self, key: str) -> bool:
        """Take back an event, by its key, that nobody has begun to deliver; whether that was so."""
        result = await self.collection.delete_one(
            {"key": key, "status": EventStatus.WAITING, "attempts": 0}, session=self.session
        )
        return result.deleted_count == 1

    async def awaits(self, topic: str, name: str, value: Any) -> bool:
        """Whether an event of a topic waits whose payload has this value."""
        where = {"topic": topic, "status": EventStatus.WAITING, f"payload.{name}": value}
        return await self.first(where) is not None

    async def postponed(self, one: Event) -> None:
        """Give a row back for a try a little later that does not count."""
        await self.collection.update_one(
            {"_id": one.id, "status": EventStatus.WAITING},
            {"$set": {"due_at": clock.now() + PAUSE, "lease_until": None}, "$inc": {"attempts": -1}},
        )

    async def put_off(self, alike: Mapping[str, Any]) -> int:
        """Postpone all that is `alike`, due and in nobody's hand; how many."""
        due = self._waiting(alike, {"$lte": clock.now()})
        return (await self.collection.update_many(due, {"$set": {"due_at": clock.now() + PAUSE}})).modified_count

    async def hasten(self, alike: Mapping[str, Any]) -> None:
        """Make one due that was postponed: what it waited for is free."""
        late = self._waiting(alike, {"$gt": clock.now()}) | {"error": None}
        await self.collection.find_one_and_update(late, {"$set": {"due_at": clock.now()}}, sort=[("due_at", 1)])

    def _waiting(self, alike: Mapping[str, Any], due: Mapping[str, datetime]) -> dict[str, Any]:
        return {**alike, "status": EventStatus.WAITING.value, "due_at": due, "$or": free(clock.now())}

    async def replay(self, key: ObjectId, by: ObjectId | None) -> bool:
        """Let a dead row wait again, with all its tries; False if it is not dead (any more)."""
        moment = clock.now()
        fresh = {"status": EventStatus.WAITING, "due_at": moment, "attempts": 0, "lease_until": None, "error": None}
        told = {"replayed_at": moment, "replayed_by": by, "updated_at": moment}
        done = await self.collection.update_one(
            {"_id": key, "status": EventStatus.DEAD},
            {"$set": fresh | told, "$inc": {"replays": 1, "version": 1}},
            session=self.session,
        )
        return done.modified_count == 1

    async def failed(self, one: Event, error: str, *, hopeless: bool = False) -> None:
        """Give a row back for a later try, or to people after the last."""
        dead = hopeless or one.attempts >= MAX_ATTEMPTS
        pause = timedelta(seconds=min(3600, 2**one.attempts) * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
        await self.collection.update_one(
            {"_id": one.id, "status": EventStatus.WAITING},
            {
                "$set": {
                    "status": EventStatus.DEAD if dead else EventStatus.WAITING,
                    "due_at": clock.now() + pause,
                    "lease_until": None,
                    "error": error[:500],
                }
            },
        )


class NotYet(Exception):  # noqa: N818 - not an error: it will be done
    """Raised by a handler while something outside is away: the event waits, for as long as that takes."""


class TryAgainError(Exception):
    """Raised by a handler for trouble of others that it has told already: a failed try like any, but not logged."""


class HopelessError(Exception):
    """Raised by a handler for what no later try can mend: the event is dead at once."""


Handler = Callable[[Event], Awaitable[None]]
Chore = Callable[[], Awaitable[object]]


async def _never() -> bool:
    return False


async def _unknown(_: Event) -> None:
    msg = "nobody here knows its topic"  # a worker of another release does
    raise NotYet(msg)


class Worker:
    """Delivers events until stopped, each lane for itself. Several workers may run: rows are leased.

    A handler whose effect is in MongoDB marks its row itself, in its own transaction; any other row is marked here
    afterwards. A topic without a handler waits for a worker of another release. `chores` are small recurring works,
    harmless to repeat, that run beside the deliveries, every `pause` seconds. While `held()` nothing new is begun.
    """

    def __init__(
        self,
        outbox: Outbox,
        handlers: Mapping[str, Handler],
        chores: Sequence[Chore] = (),
        *,
        pause: float = 0.5,
        held: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self._outbox, self._handlers, self._chores, self._pause = outbox, handlers, chores, pause
        self._held = held or _never
        self._tasks: list[asyncio.Task[None]] = []
        self._tending: asyncio.Task[None] | None = None
        self._wake = {lane: asyncio.Event() for lane in LANES}
        self._ending = False

    def start(self) -> None:
        """Begin to deliver, in the running event loop."""
        self._ending = False
        self._tasks = [asyncio.create_task(self._serve(lane, width)) for lane, width in LANES.items()]
        self._tending = asyncio.create_task(self._tend())

    async def stop(self) -> None:
        """End after the events in hand; one that takes too long is left to its lease."""
        if self._tending is not None:
            await tasks.end(self._tending)
        if self._tasks:
            self._ending = True
            self.wake()
            await asyncio.wait(self._tasks, timeout=PATIENCE)
            for one in self._tasks:
                await tasks.end(one)

    @property
    def running(self) -> bool:
        """Whether it delivers."""
        return bool(self._tasks) and not any(one.done() for one in self._tasks)

    def wake(self) -> None:
        """There is something new: do not sleep out the pause."""
        for one in self._wake.values():
            one.set()

    async def drain(self) -> int:
        """Deliver all that is due now and do the chores once; how many rows were handled."""
        done = 0
        while handled := [lane for lane in LANES if await self._one(lane)]:
            done += len(handled)
        await self._do_chores()
        return done

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(self._pause)
            try:
                held = await self._held()
            except Exception:
                log.exception("worker_cannot_tell")
                continue
            if not held:
                await self._do_chores()

    async def _do_chores(self) -> None:
        for chore in self._chores:
            try:
                await chore()
            except Exception:
                log.exception("chore_failed", chore=getattr(chore, "__name__", repr(chore)))

    async def _serve(self, lane: str, width: int) -> None:
        under_way: set[asyncio.Task[None]] = set()
        try:
            while not self._ending:
                leased = None
                try:
                    leased = None if await self._held() else await self._outbox.lease(lane, clock.now())
                except PyMongoError as error:
                    log.warning("outbox_unreachable", error=type(error).__name__)
                except Exception:
                    log.exception("worker_cannot_tell", lane=lane)
                if leased is None:
                    self._wake[lane].clear()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._wake[lane].wait(), self._pause)
                    continue
                under_way.add(asyncio.create_task(self._deliver(leased)))
                if len(under_way) >= width:
                    _, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            if under_way:
                await asyncio.wait(under_way)
        finally:
            for one in under_way:
                one.cancel()

    async def _one(self, lane: str) -> bool:
        leased = await self._outbox.lease(lane, clock.now())
        if leased is not None:
            await self._handle(leased)
        return leased is not None

    async def _deliver(self, leased: Event) -> None:
        try:
            await self._handle(leased)
        except PyMongoError as error:
            log.warning("outbox_unreachable", error=type(error).__name__)

    async def _handle(self, leased: Event) -> None:
        began, result = time.perf_counter(), "failed"
        try:
            with tracing.delivery(leased.topic, leased.trace, str(leased.id), leased.attempts):
                result = await self._tried(leased)
        finally:
            topic = leased.topic if leased.topic in self._handlers else "other"
            metrics.DELIVERIES.labels(topic, result).inc()
            metrics.DELIVERY_SECONDS.labels(leased.lane).observe(time.perf_counter() - began)

    async def _tried(self, leased: Event) -> str:
        """What became of it."""
        if leased.attempts > MAX_ATTEMPTS:
            await self._outbox.failed(leased, "each worker that took it ended before it was done")
            return EventStatus.DEAD.value
        handler = self._handlers.get(leased.topic, _unknown)
        try:
            await handler(leased)
            await self._outbox.delivered(leased)
        except PyMongoError:
            raise
        except NotYet as wait:
            log.warning("outbox_handler_waits", topic=leased.topic, reason=str(wait) or None)
            await self._outbox.postponed(leased)
            return "waits"
        except TryAgainError as error:
            await self._outbox.failed(leased, f"{error}")
            return EventStatus.DEAD.value if leased.attempts >= MAX_ATTEMPTS else "failed"
        except HopelessError as error:
            log.warning("outbox_handler_gave_up", topic=leased.topic, error=str(error))
            await self._outbox.failed(leased, f"{error}", hopeless=True)
            return EventStatus.DEAD.value
        except Exception as error:
            log.exception("outbox_handler_failed", topic=leased.topic, attempts=leased.attempts)
            await self._outbox.failed(leased, f"{type(error).__name__}: {error}")
            tracing.failed(error)
            return EventStatus.DEAD.value if leased.attempts >= MAX_ATTEMPTS else "failed"
        return EventStatus.DELIVERED.value
