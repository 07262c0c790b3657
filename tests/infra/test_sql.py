"""The SQL side on both of its databases."""

import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.running import free_port
from truestyle.infra import sql
from truestyle.migrations.metadata import METADATA


async def test_sqlite_answers(tmp_path: Path) -> None:
    engine = sql.connect(f"sqlite+aiosqlite:///{tmp_path / 'store.sqlite3'}")
    assert await sql.ping(engine) is True
    await engine.dispose()


async def test_postgresql_answers_under_its_plain_name(postgresql: str) -> None:
    engine = sql.connect(postgresql)
    assert engine.dialect.driver == "asyncpg"
    assert await sql.ping(engine) is True
    await engine.dispose()


async def test_an_absent_postgresql_is_told_not_raised() -> None:
    engine = sql.connect(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    assert await sql.ping(engine) is False
    await engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'fresh.sqlite3'}"
    address: str = request.getfixturevalue("postgresql")
    engine = sql.connect(address)
    async with engine.begin() as connection:
        await connection.execute(text("DROP SCHEMA public CASCADE"))
        await connection.execute(text("CREATE SCHEMA public"))
    await engine.dispose()
    return address


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, METADATA))


async def revision(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as connection:
        return list((await connection.execute(text("SELECT version_num FROM alembic_version"))).scalars())


async def test_the_migrations_make_the_tables_of_the_models(url: str) -> None:
    engine = sql.connect(url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences), "nothing to make: this would not see anything"
    await sql.migrate(engine)
    await sql.migrate(engine)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    assert await revision(engine) == ["0001"]
    await engine.dispose()


async def test_many_who_migrate_at_once_take_turns(url: str) -> None:
    engines = [sql.connect(url) for _ in range(6)]
    await asyncio.gather(*(sql.migrate(one) for one in engines))
    assert await revision(engines[0]) == ["0001"]
    for one in engines:
        await one.dispose()


async def test_a_migration_that_fails_leaves_nothing_behind(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = sql.connect(url)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE logs (id INTEGER)"))  # in the way of the second table
    with pytest.raises(Exception, match="already exists"):
        await sql.migrate(engine)
    async with engine.begin() as connection:
        await connection.execute(text("DROP TABLE logs"))
    await sql.migrate(engine)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()
