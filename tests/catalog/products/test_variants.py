"""`variants` in a change replaces the set by SKU: what stays, what is new, what may go."""

import asyncio
from typing import Any

import pytest
from httpx import AsyncClient

from tests import make
from tests.catalog.products.test_writing import Staff
from truestyle.shop import Shop

M, L = {"sku": "A-M", "size": "M"}, {"sku": "A-L", "size": "L"}


@pytest.fixture
def writer(client: AsyncClient, admin: make.Person) -> Staff:
    return Staff(client, admin)


async def kurta(writer: Staff, *, stock: int = 0) -> str:
    variants = [{**M, "opening_stock": stock}, {**L, "opening_stock": 0}]
    return str((await writer.create(mrp="2000", price="1000", variants=variants))["id"])


async def skus(shop: Shop) -> list[str]:
    return sorted(await shop.store.stock.collection.distinct("_id"))


async def test_a_new_sku_joins_with_its_opening_stock(writer: Staff, shop: Shop) -> None:
    key = await kurta(writer)
    page = (await writer.put(key, {"variants": [M, L, {"size": "XL", "opening_stock": 3}]})).json()
    assert [one["size"] for one in page["variants"]] == ["M", "L", "XL"]
    assert page["variants"][2]["sku"].startswith("KURTA-XL-")
    assert (page["variants"][2]["available"], page["in_stock"]) == (3, True)
    assert await shop.store.movements.count({"reason": "opening"}) == 1


async def test_without_a_sku_the_options_say_which_is_meant(writer: Staff, shop: Shop) -> None:
    key = await kurta(writer, stock=4)
    page = (await writer.put(key, {"variants": [{"size": "M", "price": "900"}, {"size": "L"}]})).json()
    assert [(one["sku"], one["price"]) for one in page["variants"]] == [("A-M", "900.00"), ("A-L", "1000.00")]
    assert page["variants"][0]["available"] == 4


async def test_a_sku_without_stock_and_orders_can_be_dropped(writer: Staff, shop: Shop) -> None:
    key = await kurta(writer, stock=4)
    page = (await writer.put(key, {"variants": [M]})).json()
    assert [one["sku"] for one in page["variants"]] == ["A-M"]
    assert await skus(shop) == ["A-M"]


async def test_a_sku_with_stock_stays(writer: Staff, shop: Shop) -> None:
    key = await kurta(writer, stock=4)
    before = (await writer.put(key, {})).json()
    answer = await writer.put(key, {"variants": [L], "name": "Other", "price": "900"})
    assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
    assert (await writer.put(key, {})).json() == before
    assert await skus(shop) == ["A-L", "A-M"]


async def test_a_sku_that_was_ordered_stays_though_its_stock_is_gone(
    writer: Staff, client: AsyncClient, shop: Shop, shopper: make.Person
) -> None:
    key = await kurta(writer, stock=1)
    await make.cart(shop, shopper, {"A-M": 1})
    assert (await client.post("/checkout", json=make.COD, headers=shopper.headers)).status_code == 201
    answer = await writer.put(key, {"variants": [L]})
    assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
    assert await skus(shop) == ["A-L", "A-M"]


async def test_a_sku_cannot_be_dropped_and_bought_at_once(
    writer: Staff, client: AsyncClient, shop: Shop, shopper: make.Person
) -> None:
    for at in range(4):
        variants: list[dict[str, Any]] = [
            {"sku": f"S{at}-M", "size": "M", "opening_stock": 1},
            {"sku": f"S{at}-L", "size": "L"},
        ]
        key = (await writer.create(name=f"Shirt {at}", price="500", variants=variants))["id"]
        await make.cart(shop, shopper, {f"S{at}-M": 1})
        empty = client.put(f"/products/{key}/stock", json={"sku": f"S{at}-M", "on_hand": 0}, headers=writer.headers)
        buy = client.post("/checkout", json=make.COD, headers=shopper.headers)
        stocked, bought = await asyncio.gather(empty, buy)
        dropped = await writer.put(key, {"variants": [variants[1]]})
        assert (bought.status_code, dropped.status_code) in {(201, 409), (409, 200)}
        assert stocked.status_code == 200
        await client.delete("/cart/clear", headers=shopper.headers)


@pytest.mark.parametrize(
    "variants",
    [
        [{**M, "opening_stock": 5}, L],
        [M, {"sku": "A-M", "size": "S"}],
        [M, {"sku": "B", "size": "M"}],
        [M, L, {"sku": "A\u00e9"}],
        [{**M, "price": "2000.01"}],
        [{**M, "available": 5}],
        [{**M, "attributes": None}],
        [],
    ],
)
async def test_a_malformed_set_changes_nothing(writer: Staff, shop: Shop, variants: list[dict[str, Any]]) -> None:
    key = await kurta(writer, stock=4)
    before = (await writer.put(key, {})).json()
    answer = await writer.put(key, {"variants": variants})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error"), answer.text
    assert (await writer.put(key, {})).json() == before
    assert await shop.store.movements.count({}) == 1


async def test_null_figures_give_the_variant_the_products_again(writer: Staff) -> None:
    key = await kurta(writer)
    await writer.put(key, {"variants": [{**M, "price": "900", "mrp": "950"}, L]})
    reset = await writer.put(key, {"variants": [{**M, "price": None, "mrp": None, "opening_stock": None}, L]})
    assert (reset.json()["variants"][0]["price"], reset.json()["variants"][0]["mrp"]) == ("1000.00", "2000.00")


async def test_a_sku_belongs_to_one_product(writer: Staff, shop: Shop) -> None:
    await kurta(writer)
    answer = await writer.client.post(
        "/products", json={"name": "Thief", "price": "1", "variants": [{"sku": "A-M"}]}, headers=writer.headers
    )
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (409, "duplicate", "sku")
    other = (await writer.create(name="Other", price="1", variants=[{"sku": "B"}]))["id"]
    taken = await writer.put(other, {"variants": [{"sku": "B"}, {"sku": "A-M", "size": "S"}]})
    assert (taken.status_code, taken.json()["code"], taken.json()["field"]) == (409, "duplicate", "sku"), taken.text
    assert await shop.store.products.count({}) == 2
    assert await skus(shop) == ["A-L", "A-M", "B"]


async def test_of_ten_products_with_one_sku_at_once_one_is_made(writer: Staff, shop: Shop) -> None:
    bodies = [{"name": f"P{at}", "price": "1", "variants": [{"sku": "SAME", "opening_stock": 1}]} for at in range(10)]
    posts = (writer.client.post("/products", json=body, headers=writer.headers) for body in bodies)
    answers = await asyncio.gather(*posts)
    assert sorted(one.status_code for one in answers) == [201] + [409] * 9
    assert await shop.store.movements.count({}) == 1


class TestRemoving:
    async def test_a_product_that_was_never_ordered_goes_with_its_stock_and_leaves_its_history(
        self, writer: Staff, client: AsyncClient, shop: Shop
    ) -> None:
        key = await kurta(writer, stock=4)
        assert (await client.delete(f"/products/{key}", headers=writer.headers)).status_code == 204
        assert (await client.get(f"/products/{key}")).status_code == 404
        assert (await client.delete(f"/products/{key}", headers=writer.headers)).status_code == 404
        assert await skus(shop) == []
        deltas = [row["on_hand_delta"] for row in await shop.store.movements.collection.find({}).to_list()]
        assert sorted(deltas) == [-4, 4]

    async def test_one_that_was_ordered_is_archived(
        self, writer: Staff, client: AsyncClient, shop: Shop, shopper: make.Person
    ) -> None:
        key = await kurta(writer, stock=4)
        await make.cart(shop, shopper, {"A-M": 1})
        placed = await client.post("/checkout", json=make.COD, headers=shopper.headers)
        assert (await client.delete(f"/products/{key}", headers=writer.headers)).status_code == 204
        assert (await client.get(f"/products/{key}")).status_code == 404
        assert (await client.get(f"/products/{key}", headers=writer.headers)).json()["status"] == "archived"
        assert await shop.store.stock.available(["A-M"]) == {"A-M": 3}
        order = (await client.get(f"/orders/{placed.json()['order_id']}", headers=shopper.headers)).json()
        assert order["items"][0]["name"] == "Kurta"

    async def test_it_cannot_be_deleted_and_bought_at_once(
        self, writer: Staff, client: AsyncClient, shop: Shop, shopper: make.Person
    ) -> None:
        for at in range(4):
            product = await make.product(shop, stock=1)
            await make.cart(shop, shopper, {product.variants[0].sku: 1})
            remove = client.delete(f"/products/{product.id}", headers=writer.headers)
            buy = client.post("/checkout", json=make.COD, headers=shopper.headers)
            gone, bought = await asyncio.gather(*((remove, buy) if at % 2 else (buy, remove)))
            gone, bought = (gone, bought) if at % 2 else (bought, gone)
            assert gone.status_code == 204
            left = await shop.store.products.count({"_id": product.id, "status": "archived"})
            assert (bought.status_code, left) in {(201, 1), (409, 0)}
            await client.delete("/cart/clear", headers=shopper.headers)
