"""The other seeds' paths: each reaches the handler that it names, and none is in the OpenAPI document."""

from typing import Any

from fastapi import FastAPI
from httpx import AsyncClient

from tests import make
from tests.files.pictures import picture
from truestyle.aliases import ALIASES, shape
from truestyle.infra.http.paths import routes_of
from truestyle.shop import Shop

PREFIX = "/api/v1"
PASSWORD = "an unlikely phrase of seven words"
SEED = {"email": "seed@example.com", "password": PASSWORD, "full_name": "Seed Person"}


def answered(app: FastAPI) -> set[tuple[str, str]]:
    return {(method, shape(one.path_format or "")) for one in routes_of(app) for method in one.methods or ()}


def documented(app: FastAPI) -> set[tuple[str, str]]:
    paths = app.openapi()["paths"]
    return {(method.upper(), shape(path)) for path, methods in paths.items() for method in methods}


def test_every_alias_leads_somewhere_or_waits_for_a_named_feature(app: FastAPI) -> None:
    there, ours = answered(app), documented(app)
    for alias in ALIASES:
        assert (alias.to_method, PREFIX + alias.to_path) in ours, alias
        assert (alias.method, PREFIX + alias.path) in there, alias


def test_no_path_leads_to_two_places() -> None:
    assert len({(alias.method, alias.path) for alias in ALIASES}) == len(ALIASES)


def test_no_alias_is_in_the_openapi_document(app: FastAPI) -> None:
    assert documented(app) & {(alias.method, PREFIX + alias.path) for alias in ALIASES} == set()


async def test_an_account_by_the_other_names(client: AsyncClient, shop: Shop) -> None:
    made = await client.post("/auth/signup", json=SEED)
    assert made.status_code == 201, made.text
    assert made.headers["location"] == f"{PREFIX}/users/{made.json()['id']}"
    assert (await client.post("/auth/signup", json=SEED)).json()["code"] == "duplicate"
    assert await shop.store.users.count({"email": SEED["email"]}) == 1

    signed_in = await client.post("/auth/signin", json={"email": SEED["email"], "password": PASSWORD})
    assert signed_in.status_code == 200, signed_in.text
    form = await client.post("/auth/signin/", data={"username": SEED["email"], "password": PASSWORD})
    assert form.status_code == 200, form.text
    refreshed = await client.post("/auth/refresh")  # with the cookie
    assert refreshed.status_code == 200, refreshed.text

    headers = {"authorization": f"Bearer {refreshed.json()['access_token']}"}
    info = await client.get("/user/info", headers=headers)
    assert info.json() == (await client.get("/users/profile", headers=headers)).json()
    assert info.json()["email"] == SEED["email"]


async def test_the_seeds_password_is_refused_here_too(client: AsyncClient, shop: Shop) -> None:
    refused = await client.post("/auth/signup", json={**SEED, "password": "password123"})
    assert (refused.status_code, refused.json()["code"]) == (422, "weak_password")
    assert await shop.store.users.count({}) == 0


async def test_administrators_change_and_delete_accounts(
    client: AsyncClient, shop: Shop, admin: make.Person, shopper: make.Person
) -> None:
    path = f"/user/{shopper.user.id}"
    assert (await client.patch(path, json={"full_name": "X"}, headers=shopper.headers)).status_code == 403
    changed = await client.patch(path, json={"full_name": "New Name"}, headers=admin.headers)
    assert (changed.status_code, changed.json()["full_name"]) == (200, "New Name")
    assert (await client.delete(path, headers=shopper.headers)).status_code == 403
    assert (await client.delete(path, headers=admin.headers)).status_code == 204
    assert await shop.store.users.count({"_id": shopper.user.id}) == 0
    assert (await client.delete("/user/info", headers=admin.headers)).status_code == 405


async def test_a_product_by_the_other_names(client: AsyncClient, shop: Shop, admin: make.Person) -> None:
    body = {"name": "Kurta", "price": "999.00", "variants": [{"size": "M"}]}
    assert (await client.post("/product", json=body)).status_code == 401
    made = await client.post("/product", json=body, headers=admin.headers)
    assert made.status_code == 201, made.text
    path = f"/product/{made.json()['id']}"
    assert made.headers["location"] == f"{PREFIX}/products/{made.json()['id']}"
    assert (await client.get(path)).json() == (await client.get(f"/products/{made.json()['id']}")).json()
    for send, price in ((client.put, "899.00"), (client.patch, "799.00")):
        assert (await send(path, json={"price": price}, headers=admin.headers)).json()["price"] == price
    assert (await client.delete(path, headers=admin.headers)).status_code == 204
    assert (await client.get(path)).status_code == 404
    assert await shop.store.products.count({}) == 0


async def test_a_product_may_be_as_large_as_under_its_own_path(client: AsyncClient, admin: make.Person) -> None:
    body = b'{"name": "N", "price": "1.00"}'.ljust(512 * 1024)
    headers = {**admin.headers, "content-type": "application/json"}
    assert (await client.post("/product", content=body, headers=headers)).status_code == 201


async def test_a_picture_by_the_other_name(client: AsyncClient, admin: make.Person) -> None:
    sent = {"file": ("a.png", picture(), "image/png")}
    assert (await client.post("/product/upload-image", files=sent)).status_code == 401
    kept = await client.post("/product/upload-image", files=sent, headers=admin.headers)
    assert kept.status_code == 201, kept.text
    assert set(kept.json()) == {"id", "url", "content_type", "size", "width", "height"}


class TestTheCartByProduct:
    async def filled(self, shop: Shop, shopper: make.Person) -> str:
        variants = [{"sku": "K-M", "size": "M"}, {"sku": "K-L", "size": "L"}]
        product = await make.product(shop, variants=variants)
        await make.cart(shop, shopper, {"K-M": 1})
        return str(product.id)

    async def lines(self, client: AsyncClient, shopper: make.Person) -> dict[str, int]:
        cart: dict[str, Any] = (await client.get("/cart", headers=shopper.headers)).json()
        return {one["sku"]: one["quantity"] for one in cart["items"]}

    async def test_one_line_needs_no_sku(self, client: AsyncClient, shop: Shop, shopper: make.Person) -> None:
        key, headers = await self.filled(shop, shopper), shopper.headers
        changed = await client.put(f"/cart/update/{key}", json={"quantity": 3}, headers=headers)
        assert changed.status_code == 200, changed.text
        assert changed.json()["items"][0]["quantity"] == 3
        removed = await client.delete(f"/cart/remove/{key}", headers=headers)
        assert (removed.status_code, removed.json()["items"]) == (200, [])
        for again in (
            await client.delete(f"/cart/remove/{key}", headers=headers),
            await client.put(f"/cart/update/{key}", json={"quantity": 1}, headers=headers),
            await client.delete("/cart/remove/nonsense", headers=headers),
        ):
            assert (again.status_code, again.json()["code"]) == (404, "not_found")

    async def test_several_lines_need_a_sku(self, client: AsyncClient, shop: Shop, shopper: make.Person) -> None:
        key, headers = await self.filled(shop, shopper), shopper.headers
        await make.cart(shop, shopper, {"K-M": 1, "K-L": 2})
        for refused in (
            await client.put(f"/cart/update/{key}", json={"quantity": 5}, headers=headers),
            await client.delete(f"/cart/remove/{key}", headers=headers),
        ):
            assert (refused.status_code, refused.json()["code"]) == (409, "several_lines")
            assert set(refused.json()["skus"]) == {"K-M", "K-L"}
        assert await self.lines(client, shopper) == {"K-M": 1, "K-L": 2}

        await client.put(f"/cart/update/{key}?sku=K-L", json={"quantity": 4}, headers=headers)
        assert await self.lines(client, shopper) == {"K-M": 1, "K-L": 4}
        await client.delete(f"/cart/remove/{key}?sku=K-M", headers=headers)
        assert await self.lines(client, shopper) == {"K-L": 4}

    async def test_it_is_the_callers_cart_and_its_rules_hold(
        self, client: AsyncClient, shop: Shop, shopper: make.Person
    ) -> None:
        key = await self.filled(shop, shopper)
        other = await make.person(shop)
        stranger = await client.delete(f"/cart/remove/{key}", headers=other.headers)
        assert stranger.status_code == 404
        for body, status in (({"quantity": 11}, 422), ({"quantity": "2"}, 422), ({"quantity": 1, "price": "1"}, 422)):
            refused = await client.put(f"/cart/update/{key}", json=body, headers=shopper.headers)
            assert refused.status_code == status, body
        assert await self.lines(client, shopper) == {"K-M": 1}
        guest = await client.post("/cart/add", json={"product_id": key, "sku": "K-M"})
        token = {"x-cart-token": guest.headers["x-cart-token"]}
        changed = await client.put(f"/cart/update/{key}", json={"quantity": 2}, headers=token)
        assert changed.json()["items"][0]["quantity"] == 2
