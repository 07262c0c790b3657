"""What a settlement check says."""

from enum import StrEnum

from pydantic import Field

from truestyle.kit.documents import Answer
from truestyle.kit.money import Paise
from truestyle.kit.types import Id, Timestamp
from truestyle.payments.models import PaymentType


class DifferenceKind(StrEnum):
    """How a settlement and our ledger may differ."""

    MISSING_IN_LEDGER = "missing_in_ledger"
    MISSING_IN_SETTLEMENT = "missing_in_settlement"
    AMOUNT_DIFFERS = "amount_differs"
    CURRENCY_DIFFERS = "currency_differs"
    NOT_DONE = "not_done"  # the gateway has settled what we still wait for, or gave up on
    TWICE = "twice"
    UNREADABLE = "unreadable"


class Difference(Answer):
    """One thing that somebody has to look at. `row` counts from 1 with the header, as spreadsheets show it."""

    kind: DifferenceKind
    row: int | None = None
    reference: str | None = None
    payment_id: Id | None = None
    order_id: Id | None = None
    settled: Paise | None = Field(default=None, description="What the gateway says; a refund is negative.")
    ledger: Paise | None = Field(default=None, description="What our ledger says; a refund is negative.")
    message: str


class Settled(Answer):
    """How many lines of a kind, and what they come to."""

    count: int = 0
    amount: Paise = 0


class SettlementReport(Answer):
    """A settlement file against the payment ledger. `net` is what the gateway paid out, by its own figures."""

    provider: PaymentType
    clean: bool = True
    rows: int = 0
    matched: int = 0
    payments: Settled = Field(default_factory=Settled)
    refunds: Settled = Field(default_factory=Settled, description="Their amount is negative.")
    other: Settled = Field(default_factory=Settled, description="Adjustments, disputes, payouts: not in our ledger.")
    fees: Paise = Field(default=0, description="Without tax, where the file tells them apart.")
    tax: Paise = 0
    net: Paise = 0
    first_at: Timestamp | None = None
    last_at: Timestamp | None = None
    difference_count: int = 0
    differences: list[Difference] = Field(default_factory=list, description="The first thousand.")
