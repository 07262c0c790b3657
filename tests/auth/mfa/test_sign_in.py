"""Signing in with a second factor, and every way around it that was thought of."""

import asyncio
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import httpx
import pytest
import time_machine
from bson import ObjectId
from joserfc import jwt
from joserfc.jwk import OctKey

from tests import make
from tests.auth.mfa.phone import PASSWORD, Phone, bearer, refused, with_mfa
from tests.post import Post
from truestyle.auth import service as auth
from truestyle.auth.service import CodeAsked, Device
from truestyle.kit import clock
from truestyle.shop import Shop

FRESH = "another rather unlikely phrase"
DEVICE = Device("127.0.0.1", "tests")


async def sessions(shop: Shop, phone: Phone) -> int:
    """How many are live."""
    return await shop.store.sessions.count({"user_id": phone.person.user.id, "revoked_at": None})


async def test_a_password_alone_gives_no_session_and_no_cookie(asha: Phone, shop: Shop) -> None:
    before = await sessions(shop, asha)
    answer = await asha.login(**{"x-client": "mobile"})
    assert answer.status_code == 200
    assert set(answer.json()) == {"mfa_required", "mfa_token", "expires_in"}
    assert (answer.json()["mfa_required"], answer.json()["expires_in"]) == (True, 300)
    assert "set-cookie" not in answer.headers
    assert await sessions(shop, asha) == before


async def test_password_and_code_sign_in_with_the_cookie_and_the_guests_cart(asha: Phone, shop: Shop) -> None:
    product = await make.product(shop)
    guest = (await asha.client.get("/cart")).headers["x-cart-token"]
    body = {"product_id": str(product.id)}
    await asha.client.post("/cart/add", json=body, headers={"x-cart-token": guest})
    answer = await asha.verify(await asha.token(), await asha.fresh(), **{"x-cart-token": guest})
    assert answer.status_code == 200, answer.text
    assert "ts_rt=" in answer.headers["set-cookie"]
    assert "refresh_token" not in answer.json()
    assert answer.json()["user"]["email"] == asha.email
    cart = await asha.client.get("/cart", headers=bearer(answer))
    assert cart.json()["item_count"] == 1


async def test_a_mobile_client_gets_the_refresh_token_in_the_body(asha: Phone) -> None:
    answer = await asha.verify(await asha.token(), await asha.fresh(), **{"x-client": "mobile"})
    token = answer.json()["refresh_token"]
    assert (await asha.post("/auth/token/refresh", {"refresh_token": token})).status_code == 200


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 200), (0, 200), (1, 200), (2, 401)])
async def test_the_telephones_clock_may_be_one_step_off(asha: Phone, steps: int, status: int) -> None:
    later = (int(time.time()) // 30 + 100) * 30 + 10
    asha.shop.keys.gate.forget()
    with time_machine.travel(later, tick=False):
        token = asha.shop.keys.tokens.mfa(asha.person.user.id, asha.person.user.password_hash)
        assert (await asha.verify(token, asha.code(steps))).status_code == status


async def test_a_code_typed_with_a_space_is_the_same(asha: Phone) -> None:
    code = await asha.fresh()
    assert (await asha.verify(await asha.token(), f"{code[:3]} {code[3:]}")).status_code == 200


async def test_a_recovery_code_signs_in_once_and_the_owner_hears_of_it(asha: Phone, post: Post) -> None:
    typed = asha.recovery[0].upper().replace("-", "")
    assert (await asha.verify(await asha.token(), typed)).status_code == 200
    assert "9 of them are left" in await post.text(asha.email, "A recovery code was used")
    refused(await asha.verify(await asha.token(), asha.recovery[0]), 401, "mfa_invalid")
    assert (await asha.verify(await asha.token(), asha.recovery[1])).status_code == 200
    status = await asha.client.get("/auth/mfa", headers=asha.headers)
    assert status.json()["recovery_codes_left"] == 8


# What somebody who saw, stole or guessed one thing tries with it.


async def test_a_code_that_was_used_is_refused_again(asha: Phone, shop: Shop) -> None:
    code = await asha.fresh()
    assert (await asha.verify(await asha.token(), code)).status_code == 200
    before = await sessions(shop, asha)
    refused(await asha.verify(await asha.token(), code), 401, "mfa_invalid")
    assert await sessions(shop, asha) == before


async def test_a_code_of_an_earlier_step_is_refused_after_a_later_one(asha: Phone) -> None:
    earlier = asha.code(-1)
    await asha.fresh()
    assert (await asha.verify(await asha.token(), asha.code())).status_code == 200
    refused(await asha.verify(await asha.token(), earlier), 401, "mfa_invalid")


async def test_one_code_sent_twenty_times_at_once_signs_in_once(asha: Phone, shop: Shop) -> None:
    tokens = [await asha.token() for _ in range(20)]
    code, before = await asha.fresh(), await sessions(shop, asha)
    answers = await asyncio.gather(*(asha.verify(one, code) for one in tokens))
    assert Counter(one.status_code for one in answers) == {200: 1, 401: 19}
    assert {one.json()["code"] for one in answers if one.status_code == 401} == {"mfa_invalid"}
    assert await sessions(shop, asha) == before + 1


async def test_one_recovery_code_sent_ten_times_at_once_signs_in_once(asha: Phone, shop: Shop, post: Post) -> None:
    tokens, before = [await asha.token() for _ in range(10)], await sessions(shop, asha)
    answers = await asyncio.gather(*(asha.verify(one, asha.recovery[3]) for one in tokens))
    assert Counter(one.status_code for one in answers) == {200: 1, 401: 9}
    assert await sessions(shop, asha) == before + 1
    assert (await post.subjects(asha.email)).count("A recovery code was used") == 1


async def test_one_code_sent_to_every_route_at_once_does_one_thing(asha: Phone) -> None:
    token, code = await asha.token(), await asha.fresh()
    answers = await asyncio.gather(
        asha.verify(token, code),
        asha.post("/auth/step-up", {"code": code}),
        asha.post("/auth/mfa/recovery-codes", {"code": code}),
        asha.post("/auth/mfa/disable", {"password": PASSWORD, "code": code}),
    )
    assert Counter(one.status_code for one in answers) == {200: 1, 401: 3}


async def test_a_mfa_token_that_signed_in_is_used_up(asha: Phone, shop: Shop) -> None:
    token = await asha.token()
    assert (await asha.verify(token, await asha.fresh())).status_code == 200
    before = await sessions(shop, asha)
    code = asha.recovery[0]
    refused(await asha.verify(token, code), 401, "token_revoked")
    assert await sessions(shop, asha) == before
    assert (await asha.verify(await asha.token(), code)).status_code == 200, "and the code was not used up in vain"


async def test_one_mfa_token_with_two_codes_at_once_signs_in_once(asha: Phone, shop: Shop) -> None:
    token, before = await asha.token(), await sessions(shop, asha)
    answers = await asyncio.gather(*(asha.verify(token, one) for one in asha.recovery))
    assert Counter(one.status_code for one in answers) == {200: 1, 401: 9}
    assert await sessions(shop, asha) == before + 1


async def test_a_code_of_another_account_is_refused(client: httpx.AsyncClient, shop: Shop, asha: Phone) -> None:
    meera = await with_mfa(client, shop)
    code = await meera.fresh()
    if code not in {asha.code(step) for step in (-1, 0, 1)}:
        refused(await asha.verify(await asha.token(), code), 401, "mfa_invalid")
    refused(await asha.verify(await asha.token(), meera.recovery[0]), 401, "mfa_invalid")
    assert (await meera.verify(await meera.token(), code)).status_code == 200


async def test_a_secret_moved_to_another_account_opens_nothing(
    client: httpx.AsyncClient, shop: Shop, asha: Phone
) -> None:
    """Somebody who can write to the database, but has not the pepper."""
    mine, rows = await with_mfa(client, shop), shop.store.second_factors.unwatched
    row = await rows.find_one({"user_id": mine.person.user.id})
    assert row is not None
    await rows.update_one({"user_id": asha.person.user.id}, {"$set": {"locked": row["locked"], "last_step": 0}})
    refused(await asha.verify(await asha.token(), await mine.fresh()), 401, "mfa_invalid")


async def test_fifty_guesses_at_once_are_five_whatever_tokens_they_come_with(asha: Phone, shop: Shop) -> None:
    tokens, wrong, before = [await asha.token() for _ in range(5)], await asha.wrong(), await sessions(shop, asha)
    answers = await asyncio.gather(*(asha.verify(one, wrong) for one in tokens * 10))
    assert Counter(one.status_code for one in answers) == {401: 5, 423: 45}
    locked = next(one for one in answers if one.status_code == 423)
    assert locked.json()["code"] == "account_locked"
    assert 14 * 60 < int(locked.headers["retry-after"]) <= 15 * 60
    refused(await asha.verify(tokens[0], await asha.fresh()), 423, "account_locked")
    assert await sessions(shop, asha) == before


async def test_guesses_count_together_over_all_routes_that_take_a_code(asha: Phone) -> None:
    wrong = await asha.wrong()
    tried = [
        await asha.post("/auth/step-up", {"code": wrong}),
        await asha.post("/auth/mfa/disable", {"password": PASSWORD, "code": wrong}),
        await asha.post("/auth/mfa/recovery-codes", {"code": wrong}),
        await asha.verify(await asha.token(), wrong),
        await asha.verify(await asha.token(), "zzzzz-zzzzz"),
    ]
    assert [one.status_code for one in tried] == [401] * 5
    refused(await asha.post("/auth/step-up", {"code": await asha.fresh()}), 423, "account_locked")


async def test_a_right_code_in_between_gives_a_guesser_no_new_tries(asha: Phone) -> None:
    token, wrong = await asha.token(), await asha.wrong()
    assert [(await asha.verify(token, wrong)).status_code for _ in range(4)] == [401] * 4
    await asha.sign_in()
    assert [(await asha.verify(token, wrong)).status_code for _ in range(2)] == [401, 423]


async def test_whoever_is_guessed_at_hears_of_it_once(asha: Phone, post: Post) -> None:
    token, wrong = await asha.token(), await asha.wrong()
    await asyncio.gather(*(asha.verify(token, wrong) for _ in range(20)))
    assert (await post.subjects(asha.email)).count("Somebody tried codes on your account") == 1


async def test_the_lock_ends_and_lasts_twice_as_long_the_next_time(asha: Phone) -> None:
    wrong, user = await asha.wrong(), asha.person.user
    moment = clock.now()
    for wait, least in ((timedelta(0), 14 * 60), (timedelta(minutes=16), 29 * 60)):
        with time_machine.travel(moment + wait):
            token = asha.shop.keys.tokens.mfa(user.id, user.password_hash)
            assert [(await asha.verify(token, wrong)).status_code for _ in range(5)] == [401] * 5
            locked = await asha.verify(token, wrong)
            assert least < int(locked.headers["retry-after"]) <= least + 60


async def test_an_administrator_ends_the_lock_by_setting_the_account_active(asha: Phone, admin: make.Person) -> None:
    token, wrong = await asha.token(), await asha.wrong()
    assert [(await asha.verify(token, wrong)).status_code for _ in range(6)] == [401] * 5 + [423]
    path = f"/users/{asha.person.user.id}/status"
    await asha.client.put(path, json={"status": "active"}, headers=admin.headers)
    assert (await asha.verify(token, await asha.fresh())).status_code == 200


async def test_a_mfa_token_is_no_access_token(asha: Phone) -> None:
    token = await asha.token()
    headers = {"authorization": f"Bearer {token}"}
    for path in ("/auth/me", "/auth/mfa", "/orders"):
        refused(await asha.client.get(path, headers=headers), 401, "token_invalid")
    refused(
        await asha.post("/auth/mfa/disable", {"password": PASSWORD, "code": "012345"}, headers), 401, "token_invalid"
    )


async def test_a_mfa_token_is_no_refresh_token(asha: Phone) -> None:
    token = (await asha.token())[:200]
    refused(await asha.post("/auth/token/refresh", {"refresh_token": token}), 401, "token_invalid")


async def test_an_access_token_is_no_mfa_token(asha: Phone) -> None:
    access = asha.headers["authorization"].removeprefix("Bearer ")
    refused(await asha.verify(access, await asha.fresh()), 401, "token_invalid")


@pytest.mark.parametrize(
    "change",
    [
        {"secret": "another-secret-0123456789-0123456789"},
        {"typ": "at+jwt"},
        {"typ": "JWT"},
        {"aud": "truestyle-api"},
        {"iss": "elsewhere"},
        {"pwd": None},
        {"pwd": "0" * 32},
        {"sub": str(ObjectId("65af0b12c4a1d2e3f4a5b6c7"))},
        {"sub": "admin"},
        {"jti": None},
        {"exp": None},
        {"exp": True},
    ],
    ids=lambda change: "-".join(f"{name}:{value}"[:20] for name, value in change.items()),
)
async def test_a_forged_mfa_token_is_none(asha: Phone, shop: Shop, change: dict[str, Any]) -> None:
    secret = change.get("secret") or shop.settings.auth.jwt_access_token_secret.get_secret_value()
    genuine = jwt.decode(
        await asha.token(), OctKey.import_key(shop.settings.auth.jwt_access_token_secret.get_secret_value())
    )

    def made(**more: Any) -> str:
        head = {"alg": "HS256", "typ": more.pop("typ", "mfa+jwt")}
        more.pop("secret", None)
        claims = {name: value for name, value in {**genuine.claims, **more}.items() if value is not None}
        return jwt.encode(head, claims, OctKey.import_key(secret))

    refused(await asha.verify(made(**change), await asha.fresh()), 401, "token_invalid")
    refused(await asha.verify("x.y.z", await asha.fresh()), 401, "token_invalid")
    if "secret" not in change:
        assert (await asha.verify(made(), asha.code())).status_code == 200, "the forger makes genuine ones too"


async def test_a_mfa_token_ends_after_five_minutes(asha: Phone) -> None:
    token = await asha.token()
    with time_machine.travel(clock.now() + timedelta(minutes=5, seconds=1)):
        refused(await asha.verify(token, await asha.fresh()), 401, "token_expired")


async def test_a_mfa_token_from_before_a_change_of_password_is_void(asha: Phone, shop: Shop) -> None:
    token = await asha.token()
    body = {"current_password": PASSWORD, "new_password": FRESH}
    assert (await asha.post("/auth/change-password", body)).status_code == 200
    before = await sessions(shop, asha)
    refused(await asha.verify(token, await asha.fresh()), 401, "token_invalid")
    assert await sessions(shop, asha) == before
    again = await asha.login(FRESH)
    assert (await asha.verify(again.json()["mfa_token"], await asha.fresh())).status_code == 200


async def test_a_forgotten_password_does_not_switch_it_off(asha: Phone, post: Post) -> None:
    token = await asha.token()
    await asha.post("/auth/forgot-password/request", {"email": asha.email})
    body = {"email": asha.email, "otp": await post.code(asha.email), "new_password": FRESH}
    assert (await asha.post("/auth/forgot-password/verify", body)).status_code == 200
    refused(await asha.verify(token, await asha.fresh()), 401, "token_invalid")
    answer = await asha.login(FRESH)
    assert answer.json()["mfa_required"] is True
    assert (await asha.verify(answer.json()["mfa_token"], await asha.fresh())).status_code == 200


async def test_a_suspended_account_is_not_let_in_by_its_code(asha: Phone, shop: Shop, admin: make.Person) -> None:
    token, path = await asha.token(), f"/users/{asha.person.user.id}/status"
    await asha.client.put(path, json={"status": "suspended"}, headers=admin.headers)
    refused(await asha.verify(token, await asha.fresh()), 403, "account_suspended")
    assert await sessions(shop, asha) == 0


async def test_a_sign_in_that_began_before_it_was_switched_on_ends_without_a_session(
    client: httpx.AsyncClient, shop: Shop
) -> None:
    """The account as the password check read it has no MFA; by the time that the session opens, it has."""
    before = await make.person(shop, password_hash=await shop.keys.passwords.hash(PASSWORD))
    phone = Phone(client, shop, before, headers=before.headers)
    await phone.set_up()
    await phone.enable()
    with pytest.raises(Exception, match="E-mail or password is wrong"):
        await auth.let_in(shop.store, shop.keys, before.user, DEVICE)
    now = await shop.store.users.get(before.user.id)
    assert isinstance(await auth.let_in(shop.store, shop.keys, now, DEVICE), CodeAsked)
    assert await sessions(shop, phone) == 1


async def test_another_site_cannot_finish_a_sign_in(asha: Phone, shop: Shop) -> None:
    before = await sessions(shop, asha)
    token, code = await asha.token(), await asha.fresh()
    refused(await asha.verify(token, code, origin="https://evil.example"), 403, "csrf")
    assert await sessions(shop, asha) == before
    assert (await asha.verify(token, code, origin="http://test")).status_code == 200


@pytest.mark.parametrize(
    "code", ["", "12345", "1" * 60, "12345a7!", "\u0661\u0662\u0663\u0664\u0665\u0666", 123456, None, ["012345"]]
)
async def test_what_is_no_code_is_malformed_and_never_repeated(asha: Phone, code: object) -> None:
    answer = await asha.post("/auth/step-up", {"code": code})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert "input" not in answer.text
