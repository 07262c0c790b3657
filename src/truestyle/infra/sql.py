"""The SQL side (contact messages, logs): SQLite in the data folder, PostgreSQL by POSTGRESQL_URI."""

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine


def connect(url: str) -> AsyncEngine:
    """An engine; nothing is opened before the first use. A plain `postgresql://` is read as asyncpg."""
    for plain in ("postgresql://", "postgres://"):
        if url.startswith(plain):
            url = "postgresql+asyncpg://" + url.removeprefix(plain)
    return create_async_engine(url, pool_pre_ping=True)


async def ping(engine: AsyncEngine) -> bool:
    """Whether the database answers."""
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError):
        return False
    return True
