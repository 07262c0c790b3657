"""Refresh rotation, its grace, theft, and the ways a session ends."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest
import time_machine
from httpx import AsyncClient

from tests import make
from truestyle.auth import service as auth
from truestyle.auth.models import Ended
from truestyle.auth.service import Device
from truestyle.kit import clock
from truestyle.shop import Shop
from truestyle.users.models import UserStatus


@dataclass
class Session:
    """A device without a cookie jar: it keeps its own refresh token."""

    client: AsyncClient
    access: str
    refresh: str

    async def rotate(self, token: str | None = None) -> httpx.Response:
        return await self.client.post("/auth/token/refresh", json={"refresh_token": token or self.refresh})

    async def me(self, access: str | None = None) -> httpx.Response:
        return await self.client.get("/auth/me", headers={"authorization": f"Bearer {access or self.access}"})


async def sign_in(client: AsyncClient, shop: Shop, person: make.Person) -> Session:
    issued = await auth.open_session(shop.store, shop.keys, person.user, Device("127.0.0.1", "tests"))
    return Session(client, issued.access, issued.refresh)


@pytest.fixture
async def session(client: AsyncClient, shop: Shop, shopper: make.Person) -> Session:
    return await sign_in(client, shop, shopper)


def refused(answer: httpx.Response, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "set-cookie" not in answer.headers


async def test_a_refresh_gives_new_tokens_and_retires_the_old(session: Session) -> None:
    answer = await session.rotate()
    assert answer.status_code == 200
    fresh = answer.json()
    assert fresh["refresh_token"] != session.refresh
    assert fresh["access_token"] != session.access
    assert "set-cookie" not in answer.headers  # body in, body out
    assert (await session.me(fresh["access_token"])).status_code == 200
    assert (await session.rotate(fresh["refresh_token"])).status_code == 200


async def test_by_cookie_the_successor_comes_as_a_cookie_only(session: Session) -> None:
    answer = await session.client.post("/auth/token/refresh", headers={"cookie": f"ts_rt={session.refresh}"})
    assert answer.status_code == 200
    assert "refresh_token" not in answer.json()
    assert answer.cookies["ts_rt"] not in {"", session.refresh}
    assert "HttpOnly" in answer.headers["set-cookie"]


async def test_a_lost_answer_can_be_asked_for_again_within_ten_seconds(session: Session, shop: Shop) -> None:
    first = (await session.rotate()).json()["refresh_token"]
    with time_machine.travel(clock.now() + timedelta(seconds=9)):
        again = await session.rotate()
    assert again.json()["refresh_token"] == first
    assert await shop.store.revocations.count({"kind": Ended.SESSION}) == 0


async def test_the_grace_holds_although_the_successor_was_used_too(session: Session) -> None:
    first = (await session.rotate()).json()["refresh_token"]
    second = (await session.rotate(first)).json()["refresh_token"]
    assert (await session.rotate()).json()["refresh_token"] == first
    assert (await session.rotate(first)).json()["refresh_token"] == second


async def test_twenty_refreshes_at_once_give_one_successor(session: Session, shop: Shop) -> None:
    answers = await asyncio.gather(*(session.rotate() for _ in range(20)))
    assert {one.status_code for one in answers} == {200}
    assert len({one.json()["refresh_token"] for one in answers}) == 1
    assert await shop.store.revocations.count({"kind": Ended.REFRESH}) == 1
    live = await shop.store.sessions.first({"revoked_at": None, "previous_hash": {"$ne": None}})
    assert live is not None
    assert live.refresh_hash == shop.keys.tokens.hash(answers[0].json()["refresh_token"])


async def test_a_used_token_seen_later_ends_the_whole_family(session: Session, shop: Shop) -> None:
    fresh = (await session.rotate()).json()
    assert (await session.me(fresh["access_token"])).status_code == 200  # now remembered by the gate
    with time_machine.travel(clock.now() + timedelta(seconds=11)):
        refused(await session.rotate(), "refresh_reused")
        refused(await session.me(), "token_revoked")
        refused(await session.me(fresh["access_token"]), "token_revoked")
        refused(await session.rotate(fresh["refresh_token"]), "token_revoked")
        refused(await session.rotate(), "token_revoked")
    assert await shop.store.revocations.count({"kind": Ended.SESSION}) == 1
    assert await shop.store.outbox.count({"payload.rows.message": "a refresh token was used twice"}) == 1


async def test_theft_from_one_family_leaves_the_others_alone(
    session: Session, client: AsyncClient, shop: Shop, shopper: make.Person
) -> None:
    other = await sign_in(client, shop, shopper)
    await session.rotate()
    with time_machine.travel(clock.now() + timedelta(seconds=11)):
        refused(await session.rotate(), "refresh_reused")
        assert (await other.me()).status_code == 200
        assert (await other.rotate()).status_code == 200


async def test_a_crash_between_remembering_and_rotating_loses_nobody_their_session(
    session: Session, shop: Shop
) -> None:
    family = await shop.store.sessions.first({"refresh_hash": shop.keys.tokens.hash(session.refresh)})
    assert family is not None
    await shop.store.revocations.used(shop.keys.tokens.hash(session.refresh), family.id, family.expires_at)
    with time_machine.travel(clock.now() + timedelta(minutes=1)):
        assert (await session.rotate()).status_code == 200


@pytest.mark.parametrize("change", ["tail", "session", "short", "junk", "empty"])
async def test_a_made_up_token_is_refused_and_ends_nothing(session: Session, change: str) -> None:
    ident, _, tail = session.refresh.partition(".")
    made_up = {
        "tail": f"{ident}.{tail[::-1]}",
        "session": f"{'0' * 24}.{tail}",
        "short": ident,
        "junk": "\u2028" * 20,
        "empty": ".",
    }[change]
    refused(await session.rotate(made_up), "token_invalid")
    assert (await session.me()).status_code == 200
    assert (await session.rotate()).status_code == 200


async def test_a_session_ends_after_its_longest_life_however_often_it_is_refreshed(session: Session) -> None:
    token = session.refresh
    for days in (10, 20, 29):
        with time_machine.travel(clock.now() + timedelta(days=days)):
            token = (await session.rotate(token)).json()["refresh_token"]
    with time_machine.travel(clock.now() + timedelta(days=30, seconds=1)):
        refused(await session.rotate(token), "token_invalid")


async def test_without_any_token_there_is_nothing_to_refresh(client: AsyncClient) -> None:
    refused(await client.post("/auth/token/refresh"), "token_invalid")
    refused(await client.post("/auth/token/refresh", json={}), "token_invalid")


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"refresh_token": "a", "refresh_token": "b"}', "application/json", 422),
        (b'{"refresh_token": 5}', "application/json", 422),
        (b'{"token": "x"}', "application/json", 422),
        (b"refresh_token=x", "application/x-www-form-urlencoded", 415),
    ],
)
async def test_a_malformed_refresh_is_refused(client: AsyncClient, body: bytes, kind: str, status: int) -> None:
    answer = await client.post("/auth/token/refresh", content=body, headers={"content-type": kind})
    assert answer.status_code == status


async def test_signing_out_ends_this_session_only(
    session: Session, client: AsyncClient, shop: Shop, shopper: make.Person
) -> None:
    other = await sign_in(client, shop, shopper)
    assert (await session.me()).status_code == 200
    answer = await client.post("/auth/logout", headers={"authorization": f"Bearer {session.access}"})
    assert (answer.status_code, answer.json()) == (200, {"message": "Signed out"})
    assert 'ts_rt=""' in answer.headers["set-cookie"]
    refused(await session.me(), "token_revoked")
    refused(await session.rotate(), "token_revoked")
    assert (await other.me()).status_code == 200


async def test_signing_out_everywhere_ends_all_sessions_of_the_account_and_no_others(
    session: Session, client: AsyncClient, shop: Shop, shopper: make.Person, staff: make.Person
) -> None:
    other = await sign_in(client, shop, shopper)
    bearer = {"authorization": f"Bearer {session.access}"}
    assert (await client.post("/auth/logout?everywhere=true", headers=bearer)).status_code == 200
    for one in (session, other):
        refused(await one.me(), "token_revoked")
        refused(await one.rotate(), "token_revoked")
    assert (await client.get("/auth/me", headers=staff.headers)).status_code == 200
    assert await shop.store.sessions.count({"revoked_at": None}) == 1


async def test_a_suspended_account_can_neither_refresh_nor_act(session: Session, shop: Shop) -> None:
    await shop.store.users.collection.update_many({}, {"$set": {"status": UserStatus.SUSPENDED}})
    refused(await session.rotate(), "token_revoked")
    refused(await session.me(), "token_revoked")


async def test_a_check_that_was_under_way_while_the_session_ended_is_not_remembered(
    session: Session, client: AsyncClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, permissions = shop.keys.gate, shop.keys.gate.permissions

    async def ended_meanwhile(role: str) -> frozenset[str]:
        monkeypatch.setattr(gate, "permissions", permissions)
        await client.post("/auth/logout", headers={"authorization": f"Bearer {session.access}"})
        return await permissions(role)

    monkeypatch.setattr(gate, "permissions", ended_meanwhile)
    await session.me()
    refused(await session.me(), "token_revoked")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://test.evil.example"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"origin": "https://evil.example", "sec-fetch-site": "same-origin"}, 403),
        ({"origin": "http://test"}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({}, 200),
    ],
)
async def test_cookie_routes_are_closed_to_other_sites(
    session: Session, shop: Shop, headers: dict[str, str], status: int
) -> None:
    cookie = {"cookie": f"ts_rt={session.refresh}"}
    refresh = await session.client.post("/auth/token/refresh", headers=headers | cookie)
    assert refresh.status_code == status
    bearer = {"authorization": f"Bearer {session.access}"}
    logout = await session.client.post("/auth/logout", headers=headers | bearer)
    assert logout.status_code == status
    if status == 403:
        assert refresh.json()["code"] == logout.json()["code"] == "csrf"
        assert await shop.store.sessions.count({"revoked_at": {"$ne": None}}) == 0
        assert await shop.store.revocations.count({}) == 0
