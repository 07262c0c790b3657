"""/order-items: the lines of orders, one by one."""

from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Buyer, Staff, refused
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture
async def goods(shop: Shop, vendor: make.Person) -> None:
    await make.product(shop, price="1499", variants=[{"sku": "A"}])
    await make.product(shop, price="999", variants=[{"sku": "B"}], caller=vendor.caller)


@pytest.fixture
async def order(goods: None, buyer: Buyer) -> dict[str, Any]:
    return await buyer.order(A=1, B=2)


async def listed(client: AsyncClient, who: make.Person, query: str = "") -> list[tuple[str, str]]:
    answer = await client.get(f"/order-items{query}", headers=who.headers)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    if page["total"] is not None and page["pages"] == 1:
        assert page["total"] == len(page["items"])
    return [(one["order_number"], one["sku"]) for one in page["items"]]


async def test_everybody_sees_just_what_is_theirs(
    order: dict[str, Any], client: AsyncClient, shop: Shop, buyer: Buyer, staff: make.Person, vendor: make.Person
) -> None:
    other = Buyer(client, shop, await make.person(shop))
    second = await other.order(B=1)
    own = await Buyer(client, shop, vendor).order(A=1)
    first = order["number"]
    assert await listed(client, buyer.person) == [(first, "A"), (first, "B")]
    assert await listed(client, other.person) == [(second["number"], "B")]
    assert await listed(client, staff) == [
        (own["number"], "A"),
        (second["number"], "B"),
        (first, "A"),
        (first, "B"),
    ]
    assert await listed(client, vendor) == [(own["number"], "A"), (second["number"], "B"), (first, "B")]
    assert await listed(client, vendor, "?sku=A") == [(own["number"], "A")]
    assert await listed(client, vendor, "?sku=B&sort=created_at") == [(first, "B"), (second["number"], "B")]
    assert await listed(client, vendor, f"?order_id={order['id']}") == [(first, "B")]
    for item in order["items"]:
        sold = 200 if item["sku"] == "B" else 404
        for who, status in ((buyer.person, 200), (staff, 200), (other.person, 404), (vendor, sold)):
            answer = await client.get(f"/order-items/{item['id']}", headers=who.headers)
            assert answer.status_code == status, (item["sku"], who.user.role)
    line = (await client.get(f"/order-items/{order['items'][1]['id']}", headers=vendor.headers)).json()
    assert {name: line[name] for name in order["items"][1]} == order["items"][1]
    assert (line["order_id"], line["order_number"], line["order_status"]) == (order["id"], first, "confirmed")
    assert not {"email", "shipping_address", "user_id", "vendor_id"} & set(line)


async def test_pages_and_cursors_leave_no_line_out(client: AsyncClient, goods: None, buyer: Buyer) -> None:
    numbers = [(await buyer.order(A=1, B=1))["number"] for _ in range(3)]
    every = [(number, sku) for number in reversed(numbers) for sku in "AB"]
    for size in (1, 2, 3, 4, 5, 6):
        for sort, wanted in (("-created_at", every), ("created_at", [(n, s) for n in numbers for s in "AB"])):
            found, query = list[tuple[str, str]](), f"?page_size={size}&sort={sort}"
            path = query
            while True:
                page = (await client.get(f"/order-items{path}", headers=buyer.headers)).json()
                found += [(one["order_number"], one["sku"]) for one in page["items"]]
                if page["next_cursor"] is None:
                    break
                path = f"{query}&cursor={page['next_cursor']}"
            assert found == wanted, (size, sort)
            pages = [
                await listed(client, buyer.person, f"{query}&page={at + 1}") for at in range((6 + size - 1) // size)
            ]
            assert [one for page in pages for one in page] == wanted
    page = (await client.get("/order-items?page_size=1", headers=buyer.headers)).json()
    assert (page["total"], page["pages"]) == (6, 6)
    foreign = f"/order-items?page_size=1&sku=A&cursor={page['next_cursor']}"
    refused(await client.get(foreign, headers=buyer.headers), 422, "validation_error")


async def test_lines_are_changed_added_and_taken_out(
    order: dict[str, Any], client: AsyncClient, shop: Shop, buyer: Buyer
) -> None:
    await make.product(shop, price="500", variants=[{"sku": "C"}])
    body = {"order_id": order["id"], "sku": "C", "quantity": 2}
    made = await client.post("/order-items", json=body, headers=buyer.headers)
    assert made.status_code == 201, made.text
    assert made.headers["location"] == f"/api/v1/order-items/{made.json()['id']}"
    assert (made.json()["line_total"], made.json()["quantity"]) == ("1000.00", 2)
    refused(await client.post("/order-items", json=body, headers=buyer.headers), 409, "duplicate")
    path = f"/order-items/{order['items'][1]['id']}"
    for method, quantity in (("PUT", 3), ("PATCH", 1)):
        answer = await client.request(method, path, json={"quantity": quantity}, headers=buyer.headers)
        assert (answer.status_code, answer.json()["quantity"]) == (200, quantity)
    same = await client.patch(path, json={}, headers=buyer.headers)
    assert same.json() == answer.json()
    stale = await client.put(path, json={"quantity": 2}, headers={**buyer.headers, "if-match": '"1"'})
    refused(stale, 412, "version_conflict")
    assert (await client.delete(path, headers=buyer.headers)).status_code == 204
    refused(await client.delete(path, headers=buyer.headers), 404, "not_found")
    after = await buyer.see(order["id"])
    assert ([one["sku"] for one in after["items"]], after["total"]) == (["A", "C"], "2499.00")
    assert await shop.store.stock.available("ABC") == {"A": 9, "B": 10, "C": 8}
    await client.delete(f"/order-items/{order['items'][0]['id']}", headers=buyer.headers)
    last = await client.delete(f"/order-items/{made.json()['id']}", headers=buyer.headers)
    refused(last, 409, "not_editable")


async def test_who_may_not_change_the_order_may_not_change_its_lines(
    order: dict[str, Any], client: AsyncClient, shop: Shop, buyer: Buyer, vendor: make.Person, staff: make.Person
) -> None:
    path = f"/order-items/{order['items'][1]['id']}"
    for who in (vendor, await make.person(shop)):
        for method, where, body in (
            ("PUT", path, {"quantity": 1}),
            ("DELETE", path, None),
            ("POST", "/order-items", {"order_id": order["id"], "sku": "A"}),
        ):
            refused(await client.request(method, where, json=body, headers=who.headers), 404, "not_found")
    assert await buyer.see(order["id"]) == order
    assert (await client.put(path, json={"quantity": 1}, headers=staff.headers)).status_code == 200
    await Staff(client, staff).bring_to(order["id"], "packed")
    refused(await client.put(path, json={"quantity": 2}, headers=buyer.headers), 409, "not_editable")
    refused(await client.delete(path, headers=staff.headers), 409, "not_editable")


@pytest.mark.parametrize(
    "where",
    [
        {"user_id": ObjectId("65af0b12c4a1d2e3f4a5b6c7"), "archived_at": None},
        {"items": {"$elemMatch": {"vendor_id": ObjectId("65af0b12c4a1d2e3f4a5b6c7")}}, "archived_at": None},
        {"items": {"$elemMatch": {"sku": "A"}}, "archived_at": None},
        {"items": {"$elemMatch": {"product_id": ObjectId("65af0b12c4a1d2e3f4a5b6c7")}}, "archived_at": None},
    ],
    ids=["own", "sold", "sku", "product"],
)
async def test_every_filter_has_an_index(shop: Shop, where: dict[str, Any]) -> None:
    both = {"$or": [where, {"user_id": ObjectId("65af0b12c4a1d2e3f4a5b6c8"), "archived_at": None}]}
    for filtered in (where, {"$or": [where]}, both):
        found = shop.store.orders.collection.find(filtered, sort=[("_id", -1)], limit=22)
        plan = str((await found.explain())["queryPlanner"]["winningPlan"])
        assert "COLLSCAN" not in plan
        assert "'SORT'" not in plan
    one = shop.store.orders.collection.find({"items.id": ObjectId("65af0b12c4a1d2e3f4a5b6c7")})
    assert "items.id" in str((await one.explain())["queryPlanner"]["winningPlan"])
