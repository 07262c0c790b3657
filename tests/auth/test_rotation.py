"""Secrets can be replaced without a break: each is a list, newest first."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from tests import make
from tests.conftest import SECRET, make_settings
from truestyle.audit.service import audit
from truestyle.main import create_app
from truestyle.shop import Shop

NEW = "replaces-the-others-9876543210-zyxw-"
NAMES = {
    "jwt_access_token_secret": SECRET + "a",
    "jwt_refresh_token_secret": SECRET + "b",
    "token_hash_pepper": SECRET + "c",
}


@pytest.fixture
async def rotated(mongo_uri: str, tmp_path: Path, shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """The same store opened again, each secret with a new value before the old one."""
    del shop
    lists = {name: f"{NEW}{name[4]}, {old}" for name, old in NAMES.items()}
    async for client in _opened(create_app(make_settings(mongo_uri, tmp_path, **lists), work=False)):
        yield client


@pytest.fixture
async def replaced(mongo_uri: str, tmp_path: Path, shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """The same store opened again with the new values alone."""
    del shop
    values = {name: f"{NEW}{name[4]}" for name in NAMES}
    async for client in _opened(create_app(make_settings(mongo_uri, tmp_path, **values), work=False)):
        yield client


async def _opened(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
            yield client


async def test_sessions_go_on_over_a_rotation_and_move_to_the_new_secrets(
    client: httpx.AsyncClient, shop: Shop, rotated: httpx.AsyncClient, replaced: httpx.AsyncClient
) -> None:
    del client
    person = await make.person(shop)
    first = shop.keys.tokens.first_refresh(person.caller.session_id)
    await shop.store.sessions.change(person.caller.session_id, {"$set": {"refresh_hash": shop.keys.tokens.hash(first)}})
    assert (await rotated.get("/auth/me", headers=person.headers)).status_code == 200
    renewed = await rotated.post("/auth/token/refresh", json={"refresh_token": first})
    assert renewed.status_code == 200, renewed.text
    again = await rotated.post("/auth/token/refresh", json={"refresh_token": first})  # the answer was lost
    assert again.json()["refresh_token"] == renewed.json()["refresh_token"]
    # When the old values are dropped, what was renewed holds, and what was not is over.
    assert (await replaced.get("/auth/me", headers=person.headers)).status_code == 401
    fresh = {"authorization": f"Bearer {renewed.json()['access_token']}"}
    assert (await replaced.get("/auth/me", headers=fresh)).status_code == 200
    last = await replaced.post("/auth/token/refresh", json={"refresh_token": renewed.json()["refresh_token"]})
    assert last.status_code == 200


async def test_a_token_used_before_the_rotation_is_known_after_it(
    client: httpx.AsyncClient, shop: Shop, rotated: httpx.AsyncClient
) -> None:
    person = await make.person(shop)
    first = shop.keys.tokens.first_refresh(person.caller.session_id)
    await shop.store.sessions.change(person.caller.session_id, {"$set": {"refresh_hash": shop.keys.tokens.hash(first)}})
    second = (await client.post("/auth/token/refresh", json={"refresh_token": first})).json()["refresh_token"]
    same = await rotated.post("/auth/token/refresh", json={"refresh_token": first})
    assert same.json()["refresh_token"] == second  # within the grace, whichever secret made it
    third = await rotated.post("/auth/token/refresh", json={"refresh_token": second})
    assert third.status_code == 200


async def test_the_audit_trail_is_checked_with_every_key(shop: Shop, mongo_uri: str, tmp_path: Path) -> None:
    await make.person(shop, "admin")
    assert await shop.sealer.seal() > 0
    for pepper, clean in ((f"{NEW}p,{NAMES['token_hash_pepper']}", True), (f"{NEW}p", False)):
        other = Shop(make_settings(mongo_uri, tmp_path, token_hash_pepper=pepper))
        try:
            found = [one for one in (await audit(other)).breaches if one.invariant == "I11"]
        finally:
            await other.close()
        assert (found == []) is clean
