"""/user-ratings: stars that count at once, exactly, however many give them."""

import asyncio

import httpx
import pytest
from bson import ObjectId
from tests import make
from tests.reviews.test_reviews import clean, stars, written

from truestyle.audit.service import audit, repair
from truestyle.catalog.products.models import Product
from truestyle.catalog.products.repository import Products
from truestyle.shop import Shop


async def give(client: httpx.AsyncClient, who: make.Person, product: Product, rating: int) -> httpx.Response:
    return await client.post(
        "/user-ratings", json={"product_id": str(product.id), "rating": rating}, headers=who.headers
    )


async def test_many_at_once_add_up(client: httpx.AsyncClient, shop: Shop) -> None:
    product = await make.product(shop)
    people = [await make.person(shop) for _ in range(12)]
    given = [await_ % 5 + 1 for await_ in range(12)]
    answers = await asyncio.gather(*(give(client, one, product, n) for one, n in zip(people, given, strict=True)))
    assert {one.status_code for one in answers} == {201}
    assert await stars(client, product) == (round(sum(given) / 12, 2), 12)
    await clean(shop)


async def test_without_the_computed_update_stars_are_lost(
    client: httpx.AsyncClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard off: reading the figures first and writing them later loses some of those given at once."""

    async def careless(self: Products, key: ObjectId, stars: int, count: int, *, offered: bool = False) -> bool:
        del offered
        plain = self.collection.database["products"]
        row = await plain.find_one({"_id": key})
        assert row is not None
        await asyncio.sleep(0.01)
        total, number = row["rating_sum"] + stars, row["rating"]["count"] + count
        rating = {"count": number, "average": total / number}
        await plain.update_one({"_id": key}, {"$set": {"rating_sum": total, "rating": rating}})
        return True

    monkeypatch.setattr(Products, "rate", careless)
    product = await make.product(shop)
    people = [await make.person(shop) for _ in range(12)]
    await asyncio.gather(*(give(client, one, product, 5) for one in people))
    assert await shop.store.ratings.count({}) == 12
    assert (await stars(client, product))[1] < 12
    report = await audit(shop)
    assert [one.message for one in report.breaches if one.invariant == "I10"] == ["the stars are not what people gave"]
    monkeypatch.undo()
    assert await repair(shop, report) == 1
    assert await stars(client, product) == (5.0, 12)
    await clean(shop)


async def test_other_stars_and_taking_them_back(client: httpx.AsyncClient, shop: Shop, shopper: make.Person) -> None:
    product = await make.product(shop)
    made = await give(client, shopper, product, 2)
    path = f"/user-ratings/{made.json()['id']}"
    assert made.headers["location"].endswith(path)
    again = await give(client, shopper, product, 5)
    assert (again.status_code, again.json()["field"]) == (409, "product_id")
    assert (await client.put(path, json={"rating": 5}, headers=shopper.headers)).json()["rating"] == 5
    assert await stars(client, product) == (5.0, 1)
    assert (await client.delete(path, headers=shopper.headers)).status_code == 204
    assert await stars(client, product) == (0.0, 0)
    assert (await client.get(path, headers=shopper.headers)).status_code == 404
    await clean(shop)


async def test_a_review_after_a_rating_shares_its_row(
    client: httpx.AsyncClient, shop: Shop, shopper: make.Person
) -> None:
    product = await make.product(shop)
    rating = (await give(client, shopper, product, 2)).json()
    review = await written(client, shopper, product, rating=4)
    assert await stars(client, product) == (4.0, 1)
    changed = await client.put(f"/user-ratings/{rating['id']}", json={"rating": 1}, headers=shopper.headers)
    assert changed.json()["rating"] == 1
    assert (await client.get(f"/user-reviews/{review['id']}", headers=shopper.headers)).json()["rating"] == 1
    held = await client.delete(f"/user-ratings/{rating['id']}", headers=shopper.headers)
    assert (held.status_code, held.json()["code"]) == (409, "in_use")
    await clean(shop)


@pytest.mark.parametrize(
    "body", [{"rating": 0}, {"rating": 6}, {"rating": "5"}, {"rating": True}, {"rating": None}, {}]
)
async def test_stars_are_one_to_five(
    client: httpx.AsyncClient, shop: Shop, shopper: make.Person, body: dict[str, object]
) -> None:
    product = await make.product(shop)
    sent = {"product_id": str(product.id), **body}
    assert (await client.post("/user-ratings", json=sent, headers=shopper.headers)).status_code == 422
    assert await stars(client, product) == (0.0, 0)


async def test_ratings_are_private(
    client: httpx.AsyncClient, shop: Shop, shopper: make.Person, vendor: make.Person, staff: make.Person
) -> None:
    product = await make.product(shop)
    made = (await give(client, shopper, product, 3)).json()
    path = f"/user-ratings/{made['id']}"
    for method in ("GET", "PUT", "DELETE"):
        body = {"rating": 1} if method == "PUT" else None
        assert (await client.request(method, path, json=body, headers=vendor.headers)).status_code == 404
    assert (await client.get("/user-ratings", headers=vendor.headers)).json()["total"] == 0
    assert (await client.get("/user-ratings", headers=staff.headers)).json()["total"] == 1
    assert (await client.get(path, headers=staff.headers)).json() == made
    assert (await give(client, vendor, product.model_copy(update={"id": ObjectId()}), 3)).status_code == 404


async def test_the_catalogue_is_sorted_and_filtered_by_stars(
    client: httpx.AsyncClient, shop: Shop, shopper: make.Person
) -> None:
    poor, good = await make.product(shop), await make.product(shop)
    await give(client, shopper, poor, 2)
    await give(client, shopper, good, 5)
    best = (await client.get("/products", params={"sort": "-rating"})).json()["items"]
    assert [one["id"] for one in best] == [str(good.id), str(poor.id)]
    assert best[0]["rating"] == {"average": 5.0, "count": 1}
    only = (await client.get("/products", params={"rating_min": "4"})).json()["items"]
    assert [one["id"] for one in only] == [str(good.id)]
