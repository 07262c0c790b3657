"""Guests' carts, what a client kept, and what happens on signing in."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from httpx import AsyncClient
from pymongo.errors import PyMongoError

from tests import make
from tests.auth.test_register import ASHA
from truestyle.cart.repository import Carts
from truestyle.cart.service import guest_cart_id
from truestyle.catalog.products.models import Product
from truestyle.kit import clock
from truestyle.shop import Shop

SKUS = [{"sku": "K-M", "size": "M"}, {"sku": "K-L", "size": "L"}]
TOKEN = "guest-token-0123456789-0123456789-abcdef"
GUEST = {"x-cart-token": TOKEN}
CREDENTIALS = {"email": ASHA["email"], "password": ASHA["password"]}


@pytest.fixture
async def kurta(shop: Shop) -> Product:
    return await make.product(shop, stock=20, variants=SKUS)


async def add(client: AsyncClient, product: Product, headers: dict[str, str] | None = None, **body: Any) -> Any:
    sent = {"product_id": str(product.id), "sku": "K-M", **body}
    answer = await client.post("/cart/add", json=sent, headers=headers or {})
    assert answer.status_code == 200, answer.text
    return answer


async def lines(client: AsyncClient, headers: dict[str, str]) -> dict[str, int]:
    cart = (await client.get("/cart", headers=headers)).json()
    return {one["sku"]: one["quantity"] for one in cart["items"]}


async def test_the_first_answer_to_a_guest_gives_a_token_by_header_and_cookie(client: AsyncClient, shop: Shop) -> None:
    answer = await client.get("/cart")
    token = answer.headers["x-cart-token"]
    assert len(token) >= 32
    assert answer.json()["token"] == token == answer.cookies["ts_cart"]
    flags = answer.headers["set-cookie"].lower()
    assert "httponly" in flags
    assert "samesite=lax" in flags
    assert (answer.json()["items"], await shop.store.carts.count({})) == ([], 0)  # looking stores nothing


async def test_header_or_cookie_brings_a_guest_back_to_the_cart(
    client: AsyncClient, kurta: Product, shop: Shop
) -> None:
    token = (await add(client, kurta)).headers["x-cart-token"]
    client.cookies.clear()
    assert await lines(client, {"x-cart-token": token}) == {"K-M": 1}
    client.cookies.clear()
    assert await lines(client, {"cookie": f"ts_cart={token}"}) == {"K-M": 1}
    client.cookies.clear()
    assert await lines(client, {}) == {}
    cart = await shop.store.carts.get(guest_cart_id(token))
    assert token not in str(cart)  # only a hash of it is stored
    assert cart.user_id is None
    assert cart.expires_at is not None
    assert cart.expires_at - clock.now() > timedelta(days=29)


async def test_each_change_puts_the_end_of_a_guests_cart_off(client: AsyncClient, kurta: Product, shop: Shop) -> None:
    async def ends() -> datetime:
        cart = await shop.store.carts.get(guest_cart_id(TOKEN))
        assert cart.expires_at is not None
        return cart.expires_at

    item = (await add(client, kurta, GUEST)).json()["items"][0]["id"]
    began = last = await ends()
    for days, change in enumerate(("more", "quantity", "remove", "clear"), start=1):
        with time_machine.travel(began + timedelta(days=days - 30)):
            if change == "more":
                await add(client, kurta, GUEST)
            elif change == "quantity":
                await client.put(f"/cart/{item}", json={"quantity": 5}, headers=GUEST)
            else:
                await client.delete(f"/cart/{item if change == 'remove' else 'clear'}", headers=GUEST)
        assert await ends() > last + timedelta(hours=23), change
        last = await ends()


@pytest.mark.parametrize("token", ["short", "x" * 65, "a b" * 20, "$" * 40, "\u00e9" * 40])
async def test_what_is_no_token_gets_a_fresh_one(client: AsyncClient, token: str) -> None:
    answer = await client.get("/cart", headers=[(b"x-cart-token", token.encode())])
    assert answer.status_code == 200
    assert answer.headers["x-cart-token"] != token


async def test_an_overlong_token_is_refused(client: AsyncClient) -> None:
    assert (await client.get("/cart", headers={"x-cart-token": "x" * 101})).status_code == 422


async def test_signed_in_the_token_does_not_matter_and_is_not_given(
    client: AsyncClient, kurta: Product, shopper: make.Person
) -> None:
    await add(client, kurta, GUEST)
    answer = await client.get("/cart", headers=shopper.headers | GUEST)
    assert (answer.json()["items"], answer.json()["token"]) == ([], None)
    assert "x-cart-token" not in answer.headers


async def test_a_new_guests_ten_additions_at_once_make_one_cart(
    client: AsyncClient, kurta: Product, shop: Shop
) -> None:
    await asyncio.gather(*(add(client, kurta, GUEST) for _ in range(10)))
    assert await lines(client, GUEST) == {"K-M": 10}
    assert await shop.store.carts.count({}) == 1


class TestSync:
    async def sync(self, client: AsyncClient, person: make.Person, *items: tuple[str, Any]) -> Any:
        body = {"items": [{"sku": sku, "quantity": quantity} for sku, quantity in items]}
        return await client.post("/cart/sync", json=body, headers=person.headers)

    async def test_what_a_client_kept_is_added(self, client: AsyncClient, kurta: Product, shopper: make.Person) -> None:
        await add(client, kurta, shopper.headers, quantity=2)
        answer = await self.sync(client, shopper, ("K-M", 3), ("K-L", 1), ("K-L", 1))
        assert answer.json()["notices"] == []
        assert await lines(client, shopper.headers) == {"K-M": 5, "K-L": 2}

    async def test_it_is_capped_to_stock_and_limit_and_the_rest_is_said(
        self, client: AsyncClient, kurta: Product, shop: Shop, shopper: make.Person
    ) -> None:
        few = await make.product(shop, stock=3, variants=[{"sku": "FEW"}])
        await make.product(shop, status="draft", variants=[{"sku": "DRAFT"}])
        answer = await self.sync(client, shopper, ("FEW", 5), ("K-M", 12), ("DRAFT", 1), ("NONE", 1))
        assert answer.status_code == 200
        assert answer.json()["notices"] == [
            f"Only 3 of 5 pieces of {few.name} (FEW) could be added.",
            f"Only 10 of 12 pieces of {kurta.name} (K-M) could be added.",
            "DRAFT is not sold here any more.",
            "NONE is not sold here any more.",
        ]
        assert await lines(client, shopper.headers) == {"FEW": 3, "K-M": 10}

    @pytest.mark.parametrize("items", [[("K-M", 0)], [("K-M", "2")], [("", 1)], [("K-M", 1)] * 201])
    async def test_a_malformed_list_adds_nothing(
        self, client: AsyncClient, shop: Shop, shopper: make.Person, items: list[tuple[str, Any]]
    ) -> None:
        await make.product(shop, variants=SKUS)
        assert (await self.sync(client, shopper, *items)).status_code == 422
        assert await lines(client, shopper.headers) == {}


class TestSigningIn:
    async def sign_in(self, client: AsyncClient, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
        answer = await client.post("/auth/login", json=CREDENTIALS, headers=headers)
        return answer.status_code, {"authorization": f"Bearer {answer.json().get('access_token')}"}

    @pytest.fixture(autouse=True)
    async def asha(self, client: AsyncClient) -> None:
        await client.post("/auth/register", json=ASHA)

    async def test_the_guests_cart_joins_the_accounts(self, client: AsyncClient, kurta: Product, shop: Shop) -> None:
        _, asha = await self.sign_in(client, {})
        await add(client, kurta, asha, quantity=8)
        await add(client, kurta, GUEST, quantity=5)
        await add(client, kurta, GUEST, sku="K-L")
        client.cookies.clear()
        _, asha = await self.sign_in(client, GUEST)
        assert await lines(client, asha) == {"K-M": 10, "K-L": 1}
        assert await lines(client, GUEST) == {}
        assert await shop.store.carts.count({}) == 1

    async def test_ten_sign_ins_at_once_merge_once(self, client: AsyncClient, kurta: Product) -> None:
        await add(client, kurta, GUEST, quantity=2)
        client.cookies.clear()
        answers = await asyncio.gather(*(self.sign_in(client, GUEST) for _ in range(10)))
        assert [status for status, _ in answers] == [200] * 10
        assert await lines(client, answers[0][1]) == {"K-M": 2}

    async def test_a_refused_sign_in_leaves_the_guests_cart(self, client: AsyncClient, kurta: Product) -> None:
        await add(client, kurta, GUEST, quantity=2)
        wrong = await client.post("/auth/login", json={**CREDENTIALS, "password": "not this one"}, headers=GUEST)
        assert wrong.status_code == 401
        assert await lines(client, GUEST) == {"K-M": 2}

    async def test_a_failure_half_way_loses_nothing(
        self, client: AsyncClient, kurta: Product, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await add(client, kurta, GUEST, quantity=2)
        client.cookies.clear()

        async def fails(*_: object) -> bool:
            raise PyMongoError("the network is gone")

        with monkeypatch.context() as broken:
            broken.setattr(Carts, "put", fails)
            assert (await self.sign_in(client, GUEST))[0] >= 500
        assert await lines(client, GUEST) == {"K-M": 2}
