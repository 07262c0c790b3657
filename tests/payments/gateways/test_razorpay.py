"""Razorpay's provider against a Razorpay of our own."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests.payments.gateways.conftest import razorpay_settings
from tests.payments.gateways.razorpay import KEY_ID, Razorpay
from tests.payments.gateways.server import Fault, Server
from tests.payments.gateways.test_stripe import BACK, CHARGE, SENSELESS, SILENT
from truestyle.payments.providers.base import (
    ProviderAwayError,
    Result,
    State,
    WebhookSignatureInvalid,
)
from truestyle.payments.providers.razorpay import RazorpayProvider
from truestyle.setting_gateways import GatewaySettings


async def test_an_order_waits_with_what_the_checkout_needs(
    razorpay_provider: RazorpayProvider, at_razorpay: Razorpay
) -> None:
    state = await razorpay_provider.start(CHARGE)
    [order] = at_razorpay.orders.values()
    assert state == State(
        Result.PENDING,
        order["id"],
        149900,
        "INR",
        action={
            "kind": "razorpay",
            "key_id": KEY_ID,
            "order_id": order["id"],
            "amount": "149900",
            "currency": "INR",
        },
        payment_id=CHARGE.payment_id,
    )
    assert (order["amount"], order["receipt"]) == (149900, CHARGE.payment_id)
    assert order["notes"]["order_number"] == "TS-26-000123"
    assert await razorpay_provider.ask(CHARGE, order["id"]) == state
    assert await razorpay_provider.start(CHARGE) == state
    assert len(at_razorpay.orders) == 1


async def test_paid_by_upi_then_refunded_in_two_parts(
    razorpay_provider: RazorpayProvider, at_razorpay: Razorpay
) -> None:
    order = (await razorpay_provider.start(CHARGE)).provider_reference
    payment = at_razorpay.pay(order)
    paid = await razorpay_provider.ask(CHARGE, order)
    assert paid == State(Result.PAID, order, 149900, "INR", reference=payment["id"], payment_id=CHARGE.payment_id)
    back = replace(BACK, provider_reference=order)
    first, again = await razorpay_provider.repay(back), await razorpay_provider.repay(back)
    rest = await razorpay_provider.repay(replace(back, refund_id="65af0b12c4a1d2e3f4a5b6ca", amount=99900))
    assert first == again
    assert (first.result, first.amount, first.refund_id) == (Result.REFUNDED, 50000, BACK.refund_id)
    assert (rest.result, rest.provider_reference) == (Result.REFUNDED, order)
    assert sorted(one["amount"] for one in at_razorpay.refunds.values()) == [50000, 99900]
    assert (await razorpay_provider.ask(CHARGE, order)).result is Result.PAID  # it was, whatever went back


async def test_more_than_was_paid_is_not_given_back(razorpay_provider: RazorpayProvider, at_razorpay: Razorpay) -> None:
    order = (await razorpay_provider.start(CHARGE)).provider_reference
    back = replace(BACK, provider_reference=order)
    unpaid = await razorpay_provider.repay(back)
    assert (unpaid.result, unpaid.failure) == (Result.FAILED, "Nothing was captured under this order.")
    at_razorpay.pay(order)
    more = await razorpay_provider.repay(replace(back, amount=149901))
    assert more.result is Result.FAILED
    assert more.failure == "The total refund amount is greater than the refund payment amount"
    assert at_razorpay.refunds == {}


async def test_a_refund_that_takes_days(razorpay_provider: RazorpayProvider, at_razorpay: Razorpay) -> None:
    order = (await razorpay_provider.start(CHARGE)).provider_reference
    payment = at_razorpay.pay(order)
    at_razorpay.slow_refunds = True
    state = await razorpay_provider.repay(replace(BACK, provider_reference=order))
    assert (state.result, state.refund_id) == (Result.PENDING, BACK.refund_id)
    [refund] = at_razorpay.refunds.values()
    for status, result in (("processed", Result.REFUNDED), ("failed", Result.FAILED)):
        told = at_razorpay.event(f"refund.{status}", {"refund": {**refund, "status": status}, "payment": payment})
        [notice] = razorpay_provider.notices(*told)
        assert notice.state is not None
        assert (notice.state.result, notice.state.refund_id) == (result, BACK.refund_id)
        assert (notice.state.reference, notice.state.provider_reference) == (refund["id"], order)


async def test_a_failed_attempt_and_one_that_worked(razorpay_provider: RazorpayProvider, at_razorpay: Razorpay) -> None:
    order = (await razorpay_provider.start(CHARGE)).provider_reference
    at_razorpay.pay(order, fails="Payment was unsuccessful as the UPI PIN was wrong.")
    failed = await razorpay_provider.ask(CHARGE, order)
    assert (failed.result, failed.reference) == (Result.FAILED, None)
    assert failed.failure == "Payment was unsuccessful as the UPI PIN was wrong."
    paid = at_razorpay.pay(order)
    at_razorpay.pay(order, fails="A second tab.")
    assert (await razorpay_provider.ask(CHARGE, order)).reference == paid["id"]


async def test_reserved_money_is_taken_in_time_and_left_alone_later(
    razorpay_provider: RazorpayProvider, at_razorpay: Razorpay
) -> None:
    at_razorpay.late = True
    order = (await razorpay_provider.start(CHARGE)).provider_reference
    payment = at_razorpay.pay(order)
    now = datetime.now(UTC)
    late = replace(CHARGE, expires_at=now - timedelta(seconds=1))
    assert (await razorpay_provider.ask(late, order)).result is Result.AUTHORIZED
    assert (await razorpay_provider.call_off(CHARGE, order)).result is Result.AUTHORIZED
    assert not payment["captured"]
    in_time = replace(CHARGE, expires_at=now + timedelta(minutes=1))
    assert (await razorpay_provider.ask(in_time, order)).result is Result.PAID
    assert payment["captured"]


async def test_reserved_money_of_another_amount_is_not_taken(
    razorpay_provider: RazorpayProvider, at_razorpay: Razorpay
) -> None:
    at_razorpay.late = True
    order = (await razorpay_provider.start(CHARGE)).provider_reference
    payment = at_razorpay.pay(order, amount=100)
    state = await razorpay_provider.ask(CHARGE, order)
    assert (state.result, state.amount, payment["captured"]) == (Result.AUTHORIZED, 100, False)


async def test_an_amount_that_razorpay_does_not_take_starts_nothing(
    razorpay_provider: RazorpayProvider, at_razorpay: Razorpay
) -> None:
    state = await razorpay_provider.start(replace(CHARGE, amount=99))
    assert (state.result, state.provider_reference) == (Result.FAILED, f"none:{CHARGE.payment_id}")
    assert at_razorpay.orders == {}
    assert (await razorpay_provider.ask(replace(CHARGE, amount=99), state.provider_reference)) == state


@pytest.mark.parametrize("fault", [*SILENT, *SENSELESS])
async def test_every_act_ends_in_time_when_razorpay_is_away(
    razorpay_provider: RazorpayProvider, razorpay_door: Server, fault: Fault
) -> None:
    razorpay_door.always = fault
    signature = Razorpay.signature("order_1", "pay_1")
    acts: list[Callable[[], Awaitable[State]]] = [
        partial(razorpay_provider.start, CHARGE),
        partial(razorpay_provider.ask, CHARGE, "order_1"),
        partial(razorpay_provider.call_off, CHARGE, "order_1"),
        partial(razorpay_provider.attest, CHARGE, "order_1", "pay_1", signature),
        partial(razorpay_provider.repay, replace(BACK, provider_reference="order_1")),
    ]
    for act in acts:
        before = time.monotonic()
        with pytest.raises(ProviderAwayError):
            await act()
        assert time.monotonic() - before < 2


@pytest.mark.parametrize("fault", SILENT)
@pytest.mark.parametrize("lost", [0, 1])
async def test_asking_again_after_silence_finds_the_order(
    razorpay_provider: RazorpayProvider, at_razorpay: Razorpay, razorpay_door: Server, fault: Fault, lost: int
) -> None:
    razorpay_door.faults = [None] * lost + [fault]
    with pytest.raises(ProviderAwayError):
        await razorpay_provider.start(CHARGE)
    state = await razorpay_provider.start(CHARGE)
    assert list(at_razorpay.orders) == [state.provider_reference]


@pytest.mark.parametrize("fault", SILENT)
@pytest.mark.parametrize("lost", [0, 1])
async def test_asking_again_for_a_refund_gives_it_once(
    razorpay_provider: RazorpayProvider, at_razorpay: Razorpay, razorpay_door: Server, fault: Fault, lost: int
) -> None:
    order = (await razorpay_provider.start(CHARGE)).provider_reference
    at_razorpay.pay(order)
    back = replace(BACK, provider_reference=order)
    razorpay_door.faults = [None] * lost + [fault]
    with pytest.raises(ProviderAwayError):
        await razorpay_provider.repay(back)
    states = await asyncio.gather(*(razorpay_provider.repay(back) for _ in range(5)))
    assert {one.result for one in states} == {Result.REFUNDED}
    assert [one["amount"] for one in at_razorpay.refunds.values()] == [50000]


async def test_wrong_keys_are_our_trouble(razorpay_door: Server) -> None:
    settings = razorpay_settings(razorpay_door.url, razorpay_key_secret="somebody-elses-secret-01")
    provider = RazorpayProvider(GatewaySettings.model_validate(settings))
    with pytest.raises(ProviderAwayError) as caught:
        await provider.start(CHARGE)
    await provider.close()
    assert str(caught.value) == "Razorpay answers 401"
    assert "somebody-elses-secret-01" not in repr(caught.value.__cause__)


async def test_what_the_handler_brings_back(razorpay_provider: RazorpayProvider, at_razorpay: Razorpay) -> None:
    order = (await razorpay_provider.start(CHARGE)).provider_reference
    payment = at_razorpay.pay(order)["id"]
    right = at_razorpay.signature(order, payment)
    assert (await razorpay_provider.attest(CHARGE, order, payment, right)).reference == payment
    for reference, signature in (
        (payment, ""),
        (payment, "0" * 64),
        (payment, right.upper()),
        (payment, "é" * 64),
        ("pay_other", right),
        (payment, at_razorpay.signature(order, payment, "hook-truestyle-newest")),
        (payment, at_razorpay.signature("order_other", payment)),
    ):
        with pytest.raises(WebhookSignatureInvalid):
            await razorpay_provider.attest(CHARGE, order, reference, signature)


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        ("payment.captured", Result.PAID),
        ("payment.authorized", Result.AUTHORIZED),
        ("payment.failed", Result.FAILED),
        ("order.paid", Result.PAID),
    ],
)
async def test_events(razorpay_provider: RazorpayProvider, at_razorpay: Razorpay, kind: str, result: Result) -> None:
    order = (await razorpay_provider.start(CHARGE)).provider_reference
    at_razorpay.late = result is Result.AUTHORIZED
    payment = at_razorpay.pay(order, fails="No." if result is Result.FAILED else None, amount=150000)
    things = {"payment": payment} | ({"order": at_razorpay.orders[order]} if kind == "order.paid" else {})
    body, headers = at_razorpay.event(kind, things)
    [notice] = razorpay_provider.notices(body, headers)
    assert (notice.event_id, notice.kind) == (headers["x-razorpay-event-id"], kind)
    assert notice.state is not None
    assert (notice.state.result, notice.state.amount, notice.state.provider_reference) == (result, 150000, order)
    assert notice.state.payment_id == (CHARGE.payment_id if kind == "order.paid" else None)
    assert notice.state.reference == (payment["id"] if result is Result.PAID else None)


async def test_what_is_not_our_business_has_no_state(
    razorpay_provider: RazorpayProvider, at_razorpay: Razorpay
) -> None:
    elsewhere: dict[str, Any] = {
        "id": "pay_1",
        "order_id": None,
        "amount": 1,
        "currency": "INR",
        "status": "captured",
        "notes": [],
    }
    refund = {"id": "rfnd_1", "amount": 1, "currency": "INR", "status": "processed", "notes": []}
    for told in (
        at_razorpay.event("payment.captured", {"payment": elsewhere}),
        at_razorpay.event("refund.processed", {"refund": refund}),
        at_razorpay.event("settlement.processed", {"settlement": {"id": "setl_1"}}),
    ):
        [notice] = razorpay_provider.notices(*told)
        assert notice.state is None


async def test_an_event_without_an_id_is_known_by_its_bytes(
    razorpay_provider: RazorpayProvider, at_razorpay: Razorpay
) -> None:
    body, headers = at_razorpay.event("settlement.processed", {"settlement": {"id": "setl_1"}})
    del headers["x-razorpay-event-id"]
    [one], [again] = razorpay_provider.notices(body, headers), razorpay_provider.notices(body, headers)
    assert one.event_id == again.event_id
    assert len(one.event_id) == 64


async def test_what_razorpay_did_not_send_is_refused(
    razorpay_provider: RazorpayProvider, at_razorpay: Razorpay
) -> None:
    payment = {"id": "pay_1", "order_id": "order_1", "amount": 1, "currency": "INR", "status": "captured"}
    body, headers = at_razorpay.event("payment.captured", {"payment": payment})
    assert razorpay_provider.notices(
        *at_razorpay.event("payment.captured", {"payment": payment}, secret="hook-truestyle-older")
    )
    for sent, with_ in (
        (body, {}),
        (body, {**headers, "x-razorpay-signature": ""}),
        (body + b" ", headers),
        (body.replace(b'"amount": 1', b'"amount": 2'), headers),
        at_razorpay.event("payment.captured", {"payment": payment}, secret="somebody else's"),
        at_razorpay.event("payment.captured", {"payment": payment}, secret=""),
        at_razorpay.event("payment.captured", {"payment": {"order_id": "order_1"}}),
        at_razorpay.event("payment.captured"),
    ):
        with pytest.raises(WebhookSignatureInvalid):
            razorpay_provider.notices(sent, with_)
