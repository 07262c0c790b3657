"""Access tokens: only what we signed, for this purpose, in its time."""

import base64
import json
import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from httpx import AsyncClient
from joserfc import jwt
from joserfc.jwk import OctKey

from tests import make
from truestyle.kit import clock
from truestyle.shop import Shop


def _b64(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class Forger:
    """Makes tokens that are right but for what is said."""

    def __init__(self, shop: Shop, person: make.Person) -> None:
        self.secret = shop.settings.auth.jwt_access_token_secret.get_secret_value()
        now = int(time.time())
        self.claims: dict[str, Any] = {
            "iss": "truestyle",
            "aud": "truestyle-api",
            "sub": str(person.user.id),
            "sid": str(person.caller.session_id),
            "jti": "0" * 24,
            "iat": now,
            "exp": now + 600,
        }

    def token(self, *, header: dict[str, Any] | None = None, secret: str | None = None, **claims: Any) -> str:
        head = {"alg": "HS256", "typ": "at+jwt", **(header or {})}
        body = {name: value for name, value in {**self.claims, **claims}.items() if value is not None}
        return jwt.encode(head, body, OctKey.import_key(secret or self.secret), algorithms=[head["alg"]])


@pytest.fixture
def forger(shop: Shop, shopper: make.Person) -> Forger:
    return Forger(shop, shopper)


async def status(client: AsyncClient, token: str) -> tuple[int, str]:
    answer = await client.get("/auth/me", headers=[(b"authorization", f"Bearer {token}".encode())])
    assert answer.status_code == 200 or answer.headers["www-authenticate"].startswith("Bearer")
    return answer.status_code, answer.json().get("code", "")


async def test_the_forger_makes_genuine_tokens_unless_told_otherwise(client: AsyncClient, forger: Forger) -> None:
    assert await status(client, forger.token()) == (200, "")


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "elsewhere"},
        {"iss": None},
        {"aud": "another-api"},
        {"aud": None},
        {"sub": None},
        {"sub": "admin"},
        {"sid": None},
        {"sid": ["x"]},
        {"jti": None},
        {"jti": 5},
        {"iat": None},
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": True},
        {"exp": 9999999999.5},
    ],
)
async def test_a_signed_token_with_another_claim_is_refused(
    client: AsyncClient, forger: Forger, claims: dict[str, Any]
) -> None:
    assert await status(client, forger.token(**claims)) == (401, "token_invalid")


async def test_a_token_of_another_secret_algorithm_or_kind_is_refused(client: AsyncClient, forger: Forger) -> None:
    for token in (
        forger.token(secret="another-secret-0123456789-0123456789"),
        forger.token(header={"alg": "HS512"}),
        forger.token(header={"typ": "JWT"}),
        forger.token(header={"typ": "mfa+jwt"}),
    ):
        assert await status(client, token) == (401, "token_invalid")


async def test_an_unsigned_or_mangled_token_is_refused(client: AsyncClient, forger: Forger) -> None:
    head, body, mac = forger.token().split(".")
    for token in (
        f"{_b64({'alg': 'none', 'typ': 'at+jwt'})}.{body}.",
        f"{_b64({'alg': 'None', 'typ': 'at+jwt'})}.{body}.{mac}",
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}.{_b64({**forger.claims, 'sub': '0' * 24})}.{mac}",
        f"{head}.{body}.{mac}.{mac}.{mac}",
        f"{_b64(b'[' * 3000)}.{body}.{mac}",
        f"{_b64(b'{' + b'x' * 10)}.{body}.{mac}",
        f"{_b64([])}.{body}.{mac}",
        "..",
        "x",
        "\u00e9.\u00e9.\u00e9",
    ):
        assert await status(client, token) == (401, "token_invalid"), token[:60]


async def test_a_huge_nested_header_is_refused(client: AsyncClient, forger: Forger) -> None:
    _, body, mac = forger.token().split(".")
    assert await status(client, f"{_b64(b'[' * 40_000)}.{body}.{mac}") == (401, "token_invalid")


async def test_a_refresh_token_is_no_access_token(client: AsyncClient, shop: Shop) -> None:
    refresh = shop.keys.tokens.first_refresh(ObjectId())
    assert await status(client, refresh) == (401, "token_invalid")


async def test_an_access_token_is_no_refresh_token(client: AsyncClient, forger: Forger) -> None:
    answer = await client.post("/auth/token/refresh", json={"refresh_token": forger.token()[:200]})
    assert answer.json()["code"] == "token_invalid"


async def test_a_token_ends_on_the_second(client: AsyncClient, shop: Shop, shopper: make.Person) -> None:
    token = shopper.headers["authorization"].removeprefix("Bearer ")
    assert await status(client, token) == (200, "")
    with time_machine.travel(clock.now() + timedelta(minutes=29)):
        assert await status(client, token) == (200, "")
    shop.keys.gate.forget()  # it counts on a clock that does not travel
    with time_machine.travel(clock.now() + timedelta(minutes=30, seconds=1)):
        assert await status(client, token) == (401, "token_expired")


async def test_a_genuine_token_of_a_user_or_session_that_never_was_is_refused(
    client: AsyncClient, forger: Forger
) -> None:
    assert await status(client, forger.token(sub=str(ObjectId()))) == (401, "token_revoked")
    assert await status(client, forger.token(sid=str(ObjectId()))) == (401, "token_revoked")


async def test_a_token_cannot_borrow_the_session_of_somebody_else(
    client: AsyncClient, forger: Forger, staff: make.Person
) -> None:
    assert await status(client, forger.token(sid=str(staff.caller.session_id))) == (401, "token_revoked")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Token x", "bearer"])
async def test_without_a_bearer_token_one_is_nobody(client: AsyncClient, header: str) -> None:
    answer = await client.get("/auth/me", headers={"authorization": header} if header else {})
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")
    assert answer.headers["www-authenticate"] == 'Bearer realm="truestyle"'


async def test_a_bad_token_is_refused_where_signing_in_is_optional_too(client: AsyncClient) -> None:
    for path in ("/products", "/cart"):
        answer = await client.get(path, headers={"authorization": "Bearer nonsense"})
        assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")
