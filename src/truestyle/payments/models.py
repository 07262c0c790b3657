"""Payments: one row an attempt to be paid, with its ledger."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from bson import ObjectId
from pydantic import AfterValidator, Field, StringConstraints

from truestyle.catalog.products.models import CURRENCY
from truestyle.kit.documents import Answer, Body, Document, example
from truestyle.kit.money import Money, Paise
from truestyle.kit.types import Flag, Id, Text, Timestamp
from truestyle.wallet.models import VPA

BY_STAFF = "staff"  # the provider of what staff recorded
ORIGINAL, CREDIT, SET_OFF = "original", "store_credit", "exchange"  # where refunds go, beside UPI addresses
RefundTo = Annotated[
    str,
    StringConstraints(max_length=255, pattern=rf"^(?:{ORIGINAL}|{CREDIT}|{VPA.strip('^$')})$"),
    AfterValidator(str.lower),
    Field(
        description="`original`, `store_credit` or a UPI address. Left out: as it was paid; for cash, store credit.",
        examples=["asha.rao@okbank"],
    ),
]


class PaymentType(StrEnum):
    """How an order is paid."""

    COD = "cod"
    UPI = "upi"
    CARD = "card"
    STRIPE = "stripe"
    RAZORPAY = "razorpay"
    SANDBOX = "sandbox"
    STORE_CREDIT = "store_credit"  # what covers (part of) an order from a buyer's credit
    EXCHANGE = "exchange"  # goods that came back, set off against their replacement


class PaymentStatus(StrEnum):
    """Where a payment stands."""

    PENDING = "pending"
    AUTHORIZED = "authorized"
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    PARTIALLY_REFUNDED = "partially_refunded"
    MISMATCH = "mismatch"


PAID_ONCE = frozenset(
    {PaymentStatus.PAID, PaymentStatus.REFUNDED, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.MISMATCH}
)  # nothing more happens to it by itself
OPEN = frozenset({PaymentStatus.PENDING, PaymentStatus.AUTHORIZED})  # the money may still come


class Scenario(StrEnum):
    """What the sandbox shall do with a payment."""

    APPROVE = "approve"
    DECLINE = "decline"
    CHALLENGE = "challenge"  # 3-D Secure
    CLOSED_TAB = "closed_tab"  # paid, but nobody tells: neither the shopper's browser nor a webhook
    WEBHOOK_TWICE = "webhook_twice"
    OUT_OF_ORDER = "out_of_order"
    LATE = "late"  # paid when the order has cancelled itself
    SOLD_OUT = "sold_out"  # the same, and somebody else has the goods by then
    MISMATCH = "mismatch"  # paid, but another amount


class EntryKind(StrEnum):
    """Which way money moved."""

    CAPTURE = "capture"
    REFUND = "refund"


class EntryState(StrEnum):
    """Whether it has arrived. A refund waits for its gateway, or for staff who pay it out by UPI."""

    DONE = "done"
    PENDING = "pending"
    FAILED = "failed"


class Entry(Answer):
    """One movement of money: a capture's `amount` is positive, a refund's negative; a failed refund's is 0.

    `reference` is the gateway's or bank's name for it. `to` says where a refund goes: `original`, `store_credit`,
    `exchange` or a UPI address; `asked` what it was for, also where it failed; `by` who gave it back.
    """

    id: Id = Field(default_factory=ObjectId)
    kind: EntryKind
    amount: Paise
    state: EntryState = EntryState.DONE
    reference: str | None = None
    to: str | None = None
    reason: str | None = None
    asked: Paise | None = None
    by: str | None = None
    at: Timestamp


class Payment(Document):
    """What is owed and what came in for an order: one row an attempt.

    `reference` is what the money came in under, unique in the whole store; `provider_reference` the gateway's name for
    the attempt, known from the start. `action` tells the client what to do next, if anything.
    """

    order_id: Id
    buyer_id: Id | None = None
    type: PaymentType
    provider: str
    status: PaymentStatus = PaymentStatus.PENDING
    amount: Paise
    captured_amount: Paise = 0
    refunded_amount: Paise = 0
    currency: str = CURRENCY
    reference: str | None = None
    provider_reference: str | None = None
    action: dict[str, str] | None = None
    failure: str | None = None
    expires_at: Timestamp | None = None
    notes: str | None = None
    ledger: list[Entry] = Field(default_factory=list)
    # Money that came when its order could not take it (any more): it goes back, and is in no figure of the order.
    surplus: bool = False
    # With what it is paid, for whoever starts it: a UPI address, a kept card, what the sandbox shall do.
    vpa: str | None = None
    card_id: Id | None = None
    scenario: Scenario | None = None
    look_at: Timestamp | None = None  # when the sweep looks at it next; a lease while one does

    def answer(self) -> "PaymentAnswer":
        """As its buyer and the staff see it."""
        return PaymentAnswer.model_validate(self.model_dump(include=set(PaymentAnswer.model_fields)))


class PaymentAnswer(Answer):
    """A payment as its buyer and the staff see it: one attempt, with what came in and went back.

    `surplus`: the money came when the order could not take it any more, and goes back.
    """

    id: Id
    order_id: Id
    type: PaymentType
    provider: str
    status: PaymentStatus
    amount: Paise
    captured_amount: Paise
    refunded_amount: Paise
    currency: str
    reference: str | None
    provider_reference: str | None
    action: dict[str, str] | None
    failure: str | None
    expires_at: Timestamp | None
    notes: str | None
    surplus: bool
    ledger: list[Entry]
    created_at: Timestamp
    updated_at: Timestamp
    version: int


Reference = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{3,59}$"), Field(examples=["412345678901"])
]


class PaymentConfirm(Body):
    """That the money is in the bank, under this reference (of a UPI payment: its UTR)."""

    reference: Reference

    model_config = example({"reference": "412345678901"})


class PaymentRecord(Body):
    """A payment that was made outside: over the counter, by bank transfer."""

    order_id: Id
    type: Literal[PaymentType.UPI, PaymentType.CARD, PaymentType.COD] = PaymentType.UPI
    amount: Money | None = Field(default=None, description="What came in; must be what the order still owes.")
    reference: Reference
    notes: Annotated[Text, Field(max_length=1000)] | None = None

    model_config = example({"order_id": "65af0b12c4a1d2e3f4a5b6c7", "reference": "412345678901"})


class PaymentChange(Body):
    """What may change on a payment."""

    notes: Annotated[Text, Field(max_length=1000)] | None = None


class Challenge(Body):
    """How the shopper did at the sandbox's 3-D Secure page."""

    passed: Flag

    model_config = example({"passed": True})


class Received(Answer):
    """A webhook was taken."""

    message: str = "Received"


class Webhook(Document):
    """One event that a provider told: kept before it is acknowledged, applied afterwards."""

    provider: PaymentType
    event_id: str
    kind: str
    state: dict[str, Any] | None
    body: bytes
    applied_at: datetime | None = None
    expires_at: datetime


class SandboxCharge(Document):
    """A payment in the books of the sandbox, which plays the gateway."""

    payment_id: str
    reference: str
    amount: int
    currency: str
    result: str
    scenario: Scenario
    ends_at: datetime | None = None
    refunds: list[str] = Field(default_factory=list)


class RefundAnswer(Answer):
    """Money that goes back to a buyer: one a payment that it came from. `amount` is 0 once it failed."""

    id: Id
    payment_id: Id
    order_id: Id
    type: PaymentType
    amount: Paise
    asked: Paise
    currency: str
    state: EntryState
    to: str
    reason: str | None
    reference: str | None
    at: Timestamp


def refund_of(payment: Payment, entry: Entry) -> RefundAnswer:
    """A refund in a payment's ledger, as it is read."""
    return RefundAnswer(
        id=entry.id,
        payment_id=payment.id,
        order_id=payment.order_id,
        type=payment.type,
        amount=-entry.amount,
        asked=-entry.amount if entry.asked is None else entry.asked,
        currency=payment.currency,
        state=entry.state,
        to=entry.to or ORIGINAL,
        reason=entry.reason,
        reference=entry.reference,
        at=entry.at,
    )
