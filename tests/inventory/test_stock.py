import asyncio
from typing import Any

import httpx
import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from truestyle.catalog.products.models import Product
from truestyle.shop import Shop

SKUS = [{"sku": "K-M", "size": "M"}, {"sku": "K-L", "size": "L"}]


@pytest.fixture
async def kurta(shop: Shop) -> Product:
    return await make.product(shop, stock=5, variants=SKUS)


async def put(client: AsyncClient, person: make.Person, product: Product, **body: Any) -> httpx.Response:
    return await client.put(f"/products/{product.id}/stock", json={"sku": "K-M", **body}, headers=person.headers)


async def require_sums(shop: Shop) -> None:
    """I1: on hand and reserved are the sums of the movements, and nothing is below zero."""
    rows = await shop.store.stock.collection.find({}).to_list()
    assert rows
    for row in rows:
        moved = await shop.store.movements.collection.find({"sku": row["_id"]}).to_list()
        assert row["on_hand"] == sum(one["on_hand_delta"] for one in moved)
        assert row["reserved"] == sum(one["reserved_delta"] for one in moved)
        assert row["available"] == row["on_hand"] - row["reserved"]
        assert min(row["on_hand"], row["reserved"], row["available"]) >= 0


async def test_a_delta_adds_and_a_stock_take_sets(
    client: AsyncClient, staff: make.Person, kurta: Product, shop: Shop
) -> None:
    added = await put(client, staff, kurta, delta=3, reason="received")
    assert added.status_code == 200
    body = added.json()
    assert {name: body[name] for name in ("sku", "product_id", "on_hand", "reserved", "available")} == {
        "sku": "K-M",
        "product_id": str(kurta.id),
        "on_hand": 8,
        "reserved": 0,
        "available": 8,
    }
    assert (await put(client, staff, kurta, on_hand=2)).json()["available"] == 2
    assert (await put(client, staff, kurta, delta=-2, reason="moths got in")).json()["available"] == 0
    await require_sums(shop)
    answer = await client.get(f"/products/{kurta.id}/stock-movements", headers=staff.headers)
    rows = answer.json()["items"]
    assert [(one["sku"], one["on_hand_delta"], one["reason"], one["note"]) for one in rows[:3]] == [
        ("K-M", -2, "correction", "moths got in"),
        ("K-M", -6, "correction", None),
        ("K-M", 3, "received", None),
    ]
    assert {one["actor_id"] for one in rows[:3]} == {str(staff.user.id)}
    assert {one["reason"] for one in rows[3:]} == {"opening"}


async def test_the_same_figure_again_moves_nothing(
    client: AsyncClient, staff: make.Person, kurta: Product, shop: Shop
) -> None:
    assert (await put(client, staff, kurta, on_hand=5)).json()["on_hand"] == 5
    assert (await put(client, staff, kurta, delta=0)).json()["on_hand"] == 5
    assert await shop.store.movements.count({}) == 2


@pytest.mark.parametrize("body", [{"delta": -6}, {"delta": -(10**9)}])
async def test_stock_never_goes_below_zero(
    client: AsyncClient, staff: make.Person, kurta: Product, shop: Shop, body: dict[str, int]
) -> None:
    answer = await put(client, staff, kurta, **body)
    assert (answer.status_code, answer.json()["code"]) == (409, "insufficient_stock")
    assert answer.json()["items"] == [{"sku": "K-M", "requested": -body["delta"], "available": 5}]
    assert await shop.store.stock.available(["K-M"]) == {"K-M": 5}
    assert await shop.store.movements.count({}) == 2


async def test_stock_never_goes_below_what_is_reserved(
    client: AsyncClient, staff: make.Person, kurta: Product, shop: Shop
) -> None:
    await shop.store.stock.collection.update_one({"_id": "K-M"}, {"$inc": {"reserved": 3, "available": -3}})
    for body in ({"delta": -3}, {"on_hand": 2}):
        assert (await put(client, staff, kurta, **body)).status_code == 409
    taken = await put(client, staff, kurta, on_hand=3)
    assert (taken.json()["on_hand"], taken.json()["reserved"], taken.json()["available"]) == (3, 3, 0)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"delta": 1, "on_hand": 1},
        {"delta": "1"},
        {"delta": 1.0},
        {"delta": True},
        {"on_hand": -1},
        {"delta": 10**9 + 1},
        {"delta": 1, "reserved": 5},
        {"delta": 1, "reason": ""},
        {"delta": 1, "sku": None},
    ],
)
async def test_a_malformed_change_moves_nothing(
    client: AsyncClient, staff: make.Person, kurta: Product, shop: Shop, body: dict[str, Any]
) -> None:
    answer = await put(client, staff, kurta, **body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert await shop.store.movements.count({}) == 2


async def test_an_unknown_sku_or_product_is_not_found(
    client: AsyncClient, staff: make.Person, kurta: Product, shop: Shop
) -> None:
    other = await make.product(shop)
    assert (await put(client, staff, other, delta=1)).status_code == 404
    assert (await put(client, staff, kurta, delta=1, sku="NONE")).status_code == 404
    nowhere = f"/products/{ObjectId()}/stock"
    assert (await client.put(nowhere, json={"sku": "K-M", "delta": 1}, headers=staff.headers)).status_code == 404
    assert await shop.store.stock.available(["K-M"]) == {"K-M": 5}


async def test_twenty_changes_at_once_all_count(
    client: AsyncClient, staff: make.Person, kurta: Product, shop: Shop
) -> None:
    answers = await asyncio.gather(*(put(client, staff, kurta, delta=1) for _ in range(20)))
    assert {one.status_code for one in answers} == {200}
    assert await shop.store.stock.available(["K-M"]) == {"K-M": 25}
    await require_sums(shop)


async def test_of_twenty_who_take_the_last_five_five_succeed(
    client: AsyncClient, staff: make.Person, kurta: Product, shop: Shop
) -> None:
    answers = await asyncio.gather(*(put(client, staff, kurta, delta=-1) for _ in range(20)))
    assert sorted(one.status_code for one in answers) == [200] * 5 + [409] * 15
    assert await shop.store.stock.available(["K-M"]) == {"K-M": 0}
    await require_sums(shop)


class TestFlags:
    async def flags(self, shop: Shop, product: Product) -> tuple[bool, list[str]]:
        found = await shop.store.products.get(product.id)
        return found.in_stock, found.sizes_in_stock

    async def test_they_follow_what_runs_out_and_comes_back(
        self, client: AsyncClient, staff: make.Person, kurta: Product, shop: Shop
    ) -> None:
        assert await self.flags(shop, kurta) == (True, ["M", "L"])
        version = (await shop.store.products.get(kurta.id)).version
        await put(client, staff, kurta, delta=-1)
        assert await self.flags(shop, kurta) == (True, ["M", "L"])
        await put(client, staff, kurta, on_hand=0)
        assert await self.flags(shop, kurta) == (True, ["L"])
        await put(client, staff, kurta, sku="K-L", on_hand=0)
        assert await self.flags(shop, kurta) == (False, [])
        await put(client, staff, kurta, delta=1)
        assert await self.flags(shop, kurta) == (True, ["M"])
        assert (await shop.store.products.get(kurta.id)).version == version  # nobody edited the product

    async def test_when_all_skus_run_out_at_once_none_is_shown(
        self, client: AsyncClient, staff: make.Person, kurta: Product, shop: Shop
    ) -> None:
        await asyncio.gather(*(put(client, staff, kurta, sku=sku, on_hand=0) for sku in ("K-M", "K-L")))
        assert await self.flags(shop, kurta) == (False, [])
        await asyncio.gather(*(put(client, staff, kurta, sku=sku, on_hand=1) for sku in ("K-M", "K-L")))
        assert await self.flags(shop, kurta) == (True, ["M", "L"])

    async def test_an_edit_of_the_product_and_the_last_sale_at_once_agree(
        self, client: AsyncClient, staff: make.Person, shop: Shop, shopper: make.Person
    ) -> None:
        for at in range(6):
            product = await make.product(shop, stock=1)
            await make.cart(shop, shopper, {product.variants[0].sku: 1})
            body = {"name": f"Renamed {at}"}
            edit = client.put(f"/products/{product.id}", json=body, headers=staff.headers)
            buy = client.post("/checkout", json=make.COD, headers=shopper.headers)
            answers = await asyncio.gather(edit, buy)
            assert [one.status_code for one in answers] == [200, 201]
            assert await self.flags(shop, product) == (False, [])
        await require_sums(shop)
