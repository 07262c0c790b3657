"""The index and MongoDB answer alike: every filter with every sort, on a few hundred products made by chance."""

import random
from dataclasses import asdict, replace
from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from truestyle.auth.models import Caller
from truestyle.catalog.lookups import Brand, Category, Occasion, ProductType
from truestyle.catalog.products import reading
from truestyle.catalog.products.models import (
    Product,
    ProductGender,
    ProductStatus,
    Rating,
    SlugRef,
    TypeRef,
    Variant,
)
from truestyle.catalog.products.pricing import listing
from truestyle.catalog.products.reading import Filters
from truestyle.catalog.search import service
from truestyle.catalog.search.models import FacetValue
from truestyle.catalog.search.routes import SORTS
from truestyle.kit.paging import PageQuery
from truestyle.kit.resource import to_slug
from truestyle.shop import Shop

COUNT = 300
TREE = {"women": None, "ethnic": "women", "kurtas": "ethnic", "sarees": "ethnic", "men": None, "shirts": "men"}
VENDOR = ObjectId("0" * 23 + "1")
SORTED = [one for one in SORTS if one != "relevance"]
FILTERS: dict[str, Filters] = {
    "none": Filters(),
    "brand": Filters(brand=["neel", "KABIR"]),
    "category": Filters(category=["women"]),
    "leaf": Filters(category=["kurtas", "men"]),
    "unknown": Filters(category=["nowhere"]),
    "occasion": Filters(occasion=["wedding"]),
    "type": Filters(product_type=["saree"]),
    "gender": Filters(gender=[ProductGender.WOMEN, ProductGender.UNISEX]),
    "tag": Filters(tag=["Cotton", "silk"]),
    "size": Filters(size=["m", "XL"]),
    "color": Filters(color=["indigo"]),
    "vendor": Filters(vendor=[str(VENDOR), "nonsense"]),
    "from": Filters(price_min=20_000),
    "to": Filters(price_max=20_000),
    "between": Filters(price_min=10_000, price_max=30_001),
    "crossed": Filters(price_min=30_000, price_max=1),
    "rating": Filters(rating_min=3.34),
    "whole rating": Filters(rating_min=0),
    "stocked": Filters(in_stock=True),
    "sold out": Filters(in_stock=False),
    "reduced": Filters(discounted=True),
    "not reduced": Filters(discounted=False),
    "many": Filters(brand=["neel"], gender=[ProductGender.WOMEN], size=["M"], price_max=40_000, in_stock=True),
    "others": Filters(category=["women"], tag=["cotton"], color=["Indigo", "madder"], rating_min=2, discounted=True),
}


def _ref(name: str, number: int) -> dict[str, Any]:
    return {"id": ObjectId(f"{number:024x}"), "name": name.capitalize(), "slug": to_slug(name)}


async def fill(shop: Shop) -> None:
    chance = random.Random(7)  # noqa: S311
    ids = {name: ObjectId() for name in TREE}
    for name, above in TREE.items():
        await shop.store.of(Category).add(
            Category(
                id=ids[name], code=name, name=name.capitalize(), slug=name, parent_id=ids[above] if above else None
            )
        )
    refs = [
        _ref(name, 10 + at) for at, name in enumerate(("neel", "kabir", "rang", "kurta", "saree", "wedding", "work"))
    ]
    for document, named in ((Brand, refs[:3]), (ProductType, refs[3:5]), (Occasion, refs[5:])):
        for one in named:
            await shop.store.of(document).add(document(code=one["slug"], **one))
    made = []
    for number in range(COUNT):
        sizes: list[str | None] = [*chance.sample(["S", "M", "L", "XL"], chance.randint(0, 3))] or [None]
        color = chance.choice([None, "Indigo", "Madder", "Sage"])
        price = chance.choice([9_900, 10_000, 20_000, 30_000, 30_001, 45_050, 1_000_000])
        product = Product(
            name=f"{chance.choice(['Anokhi', 'baag', 'Éclat'])} {chance.randint(1, 40)}",
            slug=f"p-{number}",
            slugs=[f"p-{number}"],
            sort_name="",
            brand=chance.choice([None, *(SlugRef(**one) for one in refs[:3])]),
            product_type=chance.choice([None, *(TypeRef(**one) for one in refs[3:5])]),
            occasions=[SlugRef(**one) for one in chance.sample(refs[5:], chance.randint(0, 2))],
            categories=[
                SlugRef(id=ids[one], name=one.capitalize(), slug=one)
                for one in chance.sample(sorted(ids), chance.randint(0, 2))
            ],
            gender=chance.choice([None, *ProductGender]),
            tags=chance.sample(["cotton", "silk", "linen"], chance.randint(0, 2)),
            status=chance.choice([*ProductStatus, ProductStatus.ACTIVE, ProductStatus.ACTIVE]),
            vendor_id=chance.choice([None, VENDOR]),
            base_mrp=price,
            base_price=chance.choice([price, price - 100]),
            mrp=0,
            price=0,
            variants=[Variant(sku=f"{number}-{size}", size=size, color=color, mrp=0, price=0) for size in sizes],
            in_stock=chance.random() < 0.7,
            rating=Rating(average=chance.choice([0.0, 1.5, 2.0, 3.33, 3.34, 4.5, 5.0]), count=1),
            popularity=chance.choice([0, 0, 3, 80]),
        )
        made.append(listing(product))
    await shop.store.products.add_many(made)


def callers() -> dict[str, Caller | None]:
    return {
        "nobody": None,
        "vendor": Caller(VENDOR, "vendor", ObjectId(), frozenset({"products:write"})),
        "staff": Caller(ObjectId(), "staff", ObjectId(), frozenset({"products:write", "products:any"})),
    }


async def test_every_filter_with_every_sort_finds_the_same_in_the_same_order(shop: Shop) -> None:
    await fill(shop)
    compared = 0
    for who, caller in callers().items():
        for name, filters in FILTERS.items():
            for sort in SORTED:
                query = PageQuery(sort, size=100)
                plain = await reading.find(shop.store, caller, filters, query)
                counted = await service.find(shop.store, shop.search, caller, filters, query, facets=True)
                asked = (who, name, sort)
                assert (counted.found.total, counted.found.next_cursor) == (plain.total, plain.next_cursor), asked
                assert [one["_id"] for one in counted.found.items] == [one["_id"] for one in plain.items], asked
                compared += len(plain.items)
                if plain.next_cursor:  # each goes on where the other stood
                    onwards = replace(query, page=None, cursor=plain.next_cursor)
                    second = await reading.find(shop.store, caller, filters, onwards)
                    following = await service.find(shop.store, shop.search, caller, filters, onwards, facets=True)
                    assert [one["_id"] for one in following.found.items] == [one["_id"] for one in second.items], asked
                    assert following.found.next_cursor == second.next_cursor, asked
    assert compared > 10_000


PARAMETER = {"rating": "rating_min"}


@pytest.mark.parametrize("name", ["none", "brand", "category", "many", "others", "between"])
async def test_a_facet_counts_what_choosing_it_finds(shop: Shop, name: str) -> None:
    await fill(shop)
    filters = FILTERS[name]
    page = await service.find(shop.store, shop.search, None, filters, PageQuery("price", size=1), facets=True)
    assert page.facets is not None
    counted = 0
    for facet, values in page.facets:
        if facet == "price":
            continue
        for one in values:
            assert isinstance(one, FacetValue)
            parameter = PARAMETER.get(facet, facet)
            value = ProductGender(one.value) if facet == "gender" else one.value
            chosen = float(one.value) if facet == "rating" else [value]
            alone = Filters(**{**asdict(filters), parameter: chosen})
            found = await reading.find(shop.store, None, alone, PageQuery("price", size=1))
            assert found.total == one.count > 0, (facet, one)
            counted += 1
    assert counted > 15
    prices = page.facets.price
    whole = Filters(**{**asdict(filters), "price_min": None, "price_max": None})
    every = await reading.find(shop.store, None, whole, PageQuery("price", size=100))
    assert sum(one.count for one in prices.buckets) == every.total
    assert prices.min == every.items[0]["price"]
    dearest = await reading.find(shop.store, None, whole, PageQuery("-price", size=1))
    assert prices.max == dearest.items[0]["price"]
    for bucket in prices.buckets:
        within = replace(whole, price_min=bucket.min, price_max=bucket.max)
        assert (await reading.find(shop.store, None, within, PageQuery("price", size=1))).total == bucket.count


async def test_facets_are_told_only_when_asked_for(client: AsyncClient, shop: Shop) -> None:
    await make.product(shop)
    plain, asked = (await client.get("/products")).json(), (await client.get("/products?facets=true")).json()
    assert "facets" not in plain
    facets = asked.pop("facets")
    assert asked == plain
    assert set(facets) == {
        *("brand", "category", "product_type", "occasion", "gender", "tag", "size", "color", "rating", "price")
    }
    assert facets["size"] == [{"value": "m", "label": "M", "count": 1}]
    assert facets["price"] == {
        "min": "1499.00",
        "max": "1499.00",
        "buckets": [{"min": "1000.00", "max": "1499.99", "count": 1}],
    }
