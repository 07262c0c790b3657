"""Who did what to which row, written by the collection itself, in the transaction of the write.

A repository's `collection` is a `Watched` one unless its class says why not. Its writes look at the rows before and
after, and leave an entry in `audit` for each that changed; without a transaction around them they open their own. So
no write of a repository can skip the trail, and none is in it that was rolled back. `trail/` seals and shows the
entries.
"""

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar

import orjson
from bson import ObjectId
from pydantic import ValidationError
from pymongo import InsertOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.results import BulkWriteResult, DeleteResult, InsertManyResult, InsertOneResult, UpdateResult

from truestyle.kit import clock, transactions
from truestyle.kit.documents import Document
from truestyle.kit.writes import Noted

Row = dict[str, Any]
Done = TypeVar("Done")
COLLECTION = "audit"
HIDDEN = "•••"  # what stands for a secret that changed
# Marks of the machinery: a row where only these changed is as it was.
MARKS = frozenset({"_id", "updated_at", "version", "used_at", "touched_at", "locked_at"})


class ActorKind(StrEnum):
    """Who acts."""

    USER = "user"
    GUEST = "guest"
    COMMAND = "command"
    SYSTEM = "system"


class Action(StrEnum):
    """What happened to a row."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True)
class Actor:
    """Who acts, in answer to which request, and as part of which changeset."""

    kind: ActorKind
    id: ObjectId | None = None
    request_id: str | None = None
    changeset_id: ObjectId | None = None


ITSELF = Actor(ActorKind.SYSTEM)
_acting: ContextVar[Actor] = ContextVar("acting", default=ITSELF)


def acting_now() -> Actor:
    """Whose writes these are."""
    return _acting.get()


def act_as(actor: Actor) -> None:
    """From here on, in this task, writes are `actor`'s."""
    _acting.set(actor)


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Within, writes are `actor`'s."""
    token = _acting.set(actor)
    try:
        yield
    finally:
        _acting.reset(token)


@contextmanager
def within_changeset(key: ObjectId) -> Iterator[None]:
    """Within, writes are part of a changeset, whoever acts."""
    with acting(replace(_acting.get(), changeset_id=key)):
        yield


@dataclass(frozen=True)
class Watch:
    """How the rows of a collection are told."""

    document: type[Document] | None = None
    upkeep: frozenset[str] = frozenset()  # worked out from other rows: no change of its own
    secret: frozenset[str] = frozenset()  # that it changed is told, never its value; `a.b` is b inside of a
    outline: frozenset[str] = frozenset()  # of a new row only these are told; empty: all
    subject: str = "user_id"  # the field that names the person a row is about

    def changed(self, before: Row, after: Row) -> set[str]:
        """The fields that differ and count."""
        names = before.keys() | after.keys()
        return {name for name in names if before.get(name) != after.get(name)} - MARKS - self.upkeep

    def _shown(self, row: Row) -> Row:
        if self.document is None:
            return _plain(row)
        try:
            return self.document.load(row).model_dump(mode="json", exclude={"id", "updated_at", "version"})
        except ValidationError:  # a row of an older release: telling it roughly beats refusing the write
            return _plain(row)

    def told(self, row: Row | None, names: set[str] | None = None) -> Row | None:
        """A row, or these fields of it, as they look on the wire."""
        if row is None:
            return None
        shown = self._shown(row)
        return {name: self._hidden(value, name) for name, value in shown.items() if names is None or name in names}

    def _hidden(self, value: Any, name: str) -> Any:
        if name in self.secret:
            return None if value is None else HIDDEN
        inside = {one for one in self.secret if one.startswith(f"{name}.")} if isinstance(value, dict) else ()
        if not inside:
            return value
        return {key: self._hidden(one, f"{name}.{key}") for key, one in value.items()}


def _plain(row: Row) -> Row:
    kept = {name: value for name, value in row.items() if name not in MARKS}
    plain: Row = orjson.loads(orjson.dumps(kept, default=str))
    return plain


def digest(salt: bytes, details: str) -> bytes:
    """What the chain holds of an entry's details, so that they can be erased and the chain still be checked."""
    return hashlib.sha256(salt + details.encode()).digest()


class Watched(Noted):
    """A collection whose writes leave entries in the audit trail. Reads are as ever.

    `with_options` gives a plain collection: it is for indexes and checks, not for writing.
    """

    def __init__(self, db: AsyncDatabase[Row], name: str, watch: Watch) -> None:
        super().__init__(db, name)
        self._watch = watch

    async def insert_one(self, document: Any, *args: Any, **options: Any) -> InsertOneResult:
        """As in PyMongo, with an entry."""
        plain = super().insert_one
        return await self._insert([document], lambda more: plain(document, *args, **more), options)

    async def insert_many(self, documents: Any, *args: Any, **options: Any) -> InsertManyResult:
        """As in PyMongo, with an entry a row."""
        plain, rows = super().insert_many, list(documents)
        return await self._insert(rows, lambda more: plain(rows, *args, **more), options)

    async def update_one(self, filter: Any, *args: Any, **options: Any) -> UpdateResult:  # noqa: A002 - PyMongo's name
        """As in PyMongo, with an entry if the row changed."""
        plain = super().update_one
        return await self._change([filter], lambda more: plain(filter, *args, **more), options)

    async def update_many(self, filter: Any, *args: Any, **options: Any) -> UpdateResult:  # noqa: A002 - PyMongo's name
        """As in PyMongo, with an entry for each row that changed."""
        plain = super().update_many
        return await self._change([filter], lambda more: plain(filter, *args, **more), options)

    async def replace_one(self, filter: Any, *args: Any, **options: Any) -> UpdateResult:  # noqa: A002 - PyMongo's name
        """As in PyMongo, with an entry if the row changed."""
        plain = super().replace_one
        return await self._change([filter], lambda more: plain(filter, *args, **more), options)

    async def find_one_and_update(self, filter: Any, *args: Any, **options: Any) -> Row | None:  # noqa: A002 - PyMongo's name
        """As in PyMongo, with an entry if the row changed."""
        plain = super().find_one_and_update
        return await self._change([filter], lambda more: plain(filter, *args, **more), options)

    async def find_one_and_replace(self, filter: Any, *args: Any, **options: Any) -> Row | None:  # noqa: A002 - PyMongo's name
        """As in PyMongo, with an entry if the row changed."""
        plain = super().find_one_and_replace
        return await self._change([filter], lambda more: plain(filter, *args, **more), options)

    async def find_one_and_delete(self, filter: Any, *args: Any, **options: Any) -> Row | None:  # noqa: A002 - PyMongo's name
        """As in PyMongo, with an entry."""
        plain = super().find_one_and_delete
        return await self._change([filter], lambda more: plain(filter, *args, **more), options)

    async def delete_one(self, filter: Any, *args: Any, **options: Any) -> DeleteResult:  # noqa: A002 - PyMongo's name
        """As in PyMongo, with an entry."""
        plain = super().delete_one
        return await self._change([filter], lambda more: plain(filter, *args, **more), options)

    async def delete_many(self, filter: Any, *args: Any, **options: Any) -> DeleteResult:  # noqa: A002 - PyMongo's name
        """As in PyMongo, with an entry a row."""
        plain = super().delete_many
        return await self._change([filter], lambda more: plain(filter, *args, **more), options)

    async def bulk_write(self, requests: Any, *args: Any, **options: Any) -> BulkWriteResult:
        """As in PyMongo, with an entry for each row that changed."""
        plain, writes = super().bulk_write, list(requests)
        # PyMongo tells neither what a request is about nor, afterwards, which rows it met: its filter does.
        fresh = [one._doc for one in writes if isinstance(one, InsertOne)]  # noqa: SLF001
        filters = [one._filter for one in writes if not isinstance(one, InsertOne)]  # noqa: SLF001
        return await self._change(filters, lambda more: plain(writes, *args, **more), options, fresh)

    async def _insert(self, rows: list[Row], act: Callable[[Row], Awaitable[Done]], options: Row) -> Done:
        async def work(session: AsyncClientSession) -> Done:
            done = await act({**options, "session": session})
            await self._write([(None, row) for row in rows], session)
            return done

        return await self._inside(options.get("session"), work)

    async def _change(
        self,
        filters: Sequence[Mapping[str, Any]],
        act: Callable[[Row], Awaitable[Done]],
        options: Row,
        fresh: Sequence[Row] = (),
    ) -> Done:
        async def work(session: AsyncClientSession) -> Done:
            before = {row["_id"]: row for row in await self._matching(filters, session)}
            done = await act({**options, "session": session})
            keys = [*before, *_upserted(done), *(row["_id"] for row in fresh)]
            if not keys and options.get("upsert"):  # find_one_and_… does not say what it made
                keys = [row["_id"] for row in await self._matching(filters, session)]
            after = {row["_id"]: row for row in await self._matching([{"_id": {"$in": keys}}], session)}
            await self._write([(before.get(key), after.get(key)) for key in keys], session)
            return done

        return await self._inside(options.get("session"), work)

    async def _inside(
        self, session: AsyncClientSession | None, work: Callable[[AsyncClientSession], Awaitable[Done]]
    ) -> Done:
        if session is not None:
            return await work(session)
        return await transactions.run(self.database.client, work)

    async def _matching(self, filters: Sequence[Mapping[str, Any]], session: AsyncClientSession) -> list[Row]:
        if not filters:
            return []
        keys = [one["_id"] for one in filters if list(one) == ["_id"] and not isinstance(one["_id"], Mapping)]
        where = {"_id": {"$in": keys}} if len(keys) == len(filters) else {"$or": list(filters)}
        return await self.find(filters[0] if len(filters) == 1 else where, session=session).to_list()

    async def _write(self, pairs: Sequence[tuple[Row | None, Row | None]], session: AsyncClientSession) -> None:
        entries = [one for before, after in pairs if (one := entry(self.name, self._watch, before, after)) is not None]
        if entries:
            await self.database[COLLECTION].insert_many(entries, session=session)


def entry(resource: str, watch: Watch, before: Row | None, after: Row | None) -> Row | None:
    """What the trail tells of a row of `resource` that was like `before` and is like `after`; None: nothing new."""
    row = after or before
    if row is None:
        return None
    if before is None:
        action, names = Action.CREATE, set(watch.outline) or None
    elif after is None:
        action, names = Action.DELETE, None
    else:
        action, names = Action.UPDATE, watch.changed(before, after)
        if not names:
            return None
    details = orjson.dumps({"before": watch.told(before, names), "after": watch.told(after, names)}).decode()
    subject = row["_id"] if watch.subject == "_id" else row.get(watch.subject)
    actor = _acting.get()
    if actor.kind is ActorKind.GUEST and action is Action.CREATE and subject is not None:
        actor = replace(actor, kind=ActorKind.USER, id=subject)  # made at the till, or by signing up
    salt, moment = secrets.token_bytes(16), clock.now()
    return {
        "_id": ObjectId(),
        "created_at": moment,
        "updated_at": moment,
        "version": 1,
        "actor": {"kind": actor.kind, "id": actor.id},
        "request_id": actor.request_id,
        "changeset_id": actor.changeset_id,
        "action": action,
        "resource": resource,
        "resource_id": str(row["_id"]),
        "subject": subject,
        "details": details,
        "salt": salt,
        "digest": digest(salt, details),
        "sealed": False,
    }


def _upserted(done: Any) -> list[Any]:
    """The ids of rows that an update made because there were none."""
    if isinstance(done, BulkWriteResult):
        return list((done.upserted_ids or {}).values())
    return [done.upserted_id] if isinstance(done, UpdateResult) and done.upserted_id is not None else []
