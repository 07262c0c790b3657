"""Payments: one row an attempt to be paid, with its ledger."""

from enum import StrEnum

from pydantic import Field

from truestyle.catalog.products.models import CURRENCY
from truestyle.kit.documents import Answer, Document
from truestyle.kit.money import Paise
from truestyle.kit.types import Id, Timestamp


class PaymentType(StrEnum):
    """How an order is paid."""

    COD = "cod"


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


class Entry(Answer):
    """One movement of money: captured is positive, refunded negative."""

    kind: str
    amount: Paise
    reference: str
    at: Timestamp


class Payment(Document):
    """What is owed and what came in for an order."""

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
    ledger: list[Entry] = Field(default_factory=list)
