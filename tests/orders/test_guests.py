"""A guest from the cart to the credit note, by the token of the order alone."""

from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Staff, refused
from tests.post import Post
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")
EMAIL = "guest@example.com"
UTR = "412345678901"


class Guest:
    """Somebody without an account, and what they hold."""

    def __init__(self, client: AsyncClient, post: Post, order: dict[str, Any]) -> None:
        self.client, self.post, self.order = client, post, order
        self.path = f"/orders/{order['id']}"
        self.token: dict[str, str] = {}

    async def open(self) -> None:
        """Number and address, a code by mail, and the token."""
        asked = {"number": self.order["number"], "email": EMAIL}
        assert (await self.client.post("/orders/lookup", json=asked)).status_code == 202
        sent = {**asked, "code": await self.post.code(EMAIL)}
        answer = await self.client.post("/orders/lookup/verify", json=sent)
        assert answer.status_code == 200, answer.text
        self.token = {"x-order-token": answer.json()["lookup_token"]}

    async def get(self, path: str = "", **headers: str) -> Any:
        return await self.client.get(self.path + path, headers={**self.token, **headers})

    async def post_(self, path: str, body: dict[str, Any], **headers: str) -> Any:
        return await self.client.post(self.path + path, json=body, headers={**self.token, **headers})


@pytest.fixture
def packer(client: AsyncClient, staff: make.Person) -> Staff:
    return Staff(client, staff)


async def bought(client: AsyncClient, post: Post, product_id: ObjectId, kind: str, **payment: Any) -> Guest:
    added = await client.post("/cart/add", json={"product_id": str(product_id), "quantity": 2})
    client.cookies.clear()
    body = {**make.COD, "email": EMAIL, "payment": {"type": kind, **payment}}
    placed = await client.post("/checkout", json=body, headers={"x-cart-token": added.headers["x-cart-token"]})
    client.cookies.clear()
    assert placed.status_code == 201, placed.text
    guest = Guest(client, post, placed.json()["order"])
    await guest.open()
    return guest


@pytest.fixture
async def product(shop: Shop) -> ObjectId:
    return (await make.product(shop, variants=[{"sku": "A"}], stock=9)).id


async def test_declined_then_paid_by_upi_with_an_invoice_and_a_credit_note(
    client: AsyncClient, shop: Shop, post: Post, product: ObjectId, packer: Staff
) -> None:
    guest = await bought(client, post, product, "sandbox", scenario="decline")
    assert (guest.order["status"], guest.order["payment"]["status"]) == ("placed", "failed")
    key = {"idempotency-key": "again"}
    tried = await guest.post_("/pay", {"payment": {"type": "upi"}}, **key)
    assert (tried.status_code, tried.json()["payment"]["type"]) == (200, "upi"), tried.text
    assert tried.json()["payment"]["action"]["link"].startswith("upi://pay?")
    again = await guest.post_("/pay", {"payment": {"type": "upi"}}, **key)
    assert (again.content, again.headers["idempotency-replayed"]) == (tried.content, "true")
    picture = tried.json()["payment"]["action"]["qr_svg"].removeprefix("http://test/api/v1")
    assert (await client.get(picture)).content.startswith(b"<?xml")
    paid = f"/payments/{tried.json()['payment']['id']}/confirm"
    assert (await client.post(paid, json={"reference": UTR}, headers=packer.person.headers)).status_code == 200
    assert (await guest.get()).json()["status"] == "confirmed"
    refused(await guest.post_("/pay", {"payment": {"type": "upi"}}), 409, "invalid_transition")

    refused(await guest.get("/invoice"), 409, "invoice_not_issued")
    assert (await guest.get("/credit-notes")).json() == {"items": [], "last_day": None}
    await packer.move(guest.order["id"], "packed")
    invoice = (await guest.get("/invoice", accept="application/json")).json()
    assert (invoice["order_id"], invoice["totals"]["total"]) == (guest.order["id"], guest.order["total"])
    paper = await guest.get("/invoice")
    assert (paper.status_code, paper.content[:5]) == (200, b"%PDF-")
    assert paper.headers["vary"].startswith("Accept, Authorization, X-Order-Token")
    back = {"amount": "100.00", "reason": "A loose thread"}
    await client.post(f"{guest.path}/refund", json=back, headers=packer.person.headers)
    [note] = (await guest.get("/credit-notes")).json()["items"]
    assert (note["invoice_number"], note["totals"]["total"]) == (invoice["number"], "100.00")
    assert (await guest.get(f"/credit-notes/{note['id']}")).content.startswith(b"%PDF-")
    [refund] = (await guest.get("/refunds")).json()["items"]
    assert (refund["amount"], refund["state"], refund["to"]) == ("100.00", "pending", "original")

    off = await guest.post_("/cancel", {"reason": "No more"})
    assert (off.json()["status"], off.json()["amount_refunded"]) == ("cancelled", "2998.00")
    notes = (await guest.get("/credit-notes")).json()["items"]
    assert [(one["cause"], one["totals"]["total"]) for one in notes] == [("refund", "100.00"), ("reversal", "2898.00")]
    refused(await guest.post_("/cancel", {"reason": "No more"}), 409, "invalid_transition")
    assert await shop.store.stock.available(["A"]) == {"A": 9}


async def test_a_return_paid_out_by_upi(
    client: AsyncClient, shop: Shop, post: Post, product: ObjectId, packer: Staff
) -> None:
    guest = await bought(client, post, product, "cod")
    await packer.bring_to(guest.order["id"], "delivered")
    line = (await guest.get()).json()["items"][0]
    body = {
        "order_id": guest.order["id"],
        "items": [{"order_item_id": line["id"], "quantity": 1}],
        "reason": "too_small",
        "refund_to": "asha@okbank",
    }
    asked = await client.post("/returns", json=body, headers=guest.token)
    assert asked.status_code == 201, asked.text
    path = f"/returns/{asked.json()['id']}"
    for step in ("approved", "picked_up", "received", "completed"):
        moved = await client.put(f"{path}/status", json={"status": step}, headers=packer.person.headers)
        assert moved.status_code == 200, moved.text
    [refund] = (await guest.get("/refunds")).json()["items"]
    assert (refund["to"], refund["state"], refund["amount"]) == ("asha@okbank", "pending", "1499.00")
    [note] = (await guest.get("/credit-notes")).json()["items"]
    assert note["totals"]["total"] == "1499.00"
    assert (await client.get(path, headers=guest.token)).json()["status"] == "completed"
    assert await shop.store.stock.available(["A"]) == {"A": 8}


async def test_the_papers_of_another_order_are_not_there(
    client: AsyncClient, shop: Shop, post: Post, product: ObjectId, packer: Staff, shopper: make.Person
) -> None:
    mine, other = await bought(client, post, product, "cod"), await bought(client, post, product, "upi")
    await make.cart(shop, shopper, {"A": 1})
    account = (await client.post("/checkout", json=make.COD, headers=shopper.headers)).json()["order_id"]
    await packer.move(mine.order["id"], "packed")
    await packer.move(account, "packed")
    for key in (other.order["id"], account, "65af0b12c4a1d2e3f4a5b6c7"):
        for path in ("/invoice", "/credit-notes", f"/credit-notes/{mine.order['id']}", "/refunds"):
            answer = await client.get(f"/orders/{key}{path}", headers=mine.token)
            refused(answer, 404, "not_found")
        pay = await client.post(f"/orders/{key}/pay", json={"payment": {"type": "cod"}}, headers=mine.token)
        refused(pay, 404, "not_found")
    for path in ("/invoice", "/credit-notes", "/refunds"):
        assert (await client.get(f"/orders/{mine.order['id']}{path}")).status_code == 401
    assert (await other.get()).json()["status"] == "placed"
