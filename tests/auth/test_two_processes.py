"""Accounts over two worker processes, with a real Redis between them and with none at all.

What ends or changes a session is asked of one process; there it holds for the next request, and on the other, whose
cache is hot, within a second.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests import make
from tests.conftest import empty, make_settings
from tests.running import RunningRedis, environment, running, running_redis
from tests.soon import soon
from truestyle.auth import service as auth
from truestyle.auth.models import Ended, Purpose
from truestyle.auth.service import Device
from truestyle.auth.tries.repository import MAX_TRIES
from truestyle.shop import Shop

PASSWORD, FRESH = "a long and unlikely phrase", "another rather unlikely phrase"
CONTACTS = 6  # an hour
# Everything here comes from one address: only the class that a test counts is narrow.
RATES = {f"RATE_LIMIT_{name}": "100000/minute" for name in ("DEFAULT", "READ", "LOGIN", "OTP", "REGISTER")}


@dataclass(frozen=True)
class Pair:
    """Two processes on one database; `shop`: that database from the test's side."""

    shop: Shop
    urls: tuple[str, str]
    client: httpx.AsyncClient
    redis: RunningRedis | None

    async def ask(self, at: int, method: str, path: str, **sent: Any) -> httpx.Response:
        return await self.client.request(method, f"{self.urls[at]}/api/v1{path}", **sent)

    async def answers(self, at: int, path: str, headers: dict[str, str], status: int) -> bool:
        return (await self.ask(at, "GET", path, headers=headers)).status_code == status

    async def at_once(self, times: int, method: str, path: str, **sent: Any) -> list[httpx.Response]:
        """The same request, so many times, half to each."""
        return await asyncio.gather(*(self.ask(number % 2, method, path, **sent) for number in range(times)))

    async def person(self, role: str = "customer") -> make.Person:
        """Somebody with a password."""
        person = await make.person(self.shop, role)
        hashed = await self.shop.keys.passwords.hash(PASSWORD)
        await self.shop.store.users.change(person.user.id, {"$set": {"password_hash": hashed}})
        return person

    async def session(self, person: make.Person) -> tuple[dict[str, str], str]:
        """Another device of theirs: its headers and its refresh token."""
        user = await self.shop.store.users.get(person.user.id)
        issued = await auth.open_session(self.shop.store, self.shop.keys, user, Device("127.0.0.1", "another"))
        return {"authorization": f"Bearer {issued.access}"}, issued.refresh


@pytest.fixture(scope="module", params=["redis", "no redis"])
async def running_pair(
    request: pytest.FixtureRequest, mongo_uri: str, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str
) -> AsyncIterator[Pair]:
    folder, name = tmp_path_factory.mktemp("pair"), f"pair_{request.param.replace(' ', '_')}"
    shop = Shop(make_settings(mongo_uri, folder, mongo_db=name))
    await shop.open(work=False)
    await shop.prepare()
    with ExitStack() as stack:
        redis = stack.enter_context(running_redis(folder)) if request.param == "redis" else None
        more = {"REDIS_HOST": redis.url} if redis else {}
        limits = {"RATE_LIMIT_ENABLED": "true", "RATE_LIMIT_CONTACT": f"{CONTACTS}/hour", **RATES}
        env = environment(shop.settings, REFRESH_COOKIE_SECURE="true", **limits, **more)
        urls = tuple(stack.enter_context(running(["serve"], env, folder)).url for _ in range(2))
        async with httpx.AsyncClient(timeout=30) as client:
            yield Pair(shop, (urls[0], urls[1]), client, redis)
    await shop.client.drop_database(name)
    await shop.close()


@pytest.fixture
async def pair(running_pair: Pair) -> AsyncIterator[Pair]:
    yield running_pair
    await empty(running_pair.shop.store)


# What an administrator does to somebody, or they do themselves, and what the others of their requests get from then on.
@dataclass(frozen=True)
class Change:
    role: str
    before: int
    after: int
    make: Callable[[Pair, make.Person, make.Person, tuple[dict[str, str], str]], Awaitable[httpx.Response]]
    path: str = "/auth/me"
    code: str = "token_revoked"


def by_admin(method: str, path: str, **sent: Any) -> Any:
    async def act(pair: Pair, admin: make.Person, person: make.Person, _: tuple[dict[str, str], str]) -> httpx.Response:
        return await pair.ask(0, method, path.format(person.user.id), headers=admin.headers, **sent)

    return act


def by_themselves(method: str, path: str, **sent: Any) -> Any:
    """From the other device."""

    async def act(
        pair: Pair, _: make.Person, person: make.Person, device: tuple[dict[str, str], str]
    ) -> httpx.Response:
        return await pair.ask(0, method, path.format(person.caller.session_id), headers=device[0], **sent)

    return act


async def sign_out(pair: Pair, _: make.Person, person: make.Person, __: tuple[dict[str, str], str]) -> httpx.Response:
    return await pair.ask(0, "POST", "/auth/logout", headers=person.headers)


async def reset(pair: Pair, _: make.Person, person: make.Person, __: tuple[dict[str, str], str]) -> httpx.Response:
    """With the code that a mail would bring."""
    store, keys = pair.shop.store, pair.shop.keys
    issued = await keys.codes.issue(store, person.user.id, Purpose.RESET, person.user.email)
    assert issued is not None
    body = {"email": person.user.email, "otp": issued.code, "new_password": FRESH}
    return await pair.ask(0, "POST", "/auth/forgot-password/verify", json=body)


async def steal(pair: Pair, _: make.Person, person: make.Person, __: tuple[dict[str, str], str]) -> httpx.Response:
    """A refresh token of the session is used, and some time later again."""
    tokens, sessions = pair.shop.keys.tokens, pair.shop.store.sessions
    first = tokens.first_refresh(person.caller.session_id)
    await sessions.change(person.caller.session_id, {"$set": {"refresh_hash": tokens.hash(first)}})
    body = {"refresh_token": first}
    assert (await pair.ask(1, "POST", "/auth/token/refresh", json=body)).status_code == 200
    session = await sessions.get(person.caller.session_id)
    earlier = session.rotated_at - timedelta(seconds=11)
    await sessions.collection.update_one({"_id": session.id}, {"$set": {"rotated_at": earlier}})
    await pair.shop.store.revocations.collection.update_many(
        {"kind": Ended.REFRESH, "session_id": session.id}, {"$set": {"created_at": earlier}}
    )
    answer = await pair.ask(0, "POST", "/auth/token/refresh", json=body)
    assert (answer.status_code, answer.json()["code"]) == (401, "refresh_reused")
    return httpx.Response(200)


async def revoke(pair: Pair, admin: make.Person, __: make.Person, ___: tuple[dict[str, str], str]) -> httpx.Response:
    grant = await pair.shop.store.role_permissions.first({"role": "staff", "permission": "logs:read"})
    assert grant is not None
    return await pair.ask(0, "DELETE", f"/role-permissions/{grant.id}", headers=admin.headers)


async def grant(pair: Pair, admin: make.Person, _: make.Person, __: tuple[dict[str, str], str]) -> httpx.Response:
    body = {"role": "customer", "permission": "logs:read"}
    return await pair.ask(0, "POST", "/role-permissions", json=body, headers=admin.headers)


NEW_PASSWORD = {"current_password": PASSWORD, "new_password": FRESH}
CHANGES = {
    "suspension": Change("customer", 200, 401, by_admin("PUT", "/users/{}/status", json={"status": "suspended"})),
    "deletion": Change("customer", 200, 401, by_admin("DELETE", "/users/{}")),
    "leaving": Change("customer", 200, 401, by_themselves("DELETE", "/users/me", json={"password": PASSWORD})),
    "a lower role": Change(
        "staff", 200, 403, by_admin("PUT", "/users/{}/role", json={"role": "customer"}), "/logs", "forbidden"
    ),
    "a higher role": Change(
        "customer", 403, 200, by_admin("PUT", "/users/{}/role", json={"role": "staff"}), "/logs", ""
    ),
    "a permission taken": Change("staff", 200, 403, revoke, "/logs", "forbidden"),
    "a permission given": Change("customer", 403, 200, grant, "/logs", ""),
    "another password": Change("customer", 200, 401, by_themselves("POST", "/auth/change-password", json=NEW_PASSWORD)),
    "a password reset by mail": Change("customer", 200, 401, reset),
    "signing out": Change("customer", 200, 401, sign_out),
    "signing out everywhere": Change("customer", 200, 401, by_themselves("POST", "/auth/logout?everywhere=true")),
    "a device signed out": Change("customer", 200, 401, by_themselves("DELETE", "/auth/sessions/{}")),
    "a refresh token used twice": Change("customer", 200, 401, steal),
}


@pytest.fixture
async def grants_as_built(pair: Pair) -> AsyncIterator[None]:
    """Puts back what a test took from the built-in roles, and takes what it gave."""
    yield
    grants = pair.shop.store.role_permissions
    taken = await grants.seed(["logs:read"])
    given = (await grants.collection.delete_many({"role": "customer", "permission": "logs:read"})).deleted_count
    if taken or given:
        await pair.shop.store.versions.bump("rbac")
        await asyncio.sleep(1)


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_holds_at_once_where_it_is_made_and_within_a_second_on_the_other_process(
    pair: Pair, grants_as_built: None, name: str
) -> None:
    change = CHANGES[name]
    admin, person = await make.person(pair.shop, "admin"), await pair.person(change.role)
    device = await pair.session(person)
    for _ in range(5):  # both have it in memory now
        for at in (0, 1):
            assert (await pair.ask(at, "GET", change.path, headers=person.headers)).status_code == change.before

    done = await change.make(pair, admin, person, device)

    assert done.status_code < 300, done.text
    here = await pair.ask(0, "GET", change.path, headers=person.headers)
    assert here.status_code == change.after
    assert here.json().get("code", "") == change.code or change.after == 200
    await soon(lambda: pair.answers(1, change.path, person.headers, change.after))
    for _ in range(10):  # and it stays so, on both
        for at in (0, 1):
            assert (await pair.ask(at, "GET", change.path, headers=person.headers)).status_code == change.after
    # Nobody else was touched; and where only the others end, the device that acted goes on.
    assert (await pair.ask(1, "GET", "/auth/me", headers=admin.headers)).status_code == 200
    if name in {"another password", "a device signed out"}:
        assert (await pair.ask(1, "GET", "/auth/me", headers=device[0])).status_code == 200
    if name in {"suspension", "deletion", "leaving", "a password reset by mail", "signing out everywhere"}:
        for at in (0, 1):
            assert (await pair.ask(at, "GET", "/auth/me", headers=device[0])).status_code == 401
            rotated = await pair.ask(at, "POST", "/auth/token/refresh", json={"refresh_token": device[1]})
            assert rotated.status_code == 401


async def test_twenty_refreshes_at_once_over_two_processes_give_one_successor(pair: Pair) -> None:
    _, refresh = await pair.session(await pair.person())
    answers = await pair.at_once(20, "POST", "/auth/token/refresh", json={"refresh_token": refresh})
    assert Counter(one.status_code for one in answers) == {200: 20}
    successors = {one.json()["refresh_token"] for one in answers}
    assert len(successors) == 1
    assert await pair.shop.store.revocations.count({"kind": Ended.REFRESH}) == 1
    assert await pair.shop.store.revocations.count({"kind": Ended.SESSION}) == 0
    onward = await pair.ask(1, "POST", "/auth/token/refresh", json={"refresh_token": successors.pop()})
    assert onward.status_code == 200


async def test_five_wrong_passwords_lock_over_two_processes_exactly(pair: Pair) -> None:
    person = await pair.person()
    known, unknown = {"email": person.user.email, "password": FRESH}, {"email": "no@example.com", "password": FRESH}
    for body in (known, unknown):
        answers = await pair.at_once(30, "POST", "/auth/login", json=body)
        assert Counter(one.status_code for one in answers) == {401: 5, 423: 25}
    right = await pair.at_once(4, "POST", "/auth/login", json={**known, "password": PASSWORD})
    assert {one.status_code for one in right} == {423}
    assert await pair.shop.store.sessions.count({"user_id": person.user.id}) == 1, "the one it began with"


async def test_a_code_is_tried_five_times_over_two_processes_and_works_once(pair: Pair) -> None:
    person, keys, store = await pair.person(), pair.shop.keys, pair.shop.store
    for guesses, won in ((40, 0), (0, 1)):
        issued = await keys.codes.issue(store, person.user.id, Purpose.RESET, person.user.email)
        assert issued is not None
        body = {"email": person.user.email, "otp": issued.code, "new_password": FRESH}
        wrong = {**body, "otp": f"{(int(issued.code) + 1) % 1_000_000:06d}"}
        path = "/auth/forgot-password/verify"
        answers = await pair.at_once(guesses, "POST", path, json=wrong)
        assert {one.json()["code"] for one in answers} <= {"otp_invalid"}
        row = await store.codes.first({"user_id": person.user.id})
        assert row is not None
        assert row.tries == (MAX_TRIES if guesses else 0)
        right = await pair.at_once(4, "POST", path, json=body)
        assert [one.status_code for one in right].count(200) == won


async def test_of_ten_registrations_at_once_over_two_processes_one_gets_the_address(pair: Pair) -> None:
    body = {"email": "asha@example.com", "password": PASSWORD, "full_name": "Asha Rao"}
    answers = await pair.at_once(10, "POST", "/auth/register", json=body)
    assert Counter(one.status_code for one in answers) == {201: 1, 409: 9}


async def test_a_rate_is_exact_over_two_processes_through_redis_and_in_each_without(pair: Pair) -> None:
    answers = await pair.at_once(60, "POST", "/contact-us", json={})
    let_in = CONTACTS if pair.redis else 2 * CONTACTS
    assert Counter(one.status_code for one in answers) == {422: let_in, 429: 60 - let_in}


async def test_a_hung_redis_keeps_nobody_in_and_opens_nothing(pair: Pair) -> None:
    if pair.redis is None:
        pytest.skip("there is none")
    admin, person = await make.person(pair.shop, "admin"), await pair.person()
    for at in (0, 1):
        assert (await pair.ask(at, "GET", "/auth/me", headers=person.headers)).status_code == 200
    await pair.at_once(2 * CONTACTS, "POST", "/contact-us", json={})
    pair.redis.hang()
    try:
        suspended = {"status": "suspended"}
        path = f"/users/{person.user.id}/status"
        assert (await pair.ask(0, "PUT", path, json=suspended, headers=admin.headers)).status_code == 200
        await soon(lambda: pair.answers(1, "/auth/me", person.headers, 401))
        body = {"email": person.user.email, "password": FRESH}
        answers = await pair.at_once(12, "POST", "/auth/login", json=body)
        assert Counter(one.status_code for one in answers) == {401: 5, 423: 7}
        more = await pair.at_once(8, "POST", "/contact-us", json={})
        assert {one.status_code for one in more} == {429}, "each process goes on from where it stood"
    finally:
        pair.redis.go_on()
