"""Tables of the SQL side: the same verbs, pages and cursors as the MongoDB repositories have."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, ClassVar, Generic, TypeVar

from bson import ObjectId
from pymongo.asynchronous.database import AsyncDatabase
from sqlalchemy import ColumnElement, DateTime, FromClause, String, and_, delete, func, or_, select, update
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from truestyle.kit import clock, paging, trail
from truestyle.kit.documents import Document
from truestyle.kit.errors import NotFound, Unavailable, VersionConflict
from truestyle.kit.paging import Found, PageQuery
from truestyle.kit.trail import Watch

WITHIN = 5.0  # seconds that a piece of work may take
AWAY = (SQLAlchemyError, OSError, TimeoutError)
D = TypeVar("D", bound=Document)
Condition = ColumnElement[bool]


class Base(DeclarativeBase):
    """What every table is declared on."""


class Key(TypeDecorator[ObjectId]):
    """An id of 24 hex characters, which sort as they were made."""

    impl, cache_ok = String(24), True

    def process_bind_param(self, value: ObjectId | None, dialect: Dialect) -> str | None:
        """To text."""
        del dialect
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> ObjectId | None:
        """From text."""
        del dialect
        return None if value is None else ObjectId(value)


class Moment(TypeDecorator[datetime]):
    """A time in UTC. SQLite forgets the zone, so it is put back."""

    impl, cache_ok = DateTime(timezone=True), True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC."""
        del dialect
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From UTC."""
        del dialect
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def insert_of(dialect: Dialect) -> Any:
    """The `insert` of PostgreSQL or SQLite, which can do nothing on conflict; that of the other is not imported."""
    return import_module(f"sqlalchemy.dialects.{dialect.name}").insert


def plain_text(length: int) -> String:
    """Text compared byte by byte on both databases, so that an index serves beginnings too."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


def begins_with(column: Any, start: str) -> Condition:
    """Whether a `plain_text` column begins with `start`: a range, not a pattern, so nothing needs escaping."""
    return and_(column >= start, column < start + "\U0010ffff")


class TableRepository(Generic[D]):
    """The rows of one table. Its changes are in the audit trail, unless `unaudited` says why not."""

    document: type[D]
    table: ClassVar[FromClause]
    unaudited: ClassVar[str | None] = None
    watch: ClassVar[Watch] = Watch()

    def __init__(self, engine: AsyncEngine, db: AsyncDatabase[dict[str, Any]]) -> None:
        self.engine, self._db = engine, db

    def __init_subclass__(cls, **options: Any) -> None:
        """The trail tells rows as their document class shows them."""
        super().__init_subclass__(**options)
        cls.watch = replace(cls.watch, document=cls.document)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A connection whose work is committed at the end. Raises Unavailable when the database is away."""
        try:
            async with asyncio.timeout(WITHIN), self.engine.begin() as connection:
                yield connection
        except AWAY as error:
            raise Unavailable from error

    async def get(self, key: ObjectId) -> D:
        """One row. Raises NotFound, Unavailable."""
        async with self.transaction() as connection:
            row = await self._row(connection, key)
        if row is None:
            raise NotFound
        return self._load(row)

    async def find(self, conditions: Mapping[str, tuple[Any, Condition]], query: PageQuery) -> Found[D]:
        """One page of the rows that meet all conditions: (what was asked, what it means) by name."""
        wire, order = paging.direction(query.sort)
        bound = paging.fingerprint(query.sort, {name: str(asked) for name, (asked, _) in conditions.items()})
        key, column = self.table.c.id, self.table.c["id" if wire == "created_at" else wire]
        where = [meant for _, meant in conditions.values()]
        chosen = select(self.table).order_by(*(one.asc() if order > 0 else one.desc() for one in {column: 0, key: 0}))
        total = None
        async with self.transaction() as connection:
            if query.cursor is not None:
                chosen = chosen.where(_after(column, key, order, *paging.decode(query.cursor, bound)))
            else:
                counted = await connection.execute(select(func.count()).select_from(self.table).where(*where))
                total = counted.scalar_one()
                chosen = chosen.offset(((query.page or 1) - 1) * query.size)
            found = await connection.execute(chosen.where(*where).limit(query.size + 1))
            rows = [dict(row) for row in found.mappings()]
        following = None
        if len(rows) > query.size:
            rows = rows[: query.size]
            last = rows[-1]
            following = paging.encode(bound, last[column.name] if column is not key else last["id"], last["id"])
        return Found([self._load(row) for row in rows], query, total, following)

    async def every(self, condition: Condition, most: int) -> list[D]:
        """The newest rows that meet a condition."""
        chosen = select(self.table).where(condition).order_by(self.table.c.id.desc()).limit(most)
        async with self.transaction() as connection:
            return [self._load(dict(row)) for row in (await connection.execute(chosen)).mappings()]

    async def add(self, documents: Sequence[D]) -> None:
        """Store rows, leaving those alone whose id is known: adding again is harmless."""
        if not documents:
            return
        insert = insert_of(self.engine.dialect)
        rows = [one.model_dump(mode="python") for one in documents]
        async with self.transaction() as connection:
            known = set() if self.unaudited else await self._known(connection, documents)
            await connection.execute(insert(self.table).on_conflict_do_nothing(index_elements=["id"]), rows)
            await self._tell([(None, row) for row in rows if row["id"] not in known])

    async def _known(self, connection: AsyncConnection, documents: Sequence[D]) -> set[Any]:
        key = self.table.c.id
        found = await connection.execute(select(key).where(key.in_([one.id for one in documents])))
        return set(found.scalars())

    async def change(self, key: ObjectId, values: Mapping[str, Any], version: int | None = None) -> D:
        """Set fields of a row. Raises NotFound, VersionConflict, Unavailable."""
        async with self.transaction() as connection:
            before = await self._row(connection, key, lock=True)
            if before is None:
                raise NotFound
            if version is not None and before["version"] != version:
                raise VersionConflict
            fresh = {name: value for name, value in values.items() if before[name] != value}
            if not fresh:
                return self._load(before)
            stamps = {"updated_at": clock.now(), "version": before["version"] + 1}
            guarded = and_(self.table.c.id == key, self.table.c.version == before["version"])
            done = await connection.execute(update(self.table).where(guarded).values(**fresh, **stamps))  # type: ignore[arg-type]
            if done.rowcount != 1:
                raise VersionConflict
            after = {**before, **fresh, **stamps}
            await self._tell([(before, after)])
        return self._load(after)

    async def remove(self, key: ObjectId) -> None:
        """Delete a row. Raises NotFound, Unavailable."""
        async with self.transaction() as connection:
            before = await self._row(connection, key, lock=True)
            if before is None:
                raise NotFound
            await connection.execute(delete(self.table).where(self.table.c.id == key))  # type: ignore[arg-type]
            await self._tell([(before, None)])

    async def _row(self, connection: AsyncConnection, key: ObjectId, *, lock: bool = False) -> dict[str, Any] | None:
        chosen = select(self.table).where(self.table.c.id == key)
        found = await connection.execute(chosen.with_for_update() if lock else chosen)
        row = found.mappings().first()
        return dict(row) if row is not None else None

    async def _tell(self, pairs: Sequence[tuple[dict[str, Any] | None, dict[str, Any] | None]]) -> None:
        """Write the trail last in the transaction: what cannot be told is not committed."""
        if self.unaudited:
            return
        shaped = [tuple({**row, "_id": row["id"]} if row else None for row in pair) for pair in pairs]
        entries = [trail.entry(str(self.table.description), self.watch, *pair) for pair in shaped]
        told = [one for one in entries if one is not None]
        if told:
            await self._db[trail.COLLECTION].insert_many(told)

    def _load(self, row: Mapping[str, Any]) -> D:
        return self.document.model_validate(row)


def _after(column: Any, key: Any, order: int, value: Any, last: ObjectId | None) -> Condition:
    if column is key:
        return key > last if order > 0 else key < last  # type: ignore[no-any-return]
    past = column > value if order > 0 else column < value
    tied = and_(column == value, key > last if order > 0 else key < last)
    return or_(past, tied)
