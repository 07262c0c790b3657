"""Signing in with Google, over HTTP, with a real provider in Google's place."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pyotp
import pytest
from bson import ObjectId
from structlog.testing import capture_logs

from tests import make
from tests.auth.conftest import OTHER_PAGES, SHOP_PAGES, Browser, Google, changed
from tests.auth.provider import Account
from tests.auth.test_register import ASHA
from tests.post import Post
from truestyle.auth.google import target
from truestyle.infra.mail import Shown
from truestyle.kit.errors import Duplicate, ValidationFailed
from truestyle.settings import Settings
from truestyle.shop import Shop
from truestyle.users.models import User, UserStatus

EMAIL = "asha@example.com"
CREDENTIALS = {"email": EMAIL, "password": ASHA["password"]}


@pytest.fixture
def letters(google: Google) -> Iterator[Post]:
    """The mail that goes out during a test."""
    before, google.shop.mailer = google.shop.mailer, Shown(google.shop.mailer)
    yield Post(google.shop, google.shop.mailer)
    google.shop.mailer = before


async def register(browser: Browser, google: Google, *, verified: bool) -> User:
    """Asha's account with a password, its address confirmed or not."""
    assert (await browser.store.post("/auth/register", json=ASHA)).status_code == 201
    await google.shop.store.users.collection.update_one({"email": EMAIL}, {"$set": {"email_verified": verified}})
    return await the_account(google.shop)


async def the_account(shop: Shop) -> User:
    found = [one async for one in shop.store.users.every({})]
    assert len(found) == 1
    return found[0]


async def sessions(google: Google) -> int:
    return await google.shop.store.sessions.count({"revoked_at": None})


def bearer(answer: httpx.Response) -> dict[str, str]:
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


async def test_without_its_settings_it_is_not_available(client: httpx.AsyncClient, shop: Shop) -> None:
    answer = await client.get("/auth/google/login")
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert "set-cookie" not in answer.headers
    answer = await client.get("/auth/google/callback", params={"state": "x", "code": "y"})
    assert (answer.status_code, answer.json()["code"]) == (400, "oauth_state_invalid")


async def test_login_sends_to_google_with_state_nonce_and_challenge(browser: Browser, google: Google) -> None:
    first, second = await browser.begin("/account"), await browser.begin("/account")
    assert first.status_code == 302
    address = urlsplit(first.headers["location"])
    asked = dict(parse_qsl(address.query))
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{google.provider.issuer}/authorize"
    assert asked["response_type"] == "code"
    assert asked["redirect_uri"] == "http://test/api/v1/auth/google/callback"
    assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
    again = dict(parse_qsl(urlsplit(second.headers["location"]).query))
    for secret in ("state", "nonce", "code_challenge"):
        assert asked[secret] != again[secret]
    name, *flags = [part.strip().lower() for part in first.headers["set-cookie"].split(";")]
    assert name.startswith("ts_google=")
    assert {"httponly", "samesite=lax", "max-age=600", "path=/"} <= set(flags)
    assert asked["state"] not in first.headers["set-cookie"]
    assert await google.shop.store.revocations.count({}) == 0, "beginning stores nothing"


async def test_the_first_sign_in_opens_an_account_and_the_next_ones_find_it(browser: Browser, google: Google) -> None:
    answer = await browser.sign_in()
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "expires_in", "user"}
    told = body["user"]
    assert (told["email"], told["full_name"], told["role"]) == (EMAIL, "Asha Rao", "customer")
    assert told["email_verified"] is True
    assert "google" not in told
    assert (await browser.store.get("/auth/me", headers=bearer(answer))).json() == told
    assert answer.cookies["ts_rt"]
    assert "ts_google" not in browser.store.cookies, "the ticket is taken back"

    google.provider.account = Account(email="moved@example.com", name="Other Name")
    again = await browser.sign_in()
    assert again.json()["user"]["id"] == told["id"], "an identity is (iss, sub), whatever the address is by now"
    assert again.json()["user"]["email"] == EMAIL
    user = await the_account(google.shop)
    assert user.google is not None
    assert (user.google.issuer, user.google.subject) == (google.provider.issuer, google.provider.account.sub)
    assert user.password_hash is None
    store = google.shop.store
    assert (await store.carts.count({}), await store.wishlists.count({}), await sessions(google)) == (1, 1, 2)


async def test_the_refresh_cookie_signs_the_shop_in_afterwards(browser: Browser) -> None:
    answer = await browser.sign_in("/account?tab=orders#newest")
    assert answer.status_code == 302
    assert answer.headers["location"] == f"{SHOP_PAGES}/account?tab=orders#newest"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content == b""
    fresh = await browser.store.post("/auth/token/refresh")
    assert fresh.status_code == 200, fresh.text
    assert fresh.json()["user"]["email"] == EMAIL


@pytest.mark.parametrize(
    ("place", "leads_to"),
    [
        ("/", f"{SHOP_PAGES}/"),
        ("/a/b?c=d&e", f"{SHOP_PAGES}/a/b?c=d&e"),
        (f"{SHOP_PAGES}/account", f"{SHOP_PAGES}/account"),
        (SHOP_PAGES, SHOP_PAGES),
        (f"{OTHER_PAGES}/x?y=https://evil.example", f"{OTHER_PAGES}/x?y=https://evil.example"),
    ],
)
async def test_next_is_honoured(browser: Browser, place: str, leads_to: str) -> None:
    assert (await browser.sign_in(place)).headers["location"] == leads_to


@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        " //evil.example",
        f"{SHOP_PAGES}.evil.example/",
        f"{SHOP_PAGES}@evil.example/",
        "https://shop.example.com:pass@evil.example/",
        "https://user@shop.example.com/",
        "http://shop.example.com/",
        "https://app.example.com/",
        "https:/shop.example.com/",
        "https:shop.example.com",
        "javascript:alert(1)",
        "data:text/html,x",
        "account",
        "",
        "https://shop.example.com\\.evil.example/",
        "https://[shop.example.com/",
        "/\r\nset-cookie:x=y",
        "/" + "a" * 1000,
    ],
)
async def test_an_open_redirect_is_refused(browser: Browser, google: Google, place: str) -> None:
    answer = await browser.begin(place)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert not {"location", "set-cookie"} & set(answer.headers)


def test_where_cors_allows_everybody_next_does_not() -> None:
    settings = Settings.load(environ={}, cors_origins="*")
    assert target(settings, "/account") == "/account", "without FRONTEND_URL: a path of this host"
    for place in ("https://evil.example/", "*", "http://*/"):
        with pytest.raises(ValidationFailed):
            target(settings, place)


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


async def test_honest_people_are_told_in_the_shop_what_went_wrong(browser: Browser, google: Google) -> None:
    await register(browser, google, verified=False)
    answer = await browser.sign_in("/account?tab=a#b")
    assert answer.headers["location"] == f"{SHOP_PAGES}/account?tab=a&error=duplicate#b"
    assert "ts_rt" not in answer.cookies
    begun = await browser.begin("/account")
    state = dict(parse_qsl(urlsplit(begun.headers["location"]).query))["state"]
    params = {"state": state, "error": "access_denied", "error_subtype": "anything"}
    answer = await browser.store.get("/auth/google/callback", params=params)
    assert answer.headers["location"] == f"{SHOP_PAGES}/account?error=access_denied"
    assert await sessions(google) == 0


async def test_who_cancels_without_a_next_is_told_here(browser: Browser, google: Google) -> None:
    begun = await browser.begin()
    state = dict(parse_qsl(urlsplit(begun.headers["location"]).query))["state"]
    answer = await browser.store.get("/auth/google/callback", params={"state": state, "error": "access_denied"})
    assert (answer.status_code, answer.json()["code"]) == (400, "oauth_state_invalid")
    assert google.provider.forms == []


async def test_the_guests_cart_comes_along(browser: Browser, google: Google) -> None:
    product = await make.product(google.shop)
    await browser.store.post("/cart/add", json={"product_id": str(product.id), "quantity": 2})
    assert "ts_cart" in browser.store.cookies
    answer = await browser.sign_in()
    cart = (await browser.store.get("/cart", headers=bearer(answer))).json()
    assert cart["item_count"] == 2


async def test_a_new_device_is_told_by_mail_and_the_sign_in_is_logged(
    browser: Browser, google: Google, letters: Post
) -> None:
    await browser.sign_in(**{"user-agent": "Firefox"})
    await browser.sign_in(**{"user-agent": "Firefox"})
    assert await letters.subjects(EMAIL) == []
    answer = await browser.sign_in(**{"user-agent": "Somebody's own browser"})
    assert await letters.subjects(EMAIL) == ["A new sign-in to your account"]
    devices = (await browser.store.get("/auth/sessions", headers=bearer(answer))).json()["items"]
    assert [one["user_agent"] for one in devices] == ["Somebody's own browser", "Firefox", "Firefox"]
    user = await the_account(google.shop)
    rows = [(one.kind, one.outcome) for one in await google.shop.logs.of(user.id, 10)]
    assert sorted(rows, key=str) == sorted([("register", None), *[("login", "success")] * 3], key=str)


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


async def test_google_is_asked_for_itself_and_its_keys_once(browser: Browser, google: Google) -> None:
    await browser.sign_in()
    google.provider.asked.clear()
    await browser.sign_in()
    assert google.provider.asked == ["/authorize", "/token"]


async def test_no_secret_of_a_sign_in_is_kept_or_logged(browser: Browser, google: Google) -> None:
    with capture_logs() as said:
        place = await browser.leave("/account")
        await browser.come_back(changed(place, state="forged"))
        await browser.come_back(place)
    await google.shop.requests.flush()
    asked, form = dict(parse_qsl(urlsplit(place).query)), google.provider.forms[-1]
    secrets = [asked["state"], asked["code"], form["code_verifier"], form["client_secret"]]
    db = google.shop.store.db
    kept = str([row for name in await db.list_collection_names() async for row in db[name].find()])
    staff = await make.person(google.shop, "staff")
    rows = (await browser.store.get("/logs", params={"page_size": 100}, headers=staff.headers)).text
    assert "/auth/google/callback" in str(said)
    assert "/auth/google/callback" in rows
    assert google.provider.account.sub in kept
    for one in secrets:
        assert one not in str(said)
        assert one not in kept
        assert one not in rows


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
