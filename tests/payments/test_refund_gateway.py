"""Refunds through gateways: called off once, asked for under one key, failed only where that is known."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.orders.buying import refused
from tests.payments.paying import Till
from tests.payments.refunding import Cashier, balance, insist
from truestyle.infra.outbox import MAX_ATTEMPTS
from truestyle.payments import repaying
from truestyle.payments.models import PaymentType
from truestyle.payments.providers.base import ProviderAwayError, Repayment, Result, State
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")
TOTAL = "2998.00"


@dataclass
class Gateway:
    """A gateway that keeps to its keys, answers as it is told to, and counts."""

    answers: list[Result | Exception] = field(default_factory=list)
    asked: list[Repayment] = field(default_factory=list)
    paid: dict[str, int] = field(default_factory=dict)

    async def repay(self, repayment: Repayment) -> State:
        self.asked.append(repayment)
        said = self.answers.pop(0) if self.answers else Result.REFUNDED
        if isinstance(said, Exception):
            raise said
        if said is Result.REFUNDED:
            self.paid[repayment.refund_id] = repayment.amount
        return State(said, repayment.provider_reference, repayment.amount, reference=f"r-{repayment.refund_id}")


@pytest.fixture
def gateway(shop: Shop, till: Till) -> Gateway:
    """In the place of the sandbox, once the order was paid there; `till` puts it back."""
    return Gateway()


async def paid(till: Till, gateway: Gateway) -> dict[str, Any]:
    order = await till.sandbox("approve")
    await till.shop.worker.drain()
    order = await till.see(order)
    assert (order["status"], order["amount_paid"]) == ("confirmed", TOTAL)
    till.shop.providers = {**till.shop.providers, PaymentType.SANDBOX: gateway}  # type: ignore[dict-item]
    return order


async def work(till: Till) -> None:
    """Everything that waits is done now."""
    await till.due()
    await till.shop.worker.drain()


async def test_twenty_cancellations_of_a_paid_order_give_it_back_once(
    till: Till, gateway: Gateway, cashier: Cashier, shop: Shop
) -> None:
    order = await paid(till, gateway)
    answers = await asyncio.gather(*(insist(lambda: till.cancel(order)) for _ in range(20)))
    assert Counter(one.status_code for one in answers) == {200: 1, 409: 19}
    seen = await till.see(order)
    assert (seen["status"], seen["amount_refunded"], seen["payment"]["status"]) == ("cancelled", TOTAL, "refunded")
    await work(till)
    assert list(gateway.paid.values()) == [299800]
    [refund] = await cashier.refunds(order["id"])
    assert (refund["state"], refund["to"], refund["reference"]) == ("done", "original", f"r-{refund['id']}")
    assert await shop.store.stock.available(["K-M"]) == {"K-M": 5}
    assert await shop.store.outbox.count({"topic": "payment.refund"}) == 1


async def test_a_parcel_that_comes_back_is_paid_back(
    till: Till, gateway: Gateway, packer: Any, cashier: Cashier
) -> None:
    order = await paid(till, gateway)
    await packer.bring_to(order["id"], "shipped")
    assert (await packer.move(order["id"], "returned_to_origin")).json()["amount_refunded"] == TOTAL
    await work(till)
    assert list(gateway.paid.values()) == [299800]


async def test_refunding_and_cancelling_at_once_give_back_what_was_paid(
    till: Till, gateway: Gateway, cashier: Cashier
) -> None:
    order = await paid(till, gateway)
    await asyncio.gather(
        insist(lambda: till.cancel(order)),
        *(insist(lambda: cashier.ask(order["id"], amount="1000.00")) for _ in range(5)),
    )
    seen = await till.see(order)
    assert (seen["status"], seen["amount_refunded"]) == ("cancelled", TOTAL)
    await work(till)
    assert sum(gateway.paid.values()) == 299800


async def test_a_gateway_that_is_away_is_asked_again_under_the_same_key(
    till: Till, gateway: Gateway, cashier: Cashier
) -> None:
    order = await paid(till, gateway)
    gateway.answers = [ProviderAwayError("gone"), ProviderAwayError("gone")]
    await cashier.refund(order["id"], amount="500.00")
    for _ in range(3):
        await work(till)
    assert len(gateway.asked) == 3
    assert len({one.refund_id for one in gateway.asked}) == 1
    assert list(gateway.paid.values()) == [50000]
    assert [one["state"] for one in await cashier.refunds(order["id"])] == ["done"]


async def test_one_that_never_answers_stays_pending_and_people_decide(
    till: Till, gateway: Gateway, cashier: Cashier, shop: Shop
) -> None:
    order = await paid(till, gateway)
    gateway.answers = [ProviderAwayError("gone")] * MAX_ATTEMPTS
    await cashier.refund(order["id"])
    [refund] = await cashier.refunds(order["id"])
    for _ in range(MAX_ATTEMPTS):
        for act in ({"act": "confirm", "reference": "1234"}, {"act": "fail", "reason": "no"}):
            refused(await cashier.settle(refund, **act), 409, "invalid_transition")
        await work(till)
    assert len(gateway.asked) == MAX_ATTEMPTS
    [refund] = await cashier.refunds(order["id"])
    assert (refund["state"], (await till.see(order))["amount_refunded"]) == ("pending", TOTAL)
    refused(await cashier.ask(order["id"], amount="1.00"), 409, "refund_exceeds_captured")
    assert await shop.store.outbox.count({"topic": "mail.refund_trouble"}) == 1
    assert (await cashier.settle(refund, "fail", reason="Not at the gateway")).json()["state"] == "failed"
    assert (await till.see(order))["amount_refunded"] == "0.00"


async def test_one_that_the_gateway_refuses_can_be_given_back_in_another_way(
    till: Till, gateway: Gateway, cashier: Cashier, shop: Shop
) -> None:
    order = await paid(till, gateway)
    gateway.answers = [Result.FAILED]
    await cashier.refund(order["id"])
    await work(till)
    seen = await till.see(order)
    assert (seen["amount_refunded"], seen["payment"]["status"]) == ("0.00", "paid")
    [refund] = await cashier.refunds(order["id"])
    assert (refund["state"], refund["amount"], refund["asked"]) == ("failed", "0.00", TOTAL)
    assert await shop.store.outbox.count({"topic": "mail.refund_trouble"}) == 1
    await cashier.settle(refund, "retry", refund_to="store_credit")
    assert await balance(till.client, till.buyer.person) == TOTAL


@pytest.mark.parametrize("order_of", [(Result.REFUNDED, Result.FAILED), (Result.FAILED, Result.REFUNDED)])
async def test_what_a_webhook_says_counts_however_often_and_in_any_order(
    till: Till, gateway: Gateway, cashier: Cashier, shop: Shop, order_of: tuple[Result, Result]
) -> None:
    order = await paid(till, gateway)
    gateway.answers = [Result.PENDING]
    await cashier.refund(order["id"])
    await work(till)
    [refund] = await cashier.refunds(order["id"])
    assert refund["state"] == "pending"
    for result in order_of:
        told = State(result, "x", 299800, "INR", reference="rf-1", refund_id=refund["id"])
        for _ in range(3):
            await repaying.settle_refund(shop.store, told, provider="sandbox")
    [refund] = await cashier.refunds(order["id"])
    ends_well = order_of[-1] is Result.REFUNDED
    assert (refund["state"], refund["amount"]) == (("done", TOTAL) if ends_well else ("failed", "0.00"))
    assert (await till.see(order))["amount_refunded"] == (TOTAL if ends_well else "0.00")
    assert await shop.store.outbox.count({"topic": "mail.refund_paid"}) == 1


@pytest.mark.parametrize("more", [{"amount": 1}, {"currency": "USD"}, {"refund_id": "65af0b12c4a1d2e3f4a5b6c7"}])
async def test_what_does_not_fit_settles_nothing(
    till: Till, gateway: Gateway, cashier: Cashier, shop: Shop, more: dict[str, Any]
) -> None:
    order = await paid(till, gateway)
    gateway.answers = [Result.PENDING]
    await cashier.refund(order["id"])
    await work(till)
    [refund] = await cashier.refunds(order["id"])
    facts = {"amount": 299800, "currency": "INR", "refund_id": refund["id"], **more}
    await repaying.settle_refund(shop.store, State(Result.REFUNDED, "x", reference="rf-1", **facts))
    await repaying.settle_refund(
        shop.store, State(Result.REFUNDED, "x", reference="rf-1", refund_id=refund["id"]), provider="stripe"
    )
    assert (await cashier.refunds(order["id"]))[0] == refund
