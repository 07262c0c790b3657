"""Every order of the list, walked by cursor while products come and go."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from httpx import AsyncClient

from tests import make
from truestyle.catalog.products.models import Product
from truestyle.shop import Shop

SORTS = ("-created_at", "price", "-price", "-rating", "-popularity", "name", "relevance")
Between = Callable[[int], Awaitable[None]]


async def fill(shop: Shop, count: int, *, seed: int = 1) -> list[Product]:
    """Products of which many share a price, a name, a rating and a popularity."""
    chance = random.Random(seed)  # noqa: S311
    made = []
    for _ in range(count):
        price = str(chance.choice([100, 200, 300]))
        words = " ".join(["indigo"] * chance.randint(1, 3) + ["kurta"] * chance.randint(0, 2))
        product = await make.product(
            shop, name=chance.choice(["A", "B", "c"]), description=words, mrp="999", price=price
        )
        more = {"rating.average": chance.choice([0.0, 3.5, 5.0]), "popularity": chance.choice([0, 1, 7])}
        await shop.store.products.collection.update_one({"_id": product.id}, {"$set": more})
        made.append(product)
    return made


async def walk(
    client: AsyncClient, query: str, between: Between | None = None, *, size: int = 4
) -> list[dict[str, Any]]:
    """Every card, page after page by cursor."""
    found: list[dict[str, Any]] = []
    page = (await client.get(f"/products?{query}&page_size={size}")).json()
    for at in range(100):
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        if between:
            await between(at)
        answer = await client.get(f"/products?{query}&page_size={size}&cursor={page['next_cursor']}")
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert (page["total"], page["page"], page["pages"]) == (None, None, None)
    raise AssertionError("the walk does not end")


def query(sort: str) -> str:
    return f"sort={sort}&q=indigo" if sort == "relevance" else f"sort={sort}"


@pytest.mark.parametrize("sort", SORTS)
async def test_a_walk_sees_each_product_once_in_order(client: AsyncClient, shop: Shop, sort: str) -> None:
    products = await fill(shop, 23)
    cards = await walk(client, query(sort))
    assert sorted(one["id"] for one in cards) == sorted(str(one.id) for one in products)
    key: dict[str, Callable[[dict[str, Any]], Any]] = {
        "price": lambda one: float(one["price"]),
        "-price": lambda one: -float(one["price"]),
        "name": lambda one: one["name"].casefold(),
        "-rating": lambda one: -one["rating"]["average"],
        "-created_at": lambda one: -int(one["id"], 16),
    }
    if sort in key:
        assert [key[sort](one) for one in cards] == sorted(key[sort](one) for one in cards)


@pytest.mark.parametrize("sort", SORTS)
async def test_while_products_are_added_nothing_that_was_there_is_missed_or_repeated(
    client: AsyncClient, shop: Shop, sort: str
) -> None:
    before = {str(one.id) for one in await fill(shop, 20)}

    async def add(at: int) -> None:
        await fill(shop, 2, seed=at + 100)

    seen = [one["id"] for one in await walk(client, query(sort), add)]
    assert len(seen) == len(set(seen))
    assert before <= set(seen)


@pytest.mark.parametrize("sort", SORTS)
async def test_while_products_go_nothing_that_stays_is_missed_or_repeated(
    client: AsyncClient, shop: Shop, sort: str
) -> None:
    products = [str(one.id) for one in await fill(shop, 20)]
    gone: set[str] = set()
    order = [one["id"] for one in await walk(client, query(sort))]

    async def drop(at: int) -> None:
        key = order[at]  # one of those that were seen already
        gone.add(key)
        await shop.store.products.collection.delete_one({"_id": next(p for p in kept if str(p) == key)})

    kept = [one.id for one in (await shop.store.products.by_ids(await _ids(shop))).values()]
    seen = [one["id"] for one in await walk(client, query(sort), drop)]
    assert len(seen) == len(set(seen))
    assert set(products) - gone <= set(seen)
    assert gone


async def _ids(shop: Shop) -> list[Any]:
    return [row["_id"] async for row in shop.store.products.collection.find({}, {"_id": 1})]


async def test_pages_and_cursors_tell_the_same(client: AsyncClient, shop: Shop) -> None:
    await fill(shop, 11)
    for sort in SORTS:
        by_page: list[str] = []
        for number in (1, 2, 3):
            answer = await client.get(f"/products?{query(sort)}&page={number}&page_size=4")
            by_page += [one["id"] for one in answer.json()["items"]]
        assert by_page == [one["id"] for one in await walk(client, query(sort))]


async def test_words_bring_the_best_first_unless_another_order_is_asked_for(client: AsyncClient, shop: Shop) -> None:
    await fill(shop, 6)
    ids = {
        text: [one["id"] for one in (await client.get(f"/products?q=indigo{text}")).json()["items"]]
        for text in ("", "&sort=relevance", "&sort=-created_at")
    }
    assert ids[""] == ids["&sort=relevance"]
    assert ids["&sort=-created_at"] == sorted(ids[""], reverse=True)


async def test_relevance_without_words_is_popularity(client: AsyncClient, shop: Shop) -> None:
    await fill(shop, 9)
    by_words = [one["id"] for one in await walk(client, "sort=relevance")]
    assert by_words == [one["id"] for one in await walk(client, "sort=-popularity")]


async def _refused(client: AsyncClient, query: str) -> None:
    answer: httpx.Response = await client.get(f"/products?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, ["query", "cursor"]), query


async def test_a_cursor_is_bound_to_its_sort_filters_and_caller(
    client: AsyncClient, shop: Shop, admin: make.Person
) -> None:
    await fill(shop, 5)
    cursor = (await client.get("/products?sort=price&price_max=500&page_size=2")).json()["next_cursor"]
    assert (await client.get(f"/products?sort=price&price_max=500&cursor={cursor}")).status_code == 200
    for other in (
        "sort=-price&price_max=500",
        "sort=price",
        "sort=price&price_max=600",
        "sort=price&price_max=500&tag=x",
    ):
        await _refused(client, f"{other}&cursor={cursor}")
    await _refused(client, f"sort=price&price_max=500&cursor={cursor[:-4]}")
    await _refused(client, f"sort=price&price_max=500&cursor=A{cursor}")
    await _refused(client, "sort=price&price_max=500&cursor=" + "A" * 40)
    by_staff = await client.get(f"/products?sort=price&price_max=500&cursor={cursor}", headers=admin.headers)
    assert by_staff.status_code == 422
    elsewhere = await client.get(f"/brands?cursor={cursor}")
    assert elsewhere.status_code == 422
