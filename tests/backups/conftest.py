"""A store for each test here, which it may lose."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from tests.conftest import empty_sql, make_settings
from truestyle.backups import restoring
from truestyle.main import create_app
from truestyle.settings import Settings
from truestyle.shop import Shop


@pytest.fixture
def more() -> dict[str, Any]:
    """Settings of this test's store."""
    return {}


@pytest.fixture(params=["sqlite"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else is at work here, so nothing needs time to end. What that is for: test_processes.py."""
    monkeypatch.setattr(restoring, "DRAIN", 0.0)
    monkeypatch.setattr(restoring, "SETTLE", 0.0)


@pytest.fixture
async def app(
    dialect: str, more: dict[str, Any], mongo_uri: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[FastAPI]:
    if dialect == "postgresql":
        more = {"postgresql_uri": request.getfixturevalue("postgresql"), **more}
    async with store_of(make_settings(mongo_uri, tmp_path, **{"mongo_db": "backups", **more})) as app:
        yield app


@asynccontextmanager
async def store_of(settings: Settings) -> AsyncIterator[FastAPI]:
    """An app on a database of its own, which is gone afterwards."""
    app = create_app(settings, work=False)
    async with app.router.lifespan_context(app):
        yield app
        shop: Shop = app.state.shop
        await shop.client.drop_database(shop.store.db.name)
        if shop.settings.data.postgresql_uri:
            await empty_sql(shop)


@pytest.fixture
def shop(app: FastAPI) -> Shop:
    shop: Shop = app.state.shop
    return shop
