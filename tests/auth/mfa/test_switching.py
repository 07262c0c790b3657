"""Switching the second factor on and off, and what the owner hears of it."""

import asyncio
from collections import Counter
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import httpx
import pytest

from tests import make
from tests.auth.mfa.phone import PASSWORD, Phone, bearer, refused, somebody, with_mfa
from tests.post import Post
from truestyle.mail.samples import facts_of
from truestyle.mail.writing import write
from truestyle.settings import Settings
from truestyle.shop import Shop


@pytest.fixture
async def plain(client: httpx.AsyncClient, shop: Shop) -> Phone:
    """A customer who has not."""
    return await somebody(client, shop)


async def test_setting_up_shows_secret_address_and_picture_and_changes_nothing_yet(plain: Phone) -> None:
    answer = await plain.post("/auth/mfa/setup")
    told = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    address = urlsplit(told["otpauth_uri"])
    query = parse_qs(address.query)
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert (query["secret"], query["issuer"]) == ([told["secret"]], ["True Style"])
    assert plain.email.replace("@", "%40") in told["otpauth_uri"]
    picture = ET.fromstring(told["qr_svg"])  # noqa: S314 - our own
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert "access_token" in (await plain.login()).json()
    assert (await plain.client.get("/auth/mfa", headers=plain.headers)).json() == {
        "enabled": False,
        "enabled_at": None,
        "recovery_codes_left": 0,
        "required": False,
    }


async def test_a_code_of_the_app_switches_it_on_and_every_other_session_ends(plain: Phone, post: Post) -> None:
    other = bearer(await plain.login())
    await plain.set_up()
    answer = await plain.enable()
    assert len(set(answer.json()["recovery_codes"])) == 10
    assert (await plain.client.get("/auth/me", headers=other)).json()["code"] == "token_revoked"
    me = (await plain.client.get("/auth/me", headers=plain.headers)).json()
    assert me["mfa_enabled"] is True
    status = (await plain.client.get("/auth/mfa", headers=plain.headers)).json()
    assert (status["enabled"], status["recovery_codes_left"]) == (True, 10)
    assert "MFA was switched on" in await post.subjects(plain.email)


async def test_without_a_right_code_it_is_not_switched_on(plain: Phone, shop: Shop) -> None:
    refused(await plain.post("/auth/mfa/enable", {"code": "012345"}), 401, "mfa_invalid")
    await plain.set_up()
    first = plain.code()
    refused(await plain.post("/auth/mfa/enable", {"code": await plain.wrong()}), 401, "mfa_invalid")
    await plain.set_up()
    if plain.code() != first:
        refused(await plain.post("/auth/mfa/enable", {"code": first}), 401, "mfa_invalid")
    assert await shop.store.second_factors.of(plain.person.user.id) is None
    assert "access_token" in (await plain.login()).json()


async def test_while_it_is_on_nobody_sets_another_up(asha: Phone) -> None:
    refused(await asha.post("/auth/mfa/setup"), 409, "in_use")
    refused(await asha.post("/auth/mfa/enable", {"code": await asha.fresh()}), 401, "mfa_invalid")


async def test_enabled_many_times_at_once_it_is_enabled_once(plain: Phone, post: Post) -> None:
    await plain.set_up()
    body = {"code": plain.code()}
    answers = await asyncio.gather(*(plain.post("/auth/mfa/enable", body) for _ in range(10)))
    assert Counter(one.status_code for one in answers) == {200: 1, 401: 9}
    plain.recovery = next(one.json()["recovery_codes"] for one in answers if one.status_code == 200)
    assert (await post.subjects(plain.email)).count("MFA was switched on") == 1
    assert (await plain.verify(await plain.token(), plain.recovery[0])).status_code == 200


async def test_both_factors_switch_it_off_and_every_other_session_ends(asha: Phone, post: Post) -> None:
    other = await asha.sign_in()
    body = {"password": PASSWORD, "code": await asha.fresh()}
    refused(await asha.post("/auth/mfa/disable", {**body, "password": "not this one"}), 401, "invalid_credentials")
    refused(await asha.post("/auth/mfa/disable", {**body, "code": await asha.wrong()}), 401, "mfa_invalid")
    assert (await asha.client.get("/auth/me", headers=other)).status_code == 200
    answer = await asha.post("/auth/mfa/disable", body)
    assert answer.status_code == 200, answer.text
    assert (await asha.client.get("/auth/me", headers=other)).json()["code"] == "token_revoked"
    assert (await asha.client.get("/auth/me", headers=asha.headers)).json()["mfa_enabled"] is False
    assert "access_token" in (await asha.login()).json()
    assert "MFA was switched off" in await post.subjects(asha.email)
    refused(await asha.post("/auth/step-up", {"code": asha.recovery[0]}), 401, "mfa_invalid")


async def test_set_up_again_the_old_secret_and_the_old_recovery_codes_are_void(asha: Phone) -> None:
    old = (asha.secret, asha.recovery)
    await asha.post("/auth/mfa/disable", {"password": PASSWORD, "code": await asha.fresh()})
    await asha.set_up()
    await asha.enable()
    new, asha.secret = asha.secret, old[0]
    if asha.code() != Phone(asha.client, asha.shop, asha.person, new).code():
        refused(await asha.verify(await asha.token(), await asha.fresh()), 401, "mfa_invalid")
    refused(await asha.verify(await asha.token(), old[1][0]), 401, "mfa_invalid")
    asha.secret = new
    await asha.sign_in()


async def test_new_recovery_codes_void_the_old_ones(asha: Phone) -> None:
    refused(await asha.post("/auth/mfa/recovery-codes", {"code": await asha.wrong()}), 401, "mfa_invalid")
    answer = await asha.post("/auth/mfa/recovery-codes", {"code": await asha.fresh()})
    assert answer.status_code == 200, answer.text
    fresh = answer.json()["recovery_codes"]
    assert (len(set(fresh)), set(fresh) & set(asha.recovery)) == (10, set())
    refused(await asha.verify(await asha.token(), asha.recovery[0]), 401, "mfa_invalid")
    assert (await asha.verify(await asha.token(), fresh[0])).status_code == 200


async def test_an_administrator_helps_somebody_who_lost_everything(
    client: httpx.AsyncClient, shop: Shop, asha: Phone, post: Post
) -> None:
    admin = await with_mfa(client, shop, "admin")
    path = f"/users/{asha.person.user.id}/mfa"
    refused(await client.delete(path, headers=admin.headers), 403, "step_up_required")
    assert (await admin.step_up()).status_code == 200
    assert (await client.delete(path, headers=admin.headers)).status_code == 204
    assert (await client.get("/auth/me", headers=asha.headers)).status_code == 401
    assert "access_token" in (await asha.login()).json()
    assert "MFA was switched off" in await post.subjects(asha.email)
    refused(await client.delete(path, headers=admin.headers), 404, "not_found")
    own = await client.delete(f"/users/{admin.person.user.id}/mfa", headers=admin.headers)
    refused(own, 403, "forbidden")  # that wants the password


async def test_a_deleted_account_leaves_no_second_factor(asha: Phone, shop: Shop, admin: make.Person) -> None:
    del admin  # one must stay
    assert await shop.store.second_factors.count({}) == 1
    assert (await asha.post("/users/me/delete", {"password": PASSWORD})).status_code == 200
    assert await shop.store.second_factors.count({}) == 0


async def test_an_export_names_it_without_the_secret(client: httpx.AsyncClient, asha: Phone) -> None:
    answer = await client.get("/users/me/export", headers=asha.headers)
    assert answer.json()["mfa"]["recovery_codes_left"] == 10
    assert asha.secret not in answer.text
    assert "locked" not in answer.text


@pytest.mark.parametrize("kind", ["mfa_enabled", "mfa_disabled", "recovery_code_used", "mfa_guessed"])
def test_each_mail_can_be_previewed(kind: str, settings: Settings) -> None:
    mail = write(settings, kind, "asha@example.com", facts_of(kind), "x")
    for form in ("plain", "html"):
        part = mail.get_body((form,))
        assert part is not None
        assert "Asha Rao" in part.get_content()
        assert "012345" not in part.get_content()
