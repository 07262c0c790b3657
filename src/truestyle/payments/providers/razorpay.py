"""Razorpay: an order there for each attempt to pay; cards, UPI, net banking and wallets are its checkout's business.

Razorpay's order is known to us by `order_…` (our `provider_reference`), the money by `pay_…` (our `reference`). Making
an order takes no money, and one is looked for by its receipt first, so that asking again after silence finds it.
Refunds name a key of ours. An order cannot be cancelled there: who pays after its time is paid back by us.
"""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import httpx

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

NAME = "Razorpay"
OK, MULTIPLE, BAD_REQUEST, UNAUTHORIZED, FORBIDDEN = 200, 300, 400, 401, 403
CONFLICT, TOO_MANY, SERVERS = 409, 429, 500
# Best first: an order's payments are attempts, and the one that brought the money is what counts.
RANK = ("captured", "authorized", "created", "refunded", "failed")
REFUNDS = {"processed": Result.REFUNDED, "failed": Result.FAILED}
ID = 60  # characters of Razorpay's ids, at most


class RefusedError(Exception):
    """Razorpay understood the request, and does not do it. The words may be shown."""


class RazorpayProvider:
    """Charges, and gives back, through one Razorpay account."""

    type = PaymentType.RAZORPAY

    def __init__(self, settings: GatewaySettings) -> None:
        if settings.razorpay_key_id is None or settings.razorpay_key_secret is None:
            msg = "RAZORPAY_KEY_ID and RAZORPAY_KEY_SECRET are not set."
            raise ValueError(msg)
        self._key_id = settings.razorpay_key_id
        self._secret = settings.razorpay_key_secret.get_secret_value()
        self._hooks = rotating(settings.razorpay_webhook_secret)
        self._patience = settings.gateway_timeout_seconds
        self._http = httpx.AsyncClient(
            base_url=f"{settings.razorpay_api_base}/v1", auth=(self._key_id, self._secret), timeout=self._patience
        )

    async def start(self, charge: Charge) -> State:
        """Make an order there, or find the one that was made. Raises ProviderAwayError."""
        wanted = {
            "amount": charge.amount,
            "currency": charge.currency,
            "receipt": charge.payment_id,
            "payment_capture": True,
            "notes": {"payment_id": charge.payment_id, "order_id": charge.order_id, "order_number": charge.number},
        }
        async with self._talking():
            try:
                found = _items(await self._ask("GET", "/orders", params={"receipt": charge.payment_id}))
                made = [one for one in found if one.get("receipt") == charge.payment_id]
                order = made[0] if made else await self._ask("POST", "/orders", wanted)
                return self._open(order)
            except RefusedError as refused:
                log.error("gateway_refused", gateway=NAME, said=str(refused), payment=charge.payment_id)
                return unstarted(charge)

    async def ask(self, charge: Charge, provider_reference: str) -> State:
        """How the order's payments stand; money that is only reserved is captured within the time to pay.

        Raises ProviderAwayError.
        """
        if provider_reference.startswith(NOTHING):
            return unstarted(charge)
        async with self._talking():
            payment = await self._payment(provider_reference)
            in_time = charge.expires_at is None or charge.expires_at.timestamp() > time.time()
            if payment is not None and in_time:
                payment = await self._captured(charge, payment)
            return self._stands(charge, provider_reference, payment)

    async def call_off(self, charge: Charge, provider_reference: str) -> State:
        """How it stands: nothing can be called off there. What is only reserved goes back by itself.

        Raises ProviderAwayError.
        """
        if provider_reference.startswith(NOTHING):
            return unstarted(charge)
        async with self._talking():
            return self._stands(charge, provider_reference, await self._payment(provider_reference))

    async def repay(self, repayment: Repayment) -> State:
        """Refund some of what was captured; a second request with the same id gives nothing more.

        Raises ProviderAwayError.
        """
        wanted = {
            "amount": repayment.amount,
            "speed": "normal",
            "receipt": repayment.refund_id,
            "notes": {"payment_id": repayment.payment_id, "refund_id": repayment.refund_id},
        }
        order, once = repayment.provider_reference, {"X-Refund-Idempotency": repayment.refund_id}
        async with self._talking():
            try:
                payment = await self._payment(order)
                if payment is None or not payment.get("captured"):
                    return _unpaid(repayment, "Nothing was captured under this order.")
                refund = await self._ask("POST", f"/payments/{_id(payment, 'pay_')}/refund", wanted, once)
                return _refund(refund, order, repayment.payment_id, repayment.refund_id)
            except RefusedError as refused:
                return _unpaid(repayment, str(refused))

    async def attest(self, charge: Charge, provider_reference: str, reference: str, signature: str) -> State:
        """What the storefront's handler was given: `order|payment`, signed with our key. Then as `ask`.

        Raises WebhookSignatureInvalid, ProviderAwayError.
        """
        if not signed_by([self._secret], f"{provider_reference}|{reference}".encode(), [signature]):
            raise WebhookSignatureInvalid
        return await self.ask(charge, provider_reference)

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        """The event of a webhook. Raises WebhookSignatureInvalid."""
        if not signed_by(self._hooks, body, [header(headers, "x-razorpay-signature")]):
            raise WebhookSignatureInvalid
        with reading(NAME):
            event = parsed(body)
            kind, payload = str(event["event"]), event["payload"]
            # Their id is not in what is signed; without it the bytes themselves are the id.
            named = header(headers, "x-razorpay-event-id")[:ID] or sha256(body).hexdigest()
            return [Notice(named, kind, _told(kind, payload))]

    async def close(self) -> None:
        """Let connections go."""
        await self._http.aclose()

    def _open(self, order: Mapping[str, Any]) -> State:
        """An order that waits to be paid."""
        reference, amount, currency = _id(order, "order_"), int(order["amount"]), str(order["currency"]).upper()
        action = {
            "kind": "razorpay",
            "key_id": self._key_id,
            "order_id": reference,
            "amount": str(amount),
            "currency": currency,
        }
        return State(
            Result.PENDING, reference, amount, currency, action=action, payment_id=_notes(order).get("payment_id")
        )

    def _stands(self, charge: Charge, reference: str, payment: Mapping[str, Any] | None) -> State:
        if payment is not None and payment["status"] != "created":
            return _paid(payment, charge.payment_id)
        notes = {"payment_id": charge.payment_id}
        return self._open({"id": reference, "amount": charge.amount, "currency": charge.currency, "notes": notes})

    async def _payment(self, order: str) -> dict[str, Any] | None:
        """The payment of an order that matters, if anybody has tried. Raises RefusedError, ProviderAwayError."""
        found = _items(await self._ask("GET", f"/orders/{_id({'id': order}, 'order_')}/payments"))
        known = [one for one in found if one.get("order_id") == order and one.get("status") in RANK]
        return min(known, key=lambda one: 0 if one.get("captured") else 1 + RANK.index(one["status"]), default=None)

    async def _captured(self, charge: Charge, payment: dict[str, Any]) -> dict[str, Any]:
        """Take money that is only reserved, if it is the right amount."""
        if payment.get("status") != "authorized" or payment.get("amount") != charge.amount:
            return payment
        wanted = {"amount": charge.amount, "currency": charge.currency}
        try:
            return await self._ask("POST", f"/payments/{_id(payment, 'pay_')}/capture", wanted)
        except RefusedError:  # somebody was quicker, or it went back: look again
            return await self._payment(str(payment["order_id"])) or payment

    @asynccontextmanager
    async def _talking(self) -> AsyncIterator[None]:
        """Whatever goes wrong between Razorpay and us. Raises ProviderAwayError."""
        try:
            async with within(self._patience, NAME):
                yield
        except RefusedError as refused:
            raise away(NAME, f"refuses: {refused}", ours=True) from refused
        except UNREADABLE as error:
            raise away(NAME, "answers what cannot be read") from error

    async def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, headers: Any = None, **more: Any
    ) -> dict[str, Any]:
        """An answer. Raises RefusedError, ProviderAwayError."""
        try:
            answer = await self._http.request(method, path, json=body, headers=headers, **more)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise away(NAME, type(error).__name__) from error
        status = answer.status_code
        if status in {UNAUTHORIZED, FORBIDDEN}:
            raise away(NAME, f"answers {status}", ours=True)
        if status in {CONFLICT, TOO_MANY} or not (OK <= status < MULTIPLE or BAD_REQUEST <= status < SERVERS):
            raise away(NAME, f"answers {status}")
        found = answer.json()
        if not isinstance(found, dict):
            raise away(NAME, f"answers {status} without an object")
        if status < MULTIPLE:
            return found
        said = found.get("error")
        raise RefusedError(str(said.get("description") if isinstance(said, dict) else f"answers {status}"))


def _told(kind: str, payload: Mapping[str, Any]) -> State | None:
    if kind.startswith("refund."):
        refund = payload["refund"]["entity"]
        payment = (payload.get("payment") or {}).get("entity") or {}
        known = _notes(refund)
        if not known.get("refund_id"):  # somebody gave it back at Razorpay's: the settlement check tells of it
            log.warning("refund_not_ours", gateway=NAME, refund=str(refund.get("id")))
            return None
        return _refund(refund, str(payment.get("order_id") or ""), known.get("payment_id"), known["refund_id"])
    if kind in {"payment.authorized", "payment.captured", "payment.failed", "order.paid"}:
        payment = payload["payment"]["entity"]
        order = (payload.get("order") or {}).get("entity") or {}
        ours = _notes(order).get("payment_id") or _notes(payment).get("payment_id")
        return _paid(payment, ours) if payment.get("order_id") else None
    return None


def _paid(payment: Mapping[str, Any], payment_id: str | None) -> State:
    """How a payment stands. One that was refunded brought its money all the same: what went back is told apart."""
    status, captured = payment["status"], payment.get("captured") is True
    result = {"authorized": Result.AUTHORIZED, "failed": Result.FAILED, "created": Result.PENDING}.get(status)
    if result is None or captured:
        result = Result.PAID if captured else Result.FAILED
    reference = _id(payment, "pay_")
    return State(
        result,
        str(payment["order_id"]),
        int(payment["amount"]),
        str(payment["currency"]).upper(),
        reference=reference if result is Result.PAID else None,
        failure=told(payment.get("error_description")) if result is Result.FAILED else None,
        payment_id=payment_id,
    )


def _refund(refund: Mapping[str, Any], order: str, payment_id: str | None, refund_id: str) -> State:
    """How a refund stands."""
    result = REFUNDS.get(str(refund.get("status")), Result.PENDING)
    return State(
        result,
        order,
        int(refund["amount"]),
        str(refund["currency"]).upper(),
        reference=_id(refund, "rfnd_"),
        failure="The bank did not take the refund." if result is Result.FAILED else None,
        payment_id=payment_id,
        refund_id=refund_id,
    )


def _unpaid(repayment: Repayment, failure: str) -> State:
    """A refund that is not to be had."""
    return State(
        Result.FAILED,
        repayment.provider_reference,
        repayment.amount,
        repayment.currency,
        failure=told(failure),
        payment_id=repayment.payment_id,
        refund_id=repayment.refund_id,
    )


def _notes(thing: Mapping[str, Any]) -> dict[str, str]:
    """Our notes on a thing; an empty set of them comes as a list."""
    notes = thing.get("notes")
    return notes if isinstance(notes, dict) else {}


def _items(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = answer.get("items")
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise away(NAME, "answers what is no list")
    return found


def _id(thing: Mapping[str, Any], prefix: str) -> str:
    """An id that may go into a path. Raises ValueError."""
    value = str(thing["id"])
    if not value.startswith(prefix) or not value.replace("_", "").isalnum() or len(value) > ID:
        raise ValueError(prefix)
    return value
