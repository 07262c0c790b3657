"""A fresh code for what cannot be taken back: asked of those who have MFA, of one session, for some minutes."""

import asyncio
from collections import Counter
from datetime import timedelta

import httpx
import pytest
import time_machine

from tests import make
from tests.auth.mfa.phone import PASSWORD, Phone, refused, with_mfa
from truestyle.kit import clock
from truestyle.shop import Shop

NOWHERE = "65af0b12c4a1d2e3f4a5b6c7"
ROLE = {"role": "staff"}
GUARDED = [
    ("PUT", f"/users/{NOWHERE}/role"),
    ("PUT", f"/admin/users/{NOWHERE}/role"),
    ("POST", "/users/create-admin"),
    ("DELETE", f"/users/{NOWHERE}/mfa"),
    ("POST", "/roles"),
    ("PUT", f"/roles/{NOWHERE}"),
    ("PATCH", f"/roles/{NOWHERE}"),
    ("DELETE", f"/roles/{NOWHERE}"),
    ("POST", "/permissions"),
    ("DELETE", f"/permissions/{NOWHERE}"),
    ("POST", "/role-permissions"),
    ("PUT", f"/role-permissions/{NOWHERE}"),
    ("PATCH", f"/role-permissions/{NOWHERE}"),
    ("POST", f"/orders/{NOWHERE}/refund"),
    *(("POST", f"/payments/{NOWHERE}/refunds/{NOWHERE}/{act}") for act in ("confirm", "fail", "retry")),
    *(("PUT", f"/{kind}/{NOWHERE}/status") for kind in ("returns", "exchanges")),
    ("DELETE", f"/role-permissions/{NOWHERE}"),
]
BODIES = {
    f"/orders/{NOWHERE}/refund": {"reason": "x"},
    f"/returns/{NOWHERE}/status": {"status": "completed"},
    f"/exchanges/{NOWHERE}/status": {"status": "replacement_shipped"},
    f"/payments/{NOWHERE}/refunds/{NOWHERE}/confirm": {"reference": "x"},
    f"/payments/{NOWHERE}/refunds/{NOWHERE}/fail": {"reason": "x"},
    "/users/create-admin": {"email": "x@example.com", "password": PASSWORD, "full_name": "X"},
    "/roles": {"code": "packer", "name": "Packer"},
    "/permissions": {"code": "reports:read"},
    "/role-permissions": {"role": "no-such-role", "permission": "audit:read"},  # grants stay after a test
}


@pytest.fixture
async def meera(client: httpx.AsyncClient, shop: Shop) -> Phone:
    """An administrator who has MFA."""
    return await with_mfa(client, shop, "admin")


async def promote(phone: Phone, who: make.Person, headers: dict[str, str] | None = None) -> httpx.Response:
    path = f"/users/{who.user.id}/role"
    return await phone.client.put(path, json=ROLE, headers=headers or phone.headers)


@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_these_want_a_fresh_code_of_whoever_has_mfa_and_of_nobody_else(
    method: str, path: str, meera: Phone, admin: make.Person
) -> None:
    body = None if method == "DELETE" else BODIES.get(path, ROLE if path.endswith("/role") else {})
    asked = await meera.client.request(method, path, json=body, headers=meera.headers)
    refused(asked, 403, "step_up_required")
    plain = await meera.client.request(method, path, json=body, headers=admin.headers)
    assert plain.status_code == (404 if NOWHERE in path else 422 if path == "/role-permissions" else 201), plain.text


async def test_reading_and_other_writes_want_none(meera: Phone, shopper: make.Person) -> None:
    for path in ("/users", "/roles", "/permissions", "/role-permissions", "/audit"):
        assert (await meera.client.get(path, headers=meera.headers)).status_code == 200
    for kind, status in (("returns", "received"), ("exchanges", "completed")):  # no money moves
        answer = await meera.client.put(f"/{kind}/{NOWHERE}/status", json={"status": status}, headers=meera.headers)
        assert answer.status_code == 404
    path, body = f"/users/{shopper.user.id}", {"full_name": "Asha"}
    assert (await meera.client.put(path, json=body, headers=meera.headers)).status_code == 200


async def test_a_fresh_code_opens_for_ten_minutes(meera: Phone, shop: Shop, shopper: make.Person) -> None:
    refused(await promote(meera, shopper), 403, "step_up_required")
    assert (await shop.store.users.get(shopper.user.id)).role == "customer"
    answer = await meera.step_up()
    assert answer.status_code == 200, answer.text
    left = (await shop.store.sessions.get(meera.person.caller.session_id)).stepped_up_until
    assert left is not None
    assert timedelta(minutes=9, seconds=50) < left - clock.now() <= timedelta(minutes=10)
    assert answer.json()["stepped_up_until"] == clock.wire(left)
    assert (await promote(meera, shopper)).status_code == 200
    with time_machine.travel(clock.now() + timedelta(minutes=9, seconds=50)):
        assert (await promote(meera, shopper)).status_code == 200
    with time_machine.travel(clock.now() + timedelta(minutes=10, seconds=1)):
        refused(await promote(meera, shopper), 403, "step_up_required")


async def test_a_step_up_is_of_one_session_and_not_of_the_other(meera: Phone, shopper: make.Person) -> None:
    other = await meera.sign_in()
    assert (await meera.step_up()).status_code == 200
    refused(await promote(meera, shopper, other), 403, "step_up_required")
    assert (await promote(meera, shopper)).status_code == 200


async def test_signing_in_is_no_step_up(meera: Phone, shopper: make.Person) -> None:
    refused(await promote(meera, shopper, await meera.sign_in()), 403, "step_up_required")


async def test_it_outlives_a_refresh_and_ends_with_the_session(meera: Phone, shopper: make.Person) -> None:
    answer = await meera.verify(await meera.token(), await meera.fresh(), **{"x-client": "mobile"})
    tokens = answer.json()
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    assert (await meera.step_up(headers)).status_code == 200
    again = await meera.post("/auth/token/refresh", {"refresh_token": tokens["refresh_token"]})
    renewed = {"authorization": f"Bearer {again.json()['access_token']}"}
    assert (await promote(meera, shopper, renewed)).status_code == 200
    assert (await meera.post("/auth/logout", headers=renewed)).status_code == 200
    refused(await promote(meera, shopper, renewed), 401, "token_revoked")


async def test_a_code_that_signed_in_is_no_step_up(meera: Phone, shopper: make.Person) -> None:
    code = await meera.fresh()
    assert (await meera.verify(await meera.token(), code)).status_code == 200
    refused(await meera.post("/auth/step-up", {"code": code}), 401, "mfa_invalid")
    refused(await promote(meera, shopper), 403, "step_up_required")


async def test_one_code_steps_one_session_up_however_often_it_is_sent(meera: Phone, shop: Shop) -> None:
    others = [await meera.sign_in() for _ in range(4)]
    code = await meera.fresh()
    answers = await asyncio.gather(
        *(meera.post("/auth/step-up", {"code": code}, one) for one in [*others, meera.headers] * 3)
    )
    assert Counter(one.status_code for one in answers) == {200: 1, 401: 14}
    assert await shop.store.sessions.count({"stepped_up_until": {"$ne": None}}) == 1


async def test_a_recovery_code_steps_up_too(meera: Phone, shopper: make.Person) -> None:
    assert (await meera.post("/auth/step-up", {"code": meera.recovery[0]})).status_code == 200
    assert (await promote(meera, shopper)).status_code == 200


async def test_without_mfa_there_is_nothing_to_step_up_with(client: httpx.AsyncClient, admin: make.Person) -> None:
    answer = await client.post("/auth/step-up", json={"code": "012345"}, headers=admin.headers)
    refused(answer, 401, "mfa_invalid")


async def test_a_step_up_gives_no_permission(client: httpx.AsyncClient, asha: Phone, shopper: make.Person) -> None:
    assert (await asha.step_up()).status_code == 200
    refused(await promote(asha, shopper), 403, "forbidden")
