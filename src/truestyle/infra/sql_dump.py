"""Whole tables of the SQL side as BSON, which no dialect reads or writes differently."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import bson
from bson.codec_options import CodecOptions
from sqlalchemy import NullPool, Table, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from truestyle.infra.dump import Batch
from truestyle.infra.sql import ANSWERS_WITHIN
from truestyle.kit.tables import insert_of

BATCH = 1000  # rows
AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)


@asynccontextmanager
async def patient(engine: AsyncEngine, *, reads: bool) -> AsyncIterator[AsyncConnection]:
    """One transaction that may take long; all that it reads is of one moment. Raises SQLAlchemyError, OSError."""
    if engine.dialect.name == "sqlite":
        async with engine.begin() as connection:
            await connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
            yield connection
        return
    other = create_async_engine(
        engine.url,
        poolclass=NullPool,
        isolation_level="REPEATABLE READ" if reads else "READ COMMITTED",
        connect_args={"timeout": ANSWERS_WITHIN},
        hide_parameters=True,
    )
    try:
        async with other.begin() as connection:
            yield connection
    finally:
        await other.dispose()


async def rows(connection: AsyncConnection, table: Table) -> AsyncIterator[Batch]:
    """The rows of a table by id."""
    last = None
    while True:
        chosen = select(table).order_by(table.c.id).limit(BATCH)
        if last is not None:
            chosen = chosen.where(table.c.id > last)
        found = (await connection.execute(chosen)).mappings().all()
        if not found:
            return
        last = found[-1]["id"]
        yield Batch(b"".join(bson.encode(dict(one)) for one in found), len(found))


async def write(connection: AsyncConnection, table: Table, documents: Sequence[bytes]) -> None:
    """Add rows, leaving those alone that are there."""
    insert = insert_of(connection.dialect)(table).on_conflict_do_nothing(index_elements=["id"])
    for first in range(0, len(documents), BATCH):
        part = [bson.decode(one, AWARE) for one in documents[first : first + BATCH]]
        await connection.execute(insert, part)


async def clear(connection: AsyncConnection, table: Table) -> None:
    """Delete every row."""
    await connection.execute(delete(table))
