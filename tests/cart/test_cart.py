import asyncio
from typing import Any

import httpx
import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from truestyle.catalog.products.models import Product
from truestyle.shop import Shop

SKUS = [{"sku": "K-M", "size": "M", "color": "Indigo"}, {"sku": "K-L", "size": "L", "color": "Indigo"}]


@pytest.fixture
async def kurta(shop: Shop) -> Product:
    return await make.product(shop, stock=20, variants=SKUS)


class Basket:
    """Somebody's cart over HTTP."""

    def __init__(self, client: AsyncClient, person: make.Person) -> None:
        self.client, self.headers = client, person.headers

    async def add(self, product: Product, sku: str | None = "K-M", **body: Any) -> httpx.Response:
        sent = {"product_id": str(product.id), **({"sku": sku} if sku else {}), **body}
        return await self.client.post("/cart/add", json=sent, headers=self.headers)

    async def see(self) -> dict[str, Any]:
        body: dict[str, Any] = (await self.client.get("/cart", headers=self.headers)).json()
        return body

    async def change(self, item: str, quantity: Any) -> httpx.Response:
        return await self.client.put(f"/cart/{item}", json={"quantity": quantity}, headers=self.headers)


@pytest.fixture
def basket(client: AsyncClient, shopper: make.Person) -> Basket:
    return Basket(client, shopper)


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_line_shows_the_product_and_the_cart_its_totals(basket: Basket, kurta: Product) -> None:
    answer = await basket.add(kurta, quantity=2)
    assert answer.status_code == 200
    cart = answer.json()
    [line] = cart["items"]
    assert {name: line[name] for name in line if name not in {"id", "name"}} == {
        "product_id": str(kurta.id),
        "sku": "K-M",
        "size": "M",
        "color": "Indigo",
        "image_url": None,
        "quantity": 2,
        "unit_price": "1499.00",
        "mrp": "1999.00",
        "line_total": "2998.00",
        "available": 20,
        "status": "ok",
    }
    totals = ("subtotal", "discount", "shipping", "tax", "total", "currency", "item_count", "coupon", "notices")
    assert [cart[name] for name in totals] == [
        *("2998.00", "0.00", "0.00", "142.76", "2998.00", "INR", 2, None, []),
    ]
    assert cart["token"] is None
    assert await basket.see() == cart


async def test_the_same_sku_adds_up_and_another_is_another_line(basket: Basket, kurta: Product) -> None:
    await basket.add(kurta, quantity=2)
    await basket.add(kurta, sku="K-L")
    cart = (await basket.add(kurta, quantity=3)).json()
    assert [(one["sku"], one["quantity"]) for one in cart["items"]] == [("K-M", 5), ("K-L", 1)]
    assert cart["item_count"] == 6


@pytest.mark.parametrize(
    ("named", "sku"),
    [({"size": "M"}, "K-M"), ({"size": "l", "color": "INDIGO"}, "K-L")],
)
async def test_size_and_colour_may_name_the_variant(
    basket: Basket, kurta: Product, named: dict[str, str], sku: str
) -> None:
    cart = (await basket.add(kurta, None, **named)).json()
    assert [one["sku"] for one in cart["items"]] == [sku]


async def test_what_names_none_or_several_variants_is_refused(basket: Basket, kurta: Product, shop: Shop) -> None:
    refused(await basket.add(kurta, None), 422, "validation_error")
    refused(await basket.add(kurta, None, color="Indigo"), 422, "validation_error")
    refused(await basket.add(kurta, None, size="XXL"), 404, "not_found")
    refused(await basket.add(kurta, "NONE"), 404, "not_found")
    other = await make.product(shop)
    refused(await basket.add(other, "K-M"), 404, "not_found")
    nowhere = {"product_id": str(ObjectId()), "sku": "K-M"}
    refused(await basket.client.post("/cart/add", json=nowhere, headers=basket.headers), 404, "not_found")
    assert (await basket.see())["items"] == []


class TestLimits:
    @pytest.mark.parametrize("quantity", [0, -1, 11, 1001, "2", 2.0, True, None, 10**12])
    async def test_a_quantity_outside_one_to_ten_is_refused(
        self, basket: Basket, kurta: Product, quantity: Any
    ) -> None:
        refused(await basket.add(kurta, quantity=quantity), 422, "validation_error")
        assert (await basket.see())["items"] == []

    async def test_the_sum_is_limited_too(self, basket: Basket, kurta: Product) -> None:
        await basket.add(kurta, quantity=8)
        refused(await basket.add(kurta, quantity=3), 422, "validation_error")
        assert (await basket.add(kurta, quantity=2)).json()["items"][0]["quantity"] == 10
        item = (await basket.see())["items"][0]["id"]
        refused(await basket.change(item, 11), 422, "validation_error")

    async def test_a_product_may_have_a_smaller_limit(self, basket: Basket, shop: Shop) -> None:
        rare = await make.product(shop, max_per_order=2, variants=[{"sku": "RARE"}])
        refused(await basket.add(rare, "RARE", quantity=3), 422, "validation_error")
        cart = (await basket.add(rare, "RARE", quantity=2)).json()
        refused(await basket.change(cart["items"][0]["id"], 3), 422, "validation_error")

    async def test_twenty_additions_at_once_stop_at_ten(self, basket: Basket, kurta: Product) -> None:
        answers = await asyncio.gather(*(basket.add(kurta) for _ in range(20)))
        assert sorted(one.status_code for one in answers) == [200] * 10 + [422] * 10
        cart = await basket.see()
        assert [(one["sku"], one["quantity"]) for one in cart["items"]] == [("K-M", 10)]

    async def test_there_is_a_greatest_number_of_lines(self, basket: Basket, shop: Shop) -> None:
        most = shop.settings.shop.max_cart_lines
        sizes = [{"sku": f"S-{at}", "size": f"{at}"} for at in range(most + 1)]
        product = await make.product(shop, variants=sizes)
        await make.cart(shop, make.Person(**await _as_person(shop, basket)), {f"S-{at}": 1 for at in range(most)})
        refused(await basket.add(product, f"S-{most}"), 422, "validation_error")
        assert (await basket.add(product, "S-0")).status_code == 200
        assert len((await basket.see())["items"]) == most


async def _as_person(shop: Shop, basket: Basket) -> dict[str, Any]:
    caller = await shop.keys.gate.caller(basket.headers["authorization"].removeprefix("Bearer "))
    return {"user": await shop.store.users.get(caller.user_id), "caller": caller, "headers": basket.headers}


class TestStock:
    async def test_more_than_there_is_is_refused_with_the_figures(self, basket: Basket, shop: Shop) -> None:
        few = await make.product(shop, stock=3, variants=[{"sku": "FEW"}])
        body = refused(await basket.add(few, "FEW", quantity=4), 409, "insufficient_stock")
        assert body["items"] == [{"sku": "FEW", "requested": 4, "available": 3}]
        cart = (await basket.add(few, "FEW", quantity=2)).json()
        assert cart["items"][0]["status"] == "low_stock"
        body = refused(await basket.add(few, "FEW", quantity=2), 409, "insufficient_stock")
        assert body["items"] == [{"sku": "FEW", "requested": 4, "available": 3}]
        body = refused(await basket.change(cart["items"][0]["id"], 4), 409, "insufficient_stock")
        assert body["items"] == [{"sku": "FEW", "requested": 4, "available": 3}]
        assert (await basket.see())["items"][0]["quantity"] == 2

    async def test_a_cart_reserves_nothing(self, basket: Basket, kurta: Product, shop: Shop) -> None:
        await basket.add(kurta, quantity=5)
        assert await shop.store.stock.available(["K-M"]) == {"K-M": 20}
        assert await shop.store.movements.count({"reason": {"$ne": "opening"}}) == 0

    async def test_a_line_that_ran_out_says_so(self, basket: Basket, shop: Shop) -> None:
        few = await make.product(shop, stock=3, variants=[{"sku": "FEW"}])
        await basket.add(few, "FEW", quantity=2)
        await shop.store.stock.adjust("FEW", -2)
        cart = await basket.see()
        assert (cart["items"][0]["status"], cart["items"][0]["available"]) == ("out_of_stock", 1)
        assert cart["notices"] == [f"{few.name} is no longer available in this quantity."]


async def test_a_changed_price_is_charged_and_said(
    basket: Basket, client: AsyncClient, kurta: Product, admin: make.Person
) -> None:
    await basket.add(kurta, quantity=2)
    await client.put(f"/products/{kurta.id}", json={"price": "1000"}, headers=admin.headers)
    cart = await basket.see()
    assert (cart["items"][0]["unit_price"], cart["items"][0]["status"]) == ("1000.00", "price_changed")
    assert (cart["total"], cart["notices"]) == ("2000.00", [f"The price of {kurta.name} has changed."])
    again = (await basket.change(cart["items"][0]["id"], 3)).json()
    assert (again["items"][0]["status"], again["notices"], again["total"]) == ("ok", [], "3000.00")


class TestLines:
    async def line(self, basket: Basket, kurta: Product) -> str:
        return str((await basket.add(kurta, quantity=2)).json()["items"][0]["id"])

    async def test_a_quantity_is_set_and_zero_removes(self, basket: Basket, kurta: Product) -> None:
        item = await self.line(basket, kurta)
        assert (await basket.change(item, 5)).json()["items"][0]["quantity"] == 5
        assert (await basket.change(item, 0)).json()["items"] == []
        refused(await basket.change(item, 1), 404, "not_found")

    async def test_an_empty_change_changes_nothing(self, basket: Basket, kurta: Product, client: AsyncClient) -> None:
        item = await self.line(basket, kurta)
        before = await basket.see()
        for method, path in (("PUT", "/cart/"), ("PUT", "/cart-items/"), ("PATCH", "/cart-items/")):
            answer = await client.request(method, path + item, json={}, headers=basket.headers)
            assert (answer.status_code, answer.json()) == (200, before)
            nowhere = await client.request(method, path + str(ObjectId()), json={}, headers=basket.headers)
            refused(nowhere, 404, "not_found")
            null = await client.request(method, path + item, json={"quantity": None}, headers=basket.headers)
            refused(null, 422, "validation_error")

    async def test_removing_and_clearing_answer_with_the_cart(
        self, basket: Basket, kurta: Product, client: AsyncClient
    ) -> None:
        item = await self.line(basket, kurta)
        await basket.add(kurta, "K-L")
        removed = await client.delete(f"/cart/{item}", headers=basket.headers)
        assert (removed.status_code, [one["sku"] for one in removed.json()["items"]]) == (200, ["K-L"])
        refused(await client.delete(f"/cart/{item}", headers=basket.headers), 404, "not_found")
        cleared = await client.delete("/cart/clear", headers=basket.headers)
        assert (cleared.status_code, cleared.json()["items"], cleared.json()["total"]) == (200, [], "0.00")

    async def test_somebody_elses_line_is_like_one_that_never_was(
        self, basket: Basket, kurta: Product, client: AsyncClient, staff: make.Person
    ) -> None:
        item, nowhere = await self.line(basket, kurta), str(ObjectId())
        headers = staff.headers | {"x-request-id": "same"}
        for method, path, body in (
            ("PUT", "/cart/", {"quantity": 1}),
            ("DELETE", "/cart/", None),
            ("GET", "/cart-items/", None),
            ("PATCH", "/cart-items/", {"quantity": 0}),
            ("DELETE", "/cart-items/", None),
        ):
            foreign = await client.request(method, path + item, json=body, headers=headers)
            unknown = await client.request(method, path + nowhere, json=body, headers=headers)
            assert foreign.status_code == 404
            assert foreign.text.replace(item, nowhere) == unknown.text
        assert (await basket.see())["items"][0]["quantity"] == 2

    async def test_the_crud_view_shows_the_same_lines(
        self, basket: Basket, kurta: Product, client: AsyncClient
    ) -> None:
        body = {"product_id": str(kurta.id), "sku": "K-M", "quantity": 2}
        made = await client.post("/cart-items", json=body, headers=basket.headers)
        assert made.status_code == 201
        assert made.headers["location"] == f"/api/v1/cart-items/{made.json()['id']}"
        await basket.add(kurta, "K-L")
        cart = await basket.see()
        one = await client.get(f"/cart-items/{made.json()['id']}", headers=basket.headers)
        assert one.json() == made.json() == cart["items"][0]
        page = (await client.get("/cart-items?page_size=1&page=2", headers=basket.headers)).json()
        assert (page["items"], page["total"], page["pages"]) == (cart["items"][1:], 2, 2)
        gone = await client.delete(f"/cart-items/{made.json()['id']}", headers=basket.headers)
        assert (gone.status_code, len(gone.json()["items"])) == (200, 1)


class TestSkusThatAreNoMore:
    async def test_their_lines_leave_every_cart(
        self, basket: Basket, client: AsyncClient, shop: Shop, admin: make.Person, kurta: Product
    ) -> None:
        fleeting = await make.product(shop, stock=2, variants=[{"sku": "GONE"}])
        await basket.add(fleeting, "GONE")
        await basket.add(kurta)
        await basket.add(kurta, "K-L")
        assert (await client.delete(f"/products/{fleeting.id}", headers=admin.headers)).status_code == 204
        assert [one["sku"] for one in (await basket.see())["items"]] == ["K-M", "K-L"]
        stock = {"sku": "K-L", "on_hand": 0}
        await client.put(f"/products/{kurta.id}/stock", json=stock, headers=admin.headers)
        dropped = await client.put(f"/products/{kurta.id}", json={"variants": SKUS[:1]}, headers=admin.headers)
        assert dropped.status_code == 200, dropped.text
        cart = await basket.see()
        assert [one["sku"] for one in cart["items"]] == ["K-M"]

    async def test_no_line_is_added_while_its_product_goes(
        self, basket: Basket, client: AsyncClient, shop: Shop, admin: make.Person
    ) -> None:
        for at in range(10):
            product = await make.product(shop, variants=[{"sku": f"G-{at}"}])
            remove = client.delete(f"/products/{product.id}", headers=admin.headers)
            added, removed = await asyncio.gather(basket.add(product, f"G-{at}"), remove)
            assert removed.status_code == 204
            assert added.status_code in {200, 404, 409}
        assert await shop.store.carts.count({"items": {"$ne": []}}) == 0
