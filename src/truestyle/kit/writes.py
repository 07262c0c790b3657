"""Which rows this process has just written: whoever keeps copies is told before the writer gets its answer.

Every write of a repository goes through a `Noted` collection. Inside a transaction its rows are remembered with the
session and told after the commit. What other processes write comes by change streams.
"""

from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any
from weakref import WeakKeyDictionary

from pymongo import InsertOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.results import BulkWriteResult, DeleteResult, InsertManyResult, InsertOneResult, UpdateResult

Row = dict[str, Any]
Told = tuple[str, Any]  # a collection, and the `_id` of a row of it, or None for any of them
Listener = Callable[[str, Any], None]
# Fields that no answer for everybody shows: locks, and the order of a list by popularity, which may lag a minute.
SILENT = frozenset({"used_at", "locked_at", "touched_at", "popularity"})
# Whether the event of a change stream is of a change that shows somewhere, as an expression.
SHOWS: Row = {
    "$or": [
        {"$ne": ["$operationType", "update"]},
        {"$gt": [{"$size": {"$ifNull": ["$updateDescription.removedFields", []]}}, 0]},
        {
            "$not": [
                {
                    "$setIsSubset": [
                        {"$map": {"input": {"$objectToArray": "$updateDescription.updatedFields"}, "in": "$$this.k"}},
                        [*sorted(SILENT), "updated_at", "version"],
                    ]
                }
            ]
        },
    ]
}
_listeners: list[Listener] = []
_open: WeakKeyDictionary[AsyncClientSession, set[Told]] = WeakKeyDictionary()

_consulted: ContextVar[set[Told] | None] = ContextVar("consulted", default=None)


def consulting(rows: set[Told]) -> None:
    """From here on, in this task, put into `rows` which single rows are read that change often."""
    _consulted.set(rows)


def consulted(name: str, keys: Iterable[Any]) -> None:
    """These rows are being read."""
    rows = _consulted.get()
    if rows is not None:
        rows.update((name, key) for key in keys)


def listen(listener: Listener) -> Callable[[], None]:
    """Call `listener(collection, id or None)` after each write of this process; gives what ends it."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)


def committed(session: AsyncClientSession) -> None:
    """What the session wrote is there now."""
    _tell(_open.pop(session, ()))


def _note(session: AsyncClientSession | None, name: str, keys: Iterable[Any]) -> None:
    told = {(name, key) for key in keys}
    if session is not None and session.in_transaction:
        _open.setdefault(session, set()).update(told)
    else:
        _tell(told)


def _tell(told: Iterable[Told]) -> None:
    for name, key in told:
        for listener in _listeners:
            listener(name, key)


def _key(where: Mapping[str, Any]) -> Any:
    key = where.get("_id")
    return None if isinstance(key, Mapping) else key


class Noted(AsyncCollection[Row]):
    """A collection whose writes are told to the listeners of this process. Reads are as ever."""

    async def insert_one(self, document: Any, *args: Any, **options: Any) -> InsertOneResult:
        """As in PyMongo."""
        done = await super().insert_one(document, *args, **options)
        _note(options.get("session"), self.name, [done.inserted_id])
        return done

    async def insert_many(self, documents: Any, *args: Any, **options: Any) -> InsertManyResult:
        """As in PyMongo."""
        done = await super().insert_many(documents, *args, **options)
        _note(options.get("session"), self.name, done.inserted_ids)
        return done

    async def update_one(self, filter: Any, *args: Any, **options: Any) -> UpdateResult:  # noqa: A002 - PyMongo's name
        """As in PyMongo."""
        done = await super().update_one(filter, *args, **options)
        _note(options.get("session"), self.name, [_key(filter)])
        return done

    async def update_many(self, filter: Any, *args: Any, **options: Any) -> UpdateResult:  # noqa: A002 - PyMongo's name
        """As in PyMongo."""
        done = await super().update_many(filter, *args, **options)
        _note(options.get("session"), self.name, [_key(filter)])
        return done

    async def replace_one(self, filter: Any, *args: Any, **options: Any) -> UpdateResult:  # noqa: A002 - PyMongo's name
        """As in PyMongo."""
        done = await super().replace_one(filter, *args, **options)
        _note(options.get("session"), self.name, [_key(filter)])
        return done

    async def find_one_and_update(self, filter: Any, *args: Any, **options: Any) -> Row | None:  # noqa: A002 - PyMongo's name
        """As in PyMongo."""
        done = await super().find_one_and_update(filter, *args, **options)
        _note(options.get("session"), self.name, [_key(filter)])
        return done

    async def find_one_and_replace(self, filter: Any, *args: Any, **options: Any) -> Row | None:  # noqa: A002 - PyMongo's name
        """As in PyMongo."""
        done = await super().find_one_and_replace(filter, *args, **options)
        _note(options.get("session"), self.name, [_key(filter)])
        return done

    async def find_one_and_delete(self, filter: Any, *args: Any, **options: Any) -> Row | None:  # noqa: A002 - PyMongo's name
        """As in PyMongo."""
        done = await super().find_one_and_delete(filter, *args, **options)
        _note(options.get("session"), self.name, [_key(filter)])
        return done

    async def delete_one(self, filter: Any, *args: Any, **options: Any) -> DeleteResult:  # noqa: A002 - PyMongo's name
        """As in PyMongo."""
        done = await super().delete_one(filter, *args, **options)
        _note(options.get("session"), self.name, [_key(filter)])
        return done

    async def delete_many(self, filter: Any, *args: Any, **options: Any) -> DeleteResult:  # noqa: A002 - PyMongo's name
        """As in PyMongo."""
        done = await super().delete_many(filter, *args, **options)
        _note(options.get("session"), self.name, [_key(filter)])
        return done

    async def bulk_write(self, requests: Any, *args: Any, **options: Any) -> BulkWriteResult:
        """As in PyMongo."""
        writes = list(requests)
        done = await super().bulk_write(writes, *args, **options)
        keys = [(one._doc if isinstance(one, InsertOne) else one._filter) for one in writes]  # noqa: SLF001
        _note(options.get("session"), self.name, {_key(one) for one in keys})
        return done
