"""What a payment provider is: five acts behind one shape.

No act is ever called inside a transaction, and each may be called again with the same key: `Charge.payment_id` and
`Repayment.refund_id` are what a gateway's own idempotency key is made of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from truestyle.kit.errors import Problem
from truestyle.payments.models import PaymentType


@dataclass(frozen=True)
class Charge:
    """What is to be collected: `amount` in paise; `source` is a card token or a UPI address, if one was named."""

    payment_id: str
    order_id: str
    number: str
    amount: int
    currency: str
    email: str
    expires_at: datetime | None = None
    source: str | None = None


@dataclass(frozen=True)
class Repayment:
    """What is to be given back, of a payment known to the provider as `provider_reference`."""

    refund_id: str
    payment_id: str
    provider_reference: str
    amount: int
    currency: str
    reason: str


class Result(StrEnum):
    """How a charge or a refund stands at the provider."""

    PENDING = "pending"
    AUTHORIZED = "authorized"
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


@dataclass(frozen=True)
class State:
    """What a provider says of a charge (or, with `refund_id`, of a refund). `amount` in paise, as the provider has it.

    `reference` is what the money came in under (unique); `action` what the client has to do next.
    """

    result: Result
    provider_reference: str
    amount: int | None = None
    currency: str | None = None
    reference: str | None = None
    action: dict[str, str] | None = None
    failure: str | None = None
    payment_id: str | None = None
    refund_id: str | None = None


@dataclass(frozen=True)
class Notice:
    """One event of a webhook: `event_id` is unique at the provider; `state` is None where it does not concern us."""

    event_id: str
    kind: str
    state: State | None


class ProviderAwayError(Exception):
    """The provider does not answer, or not sensibly: ask again later. Nothing is known of what it did."""


class WebhookSignatureInvalid(Problem):
    """The webhook was not sent by the provider."""

    status, code, detail = 400, "webhook_signature_invalid", "The signature of the webhook does not fit."


class PaymentFailed(Problem):
    """The payment was declined."""

    status, code, detail = 402, "payment_failed", "The payment was declined."


class Provider(Protocol):
    """One way to be paid."""

    type: PaymentType

    async def start(self, charge: Charge) -> State:
        """Begin to collect. Raises ProviderAwayError."""
        ...

    async def ask(self, charge: Charge, provider_reference: str) -> State:
        """How the charge stands now. Raises ProviderAwayError."""
        ...

    async def call_off(self, charge: Charge, provider_reference: str) -> State:
        """Make sure it cannot be paid any more, if the provider can; how it stands. Raises ProviderAwayError."""
        ...

    async def repay(self, repayment: Repayment) -> State:
        """Give money back. Raises ProviderAwayError."""
        ...

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        """What a webhook says, its signature checked on the raw bytes. Raises WebhookSignatureInvalid."""
        ...

    async def close(self) -> None:
        """Let connections go."""
        ...
