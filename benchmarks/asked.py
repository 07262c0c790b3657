"""What is asked of a store that grows, and where its products and orders are: each request of a case differs."""

import base64
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import bson
from bson import ObjectId

from benchmarks.processes import PREFIX
from truestyle.auth import service as auth
from truestyle.auth.permissions import Role
from truestyle.auth.service import Device
from truestyle.bench.reads import ANEW
from truestyle.bench.wire import Ask, Connection
from truestyle.infra.outbox import event
from truestyle.kit import clock
from truestyle.kit.repository import Row
from truestyle.shop import Shop
from truestyle.users.models import User

SAMPLED, ORDERED = 200, 3  # products that are asked for; orders of the one who looks at their own
LONG = 5  # letters of words that are mistyped
LISTS, SEARCH, ORDERS, DASHBOARDS = "Lists and pages", "Search and facets", "Orders", "Dashboards"


@dataclass(frozen=True)
class Case:
    """Something asked in many ways."""

    group: str
    name: str
    paths: Sequence[str]
    headers: Mapping[str, str] = field(default_factory=dict)

    def asks(self, count: int) -> list[Ask]:
        """So many requests, made anew each."""
        headers = {**ANEW, **self.headers}
        return [Ask("GET", PREFIX + self.paths[at % len(self.paths)], headers) for at in range(count)]


async def cases_of(shop: Shop, url: str) -> list[Case]:
    """What is asked of the store at `url`, which is `shop`'s; it gets an admin."""
    chance = random.Random(1)  # noqa: S311 - to be the same each time
    sample: list[Row] = [{"$match": {"status": "active"}}, {"$sample": {"size": SAMPLED}}]
    rows = await (await shop.store.db["products"].aggregate(sample)).to_list()
    middle = await shop.store.db["products"].find_one({"_id": {"$gte": _middle([row["_id"] for row in rows])}})
    words = [one for row in rows for one in row["name"].split() if one.isalpha() and len(one) >= LONG]
    chance.shuffle(words)
    brands = list(dict.fromkeys(row["brand"]["slug"] for row in rows if row["brand"]))
    facets = [f"/products?facets=true&brand={one}&size=M" for one in brands]
    return [
        Case(LISTS, "list", ["/products"]),
        Case(LISTS, "of a brand, by price", [f"/products?brand={one}&sort=price" for one in brands]),
        Case(LISTS, "half-way by cursor", [await _deep(url, middle["_id"] if middle else rows[0]["_id"])]),
        Case(LISTS, "product page", [f"/products/{row['_id']}" for row in rows]),
        Case(SEARCH, "facets, whole store", ["/products?facets=true"]),
        Case(SEARCH, "facets, two filters", facets),
        Case(SEARCH, "search", [f"/products?q={quote(' '.join(_pair(row, chance)))}" for row in rows]),
        Case(SEARCH, "search, mistyped", [f"/products?q={quote(mistyped(one, chance))}" for one in words]),
        Case(SEARCH, "suggest", [f"/products/suggest?q={quote(one[: chance.randint(2, 4)])}" for one in words]),
        *await _orders(shop),
    ]


def _middle(ids: Sequence[ObjectId]) -> ObjectId:
    return sorted(ids)[len(ids) // 2]


def _pair(row: Mapping[str, Any], chance: random.Random) -> list[str]:
    """Two neighbouring words of a product's name but the made-up first, as somebody would ask for a kind of thing."""
    name: str = row["name"]
    words = name.split()[1:] or name.split()
    at = chance.randrange(max(1, len(words) - 1))
    return words[at : at + 2]


def mistyped(word: str, chance: random.Random) -> str:
    """With two neighbouring letters changed about, but for the first."""
    at = chance.randrange(1, len(word) - 1)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


async def _deep(url: str, last: ObjectId) -> str:
    """The list from half-way on: its own cursor, to another place."""
    connection = Connection(url)
    got = await connection.send(Ask("GET", f"{PREFIX}/products", ANEW))
    await connection.close()
    cursor = got.json()["next_cursor"]
    row = bson.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    moved = {**row, "i": last, "v": last if isinstance(row["v"], ObjectId) else row["v"]}
    return f"/products?cursor={base64.urlsafe_b64encode(bson.encode(moved)).decode().rstrip('=')}"


async def _orders(shop: Shop) -> list[Case]:
    buyer = await _buyer(shop)
    admin = User(email="growth@example.com", full_name="Admin", role=Role.ADMIN)
    await shop.store.users.add(admin)
    await shop.store.outbox.write([event("user.registered", {"user_id": admin.id})])
    await shop.worker.drain()
    own, staff = await _signed_in(shop, buyer), await _signed_in(shop, admin)
    now = clock.now()
    weeks = [(now - timedelta(days=7 * one + 7), now - timedelta(days=7 * one)) for one in range(40)]
    windows = [f"/orders?from={since:%Y-%m-%dT00:00:00Z}&to={until:%Y-%m-%dT00:00:00Z}" for since, until in weeks]
    statuses = ("placed", "confirmed", "packed", "shipped", "delivered", "cancelled")
    return [
        Case(ORDERS, "one's own", ["/orders"], own),
        Case(ORDERS, "everybody's", ["/orders"], staff),
        Case(ORDERS, "of a status", [f"/orders?status={one}" for one in statuses], staff),
        Case(ORDERS, "of a week", windows, staff),
        Case(DASHBOARDS, "overview", ["/dashboard/overview"], staff),
        Case(DASHBOARDS, "sales, 30 days", ["/dashboard/sales"], staff),
        Case(DASHBOARDS, "top products", ["/dashboard/top-products"], staff),
        Case(DASHBOARDS, "low stock", ["/dashboard/low-stock"], staff),
    ]


async def _buyer(shop: Shop) -> User:
    """Somebody with ORDERED orders."""
    stages: list[Row] = [
        {"$match": {"user_id": {"$ne": None}}},
        {"$group": {"_id": "$user_id", "orders": {"$sum": 1}}},
        {"$match": {"orders": ORDERED}},
        {"$limit": 1},
    ]
    [found] = await (await shop.store.db["orders"].aggregate(stages)).to_list()
    return await shop.store.users.get(found["_id"])


async def _signed_in(shop: Shop, user: User) -> dict[str, str]:
    issued = await auth.open_session(shop.store, shop.keys, user, Device(None, None))
    return {"authorization": f"Bearer {issued.access}"}
