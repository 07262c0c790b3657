"""Lists of orders: whose, which, and in which order."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Buyer, Staff, refused
from truestyle.kit import clock
from truestyle.orders.repository import order_number
from truestyle.shop import Shop

SORTS = ("-created_at", "created_at", "total", "-total")


@pytest.fixture(autouse=True)
async def stock(shop: Shop) -> None:
    for sku, price in (("A", "100"), ("B", "300"), ("C", "300")):
        await make.product(shop, stock=100, mrp="999", price=price, variants=[{"sku": sku}])


@pytest.fixture
def other(client: AsyncClient, shop: Shop, vendor: make.Person) -> Buyer:
    return Buyer(client, shop, vendor)


async def ids(client: AsyncClient, person: make.Person, query: str = "", path: str = "/orders") -> list[str]:
    answer = await client.get(f"{path}?{query}", headers=person.headers)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert page["total"] == len(page["items"])
    return [one["id"] for one in page["items"]]


async def test_one_sees_ones_own_and_staff_see_all(
    client: AsyncClient, buyer: Buyer, other: Buyer, staff: make.Person
) -> None:
    mine, theirs = (await buyer.order(A=1))["id"], (await other.order(B=1))["id"]
    assert await ids(client, buyer.person) == [mine]
    assert await ids(client, other.person) == [theirs]
    assert await ids(client, staff) == [theirs, mine]
    assert await ids(client, staff, path="/orders/history") == []
    assert await ids(client, buyer.person, path="/orders/history") == [mine]
    own = f"user_id={other.person.user.id}"
    assert theirs not in await ids(client, buyer.person, own)
    assert await ids(client, staff, own) == [theirs]


async def test_each_filter_finds_exactly_these(
    client: AsyncClient, buyer: Buyer, other: Buyer, staff: make.Person
) -> None:
    first = await buyer.order(A=1)
    with time_machine.travel(clock.now() + timedelta(minutes=20)):
        later = await other.order(B=1)
    packer = Staff(client, staff)
    await packer.bring_to(later["id"], "delivered")
    one, two = first["id"], later["id"]
    middle = (clock.now() + timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
    email = other.person.user.email
    expected: dict[str, list[str]] = {
        "": [two, one],
        "status=confirmed": [one],
        "status=delivered": [two],
        "status=cancelled": [],
        "payment_status=paid": [two],
        "payment_status=pending": [one],
        f"from={middle}": [two],
        f"to={middle}": [one],
        f"from={first['placed_at']}&to={later['placed_at']}": [one],
        f"from={middle}&to={middle}": [],
        f"q={later['number']}": [two],
        f"q={later['number'].lower()}": [two],
        "q=TS-": [two, one],
        "q=TS.26": [],
        f"q={email.upper()}": [two],
        "q=nobody@example.com": [],
        "q=%5E": [],
        f"status=delivered&payment_status=paid&from={middle}&q=TS": [two],
        f"status=delivered&to={middle}": [],
    }
    for query, wanted in expected.items():
        assert await ids(client, staff, query) == wanted, query


@pytest.mark.parametrize(
    "query",
    [
        "status=lost",
        "payment_status=x",
        "user_id=1",
        "from=yesterday",
        "from=1700000000",
        "to=2026-11-20T10:00:00",
        "from=0001-01-01T00:00:00%2B14:00",
        "to=9999-12-31T23:59:59-14:00",
        "q=%00",
        "sort=email",
        "email=x",
    ],
)
async def test_a_malformed_question_is_refused(client: AsyncClient, staff: make.Person, query: str) -> None:
    refused(await client.get(f"/orders?{query}", headers=staff.headers), 422, "validation_error")


@pytest.mark.parametrize("sort", SORTS)
async def test_a_walk_by_cursor_sees_each_order_once_while_more_come(
    client: AsyncClient, buyer: Buyer, staff: make.Person, sort: str
) -> None:
    before = [(await buyer.order(**{sku: 1}))["id"] for sku in "ABCABCABC"]
    seen: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = await client.get(f"/orders?sort={sort}&page_size=2{cursor}", headers=staff.headers)
        page = answer.json()
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
        if len(seen) == 4:
            await buyer.order(A=1)
    found = [one["id"] for one in seen]
    assert len(found) == len(set(found))
    assert set(before) <= set(found)
    if sort.endswith("total"):
        totals = [float(one["total"]) for one in seen]
        assert totals == sorted(totals, reverse=sort == "-total")


async def test_a_cursor_is_of_no_use_to_somebody_else(
    client: AsyncClient, buyer: Buyer, other: Buyer, staff: make.Person
) -> None:
    for _ in range(2):
        await buyer.order(A=1)
    page = (await client.get("/orders?page_size=1", headers=buyer.headers)).json()
    query = f"/orders?page_size=1&cursor={page['next_cursor']}"
    assert (await client.get(query, headers=buyer.headers)).status_code == 200
    for person in (other.person, staff):
        refused(await client.get(query, headers=person.headers), 422, "validation_error")


async def test_numbers_are_readable_and_rise(buyer: Buyer) -> None:
    numbers = [(await buyer.order(A=1))["number"] for _ in range(3)]
    assert numbers == sorted(set(numbers))
    assert all(re.fullmatch(r"TS-\d{2}-\d{6}", one) for one in numbers)
    assert order_number("TS", datetime(2026, 11, 20, tzinfo=UTC), 123) == "TS-26-000123"


async def test_an_unknown_order_is_not_found(client: AsyncClient, buyer: Buyer) -> None:
    refused(await client.get(f"/orders/{ObjectId()}", headers=buyer.headers), 404, "not_found")
