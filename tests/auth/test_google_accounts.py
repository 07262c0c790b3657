"""Whose account a sign-in with Google opens: a new one, one's own, or nobody's."""

import asyncio
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pyotp
import pytest
from bson import ObjectId

from tests import make
from tests.auth.conftest import SHOP_PAGES, Browser, Google
from tests.auth.provider import Account
from tests.auth.signing_in import CREDENTIALS, EMAIL, bearer, register, sessions, the_account
from tests.post import Post
from truestyle.kit.errors import Duplicate
from truestyle.users.models import UserStatus


async def test_an_account_is_linked_when_both_sides_confirmed_the_address(
    browser: Browser, google: Google, letters: Post
) -> None:
    before = await register(browser, google, verified=True)
    google.provider.account = Account(email="ASHA@Example.com")
    answer = await browser.sign_in()
    assert answer.status_code == 200, answer.text
    user = await the_account(google.shop)
    assert (user.id, user.password_hash, user.role) == (before.id, before.password_hash, before.role)
    assert "Google now signs you in" in await letters.subjects(EMAIL)
    await browser.sign_in()
    assert (await letters.subjects(EMAIL)).count("Google now signs you in") == 1
    assert (await browser.store.post("/auth/login", json=CREDENTIALS)).status_code == 200


async def test_a_preregistered_unverified_account_is_never_merged(
    browser: Browser, stranger: Browser, google: Google, letters: Post
) -> None:
    """Somebody opened it under an address that is not theirs, and waits for the owner to come by Google."""
    before = await register(stranger, google, verified=False)
    answer = await browser.sign_in()
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (409, "duplicate", "email")
    assert "set-cookie" not in answer.headers
    assert (await the_account(google.shop)) == before
    assert await sessions(google) == 0

    # The owner's way in: who reads the mail owns the address; then Google works, and the stranger is out.
    assert (await browser.store.post("/auth/forgot-password/request", json={"email": EMAIL})).status_code == 202
    new = {"email": EMAIL, "otp": await letters.code(EMAIL), "new_password": "brass kettle on the hob"}
    assert (await browser.store.post("/auth/forgot-password/verify", json=new)).status_code == 200
    assert (await browser.sign_in()).status_code == 200
    assert (await stranger.store.post("/auth/login", json=CREDENTIALS)).status_code == 401


@pytest.mark.parametrize("claim", [False, "true", 1, None])
@pytest.mark.parametrize("known", [True, False])
async def test_an_address_that_google_did_not_confirm_is_nobodys(
    browser: Browser, google: Google, claim: Any, known: bool
) -> None:
    if known:
        await register(browser, google, verified=True)
    google.provider.account = Account(email_verified=claim)
    answer = await browser.sign_in()
    assert (answer.status_code, answer.json()["code"]) == (403, "email_not_verified")
    assert await google.shop.store.users.count({"google": {"$ne": None}}) == 0
    assert await google.shop.store.users.count({}) == known
    assert await sessions(google) == 0


@pytest.mark.parametrize("email", [None, "", "not an address", "a@b@c", "x" * 300 + "@example.com"])
async def test_without_an_address_there_is_no_account(browser: Browser, google: Google, email: str | None) -> None:
    google.provider.account = Account(email=email)
    answer = await browser.sign_in()
    assert (answer.status_code, answer.json()["code"]) == (403, "email_not_verified")
    assert await google.shop.store.users.count({}) == 0


async def test_another_google_account_with_the_same_address_is_refused(browser: Browser, google: Google) -> None:
    """A mailbox that was given to somebody new: the address is the same, the person is not."""
    await browser.sign_in()
    google.provider.account = Account(sub="somebody-else")
    answer = await browser.sign_in()
    assert (answer.status_code, answer.json()["code"]) == (409, "duplicate")
    assert await sessions(google) == 1


async def test_the_same_subject_of_another_issuer_is_somebody_else(browser: Browser, google: Google) -> None:
    await browser.sign_in()
    await google.shop.store.users.collection.update_one({}, {"$set": {"google.issuer": "https://other.example"}})
    assert (await browser.sign_in()).status_code == 409
    assert await sessions(google) == 1


@pytest.mark.parametrize("linked", [True, False])
async def test_a_suspended_account_is_refused(browser: Browser, google: Google, linked: bool) -> None:
    if linked:
        await browser.sign_in()
    else:
        await register(browser, google, verified=True)
    suspended = {"$set": {"status": UserStatus.SUSPENDED}}
    await google.shop.store.users.collection.update_one({}, suspended)
    await google.shop.store.sessions.collection.delete_many({})
    answer = await browser.sign_in()
    assert (answer.status_code, answer.json()["code"]) == (403, "account_suspended")
    there = await browser.sign_in("/account")
    assert there.headers["location"] == f"{SHOP_PAGES}/account?error=account_suspended"
    assert "ts_rt" not in there.cookies
    assert await sessions(google) == 0
    assert ((await the_account(google.shop)).google is not None) == linked


async def test_who_came_by_google_has_no_password_until_they_set_one(
    browser: Browser, google: Google, letters: Post
) -> None:
    mine = bearer(await browser.sign_in())
    refusals = [
        await browser.store.post("/auth/login", json=CREDENTIALS),
        await browser.store.post(
            "/auth/change-password",
            json={"current_password": "anything at all", "new_password": "brass kettle on the hob"},
            headers=mine,
        ),
        await browser.store.post("/users/me/delete", json={"password": "anything at all"}, headers=mine),
        await browser.store.post("/auth/login", json={**CREDENTIALS, "email": "no@example.com"}),
    ]
    assert [(one.status_code, one.json()["code"]) for one in refusals] == [(401, "invalid_credentials")] * 4
    assert {**refusals[0].json(), "request_id": ""} == {**refusals[3].json(), "request_id": ""}

    await browser.store.post("/auth/forgot-password/request", json={"email": EMAIL})
    new = {"email": EMAIL, "otp": await letters.code(EMAIL), "new_password": "brass kettle on the hob"}
    assert (await browser.store.post("/auth/forgot-password/verify", json=new)).status_code == 200
    mine = bearer(await browser.store.post("/auth/login", json={"email": EMAIL, "password": new["new_password"]}))
    assert (await browser.sign_in()).status_code == 200, "Google still knows them"
    await make.person(google.shop, "admin")  # without one nobody may leave
    gone = await browser.store.post("/users/me/delete", json={"password": new["new_password"]}, headers=mine)
    assert gone.status_code == 200, gone.text
    assert await google.shop.store.users.count({"email": EMAIL}) == 0


async def test_whoever_was_deleted_comes_back_as_somebody_new(browser: Browser, google: Google) -> None:
    admin = await make.person(google.shop, "admin")
    first = (await browser.sign_in()).json()["user"]["id"]
    gone = await browser.store.delete(f"/users/{first}", headers=admin.headers)
    assert gone.status_code == 204, gone.text
    again = (await browser.sign_in()).json()["user"]
    assert (again["id"] != first, again["email"]) == (True, EMAIL)


async def test_the_export_of_ones_data_has_the_identity(browser: Browser, google: Google) -> None:
    mine = bearer(await browser.sign_in())
    told = (await browser.store.get("/users/me/export", headers=mine)).json()["google"]
    assert (told["issuer"], told["subject"]) == (google.provider.issuer, google.provider.account.sub)


@pytest.mark.parametrize("name", [None, "", "   ", "A\u202eB", "A\nB", 7])
async def test_a_name_that_cannot_be_one_is_taken_from_the_address(browser: Browser, google: Google, name: Any) -> None:
    google.provider.account = Account(name=name)
    assert (await browser.sign_in()).json()["user"]["full_name"] == "asha"


async def test_two_first_sign_ins_at_once_open_one_account(browser: Browser, stranger: Browser, google: Google) -> None:
    places = [await browser.leave(), await stranger.leave()]
    answers = await asyncio.gather(browser.come_back(places[0]), stranger.come_back(places[1]))
    assert [one.status_code for one in answers] == [200, 200], [one.text for one in answers]
    assert len({one.json()["user"]["id"] for one in answers}) == 1
    store = google.shop.store
    assert (await store.users.count({}), await store.carts.count({}), await sessions(google)) == (1, 1, 2)


async def test_required_verification_holds_for_google_too(browser: Browser, google: Google) -> None:
    """An administrator took the confirmation back."""
    await browser.sign_in()
    await google.shop.store.users.collection.update_one({}, {"$set": {"email_verified": False}})
    assert (await browser.sign_in()).status_code == 200, "optional"
    keys = google.shop.keys
    google.shop.keys = replace(keys, verification_required=True)
    try:
        answer = await browser.sign_in()
    finally:
        google.shop.keys = keys
    assert (answer.status_code, answer.json()["code"]) == (403, "email_not_verified")


async def test_an_index_finds_people_of_googles_and_keeps_them_apart(google: Google, browser: Browser) -> None:
    await browser.sign_in()
    users = google.shop.store.users
    where = {"google.issuer": google.provider.issuer, "google.subject": google.provider.account.sub}
    plan = (await users.collection.find(where).explain())["queryPlanner"]["winningPlan"]
    assert "IXSCAN" in str(plan)
    assert "COLLSCAN" not in str(plan)
    twin = (await the_account(google.shop)).model_copy(update={"id": ObjectId(), "email": "twin@example.com"})
    with pytest.raises(Duplicate):
        await users.add(twin)


async def test_an_account_with_mfa_is_asked_for_its_code_first(browser: Browser, google: Google) -> None:
    signed_in = bearer(await browser.sign_in())
    secret = (await browser.store.post("/auth/mfa/setup", headers=signed_in)).json()["secret"]
    enabled = await browser.store.post("/auth/mfa/enable", json={"code": pyotp.TOTP(secret).now()}, headers=signed_in)
    recovery = enabled.json()["recovery_codes"]
    browser.store.cookies.clear()
    before = await sessions(google)

    answer = await browser.sign_in()
    assert answer.json()["mfa_required"] is True
    assert "ts_rt" not in answer.cookies
    answer = await browser.sign_in("/account?tab=orders")
    address = urlsplit(answer.headers["location"])
    assert (address.path, address.query) == ("/account", "tab=orders")
    assert "ts_rt" not in answer.cookies
    assert await sessions(google) == before

    token = dict(parse_qsl(address.fragment))["mfa_token"]
    verified = await browser.store.post("/auth/mfa/verify", json={"mfa_token": token, "code": recovery[0]})
    assert verified.status_code == 200, verified.text
    assert verified.cookies["ts_rt"]
    assert await sessions(google) == before + 1
