"""What a dashboard reads does not grow with the orders: counted by MongoDB itself, not by a clock."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from benchmarks.dashboard import ASKED, fill
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from truestyle.dashboard import counting
from truestyle.infra.outbox import event
from truestyle.shop import Shop

Costs = Callable[[str], Awaitable[list[dict[str, Any]]]]
ORDERS, PRODUCTS, YEAR = 1_000, 40, 366
# Index keys and documents that may be looked at: by days, by products, by what is shown; never by orders or accounts.
MOST = {
    "overview": PRODUCTS + 5,
    "sales, 30 days": 2 * 31,
    "sales, 366 days": 2 * YEAR + 2,
    "sales by week, 260": 2 * YEAR + 2,
    "sales by year, 10": 2 * YEAR + 2,
    "user growth, 30 days": 2 * 31 + 2,
    "top products, ever": 10 + 3 * 10,
    "top products, 30 days": 31 * PRODUCTS,
    "top products, 366 days": 2 * ORDERS + 3 * 10,  # a product and day each: here hardly any order shares one
    "payment mix, ever": 2,
    "regions, ever": 2,
    "regions, 366 days": 2 * YEAR + 2,
    "users": 5 * 10 + 5,
    "stats": 3 * PRODUCTS + 20,
    "low stock": 4 * PRODUCTS + 20,
    "pending orders": 2 * ORDERS // 5,  # the list of them, with its total
    "system health": 10,
}
OWN = {"users", "sessions", "token_revocations", "roles", "role_permissions", "versions"}  # who is asking


@pytest.fixture
async def costs(shop: Shop, client: AsyncClient, admin: make.Person) -> Costs:
    """The operations on MongoDB that answering a path takes, with what each examined."""

    async def look(path: str) -> list[dict[str, Any]]:
        db = shop.store.db
        await client.get(path, headers=admin.headers)  # what is cached is cached
        await db.command("profile", 2)
        try:
            answer = await client.get(path, headers=admin.headers)
        finally:
            await db.command("profile", 0)
        assert answer.status_code == 200, answer.text
        seen: list[dict[str, Any]] = await db["system.profile"].find({"op": {"$in": ["query", "command"]}}).to_list()
        await db.drop_collection("system.profile")
        ours = [one for one in seen if one["ns"].startswith(f"{db.name}.") and "planSummary" in one]
        return [one for one in ours if one["ns"].split(".", 1)[1] not in OWN | {"system.profile"}]

    return look


def examined(seen: list[dict[str, Any]]) -> int:
    return sum(one.get("docsExamined", 0) + one.get("keysExamined", 0) for one in seen)


async def test_no_dashboard_reads_all_orders_or_accounts_or_scans_anything(
    client: AsyncClient, shop: Shop, costs: Costs
) -> None:
    await fill(shop.store, ORDERS, PRODUCTS)
    await shop.store.outbox.write([event(counting.RECOUNT, {"kind": "orders", "after": None})])
    await shop.worker.drain()
    mails = [event("mail.order_shipped", {"order_id": ObjectId()}) for _ in range(ORDERS)]  # a mail server is away
    for mail in mails:
        mail.due_at += timedelta(hours=1)
    await shop.store.outbox.write(mails)
    assert (await client.get("/products/search?q=kurta")).status_code == 200  # the index has read what it must
    for name, path in ASKED.items():
        seen = await costs(path)
        assert 2 <= len(seen) <= 9, name
        for one in seen:
            collection = one["ns"].split(".", 1)[1]
            assert "COLLSCAN" not in one["planSummary"], (name, one["command"])
            assert (collection != "orders") or name == "pending orders", (name, one["command"])
        counted = 2 * ORDERS if name == "system health" else 0  # it counts what waits
        assert examined(seen) <= MOST[name] + counted, (name, [(one["ns"], one["planSummary"]) for one in seen])
    assert set(MOST) == set(ASKED)


async def test_counting_reads_only_what_changed(shop: Shop) -> None:
    await fill(shop.store, ORDERS, PRODUCTS)
    await shop.store.outbox.write([event(counting.RECOUNT, {"kind": "orders", "after": None})])
    await shop.worker.drain()
    changed = await shop.store.orders.ids(None, 3)
    await shop.store.outbox.write([event("order.changed", {"order_id": one}) for one in changed])
    db = shop.store.db
    await db.command("profile", 2)
    await counting.catch_up(shop.store)
    await db.command("profile", 0)
    seen: list[dict[str, Any]] = await db["system.profile"].find({"planSummary": {"$exists": True}}).to_list()
    await db.drop_collection("system.profile")
    assert "counted" in {one["ns"].split(".", 1)[1] for one in seen}
    assert {one["planSummary"] for one in seen if "COLLSCAN" in one["planSummary"]} == set()
    assert examined(seen) < 100
