"""Giving money of delivered orders back: how much, of what, where to, and how often."""

import asyncio
from collections import Counter
from functools import partial
from typing import Any, ClassVar

import pytest
from bson import ObjectId
from httpx import AsyncClient, Response

from tests import make
from tests.mail.test_writing import text_of
from tests.orders.buying import Buyer, Staff, refused, settle
from tests.payments.refunding import WHY, Cashier, balance, insist
from tests.post import Post
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")
VPA = "asha.rao@okbank"


def line(order: dict[str, Any], sku: str, quantity: int) -> dict[str, Any]:
    return {"order_item_id": next(one["id"] for one in order["items"] if one["sku"] == sku), "quantity": quantity}


async def test_cash_becomes_store_credit_at_once(
    delivered: dict[str, Any], cashier: Cashier, buyer: Buyer, shop: Shop
) -> None:
    order = await cashier.refund(delivered["id"], amount="250.00")
    assert (order["amount_paid"], order["amount_refunded"], order["status"]) == ("4996.00", "250.00", "delivered")
    assert order["payment"]["status"] == "partially_refunded"
    [refund] = await cashier.refunds(order["id"])
    assert (refund["amount"], refund["asked"], refund["state"], refund["to"]) == (
        *("250.00", "250.00", "done", "store_credit"),
    )
    page = (await buyer.client.get("/store-credit", headers=buyer.headers)).json()
    assert (page["balance"], page["total"], page["currency"]) == ("250.00", 1, "INR")
    [row] = page["items"]
    assert (row["delta"], row["balance_after"], row["cause"], row["order_id"]) == (
        *("250.00", "250.00", "refund", order["id"]),
    )
    assert await shop.store.outbox.count({"topic": "mail.refund_paid"}) == 1
    assert await shop.store.outbox.count({"topic": {"$in": ["mail.refund_issued", "payment.refund"]}}) == 0


async def test_partial_refunds_go_on_until_everything_is_back(delivered: dict[str, Any], cashier: Cashier) -> None:
    for back in ("1000.00", "2000.00"):
        order = await cashier.refund(delivered["id"], amount=back)
    assert (order["amount_refunded"], order["payment"]["status"]) == ("3000.00", "partially_refunded")
    refused(await cashier.ask(order["id"], amount="1996.01"), 409, "refund_exceeds_captured")
    order = await cashier.refund(order["id"], amount="1996.00")
    assert (order["amount_refunded"], order["payment"]["status"]) == ("4996.00", "refunded")
    refused(await cashier.ask(order["id"], amount="0.01"), 409, "refund_exceeds_captured")
    refused(await cashier.ask(order["id"]), 409, "refund_exceeds_captured")
    assert len(await cashier.refunds(order["id"])) == 3


async def test_with_neither_amount_nor_items_all_that_is_left_goes_back(
    delivered: dict[str, Any], cashier: Cashier, buyer: Buyer, shop: Shop
) -> None:
    await cashier.refund(delivered["id"], items=[line(delivered, "K-M", 1)])
    order = await cashier.refund(delivered["id"])
    assert (order["amount_refunded"], order["payment"]["status"]) == ("4996.00", "refunded")
    assert await balance(buyer.client, buyer.person) == "4996.00"
    kept = await shop.store.orders.get(ObjectId(order["id"]))
    assert [one.refunded_quantity for one in kept.items] == [one.quantity for one in kept.items]
    refused(await cashier.ask(order["id"], items=[line(delivered, "S-1", 1)]), 409, "refund_exceeds_captured")


async def test_pieces_give_back_what_was_paid_for_them(delivered: dict[str, Any], cashier: Cashier, shop: Shop) -> None:
    order = await cashier.refund(delivered["id"], items=[line(delivered, "K-M", 2), line(delivered, "S-1", 1)])
    assert order["amount_refunded"] == "3497.00"
    refused(await cashier.ask(order["id"], items=[line(delivered, "K-M", 2)]), 409, "refund_exceeds_captured")
    kept = await shop.store.orders.get(ObjectId(order["id"]))
    assert {one.sku: one.refunded_quantity for one in kept.items} == {"K-M": 2, "S-1": 1}
    order = await cashier.refund(order["id"], items=[line(delivered, "K-M", 1)])
    assert order["amount_refunded"] == "4996.00"
    assert await shop.store.stock.available(["K-M", "S-1"]) == {"K-M": 6, "S-1": 8}  # money went, no goods came


async def test_a_refund_of_pieces_that_is_too_much_counts_no_pieces(
    delivered: dict[str, Any], cashier: Cashier, shop: Shop
) -> None:
    await cashier.refund(delivered["id"], amount="4000.00")
    refused(await cashier.ask(delivered["id"], items=[line(delivered, "K-M", 1)]), 409, "refund_exceeds_captured")
    kept = await shop.store.orders.get(ObjectId(delivered["id"]))
    assert [one.refunded_quantity for one in kept.items] == [0, 0]
    assert (kept.amount_refunded, len(kept.given_back)) == (400000, 1)


@pytest.mark.parametrize(
    "body",
    [
        {"amount": "0"},
        {"amount": "-1.00"},
        {"amount": "1.001"},
        {"amount": "1.00", "items": [{"order_item_id": "65af0b12c4a1d2e3f4a5b6c7", "quantity": 1}]},
        {"items": []},
        {"items": [{"order_item_id": "65af0b12c4a1d2e3f4a5b6c7", "quantity": 1}]},
        {"items": [{"order_item_id": "65af0b12c4a1d2e3f4a5b6c7", "quantity": 0}]},
        {"reason": ""},
        {"reason": None},
        {"refund_to": "exchange"},
        {"refund_to": "cash"},
        {"refund_to": "@okbank"},
        {"to": "original"},
    ],
    ids=str,
)
async def test_a_malformed_refund_changes_nothing(
    delivered: dict[str, Any], cashier: Cashier, buyer: Buyer, body: dict[str, Any]
) -> None:
    refused(await cashier.ask(delivered["id"], **body), 422, "validation_error")
    assert await buyer.see(delivered["id"]) == delivered
    assert await cashier.refunds(delivered["id"]) == []


async def test_the_same_line_twice_is_refused(delivered: dict[str, Any], cashier: Cashier) -> None:
    one = line(delivered, "K-M", 1)
    refused(await cashier.ask(delivered["id"], items=[one, one]), 422, "validation_error")


async def test_what_was_never_paid_cannot_go_back(buyer: Buyer, cashier: Cashier, shop: Shop) -> None:
    await make.product(shop, variants=[{"sku": "A"}])
    order = await buyer.order(A=1)
    for body in ({"amount": "1.00"}, {"items": [line(order, "A", 1)]}, {}):
        refused(await cashier.ask(order["id"], **body), 409, "refund_exceeds_captured")
    assert await buyer.see(order["id"]) == order


async def test_the_mails_say_what_goes_back_and_where_to(
    delivered: dict[str, Any], cashier: Cashier, buyer: Buyer, admin: make.Person, post: Post
) -> None:
    await cashier.refund(delivered["id"], amount="250.00")
    await cashier.refund(delivered["id"], amount="300.00", refund_to=VPA)
    pending = (await cashier.refunds(delivered["id"]))[-1]
    await cashier.settle(pending, "fail", reason="The bank knows no such address")
    mails = [text_of(one) for one in await post.of(buyer.person.user.email)]
    assert sum("₹250.00" in one and "store credit" in one for one in mails) == 1
    assert sum("₹300.00" in one and VPA in one and "We write again" in one for one in mails) == 1
    [told] = [text_of(one) for one in await post.of(admin.user.email)]
    assert "₹300.00" in told
    assert "The bank knows no such address" in told


class TestUpi:
    async def test_it_waits_until_staff_have_paid_it_out(
        self, delivered: dict[str, Any], cashier: Cashier, buyer: Buyer, shop: Shop
    ) -> None:
        order = await cashier.refund(delivered["id"], amount="250.00", refund_to="Asha.Rao@okbank")
        assert order["amount_refunded"] == "250.00"
        [refund] = await cashier.refunds(order["id"])
        assert (refund["state"], refund["to"], refund["reference"]) == ("pending", VPA, None)
        assert await balance(buyer.client, buyer.person) == "0.00"
        assert await shop.store.outbox.count({"topic": "mail.refund_issued"}) == 1
        assert await shop.store.outbox.count({"topic": {"$in": ["mail.refund_paid", "payment.refund"]}}) == 0

        done = await cashier.settle(refund, "confirm", reference="632514870921")
        assert (done.status_code, done.json()["state"], done.json()["reference"]) == (200, "done", "632514870921")
        again = await cashier.settle(refund, "confirm", reference="632514870921")
        assert (again.status_code, again.json()) == (200, done.json())
        refused(await cashier.settle(refund, "confirm", reference="632514870922"), 409, "invalid_transition")
        refused(await cashier.settle(refund, "fail", reason="no"), 409, "invalid_transition")
        assert await shop.store.outbox.count({"topic": "mail.refund_paid"}) == 1

    async def test_one_that_fails_can_be_sent_elsewhere_once(
        self, delivered: dict[str, Any], cashier: Cashier, buyer: Buyer, shop: Shop
    ) -> None:
        await cashier.refund(delivered["id"], items=[line(delivered, "K-M", 1)], refund_to=VPA)
        [refund] = await cashier.refunds(delivered["id"])
        refused(await cashier.settle(refund, "retry"), 409, "invalid_transition")
        failed = await cashier.settle(refund, "fail", reason="The bank knows no such address")
        assert (failed.json()["state"], failed.json()["amount"], failed.json()["asked"]) == (
            *("failed", "0.00", "1499.00"),
        )
        order = await buyer.see(delivered["id"])
        assert (order["amount_refunded"], order["payment"]["status"]) == ("0.00", "paid")
        assert await shop.store.outbox.count({"topic": "mail.refund_trouble"}) == 1  # the one admin
        for _ in range(2):
            again = await cashier.settle(refund, "retry", refund_to="store_credit")
            assert (again.status_code, again.json()["amount_refunded"]) == (200, "1499.00"), again.text
        assert await balance(buyer.client, buyer.person) == "1499.00"
        assert [(one["state"], one["amount"]) for one in await cashier.refunds(order["id"])] == [
            ("failed", "0.00"),
            ("done", "1499.00"),
        ]

    async def test_twenty_confirmations_at_once_are_one(
        self, delivered: dict[str, Any], cashier: Cashier, shop: Shop
    ) -> None:
        await cashier.refund(delivered["id"], amount="250.00", refund_to=VPA)
        [refund] = await cashier.refunds(delivered["id"])
        answers = await asyncio.gather(
            *(insist(partial(cashier.settle, refund, "confirm", reference=f"{number:012}")) for number in range(20))
        )
        assert Counter(one.status_code for one in answers) == {200: 1, 409: 19}
        assert await shop.store.outbox.count({"topic": "mail.refund_paid"}) == 1


class TestGuests:
    @pytest.fixture
    async def theirs(self, client: AsyncClient, shop: Shop, packer: Staff) -> dict[str, Any]:
        await make.product(shop, variants=[{"sku": "A"}])
        token = {"x-cart-token": "guest-token-0123456789-0123456789-01"}
        product = next(iter(await shop.store.products.by_skus(["A"])))
        added = await client.post("/cart/add", json={"product_id": str(product.id), "sku": "A"}, headers=token)
        headers = {"x-cart-token": added.headers["x-cart-token"]}
        placed = await client.post("/checkout", json={**make.COD, "email": "guest@example.com"}, headers=headers)
        assert placed.status_code == 201, placed.text
        order: dict[str, Any] = placed.json()["order"]
        await packer.bring_to(order["id"], "delivered")
        return order

    @pytest.mark.parametrize("to", [None, "original", "store_credit"])
    async def test_they_have_no_store_credit(
        self, theirs: dict[str, Any], cashier: Cashier, shop: Shop, to: str | None
    ) -> None:
        body = refused(await cashier.ask(theirs["id"], refund_to=to), 422, "validation_error")
        assert body["errors"][0]["loc"] == ["body", "refund_to"]
        assert await cashier.refunds(theirs["id"]) == []
        assert await shop.store.credit_balances.count({}) == 0

    async def test_they_are_paid_by_upi(self, theirs: dict[str, Any], cashier: Cashier) -> None:
        await cashier.refund(theirs["id"], refund_to=VPA)
        [refund] = await cashier.refunds(theirs["id"])
        assert (refund["to"], refund["state"], refund["amount"]) == (VPA, "pending", "1499.00")


class TestOnce:
    KEY: ClassVar = {"idempotency-key": "refund-1"}

    async def test_twenty_at_once_under_one_key_are_one(
        self, delivered: dict[str, Any], cashier: Cashier, buyer: Buyer
    ) -> None:
        answers = await asyncio.gather(*(cashier.ask(delivered["id"], self.KEY, amount="100.00") for _ in range(20)))
        assert {one.status_code for one in answers} <= {200, 409}
        assert {one.json().get("code") for one in answers} <= {None, "idempotency_in_progress"}
        assert len({one.content for one in answers if one.status_code == 200}) == 1
        again = await cashier.ask(delivered["id"], self.KEY, amount="100.00")
        assert (again.status_code, again.headers["idempotency-replayed"]) == (200, "true")
        assert await balance(buyer.client, buyer.person) == "100.00"
        assert len(await cashier.refunds(delivered["id"])) == 1

    async def test_twenty_at_once_under_twenty_keys_never_exceed_what_was_paid(
        self, delivered: dict[str, Any], cashier: Cashier, buyer: Buyer, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """4996.00 holds nine refunds of 500.00."""
        settle(monkeypatch, shop, idempotency_lease_seconds=1)

        async def ask(number: int) -> Response:
            key = {"idempotency-key": f"k{number}"}
            return await insist(lambda: cashier.ask(delivered["id"], key, amount="500.00"))

        answers = await asyncio.gather(*(ask(number) for number in range(20)))
        assert Counter(one.status_code for one in answers) == {200: 9, 409: 11}
        assert {one.json().get("code") for one in answers} == {None, "refund_exceeds_captured"}
        assert (await buyer.see(delivered["id"]))["amount_refunded"] == "4500.00"
        assert await balance(buyer.client, buyer.person) == "4500.00"
        assert await shop.store.outbox.count({"topic": "mail.refund_paid"}) == 9

    async def test_twenty_refunds_of_one_piece_are_one(
        self, delivered: dict[str, Any], cashier: Cashier, buyer: Buyer
    ) -> None:
        pieces = [line(delivered, "S-1", 1)]
        answers = await asyncio.gather(
            *(insist(partial(cashier.ask, delivered["id"], items=pieces)) for _ in range(20))
        )
        assert Counter(one.status_code for one in answers) == {200: 1, 409: 19}
        assert await balance(buyer.client, buyer.person) == "499.00"

    async def test_the_key_is_of_one_order(
        self, delivered: dict[str, Any], cashier: Cashier, buyer: Buyer, packer: Staff
    ) -> None:
        other = await buyer.order(K_M=1)
        await packer.bring_to(other["id"], "delivered")
        await cashier.ask(delivered["id"], self.KEY, amount="100.00")
        refused(await cashier.ask(other["id"], self.KEY, amount="100.00"), 422, "idempotency_key_reused")
        refused(await cashier.ask(delivered["id"], self.KEY, amount="101.00"), 422, "idempotency_key_reused")
        assert await balance(buyer.client, buyer.person) == "100.00"


async def test_who_may(
    delivered: dict[str, Any], client: AsyncClient, shop: Shop, buyer: Buyer, vendor: make.Person
) -> None:
    path = f"/orders/{delivered['id']}/refund"
    for who in (buyer.person, vendor):
        refused(await client.post(path, json=WHY, headers=who.headers), 403, "forbidden")
    stranger = await make.person(shop)
    seen = await client.get(f"{path}s", headers=stranger.headers)
    refused(seen, 404, "not_found")
    assert (await client.get(f"{path}s", headers=buyer.headers)).json() == {"items": []}
