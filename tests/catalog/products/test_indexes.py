"""No question of the list is answered by reading the whole collection, whoever asks."""

from collections.abc import Iterator
from typing import Any

import pytest
from bson import ObjectId

from tests import make
from truestyle.auth.models import Caller
from truestyle.catalog.products import reading
from truestyle.catalog.products.models import ProductGender
from truestyle.catalog.products.reading import Filters
from truestyle.catalog.products.repository import SORT_KEYS
from truestyle.catalog.search.routes import SORTS
from truestyle.kit import paging
from truestyle.kit.paging import PageQuery
from truestyle.shop import Shop

FILTERS: dict[str, Filters] = {
    "none": Filters(),
    "brand": Filters(brand=["neelkanth"]),
    "brand id": Filters(brand=[str(ObjectId())]),
    "category": Filters(category=["women"]),
    "occasion": Filters(occasion=["office"]),
    "product type": Filters(product_type=["kurta"]),
    "gender": Filters(gender=[ProductGender.WOMEN]),
    "tag": Filters(tag=["cotton"]),
    "size": Filters(size=["M"]),
    "color": Filters(color=["Indigo"]),
    "vendor": Filters(vendor=[str(ObjectId())]),
    "price": Filters(price_min=100, price_max=100_000),
    "rating": Filters(rating_min=4),
    "in stock": Filters(in_stock=True),
    "discounted": Filters(discounted=True),
    "words": Filters(q="kurta"),
    "all": Filters(brand=["a"], size=["M"], gender=[ProductGender.MEN], price_max=100_000, in_stock=True),
}


def stages(plan: Any) -> Iterator[str]:
    if isinstance(plan, dict):
        if "stage" in plan:
            yield plan["stage"]
        for inner in plan.values():
            yield from stages(inner)
    elif isinstance(plan, list):
        for inner in plan:
            yield from stages(inner)


async def _callers(shop: Shop, who: str) -> Caller | None:
    return None if who == "nobody" else (await make.person(shop, who)).caller


@pytest.fixture(autouse=True)
async def products(shop: Shop) -> None:
    for _ in range(3):
        await make.product(shop, tags=["cotton"], gender="women")


async def _plan(shop: Shop, where: dict[str, Any], sort: list[tuple[str, int]] | None = None) -> set[str]:
    found = shop.store.products.collection.find(where, sort=sort, limit=21)
    explained = await found.explain()
    return set(stages(explained["queryPlanner"]["winningPlan"]))


@pytest.mark.parametrize("who", ["nobody", "vendor", "staff"])
@pytest.mark.parametrize("name", FILTERS)
async def test_no_filter_scans_the_collection(shop: Shop, name: str, who: str) -> None:
    caller = await _callers(shop, who)
    where = await reading.where(shop.store, caller, FILTERS[name])
    assert "COLLSCAN" not in await _plan(shop, where)
    assert "COLLSCAN" not in await _plan(shop, where, [("_id", -1)])


@pytest.mark.parametrize("who", ["nobody", "vendor", "staff"])
@pytest.mark.parametrize("sort", [one for one in SORTS if one != "relevance"])
async def test_no_sort_scans_the_collection_and_shoppers_wait_for_no_sorting(shop: Shop, sort: str, who: str) -> None:
    caller = await _callers(shop, who)
    where = await reading.where(shop.store, caller, Filters())
    wire, order = paging.direction(sort)
    field = SORT_KEYS.get(wire, "_id" if wire == "created_at" else wire)
    keys = [(field, order)] if field == "_id" else [(field, order), ("_id", order)]
    page = await shop.store.products.cards(where, PageQuery(sort, size=1))
    assert page[2] is not None
    value, last = paging.decode(page[2], paging.fingerprint(sort, where))
    for part in (where, {"$and": [where, paging.after(field, order, value, last)]}):
        used = await _plan(shop, part, keys)
        assert "COLLSCAN" not in used
        if who == "nobody":
            assert "SORT" not in used


async def test_a_product_is_found_by_id_slug_and_sku_through_an_index(shop: Shop) -> None:
    for where in ({"slugs": "a", "status": "active"}, {"variants.sku": {"$in": ["A"]}}, {"_id": ObjectId()}):
        assert "COLLSCAN" not in await _plan(shop, where)
