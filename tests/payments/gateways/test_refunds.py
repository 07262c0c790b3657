"""Refunds through Razorpay, from the staff's request to its webhook, over HTTP."""

from typing import Any

import pytest

from tests import make
from tests.payments.gateways.razorpay import Razorpay
from tests.payments.gateways.server import Fault
from tests.payments.gateways.street import STOCK, Street
from tests.payments.refunding import Cashier
from truestyle.kit import clock

TOTAL, PART, REST = "1499.00", "500.00", "999.00"


@pytest.fixture
async def paid(street: Street) -> dict[str, Any]:
    """An order that Razorpay's webhook says is paid."""
    order = await street.order("razorpay")
    payment = street.razorpay.pay(order["payment"]["action"]["order_id"])
    await street.told("razorpay", *street.razorpay.event("payment.captured", {"payment": payment}))
    assert await street.stands(order) == ("confirmed", "paid", TOTAL)
    return order


def told_of(razorpay: Razorpay, refund: dict[str, Any], status: str) -> tuple[bytes, dict[str, str]]:
    """The webhook of a refund that ended so."""
    payment = razorpay.payments[refund["payment_id"]]
    return razorpay.event(f"refund.{status}", {"refund": {**refund, "status": status}, "payment": payment})


async def entries(cashier: Cashier, order: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    """Amount, state and reference of an order's refunds."""
    return [(one["amount"], one["state"], one["reference"]) for one in await cashier.refunds(order["id"])]


async def test_a_part_and_then_the_rest(street: Street, paid: dict[str, Any], cashier: Cashier) -> None:
    after = await cashier.refund(paid["id"], amount=PART)
    assert (after["amount_refunded"], after["payment"]["status"]) == (PART, "partially_refunded")
    await street.shop.worker.drain()
    [first] = street.razorpay.refunds.values()
    [refund] = await cashier.refunds(paid["id"])
    assert (first["amount"], first["receipt"], first["notes"]["refund_id"]) == (50000, refund["id"], refund["id"])
    assert await entries(cashier, paid) == [(PART, "done", first["id"])]

    after = await cashier.refund(paid["id"])
    assert (after["amount_refunded"], after["payment"]["status"]) == (TOTAL, "refunded")
    await street.shop.worker.drain()
    assert [one["amount"] for one in street.razorpay.refunds.values()] == [50000, 99900]
    assert {one["payment_id"] for one in street.razorpay.refunds.values()} == {first["payment_id"]}
    assert [state for _, state, _ in await entries(cashier, paid)] == ["done", "done"]
    for kind in ("processed", "failed"):  # whatever it tells of the first one now is old news, or people's business
        await street.told("razorpay", *told_of(street.razorpay, first, kind))
        if kind == "processed":
            assert [state for _, state, _ in await entries(cashier, paid)] == ["done", "done"]
    exceeded = await cashier.ask(paid["id"], amount="500.01")
    assert (exceeded.status_code, exceeded.json()["code"]) == (409, "refund_exceeds_captured")
    # It said that the first one did not arrive: then that money can be given back again, and no more.
    assert await entries(cashier, paid) == [
        ("0.00", "failed", first["id"]),
        (REST, "done", list(street.razorpay.refunds.values())[1]["id"]),
    ]
    assert await street.available() == STOCK - 1  # a refund moves no goods


async def test_what_takes_days_is_done_when_the_webhook_says_so(
    street: Street, paid: dict[str, Any], cashier: Cashier
) -> None:
    street.razorpay.slow_refunds = True
    await cashier.refund(paid["id"], amount=PART)
    await street.shop.worker.drain()
    assert await entries(cashier, paid) == [(PART, "pending", None)]
    assert (await street.buyer.see(paid["id"]))["amount_refunded"] == PART  # counts from the beginning
    [refund] = street.razorpay.refunds.values()
    body, headers = told_of(street.razorpay, refund, "processed")
    for _ in range(2):
        await street.told("razorpay", body, headers)
    await street.told("razorpay", *told_of(street.razorpay, refund, "processed"))
    assert await entries(cashier, paid) == [(PART, "done", refund["id"])]
    assert await street.shop.store.outbox.count({"topic": "mail.refund_paid"}) == 1
    assert len(street.razorpay.refunds) == 1


async def test_what_the_webhook_says_has_failed_can_be_sent_again_and_comes_late(
    street: Street, paid: dict[str, Any], cashier: Cashier
) -> None:
    street.razorpay.slow_refunds = True
    await cashier.refund(paid["id"], amount=PART)
    await street.shop.worker.drain()
    [refund] = street.razorpay.refunds.values()
    await street.told("razorpay", *told_of(street.razorpay, refund, "failed"))
    assert await entries(cashier, paid) == [("0.00", "failed", None)]
    assert (await street.buyer.see(paid["id"]))["amount_refunded"] == "0.00"
    assert await street.shop.store.outbox.count({"topic": "mail.refund_trouble"}) == 1
    street.razorpay.slow_refunds = False
    [failed] = await cashier.refunds(paid["id"])
    for _ in range(2):
        again = await cashier.settle(failed, "retry")
        assert (again.status_code, again.json()["amount_refunded"]) == (200, PART)
    await street.shop.worker.drain()
    second = list(street.razorpay.refunds.values())[1]
    assert await entries(cashier, paid) == [("0.00", "failed", None), (PART, "done", second["id"])]
    # Late, and after all: the first one went through. There is room for it, so it is in the books.
    await street.told("razorpay", *told_of(street.razorpay, refund, "processed"))
    assert await entries(cashier, paid) == [(PART, "done", refund["id"]), (PART, "done", second["id"])]
    assert (await street.buyer.see(paid["id"]))["amount_refunded"] == "1000.00"


async def test_the_webhook_comes_before_the_answer(street: Street, paid: dict[str, Any], cashier: Cashier) -> None:
    """The answer to our request is lost, and the webhook is quicker than our next one."""
    door = street.razorpay_door
    await cashier.refund(paid["id"], amount=PART)
    door.faults = [None, Fault.ANSWER_LOST]
    await street.shop.worker.drain()
    assert await entries(cashier, paid) == [(PART, "pending", None)]
    [refund] = street.razorpay.refunds.values()
    await street.told("razorpay", *told_of(street.razorpay, refund, "processed"))
    assert await entries(cashier, paid) == [(PART, "done", refund["id"])]
    asked = len(door.asked)
    await street.shop.store.outbox.collection.update_many({"status": "waiting"}, {"$set": {"due_at": clock.now()}})
    await street.shop.worker.drain()
    assert len(door.asked) == asked  # it is done: nobody is asked
    assert len(street.razorpay.refunds) == 1


async def test_a_refund_of_another_amount_or_of_nobodys_changes_nothing(
    street: Street, paid: dict[str, Any], cashier: Cashier, shopper: make.Person
) -> None:
    street.razorpay.slow_refunds = True
    await cashier.refund(paid["id"], amount=PART)
    await street.shop.worker.drain()
    [refund] = street.razorpay.refunds.values()
    await street.told("razorpay", *told_of(street.razorpay, {**refund, "amount": 50001}, "processed"))
    nobodys = {"payment_id": paid["payment"]["id"], "refund_id": str(shopper.user.id)}
    for notes in (nobodys, {}, {"refund_id": "not an id"}):
        await street.told("razorpay", *told_of(street.razorpay, {**refund, "notes": notes}, "processed"))
    assert await entries(cashier, paid) == [(PART, "pending", None)]
    assert await street.shop.store.outbox.count({"topic": "mail.refund_trouble"}) == 1  # of the other amount
    await street.told("razorpay", *told_of(street.razorpay, refund, "processed"))


async def test_cancelled_it_goes_back_whole_and_the_dashboard_of_razorpay_is_not_ours(
    street: Street, paid: dict[str, Any], cashier: Cashier
) -> None:
    path = f"/orders/{paid['id']}/cancel"
    answer = await street.buyer.client.post(path, json={"reason": "no more"}, headers=street.buyer.headers)
    assert answer.status_code == 200
    await street.shop.worker.drain()
    [refund] = street.razorpay.refunds.values()
    assert await entries(cashier, paid) == [(TOTAL, "done", refund["id"])]
    assert await street.available() == STOCK
    by_hand = {**refund, "id": "rfnd_made_there", "notes": []}
    await street.told("razorpay", *told_of(street.razorpay, by_hand, "processed"))
    assert await entries(cashier, paid) == [(TOTAL, "done", refund["id"])]


async def test_money_that_came_too_late_goes_back_by_razorpay(street: Street, cashier: Cashier) -> None:
    order = await street.order("razorpay")
    other = await street.order("razorpay")
    path = f"/orders/{order['id']}/cancel"
    await street.buyer.client.post(path, json={"reason": "no more"}, headers=street.buyer.headers)
    payment = street.razorpay.pay(order["payment"]["action"]["order_id"])
    await street.told("razorpay", *street.razorpay.event("payment.captured", {"payment": payment}))
    [refund] = street.razorpay.refunds.values()
    assert refund["amount"] == payment["amount"]
    assert await entries(cashier, order) == [(TOTAL, "done", refund["id"])]
    assert await street.stands(order) == ("cancelled", "refunded", "0.00")
    assert (await street.stands(other))[0] == "placed"


async def test_money_that_came_too_late_and_did_not_arrive_is_paid_out_another_way(
    street: Street, cashier: Cashier
) -> None:
    order = await street.order("razorpay")
    path = f"/orders/{order['id']}/cancel"
    await street.buyer.client.post(path, json={"reason": "no more"}, headers=street.buyer.headers)
    street.razorpay.slow_refunds = True
    payment = street.razorpay.pay(order["payment"]["action"]["order_id"])
    await street.told("razorpay", *street.razorpay.event("payment.captured", {"payment": payment}))
    [refund] = street.razorpay.refunds.values()
    await street.told("razorpay", *told_of(street.razorpay, refund, "failed"))
    assert await entries(cashier, order) == [(TOTAL, "pending", None)]  # people are told, and decide
    assert await street.shop.store.outbox.count({"topic": "mail.refund_trouble"}) == 1
    [waiting] = await cashier.refunds(order["id"])
    failed = await cashier.settle(waiting, "fail", reason="Razorpay says so", refund_to="asha@okbank")
    assert (failed.status_code, failed.json()["state"]) == (200, "failed"), failed.text
    await street.shop.worker.drain()
    assert len(street.razorpay.refunds) == 1
    [_, again] = await cashier.refunds(order["id"])
    assert (again["to"], again["state"], again["amount"]) == ("asha@okbank", "pending", TOTAL)
    done = await cashier.settle(again, "confirm", reference="412345678912")
    assert (done.status_code, done.json()["state"]) == (200, "done")
