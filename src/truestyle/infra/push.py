"""What changed, pushed to every process by one MongoDB change stream, so that caches can be dropped in time.

Three collections are watched. `versions` holds one counter a subject (`rbac`, `catalog`, …): a cache puts the
counter into its keys. `token_revocations` names sessions and users whose tokens ended. `maintenance` holds the flag
that closes the store while a backup is put back. While the stream is not certainly up to date, `sure` is False and
caches must be bypassed: a cache may be slow, never wrong.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import structlog
from pymongo.errors import PyMongoError

from truestyle.kit import tasks
from truestyle.kit.repository import Database, Row

WATCHED = ("versions", "token_revocations", "maintenance")
FLAG = "store"  # the row of `maintenance` that closes the store
SILENCE = 1.0  # seconds without word from the stream after which it is not trusted
log = structlog.get_logger("push")


class Push:
    """The change stream of one process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._heard = float("-inf")
        self._versions: dict[str, int] = {}
        self._listeners: list[Callable[[Row], None]] = []
        self._restored: list[Callable[[], None]] = []
        self._flag: Row = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def sure(self) -> bool:
        """Whether every change of a second ago is known here."""
        return time.monotonic() - self._heard < SILENCE

    def version(self, subject: str) -> int | None:
        """The counter of a subject, or None while the stream is unsure."""
        return self._versions.get(subject, 0) if self.sure else None

    def saw(self, subject: str, version: int) -> None:
        """This process made a change itself: it must not wait for the stream to tell it."""
        self._versions[subject] = max(version, self._versions.get(subject, 0))

    def on_revocation(self, listener: Callable[[Row], None]) -> None:
        """Call `listener` with each new row of `token_revocations`, and with {} when rows may have been missed."""
        self._listeners.append(listener)

    @property
    def flag(self) -> Row | None:
        """The row that closes the store, {} if there is none; None while the stream is unsure."""
        return self._flag if self.sure else None

    def on_restore(self, listener: Callable[[], None]) -> None:
        """Call `listener` when another store was put in the place of this one."""
        self._restored.append(listener)

    def start(self) -> None:
        """Watch until `stop`, in the running event loop."""
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """End the stream."""
        await tasks.end(self._task)
        self._heard = float("-inf")

    async def _follow(self) -> None:
        while True:
            try:
                await self._watch()
            except PyMongoError as error:
                log.warning("push_stream_broken", error=type(error).__name__)
            self._heard = float("-inf")
            await asyncio.sleep(0.2)

    async def _watch(self) -> None:
        pipeline = [{"$match": {"ns.coll": {"$in": WATCHED}}}]
        async with await self._db.watch(pipeline, full_document="updateLookup", max_await_time_ms=300) as stream:
            # What happened before the stream opened is read after it opened, so nothing falls between.
            rows = await self._db["versions"].find().to_list()
            self._versions = {row["_id"]: row["n"] for row in rows}
            self._tell({})
            self._saw_flag(await self._db["maintenance"].find_one({"_id": FLAG}) or {})
            self._heard = time.monotonic()
            while stream.alive:
                change = await stream.try_next()
                if change is not None:
                    self._apply(change)
                self._heard = time.monotonic()

    def _apply(self, change: dict[str, Any]) -> None:
        row = change.get("fullDocument") or {}
        if change["operationType"] in {"drop", "rename", "dropDatabase", "invalidate"}:
            self._tell({})
        elif change["ns"]["coll"] == "maintenance":
            if change["documentKey"]["_id"] == FLAG:
                self._saw_flag(row)
        elif change["ns"]["coll"] == "versions" and row:
            self._versions[row["_id"]] = max(row["n"], self._versions.get(row["_id"], 0))
        elif row and change["operationType"] in {"insert", "update", "replace"}:
            self._tell(row)

    def _saw_flag(self, row: Row) -> None:
        before, self._flag = self._flag, row
        if row.get("epoch", 0) != before.get("epoch", 0):
            self._tell({})
            for listener in self._restored:
                listener()

    def _tell(self, row: Row) -> None:
        for listener in self._listeners:
            listener(row)
