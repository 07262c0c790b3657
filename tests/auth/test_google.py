"""Signing in with Google, over HTTP, with a real provider in Google's place."""

from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from structlog.testing import capture_logs

from tests import make
from tests.auth.conftest import OTHER_PAGES, SHOP_PAGES, Browser, Google, changed
from tests.auth.provider import Account
from tests.auth.signing_in import EMAIL, bearer, register, sessions, the_account
from tests.post import Post
from truestyle.auth.google import target
from truestyle.kit.errors import ValidationFailed
from truestyle.settings import Settings
from truestyle.shop import Shop


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
