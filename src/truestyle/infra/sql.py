"""The SQL side (contact messages, logs): SQLite in the data folder, PostgreSQL by POSTGRESQL_URI."""

import asyncio
import fcntl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, NullPool, event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

if TYPE_CHECKING:
    from alembic.config import Config

ANSWERS_WITHIN = 2  # seconds
WORKS_WITHIN = 5  # seconds for one statement
MIGRATING = 7_223_401  # the advisory lock of whoever migrates a PostgreSQL
PRAGMAS = ("journal_mode=WAL", "busy_timeout=4000", "synchronous=NORMAL", "foreign_keys=ON")


def connect(url: str) -> AsyncEngine:
    """An engine; nothing is opened before the first use. A plain `postgresql://` is read as asyncpg."""
    for plain in ("postgresql://", "postgres://"):
        if url.startswith(plain):
            url = "postgresql+asyncpg://" + url.removeprefix(plain)
    if url.startswith("postgresql"):
        limits = {"timeout": ANSWERS_WITHIN, "command_timeout": WORKS_WITHIN}
        return create_async_engine(
            url, pool_pre_ping=True, pool_timeout=ANSWERS_WITHIN, connect_args=limits, hide_parameters=True
        )
    engine = create_async_engine(url, hide_parameters=True)  # of an error, so that no row is in the log
    event.listen(engine.sync_engine, "connect", _pragmas)
    return engine


def _pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for one in PRAGMAS:
        cursor.execute(f"PRAGMA {one}")
    cursor.close()


async def ping(engine: AsyncEngine) -> bool:
    """Whether the database answers."""
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError):
        return False
    return True


async def migrate(engine: AsyncEngine) -> None:
    """Bring the tables up to this release. One process does it, the others wait. Raises SQLAlchemyError, OSError."""
    if engine.dialect.name == "sqlite":
        with Path(str(engine.url.database)).with_suffix(".migrating").open("a") as held:
            await asyncio.to_thread(fcntl.flock, held, fcntl.LOCK_EX)
            async with engine.begin() as connection:
                await connection.exec_driver_sql("BEGIN IMMEDIATE")  # else each table would be committed by itself
                await connection.run_sync(_upgrade)
        return
    # Building an index may take longer than any query may.
    patient = create_async_engine(engine.url, poolclass=NullPool, connect_args={"timeout": ANSWERS_WITHIN})
    try:
        async with patient.begin() as connection:
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATING})"))
            await connection.run_sync(_upgrade)
    finally:
        await patient.dispose()


async def waiting(engine: AsyncEngine) -> list[str]:
    """The migrations that `migrate` would carry out, the first one first. Raises SQLAlchemyError, OSError."""
    async with engine.connect() as connection:
        return await connection.run_sync(_waiting)


def _waiting(connection: Connection) -> list[str]:
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415 - as below
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    scripts = ScriptDirectory.from_config(_config())
    current = MigrationContext.configure(connection).get_current_revision()
    newer = scripts.iterate_revisions("head", current or "base")
    return [f"{one.revision} {(one.doc or '').rstrip('.')}" for one in newer][::-1]


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - a tenth of a second that only a start pays

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> "Config":
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "truestyle:migrations")
    return config
