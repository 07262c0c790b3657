"""Stripe's provider against localstripe."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from tests.payments.gateways.conftest import stripe_settings
from tests.payments.gateways.localstripe import ASKS, ASKS_AND_DECLINES, DECLINES, HOOK, PUBLISHABLE, Stripe
from tests.payments.gateways.server import Fault, Server
from truestyle.payments.providers.base import (
    Charge,
    ProviderAwayError,
    Repayment,
    Result,
    State,
    WebhookSignatureInvalid,
)
from truestyle.payments.providers.stripe import StripeProvider
from truestyle.setting_gateways import GatewaySettings

CHARGE = Charge(
    "65af0b12c4a1d2e3f4a5b6c7", "65af0b12c4a1d2e3f4a5b6c8", "TS-26-000123", 149900, "INR", "asha@example.com"
)
BACK = Repayment("65af0b12c4a1d2e3f4a5b6c9", CHARGE.payment_id, "", 50000, "INR", "too small")


def signed(
    event: dict[str, Any], *, secret: str = HOOK, at: float | None = None, **more: str
) -> tuple[bytes, dict[str, str]]:
    body, moment = json.dumps(event).encode(), int(at or time.time())
    signature = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    parts = {"t": str(moment), "v1": signature, **more}
    return body, {"Stripe-Signature": ",".join(f"{name}={value}" for name, value in parts.items())}


def event_of(kind: str, thing: dict[str, Any]) -> dict[str, Any]:
    return {"id": "evt_1", "object": "event", "type": kind, "data": {"object": thing}}


async def test_an_intent_waits_with_what_the_storefront_needs(
    stripe_provider: StripeProvider, at_stripe: Stripe
) -> None:
    state = await stripe_provider.start(CHARGE)
    [intent] = await at_stripe.intents()
    assert state == State(
        Result.PENDING,
        intent["id"],
        149900,
        "INR",
        action={
            "kind": "stripe",
            "client_secret": intent["client_secret"],
            "publishable_key": PUBLISHABLE,
            "status": "requires_payment_method",
        },
        payment_id=CHARGE.payment_id,
    )
    assert (intent["amount"], intent["currency"]) == (149900, "inr")
    assert intent["metadata"] == {
        "payment_id": CHARGE.payment_id,
        "order_id": CHARGE.order_id,
        "order_number": "TS-26-000123",
    }
    assert await stripe_provider.ask(CHARGE, intent["id"]) == state


async def test_paid_in_the_browser_then_refunded_in_two_parts(
    stripe_provider: StripeProvider, at_stripe: Stripe
) -> None:
    started = await stripe_provider.start(CHARGE)
    assert (await at_stripe.pay(started.provider_reference)).status_code == 200
    paid = await stripe_provider.ask(CHARGE, started.provider_reference)
    assert (paid.result, paid.amount, paid.currency) == (Result.PAID, 149900, "INR")
    assert (paid.reference, paid.action, paid.failure) == (started.provider_reference, None, None)
    back = replace(BACK, provider_reference=started.provider_reference)
    first = await stripe_provider.repay(back)
    again = await stripe_provider.repay(back)
    rest = await stripe_provider.repay(replace(back, refund_id="65af0b12c4a1d2e3f4a5b6ca", amount=99900))
    assert first == again
    assert (first.result, first.amount, first.refund_id) == (Result.REFUNDED, 50000, BACK.refund_id)
    assert (first.payment_id, first.provider_reference) == (CHARGE.payment_id, started.provider_reference)
    refunds = await at_stripe.refunds()
    assert {one["id"] for one in refunds} == {first.reference, rest.reference}
    assert sum(one["amount"] for one in refunds) == 149900


async def test_a_kept_card_is_charged_at_once(stripe_provider: StripeProvider, at_stripe: Stripe) -> None:
    charge = replace(CHARGE, source=await at_stripe.card())
    paid = await stripe_provider.start(charge)
    assert (paid.result, paid.amount, paid.payment_id) == (Result.PAID, 149900, CHARGE.payment_id)
    assert await stripe_provider.start(charge) == paid
    assert len(await at_stripe.charges()) == 1


async def test_a_card_of_a_customer_is_charged_as_theirs(stripe_provider: StripeProvider, at_stripe: Stripe) -> None:
    customer = (await at_stripe.post("customers", email="asha@example.com"))["id"]
    card = await at_stripe.card()
    await at_stripe.post(f"payment_methods/{card}/attach", customer=customer)
    assert (await stripe_provider.start(replace(CHARGE, source=card))).result is Result.PAID
    [intent] = await at_stripe.intents()
    assert intent["customer"] == customer


async def test_a_declined_card_is_told_in_stripes_words(stripe_provider: StripeProvider, at_stripe: Stripe) -> None:
    state = await stripe_provider.start(replace(CHARGE, source=await at_stripe.card(DECLINES)))
    assert (state.result, state.failure, state.action) == (Result.FAILED, "Your card was declined.", None)
    assert state.provider_reference.startswith("pi_")
    assert (await stripe_provider.ask(CHARGE, state.provider_reference)) == state
    assert await at_stripe.charges() == []


async def test_declined_in_the_browser_then_another_card(stripe_provider: StripeProvider, at_stripe: Stripe) -> None:
    reference = (await stripe_provider.start(CHARGE)).provider_reference
    assert (await at_stripe.pay(reference, DECLINES)).status_code == 402
    failed = await stripe_provider.ask(CHARGE, reference)
    assert (failed.result, failed.failure) == (Result.FAILED, "Your card was declined.")


async def test_a_card_that_asks_its_owner(stripe_provider: StripeProvider, at_stripe: Stripe) -> None:
    """3-D Secure: the storefront lets Stripe's script show what the bank wants."""
    state = await stripe_provider.start(replace(CHARGE, source=await at_stripe.card(ASKS)))
    assert state.result is Result.PENDING
    assert state.action is not None
    assert state.action["status"] == "requires_action"
    assert await at_stripe.charges() == []
    await at_stripe.authenticate(state.provider_reference)
    assert (await stripe_provider.ask(CHARGE, state.provider_reference)).result is Result.PAID


@pytest.mark.parametrize(("number", "success"), [(ASKS, False), (ASKS_AND_DECLINES, True)])
async def test_3d_secure_that_fails(
    stripe_provider: StripeProvider, at_stripe: Stripe, number: str, success: bool
) -> None:
    state = await stripe_provider.start(replace(CHARGE, source=await at_stripe.card(number)))
    await at_stripe.authenticate(state.provider_reference, success=success)
    failed = await stripe_provider.ask(CHARGE, state.provider_reference)
    assert failed.result is Result.FAILED
    assert failed.failure
    assert await at_stripe.charges() == []


async def test_an_unknown_card_starts_nothing(stripe_provider: StripeProvider, at_stripe: Stripe) -> None:
    state = await stripe_provider.start(replace(CHARGE, source="pm_there_is_none"))
    assert (state.result, state.provider_reference) == (Result.FAILED, f"none:{CHARGE.payment_id}")
    assert state.failure == "This payment could not be started. Choose another way to pay."
    assert await at_stripe.intents() == []
    assert await stripe_provider.ask(CHARGE, state.provider_reference) == state
    assert await stripe_provider.call_off(CHARGE, state.provider_reference) == state


async def test_called_off_it_cannot_be_paid(stripe_provider: StripeProvider, at_stripe: Stripe) -> None:
    reference = (await stripe_provider.start(CHARGE)).provider_reference
    assert (await stripe_provider.call_off(CHARGE, reference)).result is Result.CANCELLED
    assert (await stripe_provider.call_off(CHARGE, reference)).result is Result.CANCELLED
    assert (await at_stripe.pay(reference)).status_code == 400
    assert await at_stripe.charges() == []


async def test_what_is_paid_is_not_called_off(stripe_provider: StripeProvider, at_stripe: Stripe) -> None:
    reference = (await stripe_provider.start(CHARGE)).provider_reference
    await at_stripe.pay(reference)
    assert (await stripe_provider.call_off(CHARGE, reference)).result is Result.PAID


async def test_a_refund_of_what_was_never_paid_fails(stripe_provider: StripeProvider) -> None:
    reference = (await stripe_provider.start(CHARGE)).provider_reference
    state = await stripe_provider.repay(replace(BACK, provider_reference=reference))
    assert (state.result, state.refund_id, state.failure) == (
        Result.FAILED,
        BACK.refund_id,
        "Cannot refund a failed payment.",
    )


# Whether the request arrived, nobody can tell.
SILENT = [Fault.NEVER_ARRIVES, Fault.ANSWER_LOST, Fault.HANGS, Fault.HALF]
SENSELESS = [Fault.ERROR, Fault.HTML, Fault.GARBAGE, Fault.ARRAY, Fault.EMPTY, Fault.BUSY]


@pytest.mark.parametrize("fault", [*SILENT, *SENSELESS])
async def test_every_act_ends_in_time_when_stripe_is_away(
    stripe_provider: StripeProvider, stripe_door: Server, fault: Fault
) -> None:
    stripe_door.always = fault
    acts: list[Callable[[], Awaitable[State]]] = [
        partial(stripe_provider.start, CHARGE),
        partial(stripe_provider.start, replace(CHARGE, source="pm_card_visa")),
        partial(stripe_provider.ask, CHARGE, "pi_1"),
        partial(stripe_provider.call_off, CHARGE, "pi_1"),
        partial(stripe_provider.repay, replace(BACK, provider_reference="pi_1")),
    ]
    for act in acts:
        before = time.monotonic()
        with pytest.raises(ProviderAwayError):
            await act()
        assert time.monotonic() - before < 2


@pytest.mark.parametrize("fault", SILENT)
@pytest.mark.parametrize("lost", [0, 1, 2])
async def test_asking_again_after_silence_charges_once(
    stripe_provider: StripeProvider, at_stripe: Stripe, stripe_door: Server, fault: Fault, lost: int
) -> None:
    """Whichever of the requests is lost: the card's, the intent's, its confirmation's."""
    charge = replace(CHARGE, source=await at_stripe.card())
    stripe_door.faults = [None] * lost + [fault]
    with pytest.raises(ProviderAwayError):
        await stripe_provider.start(charge)
    assert (await stripe_provider.start(charge)).result is Result.PAID
    assert len(await at_stripe.charges()) == 1
    assert len(await at_stripe.intents()) == 1


async def test_many_at_once_charge_once(at_stripe: Stripe, stripe_door: Server) -> None:
    provider = StripeProvider(GatewaySettings.model_validate(stripe_settings(stripe_door.url)))
    charge = replace(CHARGE, source=await at_stripe.card())
    states = await asyncio.gather(*(provider.start(charge) for _ in range(8)))
    await provider.close()
    assert {one.result for one in states} == {Result.PAID}
    assert len({one.provider_reference for one in states}) == 1
    assert len(await at_stripe.charges()) == 1


@pytest.mark.parametrize("fault", SILENT)
async def test_asking_again_for_a_refund_gives_it_once(
    stripe_provider: StripeProvider, at_stripe: Stripe, stripe_door: Server, fault: Fault
) -> None:
    reference = (await stripe_provider.start(CHARGE)).provider_reference
    await at_stripe.pay(reference)
    stripe_door.faults = [fault]
    back = replace(BACK, provider_reference=reference)
    with pytest.raises(ProviderAwayError):
        await stripe_provider.repay(back)
    assert (await stripe_provider.repay(back)).result is Result.REFUNDED
    assert [one["amount"] for one in await at_stripe.refunds()] == [50000]


async def test_wrong_keys_are_our_trouble(
    at_stripe: Stripe, stripe_door: Server, caplog: pytest.LogCaptureFixture
) -> None:
    del at_stripe
    settings = stripe_settings(stripe_door.url, stripe_secret_key="nobody_knows_this_key")
    provider = StripeProvider(GatewaySettings.model_validate(settings))
    with pytest.raises(ProviderAwayError) as caught:
        await provider.start(CHARGE)
    await provider.close()
    assert "AuthenticationError" in str(caught.value)
    assert "nobody_knows_this_key" not in f"{caught.value!r} {caught.value.__cause__!r} {caplog.text}"


INTENT = {
    "id": "pi_1",
    "object": "payment_intent",
    "status": "succeeded",
    "amount": 149900,
    "amount_received": 149800,
    "currency": "inr",
    "metadata": {"payment_id": CHARGE.payment_id},
}
REFUND = {
    "id": "re_1",
    "object": "refund",
    "status": "failed",
    "amount": 50000,
    "currency": "inr",
    "payment_intent": "pi_1",
    "failure_reason": "expired_or_canceled_card",
    "metadata": {"payment_id": CHARGE.payment_id, "refund_id": BACK.refund_id},
}


async def test_an_event_tells_what_came_in_not_what_was_asked(stripe_provider: StripeProvider) -> None:
    [notice] = stripe_provider.notices(*signed(event_of("payment_intent.succeeded", INTENT)))
    assert (notice.event_id, notice.kind) == ("evt_1", "payment_intent.succeeded")
    assert notice.state == State(Result.PAID, "pi_1", 149800, "INR", reference="pi_1", payment_id=CHARGE.payment_id)


@pytest.mark.parametrize(
    ("status", "result"),
    [
        ("pending", Result.PENDING),
        ("requires_action", Result.PENDING),
        ("succeeded", Result.REFUNDED),
        ("failed", Result.FAILED),
        ("canceled", Result.FAILED),
    ],
)
async def test_an_event_of_a_refund(stripe_provider: StripeProvider, status: str, result: Result) -> None:
    [notice] = stripe_provider.notices(*signed(event_of("refund.updated", {**REFUND, "status": status})))
    assert notice.state is not None
    assert (notice.state.result, notice.state.refund_id, notice.state.reference) == (result, BACK.refund_id, "re_1")
    assert (notice.state.amount, notice.state.payment_id) == (50000, CHARGE.payment_id)


@pytest.mark.parametrize(
    "event",
    [
        event_of("refund.created", {**REFUND, "metadata": {}}),
        event_of("charge.refunded", {"id": "ch_1", "object": "charge"}),
        event_of("charge.dispute.created", {"id": "dp_1"}),
        event_of("customer.created", {"id": "cus_1"}),
    ],
    ids=lambda event: str(event["type"]),
)
async def test_what_is_not_our_business_has_no_state(stripe_provider: StripeProvider, event: dict[str, Any]) -> None:
    [notice] = stripe_provider.notices(*signed(event))
    assert notice.state is None


EVENT = event_of("payment_intent.succeeded", INTENT)


async def test_any_of_our_secrets_will_do_and_any_of_the_signatures(stripe_provider: StripeProvider) -> None:
    assert stripe_provider.notices(*signed(EVENT, secret="whsec_truestyle_older"))
    body, headers = signed(EVENT)
    other = headers["Stripe-Signature"].replace("v1=", "v1=" + "0" * 64 + ",v0=abc,v1=")
    assert stripe_provider.notices(body, {"stripe-signature": other})
    assert stripe_provider.notices(*signed(EVENT, at=time.time() - 290))


def forged() -> dict[str, tuple[bytes, dict[str, str]]]:
    body, headers = signed(EVENT)
    right = headers["Stripe-Signature"]
    moment, signature = right.removeprefix("t=").split(",v1=")
    return {
        "no header": (body, {}),
        "an empty header": (body, {"Stripe-Signature": ""}),
        "another secret": signed(EVENT, secret="whsec_of_somebody_else"),
        "an empty secret": signed(EVENT, secret=""),
        "another body": (body.replace(b"149800", b"149900"), headers),
        "a space more": (body + b" ", headers),
        "another time": (body, {"Stripe-Signature": f"t={int(moment) + 1},v1={signature}"}),
        "two times": (body, {"Stripe-Signature": f"t={moment},t={moment},v1={signature}"}),
        "no time": (body, {"Stripe-Signature": f"v1={signature}"}),
        "a time that is none": (body, {"Stripe-Signature": f"t=now,v1={signature}"}),
        "a time of a thousand digits": (body, {"Stripe-Signature": f"t={'9' * 1000},v1={signature}"}),
        "the old scheme": (body, {"Stripe-Signature": f"t={moment},v0={signature}"}),
        "no signature": (body, {"Stripe-Signature": f"t={moment}"}),
        "an empty signature": (body, {"Stripe-Signature": f"t={moment},v1="}),
        "six minutes ago": signed(EVENT, at=time.time() - 360),
        "in six minutes": signed(EVENT, at=time.time() + 360),
    }


@pytest.mark.parametrize("name", forged())
async def test_what_stripe_did_not_send_is_refused(stripe_provider: StripeProvider, name: str) -> None:
    with pytest.raises(WebhookSignatureInvalid):
        stripe_provider.notices(*forged()[name])


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'"x"', b"\xff", b'{"id": "evt_1", "type": "payment_intent.x", "data": 1}']
)
async def test_what_cannot_be_read_is_refused_too(stripe_provider: StripeProvider, body: bytes) -> None:
    moment = int(time.time())
    signature = hmac.new(HOOK.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    with pytest.raises(WebhookSignatureInvalid):
        stripe_provider.notices(body, {"Stripe-Signature": f"t={moment},v1={signature}"})


async def test_without_a_secret_no_webhook_is_believed(stripe_door: Server) -> None:
    settings = stripe_settings(stripe_door.url, stripe_webhook_secret="")
    provider = StripeProvider(GatewaySettings.model_validate(settings))
    with pytest.raises(WebhookSignatureInvalid):
        provider.notices(*signed(EVENT, secret=""))
    await provider.close()
