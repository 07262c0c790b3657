"""Finished answers to public questions, kept in this process until something that they were made of changes.

What changes is told twice: by this process's own writes before their callers get an answer, and by a change stream for
everybody's. An answer is kept only if nothing changed while it was made, and given only while the stream is certainly
up to date. So a kept answer is never older than a write that the asker was told of; see `written` for askers who were
told by another process.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from bson import Timestamp
from pymongo.errors import PyMongoError

from truestyle.infra.feed import NEVER, time_of
from truestyle.kit import tasks, writes
from truestyle.kit.repository import Database, Row
from truestyle.kit.writes import Told

SILENCE = 1.0  # seconds without word from the stream after which it is not trusted
LIFE = 60.0  # seconds that an answer is kept at most, whatever happens
OVERHEAD = 1500  # bytes that an answer costs beside its bodies, about
RECENT = 10_000  # rows of which we know when they last changed
ROWS = frozenset({"stock", "files"})  # change so often that an answer goes only if it was made of this very row
log = structlog.get_logger("shelf")
Key = tuple[str, str, bytes]  # path, query, origin
Headers = list[tuple[bytes, bytes]]


def lines(headers: Headers) -> bytes:
    """Headers as they are written in HTTP/1.1."""
    return b"".join([b"%s: %s\r\n" % one for one in headers])


class Form:
    """One way in which an answer can be sent: its headers but those of the one request, and its body."""

    __slots__ = ("body", "head", "headers", "status")

    def __init__(self, status: int, headers: Headers, body: bytes = b"") -> None:
        self.status, self.headers, self.body = status, headers, body
        self.head = lines(headers)


@dataclass
class Page:
    """An answer, in each encoding that was asked for, the plain one under `""`."""

    forms: dict[str, Form]
    unchanged: Form  # the 304
    etag: bytes
    route: str
    limited: bool
    made_of: frozenset[Told]
    until: float
    packed: bool  # whether it is worth compressing
    version: int = -1

    @property
    def size(self) -> int:
        """Bytes, about."""
        return OVERHEAD + sum(len(form.body) for form in self.forms.values())


@dataclass
class Mark:
    """The moment at which an answer began to be made."""

    version: int
    changes: int


class Shelf:
    """The kept answers of one process. `most`: bytes of them; 0 keeps none."""

    def __init__(self, db: Database, public: Iterable[str], most: int) -> None:
        self._db, self._public, self._most = db, frozenset(public), most
        self._pages: OrderedDict[Key, Page] = OrderedDict()
        self._by_row: dict[Told, set[Key]] = {}
        self._changed: OrderedDict[Told, int] = OrderedDict()
        self._bytes = 0
        self._version = self._changes = 0
        self._heard = float("-inf")
        self._at = NEVER
        self._task: asyncio.Task[None] | None = None
        self._deaf = writes.listen(self.wrote)
        self.hits = self.misses = self.passed = 0

    @property
    def sure(self) -> bool:
        """Whether every change of a second ago is known here."""
        return self._most > 0 and time.monotonic() - self._heard < SILENCE

    @property
    def size(self) -> int:
        """Bytes kept."""
        return self._bytes

    def knows(self, written: Timestamp) -> bool:
        """Whether the stream is past what somebody was told had been written."""
        return self._at >= written

    def get(self, key: Key) -> Page | None:
        """A kept answer that still holds."""
        page = self._pages.get(key)
        if page is None:
            return None
        if page.version != self._version or page.until < time.monotonic():
            self._drop(key)
            return None
        self._pages.move_to_end(key)
        return page

    def mark(self) -> Mark:
        """From here on an answer is made."""
        return Mark(self._version, self._changes)

    def put(self, key: Key, page: Page, since: Mark) -> bool:
        """Keep an answer, unless what it is made of changed while it was made; whether it is kept."""
        changed = any(self._changed.get(row, 0) > since.changes for row in page.made_of)
        forgotten = len(self._changed) == RECENT and next(iter(self._changed.values())) > since.changes
        if since.version != self._version or changed or forgotten or not self.sure or page.size > self._most // 8:
            return False
        page.version = self._version
        self._drop(key)
        self._pages[key] = page
        self._bytes += page.size
        for row in page.made_of:
            self._by_row.setdefault(row, set()).add(key)
        self._trim()
        return True

    def grew(self, by: int) -> None:
        """A kept answer got another encoding."""
        self._bytes += by
        self._trim()

    def _trim(self) -> None:
        while self._bytes > self._most and self._pages:
            self._drop(next(iter(self._pages)))

    def _drop(self, key: Key) -> None:
        page = self._pages.pop(key, None)
        if page is None:
            return
        self._bytes -= page.size
        for row in page.made_of:
            keys = self._by_row.get(row, set())
            keys.discard(key)
            if not keys:
                self._by_row.pop(row, None)

    def clear(self) -> None:
        """Nothing that is kept holds any longer."""
        self._version += 1
        self._pages.clear()
        self._by_row.clear()
        self._bytes = 0

    def wrote(self, name: str, key: Any) -> None:
        """A row changed; without a key, any row of the collection."""
        if name not in self._public and name not in ROWS:
            return
        if name not in ROWS or key is None:
            self.clear()
            return
        self._changes += 1
        row = (name, key)
        self._changed[row] = self._changes
        self._changed.move_to_end(row)
        if len(self._changed) > RECENT:
            self._changed.popitem(last=False)
        for page in list(self._by_row.get(row, ())):
            self._drop(page)

    def start(self) -> None:
        """Follow the changes until `stop`, in the running event loop."""
        if self._most > 0:
            self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Keep nothing any more."""
        await tasks.end(self._task)
        self._deaf()
        self._doubt()

    def _doubt(self) -> None:
        self._heard = float("-inf")
        self.clear()

    async def _follow(self) -> None:
        while True:
            try:
                await self._watch()
            except PyMongoError as error:
                log.warning("shelf_stream_broken", error=type(error).__name__)
            except Exception:
                log.exception("shelf_stream_failed")
            self._doubt()
            await asyncio.sleep(0.2)

    async def _watch(self) -> None:
        async with await self._db.watch(_pipeline(sorted(self._public | ROWS)), max_await_time_ms=300) as stream:
            while stream.alive:
                change = await stream.try_next()
                if change is not None:
                    self._apply(change)
                self._heard = time.monotonic()
                self._at = max(self._at, time_of(stream.resume_token))

    def _apply(self, change: Row) -> None:
        name, key = change.get("ns", {}).get("coll"), change.get("documentKey", {}).get("_id")
        if change["operationType"] == "insert" and name in ROWS:
            return  # nothing can have been made of it
        if name is None or key is None:
            self.clear()
        else:
            self.wrote(name, key)


def _pipeline(names: Sequence[str]) -> list[Row]:
    """Which row of which collection changed, but for changes that show nowhere; and what is worse than changes."""
    row = {"operationType": {"$in": ["insert", "update", "replace", "delete"]}, "ns.coll": {"$in": names}}
    worse = {"operationType": {"$in": ["drop", "rename", "dropDatabase", "invalidate"]}}
    return [
        {"$match": {"$or": [{**row, "$expr": writes.SHOWS}, worse]}},
        {"$project": {"operationType": 1, "ns": 1, "documentKey": 1}},
    ]
