"""Store credit: what the store owes to people with an account, to be spent at the checkout."""

from enum import StrEnum

from truestyle.catalog.products.models import CURRENCY
from truestyle.kit.documents import Answer, Body, Document, example
from truestyle.kit.money import Paise, PositiveMoney
from truestyle.kit.paging import Page
from truestyle.kit.types import Id, Line, Timestamp


class CreditCause(StrEnum):
    """Why a balance changed."""

    REFUND = "refund"  # of an order that was paid in another way
    SPENT = "spent"  # on an order
    GIVEN_BACK = "given_back"  # what an order was paid with came back
    GRANTED = "granted"  # by staff


class CreditFacts(Answer):
    """One change of a balance: `delta` is positive for what came in."""

    delta: Paise
    balance_after: Paise
    cause: CreditCause
    order_id: Id | None = None
    reason: str | None = None


class CreditEntry(Document, CreditFacts):
    """A change as stored. Rows are only appended."""

    user_id: Id
    refund_id: Id | None = None


class CreditAnswer(CreditFacts):
    """A change as it is read."""

    id: Id
    user_id: Id
    created_at: Timestamp


class CreditPage(Page[CreditAnswer]):
    """A balance, and one page of how it came about."""

    balance: Paise
    currency: str = CURRENCY


class CreditGrant(Body):
    """Credit for somebody, and why."""

    user_id: Id
    amount: PositiveMoney
    reason: Line

    model_config = example({"user_id": "65af0b12c4a1d2e3f4a5b6c7", "amount": "250.00", "reason": "Parcel came late"})
