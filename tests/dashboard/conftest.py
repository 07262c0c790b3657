"""A shop with people, and dashboards that are held against a plain recount."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import pytest
from httpx import AsyncClient

from tests import make
from tests.dashboard.recount import Plain, rupees
from tests.orders.buying import Buyer
from truestyle.audit.service import audit
from truestyle.shop import Shop

Reader = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def buyer(client: AsyncClient, shop: Shop, shopper: make.Person) -> Buyer:
    return Buyer(client, shop, shopper)


@pytest.fixture
def read(client: AsyncClient, admin: make.Person) -> Reader:
    async def get(path: str, **query: Any) -> dict[str, Any]:
        answer = await client.get(path, params=query, headers=admin.headers)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    return get


@pytest.fixture
def held_against_the_orders(shop: Shop, read: Reader) -> Callable[[], Awaitable[Plain]]:
    """Every dashboard says what a plain recount says, and the audit finds nothing."""

    async def check() -> Plain:
        plain = await Plain.of(shop)
        overview = await read("/dashboard/overview")
        assert overview["orders"] == len(plain.sold)
        assert overview["revenue"] == rupees(plain.revenue)
        assert overview["users"] == len(plain.users)
        assert overview["orders_by_status"] == plain.statuses()
        days = {date.fromisoformat(one["date"]): one for one in (await read("/dashboard/sales", days=366))["items"]}
        there = {day: (one["orders"], one["revenue"]) for day, one in days.items() if one["orders"]}
        assert there == {day: (orders, rupees(revenue)) for day, (orders, revenue) in plain.sales().items()}
        growth = (await read("/dashboard/user-growth", days=366))["items"]
        assert {date.fromisoformat(one["date"]): one["users"] for one in growth if one["users"]} == plain.growth()
        for days_ in ({}, {"days": 366}):
            top = (await read("/dashboard/top-products", limit=100, **days_))["items"]
            assert {one["product_id"]: (one["quantity"], one["revenue"]) for one in top} == {
                key: (pieces, rupees(revenue)) for key, (pieces, revenue) in plain.products().items()
            }
            mix = (await read("/dashboard/payment-mix", **days_))["items"]
            assert {one["type"]: (one["orders"], one["revenue"]) for one in mix} == {
                key: (orders, rupees(revenue)) for key, (orders, revenue) in plain.by("payment", "type").items()
            }
            regions = (await read("/admin/analytics/regions", **days_))["items"]
            assert {one["state"]: (one["orders"], one["revenue"]) for one in regions} == {
                key: (orders, rupees(revenue))
                for key, (orders, revenue) in plain.by("shipping_address", "state").items()
            }
        users = await read("/admin/analytics/users", limit=100)
        bought = {str(key): value for key, value in plain.by("user_id").items() if key is not None}
        assert {one["user_id"]: (one["orders"], one["revenue"]) for one in users["top_users"]} == {
            key: (orders, rupees(revenue)) for key, (orders, revenue) in bought.items()
        }
        again = sum(orders > 1 for orders, _ in bought.values())
        assert (users["behaviour"]["buyers"], users["behaviour"]["repeat_buyers"]) == (len(bought), again)
        report = await audit(shop)
        assert report.breaches == []
        return plain

    return check
