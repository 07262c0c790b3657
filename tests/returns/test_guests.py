"""Guests send goods of their one order back by its token, and reach nothing else."""

from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Buyer, refused
from tests.returns.returning import NOWHERE, Desk, asking, delivered, made, stock
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books", "kurta")
UPI = {"refund_to": "asha@okbank"}


async def bought(client: AsyncClient, shop: Shop, desk: Desk, count: int = 2) -> tuple[dict[str, Any], dict[str, str]]:
    """A guest's order that was delivered, and the header that opens it."""
    product = await shop.store.products.first({"variants.sku": "K-M"})
    assert product is not None
    line = {"product_id": str(product.id), "sku": "K-M", "quantity": count}
    added = await client.post("/cart/add", json=line)
    client.cookies.clear()
    cart = {"x-cart-token": added.headers["x-cart-token"]}
    placed = await client.post("/checkout", json={**make.COD, "email": "guest@example.com"}, headers=cart)
    client.cookies.clear()
    assert placed.status_code == 201, placed.text
    order: dict[str, Any] = placed.json()["order"]
    await desk.staff.bring_to(order["id"], "delivered")
    return order, {"x-order-token": shop.keys.tokens.order(ObjectId(order["id"]))}


@pytest.mark.parametrize("new", [None, "K-L"])
async def test_a_guest_asks_looks_writes_and_calls_off(
    new: str | None, client: AsyncClient, shop: Shop, desk: Desk
) -> None:
    order, token = await bought(client, shop, desk)
    kind = "exchanges" if new else "returns"
    answer = await client.post(f"/{kind}", json=asking(order, 1, new=new, **UPI), headers=token)
    assert answer.status_code == 201, answer.text
    found, path = answer.json(), f"/{kind}/{answer.json()['id']}"
    assert (found["user_id"], found["status_history"][0]["by"]) == (None, "guest")
    assert (await client.get(path, headers=token)).json() == found
    assert [one["id"] for one in (await client.get(f"/{kind}", headers=token)).json()["items"]] == [found["id"]]
    changed = await client.patch(path, json={"comment": "Tight."}, headers=token)
    assert changed.json()["comment"] == "Tight."
    await desk.bring_to(path, "approved")
    off = await client.post(f"{path}/cancel", json={}, headers=token)
    assert (off.json()["status"], off.json()["status_history"][-1]["by"]) == ("cancelled", "guest")
    assert await stock(shop, "K-M", "K-L") == {"K-M": (8, 0), "K-L": (10, 0)}


async def test_the_money_of_a_guest_goes_where_they_said(client: AsyncClient, shop: Shop, desk: Desk) -> None:
    order, token = await bought(client, shop, desk)
    for to in ({}, {"refund_to": "original"}, {"refund_to": "store_credit"}):
        refused(await client.post("/returns", json=asking(order, **to), headers=token), 422, "validation_error")
    assert await shop.store.returns.count({}) == 0
    path = f"/returns/{(await client.post('/returns', json=asking(order, **UPI), headers=token)).json()['id']}"
    done = await desk.bring_to(path, "completed")
    assert (done["refund_amount"], done["refund_to"]) == ("2998.00", "asha@okbank")
    [payment] = await shop.store.payments.of_order(ObjectId(order["id"]))
    assert [(one.to, one.state) for one in payment.ledger][1:] == [("asha@okbank", "pending")]


async def test_a_token_opens_the_returns_of_its_own_order_alone(
    client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk
) -> None:
    mine, token = await bought(client, shop, desk)
    other, their_token = await bought(client, shop, desk)
    theirs = (await client.post("/returns", json=asking(other, 1, **UPI), headers=their_token)).json()["id"]
    account = await delivered(buyer, desk, K_M=1)
    of_account = (await made(buyer, asking(account))).rpartition("/")[2]
    for order in (other, account):
        refused(await client.post("/returns", json=asking(order, 1, **UPI), headers=token), 404, "not_found")
    crossed = {**asking(other, 1, **UPI), "order_id": mine["id"]}
    refused(await client.post("/returns", json=crossed, headers=token), 404, "not_found")
    for key in (theirs, of_account, NOWHERE):
        refused(await client.get(f"/returns/{key}", headers=token), 404, "not_found")
        refused(await client.put(f"/returns/{key}", json={"comment": "x"}, headers=token), 404, "not_found")
        refused(await client.post(f"/returns/{key}/cancel", json={}, headers=token), 404, "not_found")
        assert (await client.get("/returns", params={"order_id": other["id"]}, headers=token)).json()["total"] == 0
    own = (await client.post("/returns", json=asking(mine, 1, **UPI), headers=token)).json()["id"]
    refused(
        await client.put(f"/returns/{own}/status", json={"status": "approved"}, headers=token), 401, "token_invalid"
    )
    refused(await client.delete(f"/returns/{own}", headers=token), 401, "token_invalid")
    bad = {"x-order-token": "not.a.token"}
    refused(await client.get(f"/returns/{own}", headers=bad), 401, "token_invalid")
    # The token of an order that has a buyer with an account opens nothing: they sign in.
    wrong = {"x-order-token": shop.keys.tokens.order(ObjectId(account["id"]))}
    refused(await client.get(f"/returns/{of_account}", headers=wrong), 404, "not_found")
    refused(await client.post("/returns", json=asking(account), headers=wrong), 404, "not_found")


async def test_two_guests_may_use_the_same_key(client: AsyncClient, shop: Shop, desk: Desk) -> None:
    made_of = []
    for _ in range(2):
        order, token = await bought(client, shop, desk)
        sent = {**token, "idempotency-key": "one"}
        first = await client.post("/returns", json=asking(order, 1, **UPI), headers=sent)
        again = await client.post("/returns", json=asking(order, 1, **UPI), headers=sent)
        assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
        made_of.append(first.json()["order_id"])
    assert len(set(made_of)) == 2
    assert await shop.store.returns.count({}) == 2


async def test_a_guest_has_no_pictures_to_show(client: AsyncClient, shop: Shop, desk: Desk) -> None:
    order, token = await bought(client, shop, desk)
    body = asking(order, 1, image_ids=[NOWHERE], **UPI)
    refused(await client.post("/returns", json=body, headers=token), 422, "validation_error")
