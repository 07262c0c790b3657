"""What somebody may try with a sign-in with Google: 400, no session, no account. And Google away: 503, soon."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
import time_machine
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from tests.auth.conftest import Browser, Google, changed
from tests.auth.provider import CLIENT, Claims, Provider
from tests.line import State
from truestyle.infra import oidc
from truestyle.infra.oidc import Registration

CALLBACK = "http://test/api/v1/auth/google/callback"
SLACK = 2.0  # seconds that a busy machine may take beside the deadline


async def assert_nobody(google: Google, answer: httpx.Response, sessions: int = 0) -> None:
    """Refused, and nothing was made; `sessions`: those of before."""
    assert (answer.status_code, answer.json()["code"]) == (400, "oauth_state_invalid"), answer.text
    assert "set-cookie" not in answer.headers
    store = google.shop.store
    assert await store.sessions.count({}) == sessions
    assert await store.users.count({}) == (sessions > 0)
    assert (await store.carts.count({}), await store.outbox.count({"topic": "user.registered"})) == (
        (sessions > 0),
        (sessions > 0),
    )


# The state, and the browser that it is bound to.


@pytest.mark.parametrize("state", ["forged", "", None, "x" * 43, "é", "\0"])
async def test_a_forged_state_is_refused(browser: Browser, google: Google, state: str | None) -> None:
    place = changed(await browser.leave(), state=state)
    await assert_nobody(google, await browser.come_back(place))
    assert google.provider.forms == [], "Google was not even asked"


async def test_a_state_of_ones_own_still_works_after_a_forged_one(browser: Browser, google: Google) -> None:
    """Else anybody could end other people's sign-ins by a link."""
    place = await browser.leave()
    await assert_nobody(google, await browser.come_back(changed(place, state="forged")))
    assert (await browser.come_back(place)).status_code == 200


async def test_a_foreign_state_is_refused(browser: Browser, stranger: Browser, google: Google) -> None:
    """The stranger's own sign-in, sent to somebody as a link: they would be signed in as the stranger."""
    place = await stranger.leave()
    await assert_nobody(google, await browser.come_back(place))
    await browser.begin()
    await assert_nobody(google, await browser.come_back(place))
    assert google.provider.forms == []


async def test_a_replayed_state_is_refused(browser: Browser, google: Google) -> None:
    """Everything is sent again, the cookie too, to a provider that would take the code again."""
    google.provider.replays = True
    place = await browser.leave()
    ticket = browser.store.cookies["ts_google"]
    assert (await browser.come_back(place)).status_code == 200
    answer = await browser.come_back(place, cookie=f"ts_google={ticket}")
    await assert_nobody(google, answer, sessions=1)
    assert len(google.provider.forms) == 1


async def test_a_state_that_comes_twenty_times_at_once_signs_in_once(browser: Browser, google: Google) -> None:
    google.provider.replays = True
    place = await browser.leave()
    cookie = f"ts_google={browser.store.cookies['ts_google']}"
    answers = await asyncio.gather(*(browser.come_back(place, cookie=cookie) for _ in range(20)))
    assert sorted(one.status_code for one in answers) == [200] + [400] * 19
    assert await google.shop.store.sessions.count({}) == 1


async def test_a_state_is_too_old_after_ten_minutes(browser: Browser, google: Google) -> None:
    place = await browser.leave()
    cookie = f"ts_google={browser.store.cookies['ts_google']}"
    with time_machine.travel(time.time() + 601):
        await assert_nobody(google, await browser.come_back(place, cookie=cookie))
    assert google.provider.forms == []


@pytest.mark.parametrize("cookie", ["", "x", "é", "A" * 2000, "eyJzdGF0ZSI6IngifQ"])
async def test_a_forged_cookie_is_refused(browser: Browser, google: Google, cookie: str) -> None:
    place = await browser.leave()
    browser.store.cookies.clear()
    raw = [(b"cookie", f"ts_google={cookie}".encode())]
    await assert_nobody(google, await browser.store.get(place, headers=raw))


async def test_a_cookie_changed_in_one_bit_is_refused(browser: Browser, google: Google) -> None:
    place = await browser.leave()
    ticket = browser.store.cookies["ts_google"]
    browser.store.cookies.clear()
    for at in (0, 20, len(ticket) // 2, len(ticket) - 2):
        other = ticket[:at] + ("A" if ticket[at] != "A" else "B") + ticket[at + 1 :]
        await assert_nobody(google, await browser.come_back(place, cookie=f"ts_google={other}"))


async def test_what_was_locked_for_another_purpose_is_no_cookie(browser: Browser, google: Google) -> None:
    place = await browser.leave()
    state = dict(parse_qsl(urlsplit(place).query))["state"]
    content = {"state": state, "nonce": "n", "verifier": "v", "next": "", "expires_at": "2099-01-01T00:00:00+00:00"}
    box = google.shop.box.lock(content, "asha@example.com")
    browser.store.cookies.clear()
    cookie = f"ts_google={base64.urlsafe_b64encode(box).decode()}"
    await assert_nobody(google, await browser.come_back(place, cookie=cookie))
    assert google.provider.forms == []


# What the code brings.


async def test_a_replayed_code_is_refused(browser: Browser, google: Google) -> None:
    """In a sign-in of its own: the state is new, the code was used."""
    used = dict(parse_qsl(urlsplit(await browser.leave()).query))
    assert (await browser.come_back(f"{CALLBACK}?{urlencode(used)}")).status_code == 200
    place = changed(await browser.leave(), code=used["code"])
    await assert_nobody(google, await browser.come_back(place), sessions=1)


async def test_a_code_of_somebody_else_is_refused(browser: Browser, stranger: Browser, google: Google) -> None:
    """Put into a sign-in that is one's own: the verifier is not that of the code."""
    theirs = dict(parse_qsl(urlsplit(await browser.leave()).query))["code"]
    place = changed(await stranger.leave(), code=theirs)
    await assert_nobody(google, await stranger.come_back(place))
    assert len(google.provider.forms) == 1


@pytest.mark.parametrize("code", ["", None, "made up", "x" * 2000])
async def test_a_made_up_code_is_refused(browser: Browser, google: Google, code: str | None) -> None:
    await assert_nobody(google, await browser.come_back(changed(await browser.leave(), code=code)))


async def test_a_wrong_verifier_is_refused(browser: Browser, google: Google) -> None:
    """The provider knows another challenge for this code."""
    place = await browser.leave()
    for asked in google.provider.codes.values():
        asked["code_challenge"] = base64.urlsafe_b64encode(b"\0" * 32).decode().rstrip("=")
    await assert_nobody(google, await browser.come_back(place))


async def test_a_code_of_somebody_else_is_refused_even_where_the_provider_looks_at_no_verifier(
    browser: Browser, stranger: Browser, google: Google
) -> None:
    """The nonce in the token is the one of the other sign-in."""
    theirs = await browser.leave()
    mine = await stranger.leave()
    code = {one: dict(parse_qsl(urlsplit(place).query))["code"] for one, place in (("t", theirs), ("m", mine))}
    google.provider.codes[code["t"]]["code_challenge"] = google.provider.codes[code["m"]]["code_challenge"]
    await assert_nobody(google, await stranger.come_back(changed(mine, code=code["t"])))


# What the token says.


WRONG: dict[str, list[Any]] = {
    "nonce": ["another", None, "", ["a"], 7],
    "aud": ["another.apps.example.com", [CLIENT, "another.apps.example.com"], [], None, CLIENT + "x", 7],
    "azp": ["another.apps.example.com"],
    "iss": ["https://accounts.google.com", "https://evil.example", None, "", ["a"]],
    "sub": [None, "", 7, "x" * 256, ["a"]],
    "exp": [0, None, "soon", True, "9" * 20],
    "iat": [4_102_444_800, None, "now"],
    "nbf": [4_102_444_800],
    "at_hash": ["another", 7],
}


@pytest.mark.parametrize(
    ("claim", "value"),
    [(claim, one) for claim, values in WRONG.items() for one in values],
    ids=lambda one: str(one)[:20],
)
async def test_a_token_with_a_wrong_claim_is_refused(browser: Browser, google: Google, claim: str, value: Any) -> None:
    google.provider.spoil = {claim: value}
    await assert_nobody(google, await browser.sign_in("/account"))


async def test_an_expired_token_is_refused(browser: Browser, google: Google) -> None:
    now = int(time.time())
    google.provider.spoil = {"iat": now - 7200, "exp": now - 60}
    await assert_nobody(google, await browser.sign_in())
    google.provider.spoil = {"iat": now - 7200, "exp": now + 60}
    assert (await browser.sign_in()).status_code == 200


def by_another_key(provider: Provider, claims: Claims) -> str:
    other = RSAKey.generate_key(2048)
    return jwt.encode({"alg": "RS256", "kid": provider.key.kid}, claims, other)


def by_an_unknown_key(_: Provider, claims: Claims) -> str:
    return jwt.encode({"alg": "RS256", "kid": "unknown"}, claims, RSAKey.generate_key(2048))


def by_nobody(_: Provider, claims: Claims) -> str:
    parts = [json.dumps(one).encode() for one in ({"alg": "none", "kid": "one"}, claims)]
    return ".".join([base64.urlsafe_b64encode(one).decode().rstrip("=") for one in parts] + [""])


def by_our_secret(_: Provider, claims: Claims) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key("not used anywhere but in tests"))


def by_the_public_key(provider: Provider, claims: Claims) -> str:
    """HS256 with what everybody can read at /keys: a library that goes by the header would take it."""
    public = provider.key.as_pem(private=False)
    parts = [json.dumps(one).encode() for one in ({"alg": "HS256", "kid": provider.key.kid}, claims)]
    signed = ".".join(base64.urlsafe_b64encode(one).decode().rstrip("=") for one in parts)
    signature = hmac.new(public, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def with_its_own_key(_: Provider, claims: Claims) -> str:
    other = ECKey.generate_key("P-256")
    return jwt.encode({"alg": "ES256", "jwk": other.as_dict(private=False)}, claims, other)


def changed_afterwards(provider: Provider, claims: Claims) -> str:
    head, _, signature = provider.signed(claims).split(".")
    body = json.dumps({**claims, "sub": "somebody-else"}).encode()
    return ".".join([head, base64.urlsafe_b64encode(body).decode().rstrip("="), signature])


def that_is_none(_: Provider, __: Claims) -> str:
    return "not.a.token"


@pytest.mark.parametrize(
    "sign",
    [
        by_another_key,
        by_an_unknown_key,
        by_nobody,
        by_our_secret,
        by_the_public_key,
        with_its_own_key,
        changed_afterwards,
        that_is_none,
    ],
)
async def test_a_wrong_signature_is_refused(
    browser: Browser, google: Google, sign: Callable[[Provider, Claims], str]
) -> None:
    google.provider.sign = sign
    await assert_nobody(google, await browser.sign_in("/account"))


async def test_a_new_key_of_the_provider_is_found(browser: Browser, google: Google) -> None:
    assert (await browser.sign_in()).status_code == 200
    google.provider.key = RSAKey.generate_key(2048, {"kid": "two", "use": "sig"})
    google.provider.asked.clear()
    assert (await browser.sign_in()).status_code == 200
    assert google.provider.asked == ["/authorize", "/token", "/keys"]


# Google away, slow, or not as it should be.


@pytest.mark.parametrize(
    "answer",
    [
        PlainTextResponse("busy", 503),
        PlainTextResponse("<html>", 200),
        JSONResponse({"error": "invalid_client"}, 401),
        JSONResponse({"error": "redirect_uri_mismatch"}, 400),
        JSONResponse(["a"]),
        JSONResponse({"padding": "x" * 600_000}),
        Response(b"\xff\xfe", media_type="application/json"),
    ],
    ids=["busy", "no JSON", "our secret is wrong", "our address is wrong", "no object", "too much", "no text"],
)
async def test_a_provider_in_trouble_is_503(browser: Browser, google: Google, answer: Response) -> None:
    google.provider.answer = answer
    found = await browser.sign_in("/account")
    assert (found.status_code, found.json()["code"]) == (503, "service_unavailable")
    assert await google.shop.store.sessions.count({}) == await google.shop.store.users.count({}) == 0


async def test_an_answer_without_a_token_is_refused(browser: Browser, google: Google) -> None:
    google.provider.answer = JSONResponse({"access_token": "opaque", "token_type": "Bearer"})
    await assert_nobody(google, await browser.sign_in())


@pytest.mark.parametrize("state", [State.DEAD, State.HUNG])
async def test_a_provider_that_is_away_is_503_in_time(browser: Browser, google: Google, state: State) -> None:
    """On the way back, and at the beginning too if nothing is known of the provider yet."""
    place = await browser.leave()
    await google.line.become(state)
    begun = time.monotonic()
    back = await browser.come_back(place)
    assert (back.status_code, back.json()["code"]) == (503, "service_unavailable")
    assert (await browser.begin()).status_code == 302, "what was known of the provider is still good"

    before = google.shop.google
    assert before is not None
    google.shop.google = fresh = oidc.Provider(
        Registration(f"{google.provider.issuer}{oidc.WELL_KNOWN}", "a", "b", "c")
    )
    try:
        answer = await browser.begin()
    finally:
        google.shop.google = before
        await fresh.close()
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert "set-cookie" not in answer.headers
    assert time.monotonic() - begun < 2 * oidc.SILENCE + SLACK
    await google.line.become(State.UP)
    assert (await browser.sign_in()).status_code == 200


async def test_a_provider_that_answers_byte_by_byte_is_given_up(
    browser: Browser, google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never silent for long, never done."""

    async def drops() -> Any:
        for _ in range(200):
            yield b" "
            await asyncio.sleep(0.1)

    monkeypatch.setattr(oidc, "WHOLE", 1.5)
    google.provider.answer = StreamingResponse(drops(), media_type="application/json")
    place = await browser.leave()
    begun = time.monotonic()
    answer = await browser.come_back(place)
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert time.monotonic() - begun < 1.5 + SLACK


async def test_a_provider_that_calls_itself_something_else_is_not_believed(google: Google, browser: Browser) -> None:
    google.provider.issuer, before = "http://127.0.0.1:1", google.provider.issuer
    shop_google = google.shop.google
    google.shop.google = fresh = oidc.Provider(Registration(f"{before}{oidc.WELL_KNOWN}", "a", "b", "c"))
    try:
        answer = await browser.begin()
    finally:
        google.provider.issuer, google.shop.google = before, shop_google
        await fresh.close()
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
