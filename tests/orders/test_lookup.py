"""Guests find their orders again: a code by mail, and a token that opens one order for an hour."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Buyer, Staff, refused
from tests.post import Post
from truestyle.auth.tries.repository import MAX_TRIES
from truestyle.kit import clock
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")
EMAIL = "guest@example.com"
WRONG = "000000"


@pytest.fixture
async def order(client: AsyncClient, shop: Shop) -> dict[str, Any]:
    product = await make.product(shop, variants=[{"sku": "A"}])
    return await bought(client, product.id, EMAIL)


async def bought(client: AsyncClient, product_id: ObjectId, email: str) -> dict[str, Any]:
    added = await client.post("/cart/add", json={"product_id": str(product_id)})
    guest = {"x-cart-token": added.headers["x-cart-token"]}
    client.cookies.clear()
    placed = await client.post("/checkout", json={**make.COD, "email": email}, headers=guest)
    client.cookies.clear()
    assert placed.status_code == 201, placed.text
    order: dict[str, Any] = placed.json()["order"]
    return order


async def ask(client: AsyncClient, number: str, email: str = EMAIL) -> dict[str, Any]:
    answer = await client.post("/orders/lookup", json={"number": number, "email": email})
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def opened(client: AsyncClient, post: Post, order: dict[str, Any]) -> dict[str, Any]:
    await ask(client, order["number"])
    body = {"number": order["number"], "email": EMAIL, "code": await post.code(EMAIL)}
    answer = await client.post("/orders/lookup/verify", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_code_opens_the_order_and_the_token_does_what_a_buyer_may(
    order: dict[str, Any], client: AsyncClient, shop: Shop, post: Post
) -> None:
    found = await opened(client, post, order)
    token = {"x-order-token": found.pop("lookup_token")}
    assert found.pop("expires_in") == 3600
    assert found == order
    path = f"/orders/{order['id']}"
    assert (await client.get(path, headers=token)).json() == order
    assert (await client.get(f"{path}/track", headers=token)).json()["status"] == "confirmed"
    changed = await client.put(path, json={"items": [{"sku": "A", "quantity": 2}]}, headers=token)
    assert changed.json()["items"][0]["quantity"] == 2
    again = await client.post(f"{path}/reorder", headers=token)
    assert [one["quantity"] for one in again.json()["items"]] == [2]
    client.cookies.clear()
    line = order["items"][0]["id"]
    listed = (await client.get("/order-items", headers=token)).json()
    assert [one["id"] for one in listed["items"]] == [line]
    cancelled = await client.post(f"{path}/cancel", json={"reason": "Too late"}, headers=token)
    assert (cancelled.json()["status"], cancelled.json()["status_history"][-1]["by"]) == ("cancelled", "guest")
    assert await shop.store.stock.available(["A"]) == {"A": 10}


async def test_a_token_opens_no_other_order_and_nothing_else(
    order: dict[str, Any], client: AsyncClient, shop: Shop, post: Post, shopper: make.Person
) -> None:
    [product] = await shop.store.products.by_skus(["A"])
    other = await bought(client, product.id, EMAIL)
    mine = await Buyer(client, shop, shopper).order(A=1)
    token = {"x-order-token": (await opened(client, post, order))["lookup_token"]}
    for key in (other["id"], mine["id"], "65af0b12c4a1d2e3f4a5b6c7"):
        for method, path, body in (
            ("GET", "", None),
            ("GET", "/track", None),
            ("POST", "/cancel", {"reason": "x"}),
            ("PUT", "", {"notes": "x"}),
            ("POST", "/reorder", None),
        ):
            answer = await client.request(method, f"/orders/{key}{path}", json=body, headers=token)
            refused(answer, 404, "not_found")
    for path in ("/orders", "/orders/history", "/users/profile"):
        assert (await client.get(path, headers=token)).status_code == 401
    status = await client.put(f"/orders/{order['id']}/status", json={"status": "packed"}, headers=token)
    assert status.status_code == 401
    assert (await client.get(f"/order-items/{other['items'][0]['id']}", headers=token)).status_code == 404
    assert (await client.get("/order-items", headers=token)).json()["total"] == 1
    for raw in ("", "x", token["x-order-token"] + "x", shopper.headers["authorization"].removeprefix("Bearer ")):
        answer = await client.get(f"/orders/{order['id']}", headers={"x-order-token": raw})
        assert answer.status_code == 401, raw
    with time_machine.travel(clock.now() + timedelta(hours=1, seconds=5)):
        refused(await client.get(f"/orders/{order['id']}", headers=token), 401, "token_expired")
    signed = {"authorization": f"Bearer {token['x-order-token']}"}
    assert (await client.get(f"/orders/{order['id']}", headers=signed)).status_code == 401


async def test_somebody_signed_in_is_who_they_are_whatever_token_they_bring(
    order: dict[str, Any], client: AsyncClient, post: Post, shopper: make.Person
) -> None:
    token = (await opened(client, post, order))["lookup_token"]
    both = {**shopper.headers, "x-order-token": token}
    refused(await client.get(f"/orders/{order['id']}", headers=both), 404, "not_found")


async def test_asking_says_the_same_for_everybody_and_writes_only_to_the_buyer(
    order: dict[str, Any], client: AsyncClient, shop: Shop, post: Post, shopper: make.Person
) -> None:
    mine = await Buyer(client, shop, shopper).order(A=1)
    said = await ask(client, order["number"])
    for number, email in (
        (order["number"], "other@example.com"),
        ("TS-00-000000", EMAIL),
        (mine["number"], shopper.user.email),
    ):
        assert await ask(client, number, email) == said
    assert await post.subjects("other@example.com") == []
    about = f"Your code for order {order['number']}"
    assert (await post.subjects(EMAIL)).count(about) == 1
    assert not [one for one in await post.subjects(shopper.user.email) if "code" in one]
    lower = await ask(client, order["number"].lower(), EMAIL.upper())
    assert lower == said
    assert (await post.subjects(EMAIL)).count(about) == 2
    wrong = {"code": WRONG, "email": EMAIL, "number": order["number"]}
    bodies = [
        (await client.post("/orders/lookup/verify", json={**wrong, **other})).json()
        for other in ({}, {"number": "TS-00-000000"}, {"email": "other@example.com"})
    ]
    assert len({(one["status"], one["code"], one["detail"]) for one in bodies}) == 1
    assert bodies[0]["code"] == "otp_invalid"


async def test_a_code_works_once_for_ten_minutes_and_five_tries(
    order: dict[str, Any], client: AsyncClient, post: Post
) -> None:
    await ask(client, order["number"])
    code = await post.code(EMAIL)
    body = {"number": order["number"], "email": EMAIL, "code": code}
    with time_machine.travel(clock.now() + timedelta(minutes=11)):
        refused(await client.post("/orders/lookup/verify", json=body), 400, "otp_expired")
    assert (await client.post("/orders/lookup/verify", json=body)).status_code == 200
    refused(await client.post("/orders/lookup/verify", json=body), 400, "otp_invalid")
    await ask(client, order["number"])
    code = await post.code(EMAIL)
    wrong = {**body, "code": f"{(int(code) + 1) % 1_000_000:06d}"}
    for _ in range(MAX_TRIES):
        refused(await client.post("/orders/lookup/verify", json=wrong), 400, "otp_invalid")
    refused(await client.post("/orders/lookup/verify", json={**body, "code": code}), 400, "otp_invalid")


async def test_the_code_is_nowhere_but_in_the_mail(
    order: dict[str, Any], client: AsyncClient, shop: Shop, post: Post
) -> None:
    await ask(client, order["number"])
    code = await post.code(EMAIL)
    for collection in (shop.store.outbox, shop.store.codes):
        for row in await collection.collection.find({}).to_list():
            assert code not in str({name: value for name, value in row.items() if name != "_id"})


async def test_ordering_the_same_again_takes_what_there_is(client: AsyncClient, shop: Shop, buyer: Buyer) -> None:
    await make.product(shop, stock=5, variants=[{"sku": "A"}])
    gone = await make.product(shop, stock=5, variants=[{"sku": "B"}])
    order = await buyer.order(A=3, B=1)
    await shop.store.products.collection.update_one({"_id": gone.id}, {"$set": {"status": "archived"}})
    answer = await client.post(f"/orders/{order['id']}/reorder", headers=buyer.headers)
    assert answer.status_code == 200, answer.text
    cart = answer.json()
    assert [(one["sku"], one["quantity"]) for one in cart["items"]] == [("A", 2)]
    assert len(cart["notices"]) == 2
    assert "B is not sold here any more." in cart["notices"]
    assert await shop.store.stock.available(["A"]) == {"A": 2}


async def test_only_ones_own_order_can_be_ordered_again(client: AsyncClient, shop: Shop, buyer: Buyer) -> None:
    await make.product(shop, stock=5, variants=[{"sku": "A"}])
    order = await buyer.order(A=1)
    for role in ("customer", "staff"):
        other = await make.person(shop, role)
        answer = await client.post(f"/orders/{order['id']}/reorder", headers=other.headers)
        refused(answer, 404, "not_found")
        assert (await client.get("/cart", headers=other.headers)).json()["items"] == []


async def test_each_step_has_its_mail_and_one(
    client: AsyncClient, shop: Shop, buyer: Buyer, staff: make.Person, post: Post
) -> None:
    await make.product(shop, variants=[{"sku": "A"}])
    order = await buyer.order(A=1)
    packer, number = Staff(client, staff), order["number"]
    await packer.move(order["id"], "packed")
    await packer.move(order["id"], "shipped", tracking={"carrier": "Delhivery", "number": "77"})
    for status in ("out_for_delivery", "delivered"):
        await packer.move(order["id"], status)
        await packer.move(order["id"], status)  # refused
    assert await post.subjects(buyer.person.user.email) == [
        f"Your order {number}",
        f"Order {number} is packed",
        f"Order {number} is on its way",
        f"Order {number} comes today",
        f"Order {number} has arrived",
    ]
    told = await post.text(buyer.person.user.email, f"Order {number} is on its way")
    assert "https://www.delhivery.com/track-v2/package/77" in told
    assert (await buyer.see(order["id"]))["tracking"]["url"] == "https://www.delhivery.com/track-v2/package/77"


async def test_called_off_by_the_shop_it_says_why_and_by_the_buyer_it_does_not(
    client: AsyncClient, shop: Shop, buyer: Buyer, staff: make.Person, post: Post
) -> None:
    await make.product(shop, variants=[{"sku": "A"}])
    mine, theirs = await buyer.order(A=1), await buyer.order(A=1)
    await client.post(f"/orders/{mine['id']}/cancel", json={"reason": "Changed my mind"}, headers=buyer.headers)
    await client.post(f"/orders/{theirs['id']}/cancel", json={"reason": "Torn in the store"}, headers=staff.headers)
    email = buyer.person.user.email
    assert "Changed my mind" not in await post.text(email, f"Order {mine['number']} is cancelled")
    assert "Torn in the store" in await post.text(email, f"Order {theirs['number']} is cancelled")


async def test_a_parcel_that_is_sent_late_is_promised_anew(
    client: AsyncClient, shop: Shop, buyer: Buyer, staff: make.Person
) -> None:
    await make.product(shop, variants=[{"sku": "A"}])
    order = await buyer.order(A=1)
    packer = Staff(client, staff)
    await packer.move(order["id"], "packed")
    with time_machine.travel(clock.now() + timedelta(minutes=14)):  # a token lasts fifteen
        shipped = (await packer.move(order["id"], "shipped")).json()
    assert shipped["estimated_delivery"] >= order["estimated_delivery"]
