"""Stripe: a PaymentIntent for each attempt to pay.

The storefront confirms it with Stripe's own elements, which is where 3-D Secure happens; a kept card is confirmed here.
The intent's id is what the money comes in under: it can be paid once. Every request names a key made of our own ids, so
asking again after silence charges nothing twice. The SDK makes no retries: asking again is the caller's business.
"""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import stripe
from stripe import PaymentIntent

from truestyle.payments.models import PaymentType
from truestyle.payments.providers.asking import (
    NOTHING,
    UNREADABLE,
    away,
    header,
    log,
    parsed,
    reading,
    signed_by,
    told,
    unstarted,
    within,
)
from truestyle.payments.providers.base import (
    Charge,
    Notice,
    Repayment,
    Result,
    State,
    WebhookSignatureInvalid,
)
from truestyle.setting_gateways import GatewaySettings
from truestyle.setting_kinds import rotating

NAME = "Stripe"
TOLERANCE = 300  # seconds that a signed webhook may be old (or, by the clocks, from the future)
LARGEST_WHOLE = 12  # digits of a timestamp
RESULTS = {
    "succeeded": Result.PAID,
    "requires_capture": Result.AUTHORIZED,
    "canceled": Result.CANCELLED,
}
REFUNDS = {"succeeded": Result.REFUNDED, "failed": Result.FAILED, "canceled": Result.FAILED}
# What they did not do. Everything else leaves it open whether the request arrived.
REFUSALS = (stripe.CardError, stripe.InvalidRequestError, stripe.IdempotencyError)
stripe.enable_telemetry = False  # it would leave a file in the home folder; there is no other switch


class _Http(stripe.HTTPClient):
    """What the SDK asks with. Its own httpx client sends forms in a way that httpx has deprecated."""

    name = "httpx"

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._client = httpx.AsyncClient(timeout=seconds)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """One request. Raises APIConnectionError."""
        try:
            answer = await self._client.request(method, url, headers=headers, content=post_data)
        except httpx.HTTPError as error:
            raise stripe.APIConnectionError(type(error).__name__) from error  # type: ignore[no-untyped-call]
        return answer.content, answer.status_code, answer.headers

    async def close_async(self) -> None:
        """Let connections go."""
        await self._client.aclose()


class StripeProvider:
    """Charges, and gives back, through one Stripe account."""

    type = PaymentType.STRIPE

    def __init__(self, settings: GatewaySettings) -> None:
        if settings.stripe_secret_key is None or settings.stripe_publishable_key is None:
            msg = "STRIPE_SECRET_KEY and STRIPE_PUBLISHABLE_KEY are not set."
            raise ValueError(msg)
        self._publishable = settings.stripe_publishable_key
        self._hooks = rotating(settings.stripe_webhook_secret)
        self._patience = settings.gateway_timeout_seconds
        self._http = _Http(self._patience)
        client = stripe.StripeClient(
            settings.stripe_secret_key.get_secret_value(),
            base_addresses={"api": settings.stripe_api_base},
            http_client=self._http,
            max_network_retries=0,
        )
        self._intents, self._refunds = client.v1.payment_intents, client.v1.refunds
        self._methods = client.v1.payment_methods

    async def start(self, charge: Charge) -> State:
        """Make an intent; with `source` (`pm_…`, a kept card) confirm it too. Raises ProviderAwayError."""
        wanted: Any = {
            "amount": charge.amount,
            "currency": charge.currency.lower(),
            "metadata": {"payment_id": charge.payment_id, "order_id": charge.order_id, "order_number": charge.number},
        }
        async with self._talking():
            try:
                kept = {} if charge.source is None else await self._kept(charge.source)
                intent = await self._intents.create_async(wanted | kept, _key(charge.payment_id))
            except REFUSALS as error:  # nothing was made that could still be paid
                log.error("gateway_refused", gateway=NAME, code=error.code, payment=charge.payment_id)
                return unstarted(charge)
            return await self._confirm(intent) if kept else self._read(intent)

    async def ask(self, charge: Charge, provider_reference: str) -> State:
        """How the intent stands. Raises ProviderAwayError."""
        if provider_reference.startswith(NOTHING):
            return unstarted(charge)
        async with self._talking():
            return self._read(await self._intents.retrieve_async(provider_reference))

    async def call_off(self, charge: Charge, provider_reference: str) -> State:
        """Cancel the intent; one that is paid, or about to be, stays so and is told. Raises ProviderAwayError."""
        if provider_reference.startswith(NOTHING):
            return unstarted(charge)
        async with self._talking():
            try:
                key = _key(f"{charge.payment_id}-cancel")
                return self._read(await self._intents.cancel_async(provider_reference, None, key))
            except REFUSALS:
                return self._read(await self._intents.retrieve_async(provider_reference))

    async def repay(self, repayment: Repayment) -> State:
        """Refund some of an intent; a second request with the same id gives nothing more. Raises ProviderAwayError."""
        wanted: Any = {
            "payment_intent": repayment.provider_reference,
            "amount": repayment.amount,
            "metadata": {"payment_id": repayment.payment_id, "refund_id": repayment.refund_id},
        }
        async with self._talking():
            try:
                return _refund(await self._refunds.create_async(wanted, _key(repayment.refund_id)))
            except REFUSALS as error:
                return State(
                    Result.FAILED,
                    repayment.provider_reference,
                    repayment.amount,
                    repayment.currency,
                    failure=told(error.user_message),
                    payment_id=repayment.payment_id,
                    refund_id=repayment.refund_id,
                )

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        """The event of a webhook. Raises WebhookSignatureInvalid."""
        self._check(body, header(headers, "stripe-signature"))
        with reading(NAME):
            event = parsed(body)
            kind, thing = str(event["type"]), event["data"]["object"]
            return [Notice(str(event["id"]), kind, self._told(kind, thing))]

    async def close(self) -> None:
        """Let connections go."""
        await self._http.close_async()

    async def _kept(self, source: str) -> dict[str, Any]:
        """What is said of a kept card. Stripe wants to hear whose it is."""
        method = await self._methods.retrieve_async(source)
        customer = method.customer
        known = {} if customer is None else {"customer": customer if isinstance(customer, str) else customer.id}
        return {"payment_method": method.id, "payment_method_types": ["card"], **known}

    async def _confirm(self, intent: PaymentIntent) -> State:
        try:
            return self._read(await self._intents.confirm_async(intent.id, None, _key(f"{intent.id}-confirm")))
        except REFUSALS as error:
            stands = self._read(await self._intents.retrieve_async(intent.id))
            if not isinstance(error, stripe.CardError) or stands.result is not Result.PENDING:
                return stands
            return replace(stands, result=Result.FAILED, action=None, failure=told(error.user_message))

    @asynccontextmanager
    async def _talking(self) -> AsyncIterator[None]:
        """Whatever goes wrong between Stripe and us. Raises ProviderAwayError."""
        try:
            async with within(self._patience, NAME):
                yield
        except stripe.StripeError as error:
            ours = isinstance(error, stripe.AuthenticationError | stripe.PermissionError | stripe.InvalidRequestError)
            raise away(NAME, f"{type(error).__name__} {error.http_status or ''}".strip(), ours=ours) from error
        except UNREADABLE as error:
            raise away(NAME, "answers what cannot be read") from error

    def _read(self, intent: Any) -> State:
        status, error = str(intent["status"]), _get(intent, "last_payment_error")
        result = RESULTS.get(status, Result.PENDING)
        if status == "requires_payment_method" and error:
            result = Result.FAILED
        amount = intent["amount"]
        if result is Result.PAID and isinstance(_get(intent, "amount_received"), int):
            amount = intent["amount_received"]
        if not isinstance(amount, int) or not str(intent["id"]):
            raise TypeError
        return State(
            result,
            str(intent["id"]),
            amount,
            str(intent["currency"]).upper(),
            reference=str(intent["id"]) if result is Result.PAID else None,
            action=self._action(intent, status) if result is Result.PENDING else None,
            failure=told(_get(error, "message")) if result is Result.FAILED else None,
            payment_id=_get(_get(intent, "metadata"), "payment_id"),
        )

    def _action(self, intent: Any, status: str) -> dict[str, str] | None:
        if status not in {"requires_payment_method", "requires_confirmation", "requires_action"}:
            return None
        secret = _get(intent, "client_secret")
        if not secret:
            return None
        return {
            "kind": "stripe",
            "client_secret": str(secret),
            "publishable_key": self._publishable,
            "status": status,
        }

    def _told(self, kind: str, thing: Any) -> State | None:
        if kind.startswith("payment_intent."):
            return self._read(thing)
        if kind.startswith("refund.") or kind == "charge.refund.updated":
            if _get(_get(thing, "metadata"), "refund_id"):
                return _refund(thing)
            # Somebody gave it back at Stripe's: the settlement check tells of it.
            log.warning("refund_not_ours", gateway=NAME, refund=str(_get(thing, "id")))
        return None

    def _check(self, body: bytes, signature: str) -> None:
        """As Stripe wants it: `t=…,v1=…[,v1=…]`, signed `t.body`, recently."""
        parts = [part.partition("=") for part in signature.split(",")]
        times = [value.strip() for name, _, value in parts if name.strip() == "t"]
        given = [value.strip() for name, _, value in parts if name.strip() == "v1"]
        right = len(times) == 1 and times[0].isascii() and times[0].isdecimal() and len(times[0]) <= LARGEST_WHOLE
        if not right or not signed_by(self._hooks, times[0].encode() + b"." + body, given):
            raise WebhookSignatureInvalid
        if abs(time.time() - int(times[0])) > TOLERANCE:
            raise WebhookSignatureInvalid


def _key(key: str) -> Any:
    return {"idempotency_key": key}


def _get(thing: Any, name: str) -> Any:
    """A value that may be missing, of what the SDK made or of plain JSON."""
    return thing[name] if thing is not None and name in thing else None


def _refund(refund: Any) -> State:
    """How a refund stands. Raises KeyError, TypeError."""
    metadata, result = _get(refund, "metadata"), REFUNDS.get(str(refund["status"]), Result.PENDING)
    return State(
        result,
        str(_get(refund, "payment_intent") or ""),
        refund["amount"],
        str(refund["currency"]).upper(),
        reference=str(refund["id"]),
        failure=told(_get(refund, "failure_reason")) if result is Result.FAILED else None,
        payment_id=_get(metadata, "payment_id"),
        refund_id=_get(metadata, "refund_id"),
    )
