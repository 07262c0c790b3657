"""Imports beside other imports, edits and deletions."""

import asyncio
from typing import Any

import pytest

from tests import make
from tests.catalog import rows
from tests.catalog.rows import bring, ours, product, shirt, told
from truestyle.catalog.importing import writing
from truestyle.catalog.lookups import Brand
from truestyle.catalog.products import service as products
from truestyle.catalog.products.models import ProductChange
from truestyle.inventory import service as inventory
from truestyle.inventory.models import StockSet
from truestyle.kit.errors import Duplicate
from truestyle.shop import Shop
from truestyle.store import Store


async def test_two_imports_at_once_make_each_product_once(shop: Shop) -> None:
    file = rows.large(120)

    results = await asyncio.gather(*(bring(shop, file) for _ in range(3)))

    assert sum(one.products.created for one in results) == 120
    assert sum(one.errors for one in results) == 0
    assert await shop.store.products.count({}) == 120
    assert await shop.store.stock.count({}) == 480
    assert await shop.store.of(Brand).count({}) == 25


async def test_a_taken_sku_in_a_race_is_one_row_error(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    file = ours(*(shirt(slug=f"s{n}", sku=f"S{n}") for n in range(5)))
    await shop.store.stock.collection.insert_one({"_id": "S3", "product_id": None, "on_hand": 0})
    before = await shop.store.movements.count({})

    result = await bring(shop, file)

    assert told(result) == [(5, "row", "another record has this sku")]
    assert (result.products.created, result.products.skipped) == (4, 1)
    assert await shop.store.movements.count({}) - before == 4
    assert await shop.store.products.by_slug("s3") is None


async def test_a_lookup_that_vanishes_meanwhile_is_made_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    await bring(shop, ours(shirt(brand="Sutvana")))
    real = writing._carry_out  # noqa: SLF001
    times = 0

    async def slow(tx: Store, *more: Any) -> Any:
        nonlocal times
        times += 1
        if times == 1:
            await shop.store.of(Brand).collection.delete_many({"name": "Sutvana"})
        return await real(tx, *more)

    monkeypatch.setattr(writing, "_carry_out", slow)

    result = await bring(shop, ours(shirt(slug="b", sku="B", brand="Sutvana")))

    assert told(result) == []
    brand = await shop.store.of(Brand).first({"name": "Sutvana"})
    found = await product(shop.store, "b")
    assert brand is not None
    assert found.brand is not None
    assert found.brand.id == brand.id


async def test_an_edit_between_plan_and_write_is_not_lost(
    shop: Shop, admin: make.Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bring(shop, ours(shirt(brand="Sutvana")))
    found = await product(shop.store, "indigo-shirt")
    real = writing._carry_out  # noqa: SLF001
    edited = False

    async def slow(tx: Store, *more: Any) -> Any:
        nonlocal edited
        if not edited:
            edited = True
            await products.change(shop.store, admin.caller, found.id, ProductChange(name="Edited by hand"))
            stock = StockSet(sku="SH-M", delta=-5)
            await inventory.set_stock(shop.store, admin.caller, found, stock)
        return await real(tx, *more)

    monkeypatch.setattr(writing, "_carry_out", slow)

    result = await bring(shop, "slug,sku,price\ns,SH-M,1000\n")

    assert result.products.updated == 1
    after = await product(shop.store, "indigo-shirt")
    assert (after.name, after.price, after.in_stock, after.sizes_in_stock) == ("Edited by hand", 1000_00, False, [])


async def test_a_store_that_always_says_taken(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def taken(*_: object) -> None:
        raise Duplicate("slugs")

    monkeypatch.setattr(writing, "_carry_out", taken)
    before = await rows.dump(shop.store)

    result = await bring(shop, ours(shirt()))

    assert told(result) == [(2, "row", "another record has this slug")]
    assert await rows.dump(shop.store) == before
