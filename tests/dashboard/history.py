"""Orders of several people on several days, and every figure there is."""

import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import time_machine
from httpx import AsyncClient

from tests import make
from tests.dashboard.recount import Plain
from tests.orders.buying import Buyer, Staff
from truestyle.infra.outbox import event
from truestyle.kit import clock
from truestyle.shop import Shop
from truestyle.store import Store

Check = Callable[[], Awaitable[Plain]]


PLACES = (
    ("Karnataka", "560038"),
    ("Maharashtra", "400020"),
    ("Delhi", "110001"),
)


MOVES = ("cancel", "deliver", "return to origin", "send elsewhere", "nothing")


async def some_history(shop: Shop, client: AsyncClient, staff: make.Person, seed: int, orders: int = 12) -> None:
    """Orders of several people on several days, that go every way an order can."""
    chance, mover = random.Random(seed), Staff(client, staff)  # noqa: S311 - to be the same each time
    skus = ["A", "B", "C-1", "C-2"]
    await make.product(shop, stock=500, price="100", mrp="999", variants=[{"sku": "A"}])
    await make.product(shop, stock=500, price="333.33", mrp="999", variants=[{"sku": "B"}])
    await make.product(shop, stock=500, price="50", mrp="999", variants=[{"sku": "C-1", "size": "S"}, {"sku": "C-2"}])
    people = [Buyer(client, shop, await make.person(shop)) for _ in range(3)]
    now = clock.now()
    for back in sorted((chance.uniform(0, 5) for _ in range(orders)), reverse=True):
        with time_machine.travel(now - timedelta(minutes=back)):
            buyer, (state, pincode) = chance.choice(people), chance.choice(PLACES)
            await make.cart(shop, buyer.person, {sku: chance.randint(1, 3) for sku in chance.sample(skus, 2)})
            to = make.ADDRESS | {"state": state, "pincode": pincode}
            answer = await buyer.check_out(address=to)
            assert answer.status_code == 201, answer.text
            key = answer.json()["order_id"]
        move = chance.choice(MOVES)
        if move == "cancel":
            await client.post(f"/orders/{key}/cancel", json={"reason": "no"}, headers=buyer.headers)
        elif move == "deliver":
            await mover.bring_to(key, "delivered")
        elif move == "return to origin":
            await mover.bring_to(key, "shipped")
            await mover.move(key, "returned_to_origin")
        elif move == "send elsewhere":
            to = make.ADDRESS | {"state": "Tamil Nadu", "pincode": "600001"}
            moved = await client.put(f"/orders/{key}", json={"address": to}, headers=buyer.headers)
            assert moved.status_code == 200, moved.text


async def spread_over_days(shop: Shop, seed: int) -> None:
    """The orders and accounts that are there, on other days: as if they had been placed then."""
    chance = random.Random(seed)  # noqa: S311 - to be the same each time
    for repository, field in ((shop.store.orders, "placed_at"), (shop.store.users, "created_at")):
        collection: Any = repository.unwatched
        topic, name = ("order.changed", "order_id") if field == "placed_at" else ("user.registered", "user_id")
        for row in await collection.find({}).to_list():
            moment = clock.now() - timedelta(hours=chance.uniform(0, 300 * 24))
            await collection.update_one({"_id": row["_id"]}, {"$set": {field: moment}})
            await shop.store.outbox.write([event(topic, {name: row["_id"]})])


async def everything(store: Store) -> list[list[dict[str, Any]]]:
    """All rows of figures, but for when they were counted."""
    found = []
    for one in (store.figures, store.figure_products, store.figure_buyers, store.counted):
        rows = await one.collection.find({}, {"counted_at": 0}, sort=[("_id", 1)]).to_list()
        found.append(rows)
    return found
