import asyncio

import pytest
from httpx import AsyncClient

from tests import make
from truestyle.shop import Shop

ASHA = {"email": "asha@example.com", "password": "quiet river stones", "full_name": "Asha Rao"}


async def test_a_new_account_has_a_cart_and_a_wishlist_and_no_secrets(client: AsyncClient, shop: Shop) -> None:
    answer = await client.post("/auth/register", json={**ASHA, "phone": "098765 43210"})
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert answer.headers["location"] == f"/api/v1/users/{body['id']}"
    assert (body["email"], body["role"], body["status"]) == ("asha@example.com", "customer", "active")
    assert (body["phone"], body["email_verified"], body["version"]) == ("+919876543210", False, 1)
    assert "password" not in answer.text
    user = await shop.store.users.by_email("asha@example.com")
    assert user is not None
    assert (user.password_hash or "").startswith("$argon2id$")
    assert await shop.store.carts.count({"user_id": user.id}) == 1
    assert await shop.store.wishlists.count({"user_id": user.id}) == 1
    assert await shop.store.sessions.count({}) == 0


@pytest.mark.parametrize("same", ["asha@example.com", "ASHA@Example.COM", "  asha@example.com "])
async def test_an_address_is_registered_once_however_it_is_written(client: AsyncClient, shop: Shop, same: str) -> None:
    assert (await client.post("/auth/register", json=ASHA)).status_code == 201
    again = await client.post("/auth/register", json={**ASHA, "email": same})
    assert (again.status_code, again.json()["code"], again.json()["field"]) == (409, "duplicate", "email")
    assert (await shop.store.users.count({}), await shop.store.carts.count({})) == (1, 1)


async def test_of_ten_at_once_for_one_address_one_gets_an_account(client: AsyncClient, shop: Shop) -> None:
    answers = await asyncio.gather(*(client.post("/auth/register", json=ASHA) for _ in range(10)))
    assert sorted(one.status_code for one in answers) == [201] + [409] * 9
    counts = [await one.count({}) for one in (shop.store.users, shop.store.carts, shop.store.wishlists)]
    assert counts == [1, 1, 1]


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "1234567",
        "password123",
        "Password123",
        "12345678",
        "aaaaaaaaaa",
        "asha@example.com",
        "ASHA@example.com",
    ],
)
async def test_a_password_that_would_be_guessed_is_refused(client: AsyncClient, shop: Shop, password: str) -> None:
    answer = await client.post("/auth/register", json={**ASHA, "password": password})
    assert (answer.status_code, answer.json()["code"]) == (422, "weak_password")
    assert password not in answer.text
    assert await shop.store.users.count({}) == 0


@pytest.mark.parametrize("length", [8, 128])
async def test_passwords_of_8_to_128_characters_are_taken(client: AsyncClient, length: int) -> None:
    password = ("x7 quiet river stones " * 8)[:length]
    assert (await client.post("/auth/register", json={**ASHA, "password": password})).status_code == 201


@pytest.mark.parametrize(
    "field",
    [
        {"password": "x1 " * 43},
        {"password": ""},
        {"email": "asha"},
        {"email": "a@b@c.de"},
        {"email": "asha@example.com\r\nBcc: x@y.z"},
        {"email": "x" * 250 + "@example.com"},
        {"full_name": ""},
        {"phone": "12345"},
        {"role": "admin"},
        {"email_verified": True},
    ],
)
async def test_a_malformed_or_greedy_registration_makes_nothing(
    client: AsyncClient, shop: Shop, field: dict[str, object]
) -> None:
    answer = await client.post("/auth/register", json={**ASHA, **field})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert await shop.store.users.count({}) == 0


async def test_me_and_profile_are_the_same_account(client: AsyncClient, shopper: make.Person) -> None:
    me = await client.get("/auth/me", headers=shopper.headers)
    profile = await client.get("/users/profile", headers=shopper.headers)
    assert me.json() == profile.json()
    assert me.json()["id"] == str(shopper.user.id)
    assert "password_hash" not in me.text
