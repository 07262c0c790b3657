"""Invoices and credit notes: what was sold, by whom, to whom, at which taxes; frozen when they are issued."""

from datetime import date
from enum import StrEnum

from pydantic import Field

from truestyle.catalog.products.models import CURRENCY
from truestyle.kit.documents import Answer, Document
from truestyle.kit.errors import Problem
from truestyle.kit.money import Paise
from truestyle.kit.types import Id, Timestamp
from truestyle.orders.models import LineTax


class Cause(StrEnum):
    """Why a credit note is issued. `reversal`: called off after packing, or returned to origin."""

    REFUND = "refund"
    EXCHANGE = "exchange"
    REVERSAL = "reversal"


class Postal(Answer):
    """Who, and where. `state_code` is GST's."""

    name: str
    line1: str | None = None
    line2: str | None = None
    landmark: str | None = None
    city: str | None = None
    state: str
    state_code: str | None
    pincode: str | None = None
    phone: str | None = None
    gstin: str | None = None


class Seller(Postal):
    """The store: `name` is what it is called, `legal_name` who it is in law."""

    legal_name: str
    email: str | None = None
    website: str | None = None


class Supply(Answer):
    """The state whose tax it is: where the goods go."""

    state: str
    state_code: str | None


class PaperLine(Answer):
    """Goods, or what their delivery costs (then without `item_id` and `sku`).

    On a credit note it is what is taken back: `quantity` 0 where only the price was reduced. `uqc` is GST's unit code.
    """

    item_id: Id | None = None
    sku: str | None = None
    name: str
    size: str | None = None
    color: str | None = None
    hsn_code: str | None
    quantity: int
    uqc: str
    unit_price: Paise
    discount: Paise
    taxable_value: Paise
    tax: LineTax
    line_total: Paise


class PaperTotals(Answer):
    """What the lines add up to; `total` has the taxes inside."""

    taxable_value: Paise
    cgst: Paise
    sgst: Paise
    igst: Paise
    tax: Paise
    discount: Paise
    shipping: Paise
    total: Paise


class PaperFacts(Answer):
    """What an invoice and a credit note have in common."""

    financial_year: str = Field(examples=["2026-27"])
    issued_at: Timestamp
    order_id: Id
    order_number: str
    ordered_at: Timestamp
    seller: Seller
    buyer: Postal
    ship_to: Postal
    place_of_supply: Supply
    inter_state: bool
    reverse_charge: bool = False
    lines: list[PaperLine]
    shipping: PaperLine | None
    totals: PaperTotals
    amount_in_words: str
    currency: str = CURRENCY


class InvoiceFacts(PaperFacts):
    """An invoice, without what changes later."""

    number: str = Field(examples=["TS/2627/000001"])
    payment: str = Field(description="How the order is paid.")


class Invoice(Document, InvoiceFacts):
    """An invoice as stored: one an order. `credited` is what credit notes have taken back of it."""

    series: str
    sequence: int
    user_id: Id | None = None
    credited: Paise = 0
    pdf_id: Id | None = None


class InvoiceAnswer(InvoiceFacts):
    """An invoice."""

    id: Id


class NoteFacts(PaperFacts):
    """A credit note. `number` is null where it came too late to take tax back (`commercial`)."""

    number: str | None = Field(examples=["TC/2627/000001"])
    commercial: bool = Field(description="Only money is given back: the day for a credit note in law is over.")
    invoice_id: Id
    invoice_number: str
    invoiced_at: Timestamp
    invoice_total: Paise
    cause: Cause
    reason: str


class CreditNote(Document, NoteFacts):
    """A credit note as stored. `source` names what it is for, once."""

    series: str | None
    sequence: int | None
    source: str
    user_id: Id | None = None
    pdf_id: Id | None = None


class NoteAnswer(NoteFacts):
    """A credit note."""

    id: Id


class NoteList(Answer):
    """The credit notes of an order, oldest first; and until when more can take tax back."""

    items: list[NoteAnswer]
    last_day: date | None = Field(description="The last day for a credit note in law; null before the invoice.")


class InvoiceNotIssued(Problem):
    """The order is not packed yet."""

    status, code, detail = 409, "invoice_not_issued", "The invoice is issued when the order is packed."


class CreditExceedsInvoice(Problem):
    """More would be credited than was invoiced."""

    status, code, detail = 409, "credit_exceeds_invoice", "More would be credited than was invoiced."
