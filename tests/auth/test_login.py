import httpx
import pytest
from httpx import AsyncClient

from tests import make
from tests.auth.test_register import ASHA
from truestyle.shop import Shop
from truestyle.users.models import UserStatus

CREDENTIALS = {"email": ASHA["email"], "password": ASHA["password"]}


@pytest.fixture(autouse=True)
async def asha(client: AsyncClient) -> None:
    await client.post("/auth/register", json=ASHA)


async def test_json_signs_in(client: AsyncClient, shop: Shop) -> None:
    answer = await client.post("/auth/login", json=CREDENTIALS)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "expires_in", "user"}  # no refresh token in the body
    assert (body["token_type"], body["expires_in"]) == ("bearer", 1800)
    me = await client.get("/auth/me", headers={"authorization": f"Bearer {body['access_token']}"})
    assert me.json() == body["user"]
    assert await shop.store.sessions.count({}) == 1


async def test_the_address_may_be_written_otherwise(client: AsyncClient) -> None:
    answer = await client.post("/auth/login", json={**CREDENTIALS, "email": " ASHA@example.com"})
    assert answer.status_code == 200


@pytest.mark.parametrize("more", [{}, {"grant_type": "password", "scope": "", "client_id": "x", "client_secret": "y"}])
async def test_swaggers_form_signs_in(client: AsyncClient, more: dict[str, str]) -> None:
    form = {"username": ASHA["email"], "password": ASHA["password"], **more}
    answer = await client.post("/auth/login", data=form)
    assert answer.status_code == 200, answer.text
    as_parts = await client.post("/auth/login", files={name: (None, value) for name, value in form.items()})
    assert as_parts.status_code == 200, as_parts.text


async def test_the_cookie_carries_the_refresh_token_and_is_guarded(client: AsyncClient) -> None:
    header = (await client.post("/auth/login", json=CREDENTIALS)).headers["set-cookie"]
    name, *flags = [part.strip().lower() for part in header.split(";")]
    assert name.startswith("ts_rt=")
    assert {"httponly", "samesite=lax", "path=/", f"max-age={30 * 86_400}"} <= set(flags)
    assert "secure" not in flags  # as set for tests; production refuses to start without it


async def test_a_mobile_client_gets_the_refresh_token_in_the_body(client: AsyncClient) -> None:
    answer = await client.post("/auth/login", json=CREDENTIALS, headers={"x-client": "mobile"})
    assert answer.json()["refresh_token"] == answer.cookies["ts_rt"]


async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(client: AsyncClient, shop: Shop) -> None:
    headers = {"x-request-id": "same"}
    wrong = await client.post("/auth/login", json={**CREDENTIALS, "password": "not this one"}, headers=headers)
    unknown = await client.post("/auth/login", json={**CREDENTIALS, "email": "no@example.com"}, headers=headers)
    assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_credentials")
    assert wrong.content == unknown.content
    assert wrong.headers["www-authenticate"] == unknown.headers["www-authenticate"]
    assert "set-cookie" not in wrong.headers
    assert await shop.store.sessions.count({}) == 0


async def test_an_account_without_a_password_cannot_be_signed_into(client: AsyncClient, shopper: make.Person) -> None:
    answer = await client.post("/auth/login", json={"email": shopper.user.email, "password": "anything at all"})
    assert answer.json()["code"] == "invalid_credentials"


async def test_suspension_is_told_only_after_the_right_password(client: AsyncClient, shop: Shop) -> None:
    await shop.store.users.collection.update_one({}, {"$set": {"status": UserStatus.SUSPENDED}})
    wrong = await client.post("/auth/login", json={**CREDENTIALS, "password": "not this one"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_credentials")
    right = await client.post("/auth/login", json=CREDENTIALS)
    assert (right.status_code, right.json()["code"]) == (403, "account_suspended")
    assert await shop.store.sessions.count({}) == 0


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b'{"email": "asha@example.com", "email": "b@example.com", "password": "x"}', "application/json", 422),
        (b'{"email": "asha@example.com", "password": "x", "otp": "1"}', "application/json", 422),
        (b'{"email": "asha@example.com", "password": ["x"]}', "application/json", 422),
        (b"[]", "application/json", 422),
        (b"", "application/json", 422),
        (b"username=asha%40example.com", "application/x-www-form-urlencoded", 422),
        (b"username=%ff%fe&password=%ed%a0%80", "application/x-www-form-urlencoded", 422),
        (b"username=a%00@example.com&password=%00", "application/x-www-form-urlencoded", 422),
        (b"&".join([b"x=1"] * 100), "application/x-www-form-urlencoded", 422),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x", 422),
        (b"no boundary", "multipart/form-data", 422),
        (b"{}", "text/plain", 415),
        (b"", "", 415),
    ],
)
async def test_a_malformed_sign_in_is_refused(client: AsyncClient, content: bytes, kind: str, status: int) -> None:
    answer = await client.post("/auth/login", content=content, headers={"content-type": kind} if kind else {})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_file_is_no_password(client: AsyncClient) -> None:
    files = {"password": ("p.txt", b"quiet river stones")}
    answer = await client.post("/auth/login", data={"username": ASHA["email"]}, files=files)
    assert answer.status_code == 422


async def test_a_password_is_changed_and_every_other_session_ends(client: AsyncClient, shop: Shop) -> None:
    def bearer(answer: httpx.Response) -> dict[str, str]:
        return {"authorization": f"Bearer {answer.json()['access_token']}"}

    here, there = [await client.post("/auth/login", json=CREDENTIALS) for _ in range(2)]
    change = {"current_password": ASHA["password"], "new_password": "brass kettle on the hob"}
    answer = await client.post("/auth/change-password", json=change, headers=bearer(here))
    assert answer.status_code == 200, answer.text

    assert (await client.get("/auth/me", headers=bearer(here))).status_code == 200
    other = await client.get("/auth/me", headers=bearer(there))
    assert (other.status_code, other.json()["code"]) == (401, "token_revoked")
    stale = await client.post("/auth/token/refresh", json={"refresh_token": there.cookies["ts_rt"]})
    assert (stale.status_code, stale.json()["code"]) == (401, "token_revoked")
    assert (await client.post("/auth/login", json=CREDENTIALS)).status_code == 401
    new = {**CREDENTIALS, "password": change["new_password"]}
    assert (await client.post("/auth/login", json=new)).status_code == 200


@pytest.mark.parametrize(
    ("current", "new", "status", "code"),
    [
        ("not this one", "brass kettle on the hob", 401, "invalid_credentials"),
        (ASHA["password"], "password123", 422, "weak_password"),
        (ASHA["password"], "asha@example.com", 422, "weak_password"),
    ],
)
async def test_a_refused_change_changes_nothing(
    client: AsyncClient, shop: Shop, current: str, new: str, status: int, code: str
) -> None:
    tokens = [(await client.post("/auth/login", json=CREDENTIALS)).json()["access_token"] for _ in range(2)]
    headers = [{"authorization": f"Bearer {token}"} for token in tokens]
    body = {"current_password": current, "new_password": new}
    answer = await client.post("/auth/change-password", json=body, headers=headers[0])
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert [(await client.get("/auth/me", headers=one)).status_code for one in headers] == [200, 200]
    assert (await client.post("/auth/login", json=CREDENTIALS)).status_code == 200


async def test_a_sign_in_that_began_with_the_old_password_does_not_outlive_the_change(
    client: AsyncClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password is checked, then changed by somebody else, then the session would be opened."""
    passwords, verify = shop.keys.passwords, shop.keys.passwords.verify

    async def slowly(password: str, stored: str | None) -> bool:
        right = await verify(password, stored)
        await shop.store.users.collection.update_one({}, {"$set": {"password_hash": "changed meanwhile"}})
        return right

    monkeypatch.setattr(passwords, "verify", slowly)
    answer = await client.post("/auth/login", json=CREDENTIALS)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")
    assert await shop.store.sessions.count({"revoked_at": None}) == 0
