"""Codes and links by mail: confirming an address, a forgotten password, another address. Over HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import time_machine
from structlog.testing import capture_logs

from tests import make
from tests.conftest import make_settings
from tests.post import Post
from truestyle.auth.models import Purpose
from truestyle.auth.tries.repository import MAX_SENT, MAX_TRIES
from truestyle.shop import Shop

PERSON = {"email": "asha@example.com", "password": "a long and unlikely phrase", "full_name": "Asha Rao"}
EMAIL, PASSWORD, FRESH = PERSON["email"], PERSON["password"], "another rather unlikely phrase"


@pytest.fixture
async def account(client: httpx.AsyncClient, shop: Shop) -> dict[str, str]:
    """Headers of somebody who has just signed up and in."""
    assert (await client.post("/auth/register", json=PERSON)).status_code == 201
    return await sign_in(client)


async def sign_in(client: httpx.AsyncClient, password: str = PASSWORD, email: str = EMAIL) -> dict[str, str]:
    answer = await client.post("/auth/login", json={"email": email, "password": password})
    assert answer.status_code == 200, answer.text
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


def other(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


async def test_signing_up_sends_a_code_that_confirms_the_address_once(
    client: httpx.AsyncClient, post: Post, account: dict[str, str]
) -> None:
    code = await post.code(EMAIL)
    assert (await client.get("/auth/me", headers=account)).json()["email_verified"] is False
    wrong = await client.post("/auth/verify-email", json={"email": EMAIL, "code": other(code)})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "otp_invalid")
    right = await client.post("/auth/verify-email", json={"email": EMAIL.upper(), "code": code})
    assert right.status_code == 200, right.text
    assert (await client.get("/auth/me", headers=account)).json()["email_verified"] is True
    again = await client.post("/auth/verify-email", json={"email": EMAIL, "code": code})
    assert (again.status_code, again.json()["code"]) == (400, "otp_invalid")


async def test_the_link_in_the_mail_confirms_too(
    client: httpx.AsyncClient, post: Post, account: dict[str, str]
) -> None:
    token = await post.token(EMAIL)
    assert (await client.get(f"/auth/verify-email/{token[:-1]}x")).json()["code"] == "otp_invalid"
    assert (await client.get(f"/auth/verify-email/{token}")).status_code == 200
    assert (await client.get("/auth/me", headers=account)).json()["email_verified"] is True
    assert (await client.get(f"/auth/verify-email/{token}")).status_code == 400


async def test_a_new_code_replaces_the_old_and_asking_stops_after_a_while(
    client: httpx.AsyncClient, post: Post, account: dict[str, str]
) -> None:
    del account
    first = await post.code(EMAIL)
    for _ in range(MAX_SENT + 2):
        asked = await client.post("/auth/verify-email/resend", json={"email": EMAIL})
        assert asked.status_code == 202
        await post.of(EMAIL)
    assert len(await post.of(EMAIL)) == MAX_SENT
    newest = await post.code(EMAIL)
    assert newest != first
    assert (await client.post("/auth/verify-email", json={"email": EMAIL, "code": first})).status_code == 400
    assert (await client.post("/auth/verify-email", json={"email": EMAIL, "code": newest})).status_code == 200
    await client.post("/auth/verify-email/resend", json={"email": EMAIL})
    assert len(await post.of(EMAIL)) == MAX_SENT, "nothing is left to confirm"


async def test_asking_answers_the_same_for_every_address(
    client: httpx.AsyncClient, post: Post, account: dict[str, str]
) -> None:
    del account
    await post.of(EMAIL)
    for path in ("/auth/forgot-password/request", "/auth/verify-email/resend"):
        known = await client.post(path, json={"email": EMAIL})
        unknown = await client.post(path, json={"email": "nobody@example.com"})
        assert (known.status_code, known.content) == (unknown.status_code, unknown.content) == (202, known.content)
    assert await post.of("nobody@example.com") == []


async def test_a_forgotten_password_is_replaced_by_the_code_and_every_session_ends(
    client: httpx.AsyncClient, post: Post, account: dict[str, str]
) -> None:
    await client.post("/auth/forgot-password/request", json={"email": EMAIL})
    code = await post.code(EMAIL)
    weak = {"email": EMAIL, "otp": code, "new_password": "password123"}
    assert (await client.post("/auth/forgot-password/verify", json=weak)).json()["code"] == "weak_password"
    done = await client.post("/auth/forgot-password/verify", json={**weak, "new_password": FRESH})
    assert done.status_code == 200, done.text
    assert (await client.get("/auth/me", headers=account)).status_code == 401
    assert (await client.post("/auth/login", json={"email": EMAIL, "password": PASSWORD})).status_code == 401
    mine = await sign_in(client, FRESH)
    assert (await client.get("/auth/me", headers=mine)).json()["email_verified"] is True, "who reads the mail owns it"
    assert "Your password was changed" in await post.subjects(EMAIL)
    again = await client.post("/auth/forgot-password/verify", json={**weak, "new_password": PASSWORD})
    assert again.json()["code"] == "otp_invalid"


async def test_a_forgotten_password_is_replaced_by_the_link(
    client: httpx.AsyncClient, post: Post, account: dict[str, str]
) -> None:
    del account
    await client.post("/auth/forgot-password/request", json={"email": EMAIL})
    token = await post.token(EMAIL)
    text = await post.text(EMAIL)
    assert f"http://test/reset-password#token={token}" in text
    page = await client.get("http://test/reset-password")
    assert page.status_code == 200
    assert "script-src 'sha256-" in page.headers["content-security-policy"]
    body = {"token": token, "new_password": FRESH}
    assert (await client.post("/auth/forgot-password/verify", json={**body, "token": "x" * 43})).status_code == 400
    assert (await client.post("/auth/forgot-password/verify", json=body)).status_code == 200
    await sign_in(client, FRESH)
    assert (await client.post("/auth/forgot-password/verify", json=body)).status_code == 400


async def test_a_code_may_be_tried_five_times_in_all_however_many_try(
    client: httpx.AsyncClient, post: Post, account: dict[str, str], shop: Shop
) -> None:
    del account
    await client.post("/auth/forgot-password/request", json={"email": EMAIL})
    code = await post.code(EMAIL)
    body = {"email": EMAIL, "otp": other(code), "new_password": FRESH}
    answers = await asyncio.gather(*(client.post("/auth/forgot-password/verify", json=body) for _ in range(40)))
    assert {one.json()["code"] for one in answers} == {"otp_invalid"}
    user = await shop.store.users.by_email(EMAIL)
    assert user is not None
    row = await shop.store.codes.first({"user_id": user.id, "purpose": Purpose.RESET})
    assert row is not None
    assert row.tries == MAX_TRIES == 5
    right = await client.post("/auth/forgot-password/verify", json={**body, "otp": code})
    assert (right.status_code, right.json()["code"]) == (400, "otp_invalid"), "even the right one, by now"


async def test_a_right_code_sent_by_many_at_once_works_once(
    client: httpx.AsyncClient, post: Post, account: dict[str, str]
) -> None:
    del account
    await client.post("/auth/forgot-password/request", json={"email": EMAIL})
    code = await post.code(EMAIL)
    bodies = [{"email": EMAIL, "otp": code, "new_password": f"{FRESH} {number}"} for number in range(5)]
    answers = await asyncio.gather(*(client.post("/auth/forgot-password/verify", json=body) for body in bodies))
    won = [number for number, one in enumerate(answers) if one.status_code == 200]
    assert len(won) == 1, [one.status_code for one in answers]
    await sign_in(client, f"{FRESH} {won[0]}")


async def test_codes_end_after_their_time(client: httpx.AsyncClient, post: Post, account: dict[str, str]) -> None:
    del account
    await client.post("/auth/forgot-password/request", json={"email": EMAIL})
    code, token = await post.code(EMAIL), await post.token(EMAIL)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=10, seconds=1)):
        for proof in ({"email": EMAIL, "otp": code}, {"token": token}):
            late = await client.post("/auth/forgot-password/verify", json={**proof, "new_password": FRESH})
            assert (late.status_code, late.json()["code"]) == (400, "otp_expired")


async def test_codes_are_for_one_purpose(client: httpx.AsyncClient, post: Post, account: dict[str, str]) -> None:
    del account
    code, token = await post.code(EMAIL), await post.token(EMAIL)
    for proof in ({"email": EMAIL, "otp": code}, {"token": token}):
        answer = await client.post("/auth/forgot-password/verify", json={**proof, "new_password": FRESH})
        assert (answer.status_code, answer.json()["code"]) == (400, "otp_invalid")


async def test_the_address_changes_when_the_new_one_confirms_and_the_old_one_is_told(
    client: httpx.AsyncClient, post: Post, account: dict[str, str]
) -> None:
    new = "asha.rao@example.com"
    wrong = await client.post("/auth/change-email", json={"new_email": new, "password": FRESH}, headers=account)
    assert wrong.json()["code"] == "invalid_credentials"
    body = {"new_email": new, "password": PASSWORD}
    assert (await client.post("/auth/change-email", json=body, headers=account)).status_code == 202
    code = await post.code(new)
    assert "Your e-mail address is about to change" in await post.subjects(EMAIL)
    refused = await client.post("/auth/change-email/confirm", json={"code": other(code)}, headers=account)
    assert refused.json()["code"] == "otp_invalid"
    assert (await client.get("/auth/me", headers=account)).json()["email"] == EMAIL
    done = await client.post("/auth/change-email/confirm", json={"code": code}, headers=account)
    assert (done.status_code, done.json()["email"], done.json()["email_verified"]) == (200, new, True)
    assert (await post.subjects(EMAIL))[-1] == "Your e-mail address was changed"
    await sign_in(client, email=new)
    assert (await client.post("/auth/login", json={"email": EMAIL, "password": PASSWORD})).status_code == 401


async def test_a_taken_address_looks_free_and_gets_nothing(
    client: httpx.AsyncClient, post: Post, account: dict[str, str], shop: Shop
) -> None:
    taken = await make.person(shop)
    body = {"new_email": taken.user.email, "password": PASSWORD}
    free = {"new_email": "free@example.com", "password": PASSWORD}
    answers = [await client.post("/auth/change-email", json=one, headers=account) for one in (body, free)]
    assert answers[0].content == answers[1].content
    assert await post.of(taken.user.email) == []


async def test_an_address_taken_in_the_meantime_is_refused(
    client: httpx.AsyncClient, post: Post, account: dict[str, str]
) -> None:
    body = {"new_email": "wanted@example.com", "password": PASSWORD}
    await client.post("/auth/change-email", json=body, headers=account)
    code = await post.code("wanted@example.com")
    await client.post("/auth/register", json={**PERSON, "email": "wanted@example.com"})
    late = await client.post("/auth/change-email/confirm", json={"code": code}, headers=account)
    assert (late.status_code, late.json()["code"]) == (409, "duplicate")


async def test_no_code_or_token_is_in_clear_in_any_row(
    client: httpx.AsyncClient, post: Post, account: dict[str, str], shop: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    planted = [await post.code(EMAIL), await post.token(EMAIL)]
    with capture_logs() as said:
        await client.post("/auth/forgot-password/request", json={"email": EMAIL})
        planted += [await post.code(EMAIL), await post.token(EMAIL)]
        body = {"new_email": "new@example.com", "password": PASSWORD}
        await client.post("/auth/change-email", json=body, headers=account)
        planted += [await post.code("new@example.com"), PASSWORD]
    assert said
    dump = ""
    for name in await shop.store.db.list_collection_names():
        for row in await shop.store.db[name].find({}).to_list():
            dump += " ".join(str(value) for value in _values(row))
    told = "".join([*capfd.readouterr(), str(said)])
    assert EMAIL in dump, "the search finds what is there"
    for secret in planted:
        assert secret not in dump
        assert secret not in told


def _values(value: object) -> list[object]:
    if isinstance(value, dict):
        return [deep for one in value.values() for deep in _values(one)]
    if isinstance(value, list):
        return [deep for one in value for deep in _values(one)]
    return [value.decode("latin-1") if isinstance(value, bytes) else value]


async def test_a_new_device_is_told_of_and_a_known_one_is_not(
    client: httpx.AsyncClient, post: Post, account: dict[str, str]
) -> None:
    del account
    await sign_in(client)
    assert "A new sign-in to your account" not in await post.subjects(EMAIL)
    client.headers["user-agent"] = "Phone of somebody else"
    await sign_in(client)
    assert (await post.subjects(EMAIL)).count("A new sign-in to your account") == 1
    assert "Phone of somebody else" in await post.text(EMAIL)
    await sign_in(client)
    assert (await post.subjects(EMAIL)).count("A new sign-in to your account") == 1


async def test_a_refresh_token_used_twice_is_told_of(client: httpx.AsyncClient, post: Post) -> None:
    await client.post("/auth/register", json=PERSON)
    mobile = {"x-client": "mobile"}
    body = {"email": EMAIL, "password": PASSWORD}
    used = (await client.post("/auth/login", json=body, headers=mobile)).json()["refresh_token"]
    assert (await client.post("/auth/token/refresh", json={"refresh_token": used})).status_code == 200
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=11)):
        reused = await client.post("/auth/token/refresh", json={"refresh_token": used})
        assert reused.json()["code"] == "refresh_reused"
        assert "We signed a device out" in await post.subjects(EMAIL)


async def test_devices_are_listed_and_ended_one_by_one(
    client: httpx.AsyncClient, shop: Shop, account: dict[str, str]
) -> None:
    other_device = await sign_in(client)
    stranger = await make.person(shop)
    listed = (await client.get("/auth/sessions", headers=account)).json()["items"]
    assert [one["current"] for one in listed] == [False, True]
    assert "hash" not in str(listed)
    path = f"/auth/sessions/{listed[0]['id']}"
    assert (await client.delete(path, headers=stranger.headers)).status_code == 404
    assert (await client.get("/auth/me", headers=other_device)).status_code == 200
    assert (await client.delete(path, headers=account)).status_code == 204
    assert (await client.get("/auth/me", headers=other_device)).status_code == 401
    assert (await client.delete(path, headers=account)).status_code == 404
    assert len((await client.get("/auth/sessions", headers=account)).json()["items"]) == 1


async def test_where_verification_is_required_only_confirmed_people_sign_in(
    mongo_uri: str, tmp_path_factory: pytest.TempPathFactory, client: httpx.AsyncClient, shop: Shop, post: Post
) -> None:
    strict = make_settings(mongo_uri, tmp_path_factory.mktemp("strict"), email_verification="required")
    assert strict.auth.email_verification == "required"
    await client.post("/auth/register", json=PERSON)
    keys = shop.keys
    object.__setattr__(keys, "verification_required", True)
    try:
        body = {"email": EMAIL, "password": PASSWORD}
        told = await client.post("/auth/login", json=body)
        assert (told.status_code, told.json()["code"]) == (403, "email_not_verified")
        hidden = await client.post("/auth/login", json={**body, "password": FRESH})
        assert hidden.json()["code"] == "invalid_credentials", "told only after the right password"
        await client.post("/auth/verify-email", json={"email": EMAIL, "code": await post.code(EMAIL)})
        await sign_in(client)
    finally:
        object.__setattr__(keys, "verification_required", False)
