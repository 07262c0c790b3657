"""A mirror: what some collections hold, kept in this process by a change stream.

The stream is opened first and everything is read after it, so nothing falls between. Whenever the stream breaks, or
tells of what cannot be followed, all is read anew. Who asks for the mirror is given one that has every write which this
process committed before: if there was any since the last time, a mark is written, and awaited in the stream.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar

import structlog
from bson import ObjectId, Timestamp
from pymongo import IndexModel, WriteConcern
from pymongo.asynchronous.change_stream import AsyncChangeStream
from pymongo.errors import PyMongoError

from truestyle.kit import clock, tasks, transactions, writes
from truestyle.kit.errors import Unavailable
from truestyle.kit.repository import Collection, Database, Row

SILENCE = 1.0  # seconds without word from the stream after which it is not trusted
PATIENCE = 4.0  # seconds that a question waits for the mirror
PAUSE = 0.5  # seconds before a broken stream is opened again
BREATH = 50  # changes after which others may run
NEVER = Timestamp(0, 0)
MARKS_KEPT = timedelta(hours=1)
log = structlog.get_logger("feed")


class Mirror(Protocol):
    """What a feed keeps."""

    def put(self, collection: str, row: Row) -> None:
        """A row that is new or changed."""

    def drop(self, collection: str, key: ObjectId) -> None:
        """A row that is gone."""


M = TypeVar("M", bound=Mirror)


class Marks(Collection):
    """One row a process, written when it wants to know how far its stream is."""

    name = "feed_marks"
    unaudited = "says how far a change stream is"
    indexes = (IndexModel("at", expireAfterSeconds=int(MARKS_KEPT.total_seconds())),)

    async def put(self, key: str, number: int) -> None:
        """Write a mark. It comes through the stream, which tells when it is kept: here nobody waits for that."""
        quick = self.collection.with_options(write_concern=WriteConcern(w=1))
        await quick.replace_one({"_id": key}, {"n": number, "at": clock.now()}, upsert=True)


def time_of(token: Any) -> Timestamp:
    """MongoDB's time that a resume token is of: after a type byte, seconds and a number within them."""
    text = token["_data"] if token else ""
    return Timestamp(int(text[2:10], 16), int(text[10:18], 16)) if text.startswith("82") else NEVER


class _DoubtError(Exception):
    """The stream told of something that cannot be followed."""


class Feed(Generic[M]):
    """Keeps one mirror of one process. `fields`: of which collections which fields; `read`: everything, anew.

    Without `marks` nothing is written, and the mirror is shown as soon as it is read: what changed while it was read
    comes a moment later.
    """

    def __init__(
        self, db: Database, marks: Marks | None, fields: Mapping[str, Sequence[str]], read: Callable[[], Awaitable[M]]
    ) -> None:
        self._db, self._marks, self._read = db, marks, read
        self._collections = frozenset(fields)
        self._me = secrets.token_hex(8)
        shown = {f"fullDocument.{name}": 1 for names in (*fields.values(), ("_id", "n")) for name in names}
        self._pipeline: list[Row] = [
            {
                "$match": {
                    "$or": [
                        {"ns.coll": {"$in": sorted(fields)}},
                        {"ns.coll": Marks.name, "documentKey._id": self._me},
                        {"operationType": {"$in": ["dropDatabase", "invalidate"]}},
                    ]
                }
            },
            {"$project": {"operationType": 1, "ns": 1, "documentKey": 1, "shows": writes.SHOWS, **shown}},
        ]
        self._mirror: M | None = None
        self._heard = float("-inf")
        self._marked = self._seen = 0  # the last mark that was written, and that came back
        self._known = -1  # commits of this process that are in the mirror
        self._at = NEVER  # MongoDB's time up to which everything is in the mirror
        self._doubted = False
        self._moved = asyncio.Event()
        self._asking = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.applied: Callable[[str, ObjectId], None] | None = None  # told of each change that is in the mirror now

    def start(self) -> None:
        """Read and follow until `stop`, in the running event loop."""
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Follow no more."""
        await tasks.end(self._task)
        self._forget()

    @property
    def sure(self) -> bool:
        """Whether there is a mirror that knows every change of a second ago."""
        return self._mirror is not None and time.monotonic() - self._heard < SILENCE

    def with_all(self, written: Timestamp) -> M | None:
        """The mirror, where everything up to a time of MongoDB's is known to be in it already. Nobody is asked."""
        return self._mirror if self.sure and self._at >= written else None

    async def mirror(self) -> M:
        """The mirror, with every write that this process committed before. Raises Unavailable."""
        if self._mirror is not None and self.sure and self._known == transactions.commits():
            return self._mirror
        try:
            async with asyncio.timeout(PATIENCE):
                await self._until(lambda: self.sure)
                await self._catch_up()
        except TimeoutError as error:
            log.warning("feed_behind", collections=sorted(self._collections))
            raise Unavailable from error
        if self._mirror is None:
            raise Unavailable
        return self._mirror

    def distrust(self) -> None:
        """Something was written past the transactions: ask the stream next time."""
        self._known, self._at = -1, NEVER

    def anew(self) -> None:
        """Everything is another: read it again, and show nothing before that."""
        self._doubted = True
        self._forget()

    async def _catch_up(self) -> None:
        goal = transactions.commits()
        async with self._asking:
            if self._known >= goal:
                return
            goal = transactions.commits()
            mark = await self._mark()
            await self._until(lambda: self._seen >= mark and self.sure)
            self._known = goal

    async def _until(self, true: Callable[[], bool]) -> None:
        while not true():
            await self._moved.wait()

    def _move(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def _follow(self) -> None:
        while True:
            try:
                await self._watch()
            except (PyMongoError, _DoubtError) as error:
                log.warning("feed_broken", error=type(error).__name__)
            except Exception:
                log.exception("feed_failed")
            self._forget()
            await asyncio.sleep(PAUSE)

    def _forget(self) -> None:
        self._mirror, self._heard, self._known, self._at = None, float("-inf"), -1, NEVER

    async def _watch(self) -> None:
        async with await self._db.watch(self._pipeline, full_document="updateLookup", max_await_time_ms=300) as stream:
            began, self._doubted = time.monotonic(), False
            mirror = await self._read()
            log.info("feed_read", collections=sorted(self._collections), seconds=round(time.monotonic() - began, 3))
            await self._hear(stream, mirror, await self._mark())

    async def _hear(self, stream: AsyncChangeStream[Row], mirror: M, mark: int) -> None:
        """Apply what comes; the mirror is shown once the mark has come, so what changed while all was read is in it."""
        applied = 0
        while stream.alive:
            change = await stream.try_next()
            if self._doubted:
                raise _DoubtError
            if change is not None:
                self._apply(mirror, change)
                applied += 1
            else:  # the batch is at its end: before that, others of the same moment may be to come
                self._at = max(self._at, time_of(stream.resume_token))
            self._heard = time.monotonic()
            if self._mirror is None and self._seen >= mark:
                self._mirror = mirror
            if change is not None and change.get("shows") and self.applied is not None:
                self.applied(change.get("ns", {}).get("coll"), change.get("documentKey", {}).get("_id"))
            self._move()
            if change is not None and applied % BREATH == 0:
                await asyncio.sleep(0)

    async def _mark(self) -> int:
        if self._marks is None:
            return self._marked
        self._marked += 1
        await self._marks.put(self._me, self._marked)
        return self._marked

    def _apply(self, mirror: M, change: Row) -> None:
        collection, kind = change.get("ns", {}).get("coll"), change["operationType"]
        if collection == Marks.name:
            self._seen = max(self._seen, (change.get("fullDocument") or {}).get("n", 0))
        elif kind == "delete":
            mirror.drop(collection, change["documentKey"]["_id"])
        elif kind in {"insert", "update", "replace"}:
            if change.get("fullDocument"):  # gone since: its delete is to come
                mirror.put(collection, change["fullDocument"])
        elif kind not in {"create", "createIndexes", "dropIndexes", "modify"}:
            raise _DoubtError
