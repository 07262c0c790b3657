"""Writing log rows, and reading them.

Sign-ins, sign-outs and registrations are outbox events in the transaction of what they tell of. Requests are gathered
in memory and written together, once a second; what cannot be written then waits in the outbox.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import structlog
from bson import ObjectId
from fastapi import Query
from pymongo.errors import PyMongoError

from truestyle.auth.models import Caller
from truestyle.infra.outbox import Event, NotYet, event
from truestyle.kit import clock, tasks
from truestyle.kit.errors import Unavailable
from truestyle.kit.paging import Found, PageQuery
from truestyle.kit.tables import Condition
from truestyle.kit.trail import acting_now
from truestyle.kit.types import Email, Id, Timestamp
from truestyle.logs.models import AppendOnly, LogCreate, LogKind, LogRow, Logs

if TYPE_CHECKING:
    from truestyle.shop import Shop

ROWS, FORGET = "log.rows", "sql.forget"
EVERY = 1.0  # seconds between two writes
MOST_WAITING = 20_000  # rows in memory; beyond that the oldest go
BATCH = 500
FORGET_AFTER = timedelta(seconds=5)
UNLOGGED = ("/health", "/docs", "/redoc", "/openapi.json", "/static")
log = structlog.get_logger("logs")


@dataclass(frozen=True)
class Filters:
    """What the list is narrowed to."""

    kind: Annotated[LogKind | None, Query(description="What the rows are about.")] = None
    user_id: Annotated[Id | None, Query(description="Of this account.")] = None
    email: Annotated[Email | None, Query(description="Sign-ins and registrations under this address.")] = None
    path: Annotated[str | None, Query(max_length=300, description="Requests of exactly this path.")] = None
    status: Annotated[int | None, Query(ge=100, le=599, description="Requests answered so.")] = None
    ip: Annotated[str | None, Query(max_length=45, description="From this address.")] = None
    request_id: Annotated[
        str | None, Query(pattern=r"^[A-Za-z0-9._-]{1,64}$", description="`X-Request-ID` of a request.")
    ] = None
    from_: Annotated[Timestamp | None, Query(alias="from", description="Happened at or after.")] = None
    to: Annotated[Timestamp | None, Query(description="Happened before.")] = None


def told(kind: LogKind, **facts: Any) -> Event:
    """The event of one row, for the transaction of what it tells of."""
    row = LogRow(kind=kind, request_id=acting_now().request_id, **facts)
    return event(ROWS, {"rows": [row.model_dump(mode="python")]})


async def keep(shop: "Shop", rows: Event) -> None:
    """Handle the event: put the rows into SQL, each once. Raises NotYet while SQL is away."""
    try:
        await shop.logs.add([LogRow.model_validate(row) for row in rows.payload["rows"]])
    except Unavailable as error:
        raise NotYet from error


def forgotten(user_id: ObjectId, email: str | None) -> Event:
    """The event after which SQL forgets a person, once the requests that are in memory anywhere are written."""
    written = clock.now() + FORGET_AFTER
    return event(FORGET, {"user_id": user_id, "email": email}).model_copy(update={"due_at": written})


async def forget(shop: "Shop", left: Event) -> None:
    """Handle the event: take a person who left out of the SQL side. Raises NotYet while SQL is away."""
    try:
        email, user_id = left.payload["email"], left.payload["user_id"]
        await shop.logs.forget(email, user_id)
        if email:  # shown to be theirs: nobody deletes a stranger's messages by signing up under their address
            await shop.messages.forget(email, user_id)
    except Unavailable as error:
        raise NotYet from error


class RequestLog:
    """Requests on their way into SQL."""

    def __init__(self, shop: "Shop") -> None:
        self._shop = shop
        self._waiting: deque[dict[str, Any]] = deque()
        self._dropped = 0
        self._task: asyncio.Task[None] | None = None
        self.prefix = shop.settings.shop.api_v1_prefix

    def saw(self, facts: dict[str, Any]) -> None:
        """Remember a request; nothing is written here."""
        if not facts["path"].startswith(self.prefix):
            return
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self._dropped += 1
        self._waiting.append({**facts, "at": clock.now()})

    def start(self) -> None:
        """Begin to write, in the running event loop."""
        self._task = asyncio.create_task(self._serve())

    async def stop(self) -> None:
        """Write what waits."""
        if self._task is not None:
            await tasks.end(self._task)
            await self.flush()

    async def flush(self) -> int:
        """Write what waits, into SQL or, if that is away, into the outbox; how many rows."""
        done = 0
        while self._waiting:
            rows = [_row(self._waiting.popleft()) for _ in range(min(BATCH, len(self._waiting)))]
            try:
                await self._shop.logs.add(rows)
            except Unavailable:
                payload = {"rows": [row.model_dump(mode="python") for row in rows]}
                try:
                    await self._shop.store.outbox.write([event(ROWS, payload)])
                except PyMongoError:
                    self._dropped += len(rows)
            done += len(rows)
        if self._dropped:
            log.warning("request_logs_dropped", rows=self._dropped)
            self._dropped = 0
        return done

    async def expire(self) -> int:
        """Delete what is past its retention; how many rows. Raises Unavailable."""
        done = 0
        while count := await self._shop.logs.expire(kept_until(self._shop)):
            done += count
        return done

    async def _serve(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.flush()
            except Exception:
                log.exception("request_log_failed")


def _row(facts: dict[str, Any]) -> LogRow:
    caller = facts["caller"]
    return LogRow(
        kind=LogKind.REQUEST,
        user_id=ObjectId(caller) if caller else None,
        method=facts["method"],
        path=facts["path"].replace("\0", "")[:300],
        status=facts["status"],
        duration_ms=facts["ms"],
        ip=facts["client"],
        request_id=facts["request_id"],
        created_at=facts["at"],
        updated_at=facts["at"],
    )


def kept_until(shop: "Shop") -> Any:
    """Rows made before may go."""
    return clock.now() - timedelta(days=shop.settings.data.log_retention_days)


async def find(shop: "Shop", filters: Filters, query: PageQuery) -> Found[LogRow]:
    """One page of rows. Raises Unavailable."""
    found: dict[str, tuple[Any, Condition]] = {}
    for name in ("kind", "user_id", "email", "path", "status", "ip", "request_id"):
        asked = getattr(filters, name)
        if asked is not None:
            found[name] = asked, getattr(Logs, name) == asked
    if filters.from_ is not None:
        found["from"] = filters.from_, Logs.created_at >= filters.from_
    if filters.to is not None:
        found["to"] = filters.to, Logs.created_at < filters.to
    return await shop.logs.find(found, query)


async def note(shop: "Shop", caller: Caller, body: LogCreate) -> LogRow:
    """A note of the staff's. Raises Unavailable."""
    row = LogRow(kind=LogKind.NOTE, user_id=caller.user_id, message=body.message)
    await shop.logs.add([row])
    return row


async def remove(shop: "Shop", key: ObjectId) -> None:
    """Delete a row that is past its retention. Raises NotFound, AppendOnly, Unavailable."""
    row = await shop.logs.get(key)
    if row.created_at >= kept_until(shop):
        raise AppendOnly
    await shop.logs.remove(key)
