"""Real servers for all tests: one mongod for each test worker, the app in this process on top of it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests import make
from tests.running import RunningRedis, running_redis
from truestyle.infra import telemetry
from truestyle.infra.local.server import LocalMongo
from truestyle.main import create_app
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
    shop.keys.gate.forget()


async def empty(store: Store) -> None:
    for part in ("files", "chunks"):
        await store.db[f"images.{part}"].delete_many({})
    lookups = {one.name for one in store.declared.collections()}
    for one in store.collections():
        if one.name not in SEEDED:
            await one.unwatched.delete_many({"is_system": {"$ne": True}} if one.name in lookups else {})


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
