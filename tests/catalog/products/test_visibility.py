"""Who sees and who writes which product; slugs and their redirects."""

import asyncio
from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.catalog.products.test_writing import Staff
from truestyle.catalog.products.models import Product
from truestyle.shop import Shop


@pytest.fixture
def writer(client: AsyncClient, admin: make.Person) -> Staff:
    return Staff(client, admin)


async def listed(client: AsyncClient, person: make.Person | None = None, query: str = "") -> set[str]:
    answer = await client.get(f"/products?{query}", headers=person.headers if person else {})
    return {one["id"] for one in answer.json()["items"]}


@pytest.mark.parametrize("status", ["draft", "archived"])
async def test_shoppers_see_neither_drafts_nor_what_is_archived(
    client: AsyncClient, shop: Shop, shopper: make.Person, staff: make.Person, vendor: make.Person, status: str
) -> None:
    hidden, shown = await make.product(shop, status=status, name="Hidden one"), await make.product(shop)
    for person in (None, shopper, vendor):
        headers = person.headers if person else {}
        same = headers | {"x-request-id": "same"}
        for path in (f"/products/{hidden.id}", f"/products/slug/{hidden.slug}"):
            assert (await client.get(path, headers=headers)).status_code == 404
        unknown = str(ObjectId())
        missing = await client.get(f"/products/{unknown}", headers=same)
        found = await client.get(f"/products/{hidden.id}", headers=same)
        assert found.text.replace(str(hidden.id), unknown) == missing.text
        assert await listed(client, person) == {str(shown.id)}
        assert await listed(client, person, "q=hidden") == set()
        add = {"product_id": str(hidden.id)}
        assert (await client.post("/cart/add", json=add, headers=headers)).status_code == 404
    assert await listed(client, staff) == {str(hidden.id), str(shown.id)}
    assert (await client.get(f"/products/{hidden.id}", headers=staff.headers)).json()["status"] == status


async def test_a_product_that_is_hidden_later_is_not_sold_from_carts(
    client: AsyncClient, shop: Shop, shopper: make.Person
) -> None:
    product = await make.product(shop)
    sku = product.variants[0].sku
    await client.post("/cart/add", json={"product_id": str(product.id)}, headers=shopper.headers)
    await shop.store.products.collection.update_one({"_id": product.id}, {"$set": {"status": "draft"}})
    cart = (await client.get("/cart", headers=shopper.headers)).json()
    assert (cart["items"][0]["status"], cart["items"][0]["line_total"], cart["total"]) == (
        "out_of_stock",
        "0.00",
        "0.00",
    )
    answer = await client.post("/checkout", json=make.COD, headers=shopper.headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "insufficient_stock")
    assert answer.json()["items"] == [{"sku": sku, "requested": 1, "available": 0}]
    assert await shop.store.orders.count({}) == 0


class TestVendors:
    async def theirs(self, shop: Shop, vendor: make.Person, **fields: Any) -> Product:
        return await make.product(shop, caller=vendor.caller, **fields)

    async def test_what_a_vendor_makes_is_its_own(self, client: AsyncClient, vendor: make.Person) -> None:
        writer = Staff(client, vendor)
        page = await writer.create(price="100", variants=[{"sku": "A"}])
        assert page["vendor_id"] == str(vendor.user.id)
        assert (await writer.put(page["id"], {"price": "90"})).json()["price"] == "90.00"
        stock = {"sku": "A", "delta": 5}
        set_ = await client.put(f"/products/{page['id']}/stock", json=stock, headers=vendor.headers)
        assert set_.json()["on_hand"] == 5
        moved = await client.get(f"/products/{page['id']}/stock-movements", headers=vendor.headers)
        assert moved.json()["total"] == 1
        assert (await client.delete(f"/products/{page['id']}", headers=vendor.headers)).status_code == 204

    async def test_a_vendor_writes_nobody_elses(self, client: AsyncClient, shop: Shop, vendor: make.Person) -> None:
        rival = await make.person(shop, "vendor")
        for product in (await make.product(shop), await self.theirs(shop, rival)):
            before, path = await shop.store.products.get(product.id), f"/products/{product.id}"
            sku = product.variants[0].sku
            for method, to, body in (
                ("PUT", path, {"price": "1"}),
                ("PATCH", path, {}),
                ("DELETE", path, None),
                ("PUT", f"{path}/stock", {"sku": sku, "on_hand": 0}),
                ("GET", f"{path}/stock-movements", None),
            ):
                assert (await client.request(method, to, json=body, headers=vendor.headers)).status_code == 404
            assert await shop.store.products.get(product.id) == before
            assert await shop.store.stock.available([sku]) == {sku: 10}

    async def test_a_vendor_sees_its_own_drafts_and_what_is_public(
        self, client: AsyncClient, shop: Shop, vendor: make.Person
    ) -> None:
        rival = await make.person(shop, "vendor")
        mine = await self.theirs(shop, vendor, status="draft")
        hidden = await self.theirs(shop, rival, status="draft")
        public = await self.theirs(shop, rival)
        assert await listed(client, vendor) == {str(mine.id), str(public.id)}
        assert await listed(client, None, f"vendor={rival.user.id}") == {str(public.id)}
        assert (await client.get(f"/products/{mine.id}", headers=vendor.headers)).status_code == 200
        assert (await client.get(f"/products/{hidden.id}", headers=vendor.headers)).status_code == 404


class TestSlugs:
    async def test_a_renamed_product_has_a_new_slug_and_the_old_one_redirects(
        self, writer: Staff, client: AsyncClient
    ) -> None:
        key = (await writer.create(name="Indigo Kurta", price="1"))["id"]
        assert (await writer.put(key, {"name": "Blue Kurta"})).json()["slug"] == "blue-kurta"
        assert (await writer.put(key, {"name": "Navy Kurta"})).json()["slug"] == "navy-kurta"
        for old in ("indigo-kurta", "blue-kurta"):
            moved = await client.get(f"/products/slug/{old}")
            assert (moved.status_code, moved.headers["location"]) == (301, "/api/v1/products/slug/navy-kurta")
        assert (await client.get("/products/slug/navy-kurta")).json()["id"] == key
        assert (await client.get("/products/slug/unknown")).status_code == 404

    async def test_a_former_slug_stays_taken_but_its_product_may_go_back(self, writer: Staff) -> None:
        key = (await writer.create(name="Indigo", price="1"))["id"]
        await writer.put(key, {"name": "Blue"})
        assert (await writer.create(name="Indigo", price="1"))["slug"] == "indigo-2"
        assert (await writer.put(key, {"name": "Indigo"})).json()["slug"] == "indigo"

    async def test_another_spelling_of_the_name_keeps_the_slug(self, writer: Staff, shop: Shop) -> None:
        key = (await writer.create(name="Indigo Kurta", price="1"))["id"]
        assert (await writer.put(key, {"name": "INDIGO kurta!"})).json()["slug"] == "indigo-kurta"
        assert (await shop.store.products.get(ObjectId(key))).slugs == ["indigo-kurta"]

    async def test_ten_products_of_one_name_at_once_have_ten_slugs(self, writer: Staff, shop: Shop) -> None:
        await asyncio.gather(*(writer.create(name="Same", price="1") for _ in range(10)))
        slugs = await shop.store.products.collection.distinct("slug")
        assert sorted(slugs) == sorted(["same", *(f"same-{at}" for at in range(2, 11))])

    async def test_a_name_without_latin_letters_has_a_slug_too(self, writer: Staff) -> None:
        assert (await writer.create(name="\u0915\u0941\u0930\u094d\u0924\u093e", price="1"))["slug"]
        assert (await writer.create(name="!!!", price="1"))["slug"] == "item"

    @pytest.mark.parametrize("slug", ["%00", "a%20b", "$ne", "{}", "x" * 2000])
    async def test_a_hostile_slug_is_not_found(self, client: AsyncClient, slug: str) -> None:
        assert (await client.get(f"/products/slug/{slug}")).status_code == 404
