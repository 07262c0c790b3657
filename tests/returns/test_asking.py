"""Asking to send goods back: what is taken, what is refused, and what is then counted."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.files.pictures import path as file_path
from tests.files.pictures import picture, upload
from tests.orders.buying import Buyer, refused
from tests.returns.returning import NOWHERE, Desk, age, ask, asking, delivered, made, patiently
from truestyle.orders.repository import Orders
from truestyle.returns import worth
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books", "kurta")


async def nothing_was_asked(shop: Shop, order: dict[str, Any]) -> None:
    assert await shop.store.returns.count({}) == 0
    kept = await shop.store.orders.get(ObjectId(order["id"]))
    assert [one.returned_quantity for one in kept.items] == [0] * len(kept.items)
    assert await shop.store.outbox.count({"topic": "mail.return_status"}) == 0


async def test_a_return_says_what_comes_back_and_what_it_was_paid_with(
    client: AsyncClient, buyer: Buyer, desk: Desk
) -> None:
    order = await delivered(buyer, desk, K_M=2, K_L=1)
    answer = await ask(buyer, client, asking(order, 1, 1, comment="Tight at the shoulders."))
    assert answer.status_code == 201, answer.text
    found = answer.json()
    assert answer.headers["location"] == f"/api/v1/returns/{found['id']}"
    assert (found["status"], found["reason"], found["amount"]) == ("requested", "too_small", "2998.00")
    assert [(one["sku"], one["quantity"], one["amount"]) for one in found["items"]] == [
        ("K-M", 1, "1499.00"),
        ("K-L", 1, "1499.00"),
    ]
    assert found["order_number"] == order["number"]
    assert found["allowed_actions"] == ["cancel", "edit", "status:approved", "status:rejected"]
    assert (found["refund_amount"], found["condition"], found["refund_to"]) == ("0.00", None, None)
    assert [one["returnable_quantity"] for one in (await buyer.see(order["id"]))["items"]] == [1, 0]
    assert (await client.get(f"/returns/{found['id']}", headers=buyer.headers)).json() == found


async def test_what_was_not_delivered_cannot_be_sent_back(
    client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk
) -> None:
    order = await buyer.order(K_M=1)
    await desk.staff.bring_to(order["id"], "out_for_delivery")
    body = refused(await ask(buyer, client, asking(order)), 409, "not_returnable")
    assert body["reason"] == "not_delivered"
    await nothing_was_asked(shop, order)


async def test_the_window_counts_from_delivery(client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk) -> None:
    order = await delivered(buyer, desk, K_M=1)
    assert (await buyer.see(order["id"]))["items"][0]["returnable_quantity"] == 1
    await age(shop, order, days=7, seconds=1)
    assert (await buyer.see(order["id"]))["items"][0]["returnable_quantity"] == 0
    refused(await ask(buyer, client, asking(order, reason="defective")), 409, "return_window_closed")
    await nothing_was_asked(shop, order)
    await age(shop, order, days=-1)
    assert (await ask(buyer, client, asking(order))).status_code == 201


async def test_what_is_sold_without_returns_comes_back_only_where_it_is_our_fault(
    client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk
) -> None:
    await make.product(shop, returnable=False, variants=[{"sku": "SOCKS"}])
    order = await delivered(buyer, desk, SOCKS=1)
    body = refused(await ask(buyer, client, asking(order, reason="changed_mind")), 409, "not_returnable")
    assert (body["reason"], body["items"]) == ("not_offered", [order["items"][0]["id"]])
    await nothing_was_asked(shop, order)
    assert (await ask(buyer, client, asking(order, reason="defective"))).status_code == 201


async def test_never_more_than_was_bought_less_what_is_under_way(client: AsyncClient, buyer: Buyer, desk: Desk) -> None:
    order = await delivered(buyer, desk, K_M=3)
    first = await made(buyer, asking(order, 2))
    body = refused(await ask(buyer, client, asking(order, 2)), 409, "not_returnable")
    line = order["items"][0]["id"]
    assert body["reason"] == "none_left"
    assert body["items"] == [{"order_item_id": line, "requested": 2, "returnable": 1}]
    await client.post(f"{first}/cancel", json={}, headers=buyer.headers)
    assert (await ask(buyer, client, asking(order, 3))).status_code == 201


@pytest.mark.parametrize("quantity", [0, -1, "1", 1.5, True, 1001])
async def test_a_quantity_is_a_number_of_pieces(
    quantity: object, client: AsyncClient, buyer: Buyer, desk: Desk, shop: Shop
) -> None:
    order = await delivered(buyer, desk, K_M=1)
    body = asking(order)
    body["items"][0]["quantity"] = quantity
    refused(await ask(buyer, client, body), 422, "validation_error")
    await nothing_was_asked(shop, order)


async def test_lines_are_looked_for_in_ones_own_order_alone(
    client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk
) -> None:
    order = await delivered(buyer, desk, K_M=1)
    other = Buyer(client, shop, await make.person(shop))
    theirs = await delivered(other, desk, K_L=1)
    answers = []
    for order_id, line in (
        (theirs["id"], theirs["items"][0]["id"]),  # somebody else's order
        (NOWHERE, order["items"][0]["id"]),
        (order["id"], theirs["items"][0]["id"]),  # somebody else's line in one's own
        (order["id"], NOWHERE),
    ):
        body = {"order_id": order_id, "items": [{"order_item_id": line, "quantity": 1}], "reason": "other"}
        answers.append(refused(await ask(buyer, client, body), 404, "not_found"))
    assert len({str({**one, "request_id": ""}) for one in answers}) == 1
    await nothing_was_asked(shop, order)
    await nothing_was_asked(shop, theirs)


async def test_a_line_is_named_once(client: AsyncClient, buyer: Buyer, desk: Desk, shop: Shop) -> None:
    order = await delivered(buyer, desk, K_M=2)
    body = asking(order, 1)
    body["items"] *= 2
    refused(await ask(buyer, client, body), 422, "validation_error")
    await nothing_was_asked(shop, order)


async def test_the_same_key_asks_once(client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk) -> None:
    order = await delivered(buyer, desk, K_M=3)
    first = await ask(buyer, client, asking(order, 1), **{"idempotency-key": "one"})
    again = await ask(buyer, client, asking(order, 1), **{"idempotency-key": "one"})
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    refused(await ask(buyer, client, asking(order, 2), **{"idempotency-key": "one"}), 422, "idempotency_key_reused")
    assert await shop.store.returns.count({}) == 1


async def test_a_refused_request_leaves_its_key_free(client: AsyncClient, buyer: Buyer, desk: Desk) -> None:
    order = await buyer.order(K_M=1)
    key = {"idempotency-key": "two"}
    assert (await ask(buyer, client, asking(order), **key)).status_code == 409
    await desk.staff.bring_to(order["id"], "delivered")
    assert (await ask(buyer, client, asking(order), **key)).status_code == 201


async def test_staff_ask_for_the_buyer(client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk) -> None:
    order = await delivered(buyer, desk, K_M=1)
    answer = await ask(desk.staff.person, client, asking(order))
    assert answer.status_code == 201, answer.text
    assert answer.json()["user_id"] == str(buyer.person.user.id)
    assert answer.json()["status_history"][0]["by"] == str(desk.staff.person.user.id)
    assert (await client.get("/returns", headers=buyer.headers)).json()["total"] == 1


async def test_what_a_guest_bought_comes_back_by_staff_and_not_as_store_credit(
    client: AsyncClient, shop: Shop, desk: Desk
) -> None:
    token = (await client.get("/cart")).headers["x-cart-token"]
    product = await make.product(shop, variants=[{"sku": "G-M"}])
    line = {"product_id": str(product.id), "sku": "G-M", "quantity": 1}
    await client.post("/cart/add", json=line, headers={"x-cart-token": token})
    body = {**make.COD, "email": "guest@example.com"}
    client.cookies.clear()
    order = (await client.post("/checkout", json=body, headers={"x-cart-token": token})).json()["order"]
    await desk.staff.bring_to(order["id"], "delivered")
    client.cookies.clear()
    assert (await client.post("/returns", json=asking(order))).status_code == 401
    refused(await ask(desk.staff.person, client, asking(order, refund_to="original")), 422, "validation_error")
    refused(await ask(desk.staff.person, client, asking(order)), 422, "validation_error")
    refused(await ask(desk.staff.person, client, asking(order, refund_to="store_credit")), 422, "validation_error")
    answer = await ask(desk.staff.person, client, asking(order, refund_to="Asha@okbank"))
    assert (answer.status_code, answer.json()["refund_to"]) == (201, "asha@okbank")


@pytest.mark.parametrize("to", ["exchange", "upi", "a@", "asha@@ok", "asha @okbank", ""])
async def test_money_goes_only_where_it_can(to: str, client: AsyncClient, buyer: Buyer, desk: Desk) -> None:
    order = await delivered(buyer, desk, K_M=1)
    refused(await ask(buyer, client, asking(order, refund_to=to)), 422, "validation_error")


async def test_photos_are_ones_own_and_nobody_else_sees_them(
    client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk, staff: make.Person
) -> None:
    order = await delivered(buyer, desk, K_M=2)
    other = await make.person(shop)
    mine = await upload(client, buyer.person, picture())
    theirs = await upload(client, other, picture())
    for photos in ([theirs.json()["id"]], [NOWHERE], [mine.json()["id"]] * 2):
        refused(await ask(buyer, client, asking(order, 1, image_ids=photos)), 422, "validation_error")
    await nothing_was_asked(shop, order)
    found = await ask(buyer, client, asking(order, 1, image_ids=[mine.json()["id"]]))
    assert found.json()["image_ids"] == [mine.json()["id"]]
    seen = {
        who: (await client.get(file_path(mine), headers=headers)).status_code
        for who, headers in (("owner", buyer.headers), ("staff", staff.headers), ("other", other.headers), ("all", {}))
    }
    assert seen == {"owner": 200, "staff": 200, "other": 404, "all": 404}
    refused(await client.delete(file_path(mine), headers=buyer.headers), 409, "in_use")


async def test_a_picture_of_staff_is_no_longer_everybodys(
    client: AsyncClient, buyer: Buyer, desk: Desk, staff: make.Person
) -> None:
    order = await delivered(buyer, desk, K_M=1)
    sent = await upload(client, staff, picture())
    assert (await client.get(file_path(sent))).status_code == 200
    answer = await ask(staff, client, asking(order, image_ids=[sent.json()["id"]]))
    assert answer.status_code == 201
    assert (await client.get(file_path(sent))).status_code == 404


async def test_twenty_ask_for_the_last_piece_and_one_has_it(client: AsyncClient, buyer: Buyer, desk: Desk) -> None:
    order = await delivered(buyer, desk, K_M=1)
    answers = await asyncio.gather(*(patiently(ask, buyer, client, asking(order)) for _ in range(20)))
    assert Counter(one.status_code for one in answers) == {201: 1, 409: 19}
    assert {one.json().get("code") for one in answers} == {None, "not_returnable"}
    row = await buyer.shop.store.orders.get(ObjectId(order["id"]))
    assert row.items[0].returned_quantity == 1
    assert await buyer.shop.store.returns.count({}) == 1
    assert await buyer.shop.store.outbox.count({"topic": "mail.return_status"}) == 1


async def test_without_the_guard_more_than_one_has_the_last_piece(
    client: AsyncClient, buyer: Buyer, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await delivered(buyer, desk, K_M=1)

    async def unguarded(self: Orders, found: Any, field: str, pieces: dict[ObjectId, int]) -> Any:
        counted = {f"items.{at}.{field}": pieces.get(one.id, 0) for at, one in enumerate(found.items)}
        return await self.change(found.id, {"$inc": counted})

    with monkeypatch.context() as off:
        off.setattr(Orders, "count_pieces", unguarded)
        off.setattr(worth, "asked_for", lambda *_: 0)  # which would refuse to reckon with more than there are
        answers = await asyncio.gather(*(ask(buyer, client, asking(order)) for _ in range(5)))
    assert Counter(one.status_code for one in answers)[201] > 1
    await buyer.shop.store.returns.unwatched.delete_many({})  # the books of this test alone are not in order
    await buyer.shop.store.orders.unwatched.update_one(
        {"_id": ObjectId(order["id"])}, {"$set": {"items.0.returned_quantity": 0}}
    )
