"""How often MongoDB is asked by each hot route: exactly so often, and no more for many rows than for a few.

A number that grows here is a slower shop. One that falls is good news: write the new one.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from tests import make
from tests.conftest import empty, forget, make_settings
from tests.soon import soon
from truestyle.catalog.products.models import Product
from truestyle.infra import mongo
from truestyle.kit import transactions
from truestyle.main import create_app
from truestyle.shop import Shop

DATABASE = "counted_commands"
MANY = 12


class Asked(CommandListener):
    """What MongoDB was asked: the command and its collection.

    Left out are streams that wait for news, and the marks by which a mirror finds out that it has heard all.
    """

    def __init__(self) -> None:
        self.commands: list[str] = []

    def started(self, event: CommandStartedEvent) -> None:
        name = event.command_name
        if name.endswith("Transaction"):
            self.commands.append(name)
        elif event.database_name == DATABASE and name != "getMore" and event.command[name] != "feed_marks":
            self.commands.append(f"{name} {event.command[name]}")

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Of no interest."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Of no interest."""


@dataclass
class Counted:
    """A store of its own, whose commands are counted."""

    shop: Shop
    client: httpx.AsyncClient
    asked: Asked
    people: dict[str, make.Person]
    products: list[Product]

    async def send(self, line: str, who: str = "", **more: Any) -> tuple[list[str], Any]:
        """What the request asked of MongoDB, and its answer."""
        method, path = line.split()
        self.asked.commands.clear()
        headers = self.people[who].headers if who else {}
        answer = await self.client.request(
            method, path.format(product=self.products[0].id, other=self.products[1].id), headers=headers, **more
        )
        assert answer.is_success, answer.text
        return sorted(self.asked.commands), answer.json()

    async def rest(self) -> None:
        """Until the index has heard of all that was written."""

        async def heard() -> bool:
            return self.shop.search.with_all(transactions.latest()) is not None

        await soon(heard)

    async def fill(self, lines: int) -> None:
        """So many lines in the shopper's cart."""
        pieces = {one.variants[0].sku: 1 for one in self.products[:lines]}
        await make.cart(self.shop, self.people["shopper"], pieces)

    async def order(self) -> dict[str, Any]:
        """One line, cash on delivery."""
        await self.fill(1)
        order: dict[str, Any] = (await self.send("POST /checkout", "shopper", json=make.COD))[1]["order"]
        return order


@pytest.fixture(scope="module")
async def app_counted(
    mongo_uri: str, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str
) -> AsyncIterator[tuple[FastAPI, Asked]]:
    folder: Path = tmp_path_factory.mktemp("counted")
    asked, connect = Asked(), mongo.connect
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mongo, "connect", lambda uri, listeners: connect(uri, [*listeners, asked]))
        settings = make_settings(mongo_uri, folder, mongo_db=DATABASE, page_cache_bytes=0, log_requests=False)
        app = create_app(settings, work=False)
        async with app.router.lifespan_context(app):
            yield app, asked
            await app.state.shop.client.drop_database(DATABASE)


@pytest.fixture
async def counted(app_counted: tuple[FastAPI, Asked]) -> AsyncIterator[Counted]:
    app, asked = app_counted
    shop: Shop = app.state.shop
    await empty(shop.store)
    forget(shop)
    people = {"shopper": await make.person(shop), "staff": await make.person(shop, "staff")}
    products = [await make.product(shop, stock=50) for _ in range(MANY)]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/v1") as client:
        yield Counted(shop, client, asked, people, products)


READS = {
    "GET /products": ["find products"],  # the index in memory finds them, and knows how many there are
    "GET /products?facets=true&size=M&price_min=100": ["find products"],  # the index in memory filters and counts
    "GET /products?q=kurta": ["find products"],
    "GET /products/search?q=kurtaa": ["find products"],
    "GET /products/suggest?q=ku": [],
    "GET /products/{product}": ["find products", "find stock"],
    "GET /products/{product}/related": ["find products"],
    "GET /products/{product}/reviews": ["aggregate user_reviews", "find products", "find user_reviews"],
    "GET /products/compare?ids={product},{other}": ["find products", "find stock"],
    "GET /categories": ["aggregate categories", "find categories"],
    "GET /hero-images": ["aggregate hero_images", "find hero_images"],
    "GET /cart as shopper": ["find carts", "find coupons", "find products", "find stock"],
    "GET /auth/me as shopper": ["find users"],
    "GET /wishlist-items as shopper": ["find products", "find wishlists"],
    "GET /orders as shopper": ["aggregate orders", "find orders"],
    "GET /orders/{order} as shopper": ["find orders"],
    "GET /orders/{order}/track as shopper": ["find orders"],
    "GET /payments as shopper": ["aggregate payments", "find payments"],
    "GET /orders?status=confirmed as staff": ["aggregate orders", "find orders"],
}


@pytest.mark.parametrize("line", READS)
async def test_a_read_asks_just_so_often(line: str, counted: Counted) -> None:
    """Of one thing and of many, by somebody who was there before, in a process that has served before."""
    path, _, who = line.partition(" as ")
    order = await counted.order()
    path = path.replace("{order}", order["id"])
    await counted.fill(1)
    await counted.send(path, who)
    await counted.rest()
    assert (await counted.send(path, who))[0] == READS[line]
    await counted.order()
    await counted.fill(MANY)
    await counted.rest()
    assert (await counted.send(path, who))[0] == READS[line]


async def test_a_list_asks_mongodb_while_the_index_may_be_behind(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    await counted.rest()
    asked, by_index = await counted.send("GET /products?sort=price&page_size=5")
    assert asked == ["find products"]
    monkeypatch.setattr(counted.shop.search, "with_all", lambda _: None)
    asked, by_mongodb = await counted.send("GET /products?sort=price&page_size=5")
    assert asked == ["aggregate products", "find products"]
    assert by_mongodb == by_index


async def test_a_quote_asks_as_often_for_many_lines(counted: Counted) -> None:
    for lines in (1, 1, MANY):
        await counted.fill(lines)
        asked, quote = await counted.send("POST /checkout/quote", "shopper", json={"pincode": "560038"})
        assert len(quote["items"]) == lines
    assert asked == ["find carts", "find coupons", "find products", "find stock"]


async def test_a_checkout_asks_as_often_for_many_lines(counted: Counted) -> None:
    """One that has the queue for itself; those who come together share all but what is their own."""
    for lines in (1, 1, MANY):
        await counted.fill(lines)
        asked, _ = await counted.send("POST /checkout", "shopper", json=make.COD)
    read = ["find carts"] * 2 + ["find coupons", "find products"] + ["find stock"] * 2 + ["find users"]
    inserted = [f"insert {one}" for one in ("audit", "orders", "outbox", "payments", "stock_movements")]
    assert asked == ["commitTransaction", *read, *inserted, "update carts", "update stock", "update stock"]


async def test_adding_to_a_cart_asks_as_often_beside_many_lines(counted: Counted) -> None:
    body = {"product_id": str(counted.products[0].id), "quantity": 1}
    for lines in (1, 1, MANY):
        await counted.fill(lines)
        asked, _ = await counted.send("POST /cart/add", "shopper", json=body)
    read = ["find carts"] * 2 + ["find coupons"] + ["find products"] * 2 + ["find stock"] * 3
    assert asked == [*read, "update carts"]
