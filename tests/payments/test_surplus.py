"""Money that came when its order could not take it, and does not arrive where it goes back to."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from httpx import AsyncClient

from tests import make
from tests.orders.buying import refused
from tests.payments.paying import Till
from tests.payments.refunding import Cashier, balance, insist
from truestyle.orders import expiring
from truestyle.payments import repaying
from truestyle.payments.refunding import REPAY
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")
WHY = {"reason": "The bank knows no such account"}


@pytest.fixture
async def order(till: Till) -> dict[str, Any]:
    """Called off, and paid after that: 2998.00 wait to be paid out by staff."""
    order = await till.order("upi")
    await till.cancel(order)
    assert (await till.confirm(order)).json()["surplus"] is True
    return order


def told(refunds: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(one["state"], one["amount"], one["to"]) for one in refunds]


async def waiting(till: Till, state: str) -> list[dict[str, Any]]:
    """What the list for whoever pays out shows."""
    answer = await till.client.get("/payments", params={"refund": state}, headers=till.staff.headers)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_it_did_not_arrive_and_waits_again(order: dict[str, Any], till: Till, cashier: Cashier) -> None:
    [refund] = await cashier.refunds(order["id"])
    assert [one["order_id"] for one in await waiting(till, "pending")] == [order["id"]]
    assert await waiting(till, "failed") == []
    failed = await cashier.settle(refund, "fail", **WHY)
    assert (failed.status_code, failed.json()["state"], failed.json()["asked"]) == (200, "failed", "2998.00")
    found = await cashier.refunds(order["id"])
    assert told(found) == [("failed", "0.00", "original"), ("pending", "2998.00", "original")]
    for act, body in (("fail", WHY), ("confirm", {"reference": "1"}), ("retry", {})):
        again = await cashier.settle(refund, act, **body)
        assert again.status_code == 409, (act, again.text)  # it is over; its successor is what counts
    payment = await till.payment(order)
    assert (payment.status, payment.refunded_amount, payment.surplus) == ("refunded", 299800, True)
    assert (await till.see(order))["amount_refunded"] == "0.00"
    done = await cashier.settle(found[1], "confirm", reference="512345678901")
    assert (done.status_code, done.json()["state"]) == (200, "done")
    refused(await cashier.settle(found[1], "fail", **WHY), 409, "invalid_transition")
    assert told(await cashier.refunds(order["id"]))[1] == ("done", "2998.00", "original")
    assert await waiting(till, "pending") == []
    assert len(await waiting(till, "failed")) == 1
    assert (await till.mails()).count("refund_paid") == 1


async def test_to_another_address_and_then_to_store_credit(order: dict[str, Any], till: Till, cashier: Cashier) -> None:
    [refund] = await cashier.refunds(order["id"])
    assert (await cashier.settle(refund, "fail", **WHY, refund_to="asha@okbank")).status_code == 200
    [_, second] = await cashier.refunds(order["id"])
    assert (second["to"], second["state"]) == ("asha@okbank", "pending")
    assert (await cashier.settle(second, "fail", **WHY, refund_to="store_credit")).status_code == 200
    assert told(await cashier.refunds(order["id"])) == [
        ("failed", "0.00", "original"),
        ("failed", "0.00", "asha@okbank"),
        ("done", "2998.00", "store_credit"),
    ]
    assert await balance(till.client, till.buyer.person) == "2998.00"


async def test_twenty_who_say_so_are_one(order: dict[str, Any], till: Till, cashier: Cashier) -> None:
    [refund] = await cashier.refunds(order["id"])
    body = {**WHY, "refund_to": "store_credit"}
    answers = await asyncio.gather(*(insist(lambda: cashier.settle(refund, "fail", **body)) for _ in range(20)))
    assert Counter(one.status_code for one in answers) == {200: 1, 409: 19}
    assert len(await cashier.refunds(order["id"])) == 2
    assert await balance(till.client, till.buyer.person) == "2998.00"


async def test_what_was_recorded_by_staff_is_paid_out_by_staff(till: Till, shop: Shop, cashier: Cashier) -> None:
    order = await till.order("upi", 5)
    await till.window_over(order)
    await expiring.sweep(shop)
    await till.order("cod", 1)
    body = {"order_id": order["id"], "reference": "TERMINAL-7/12", "type": "card"}
    late = await till.client.post("/payments", json=body, headers=till.staff.headers)
    assert (late.status_code, late.json()["surplus"]) == (201, True), late.text
    await shop.worker.drain()
    # No gateway has anything to do with it, and nobody is mailed that one was away.
    assert await shop.store.outbox.count({"topic": {"$in": ["payment.refund", "mail.refund_trouble"]}}) == 0
    [refund] = await cashier.refunds(order["id"])
    assert (await cashier.settle(refund, "fail", **WHY, refund_to="asha@okbank")).status_code == 200
    assert (await cashier.settle((await cashier.refunds(order["id"]))[1], "fail", **WHY)).status_code == 200
    last = (await cashier.refunds(order["id"]))[2]
    assert (last["to"], last["state"]) == ("asha@okbank", "pending")  # as before
    assert (await cashier.settle(last, "confirm", reference="612345678901")).status_code == 200


async def test_what_is_the_orders_again_goes_by_retry(delivered: dict[str, Any], cashier: Cashier, shop: Shop) -> None:
    await cashier.refund(delivered["id"], amount="100.00", refund_to="asha@okbank")
    [refund] = await cashier.refunds(delivered["id"])
    wrong = await cashier.settle(refund, "fail", **WHY, refund_to="asha@other")
    assert refused(wrong, 422, "validation_error")["errors"][0]["loc"] == ["body", "refund_to"]
    assert told(await cashier.refunds(delivered["id"])) == [("pending", "100.00", "asha@okbank")]
    assert await shop.store.outbox.count({"topic": "mail.refund_trouble"}) == 0


async def test_a_guest_has_no_store_credit(till: Till, client: AsyncClient, shop: Shop, cashier: Cashier) -> None:
    [product] = await shop.store.products.by_skus(["K-M"])
    added = await client.post("/cart/add", json={"product_id": str(product.id)})
    guest = {"x-cart-token": added.headers["x-cart-token"]}
    client.cookies.clear()
    body = {**make.COD, "payment": {"type": "upi"}, "email": "g@example.com"}
    order = (await client.post("/checkout", json=body, headers=guest)).json()["order"]
    await client.post(f"/orders/{order['id']}/cancel", json={"reason": "no"}, headers=till.staff.headers)
    await till.confirm(order)
    [refund] = await cashier.refunds(order["id"])
    wrong = await cashier.settle(refund, "fail", **WHY, refund_to="store_credit")
    assert refused(wrong, 422, "validation_error")["errors"][0]["loc"] == ["body", "refund_to"]
    assert told(await cashier.refunds(order["id"])) == [("pending", "1499.00", "original")]


async def test_what_the_release_before_was_to_send_back_is_sent_back(till: Till, shop: Shop, cashier: Cashier) -> None:
    """It wrote another event, and its worker ended before the gateway was asked."""
    order = await till.sandbox("sold_out")
    await till.window_over(order)
    await expiring.sweep(shop)
    outbox = shop.store.outbox
    await till.due()
    while not (found := await outbox.first({"topic": REPAY})):
        assert await shop.worker._one("payments")  # noqa: SLF001 - until the money has come, and no further
    [refund] = await cashier.refunds(order["id"])
    before = {"payment_id": found.payload["payment_id"], "entry_id": found.payload["refund_id"]}
    facts = {"topic": repaying.SURPLUS, "payload": before, "key": f"payment.surplus:{refund['payment_id']}"}
    await outbox.collection.update_one({"_id": found.id}, {"$set": facts})
    wrong = await cashier.settle(refund, "confirm", reference="712345678901")
    assert refused(wrong, 409, "invalid_transition")["allowed"] == []  # its gateway is being asked
    await shop.worker.drain()
    payment = await till.payment(order)
    assert [one.state for one in payment.ledger] == ["done", "done"]
    assert payment.ledger[1].reference == f"sbr_{payment.ledger[1].id}"
    assert (await outbox.get(found.id)).status == "delivered"
