"""Orders: a snapshot of what was bought, its frozen amounts, and its history."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from truestyle.catalog.products.models import CURRENCY
from truestyle.kit.documents import Answer, Body, Document, example, optional
from truestyle.kit.money import Money, Paise
from truestyle.kit.types import Email, Flag, Gstin, Id, Line, OtpText, Pincode, ShortLine, Sku, Text, Timestamp, rule
from truestyle.orders.flow import ALIASES, OrderStatus
from truestyle.payments.models import PaymentStatus, PaymentType, Scenario
from truestyle.users.addresses import ADDRESS_EXAMPLE, AddressFields, AddressWrite
from truestyle.wallet.models import Vpa


class LineTax(Answer):
    """The taxes inside a line: `rate` in percent."""

    rate: str
    cgst: Paise
    sgst: Paise
    igst: Paise


class TaxTotals(Answer):
    """The taxes inside a total."""

    cgst: Paise
    sgst: Paise
    igst: Paise
    total: Paise


class OrderItem(Answer):
    """One line as it was bought: later changes to the catalogue do not touch it."""

    id: Id
    product_id: Id
    sku: str
    name: str
    size: str | None
    color: str | None
    image_url: str | None
    hsn_code: str | None
    quantity: int
    unit_price: Paise
    mrp: Paise
    list_price: Paise | None = None  # before its discount
    discount: Paise
    taxable_value: Paise
    tax: LineTax
    line_total: Paise
    returnable: bool
    vendor_id: Id | None = None  # who sells it
    returned_quantity: int = 0  # in returns and exchanges that are not rejected or cancelled
    refunded_quantity: int = 0  # whose money was given back
    explanation: list[str]


class HistoryEntry(Answer):
    """One step of an order. `by` is who took it: a user's id, or `system`."""

    status: OrderStatus
    at: Timestamp
    by: str | None
    note: str | None = None


class Tracking(Answer):
    """Where the parcel can be followed."""

    carrier: str
    number: str
    url: str | None = None


class OrderPayment(Answer):
    """The payment of an order: its newest attempt, or the one that paid.

    `action` tells the client what to do next, if anything; an order that is not paid by `expires_at` cancels itself.
    """

    id: Id
    type: PaymentType
    status: PaymentStatus
    action: dict[str, str] | None = None
    expires_at: Timestamp | None = None


class OrderFacts(Answer):
    """What the stored order and the order that is read share."""

    number: str
    status: OrderStatus
    status_history: list[HistoryEntry]
    subtotal: Paise
    discount: Paise
    coupon_code: str | None = None
    shipping: Paise
    tax: TaxTotals
    total: Paise
    currency: str = CURRENCY
    amount_paid: Paise = 0
    amount_refunded: Paise = 0
    payment: OrderPayment
    shipping_address: AddressFields
    billing_address: AddressFields
    tracking: Tracking | None = None
    estimated_delivery: Timestamp | None = None
    notes: str | None = None
    email: str
    gstin: str | None = None
    user_id: Id | None = None
    exchange_id: Id | None = (
        None  # of a replacement: the exchange that it is for, and the order that it replaces goods of
    )
    replaces: Id | None = None
    placed_at: Timestamp


class Order(Document, OrderFacts):
    """An order as stored."""

    items: list[OrderItem]
    cart_key: str
    given_back: list[str] = Field(default_factory=list)  # what money was given back for: each only once
    archived_at: datetime | None = None
    expired_at: datetime | None = None  # while it is cancelled because nobody paid in time


class OrderItemAnswer(OrderItem):
    """A line as it is read."""

    list_price: Paise | None = Field(default=None, exclude=True)
    vendor_id: Id | None = Field(default=None, exclude=True)
    returned_quantity: int = Field(default=0, exclude=True)
    refunded_quantity: int = Field(default=0, exclude=True)
    returnable: bool = Field(default=True, exclude=True)
    returnable_quantity: int = 0


class OrderAnswer(OrderFacts):
    """An order as its buyer and the staff see it."""

    id: Id
    items: list[OrderItemAnswer]
    allowed_actions: list[str]
    created_at: Timestamp
    updated_at: Timestamp
    version: int


class OrderLine(OrderItemAnswer):
    """A line by itself, with the order that it is of; `version` is the order's."""

    order_id: Id
    order_number: str
    order_status: OrderStatus
    placed_at: Timestamp
    created_at: Timestamp
    updated_at: Timestamp
    version: int


class LineAdd(Body):
    """A SKU that an order is to have too."""

    order_id: Id
    sku: Sku
    quantity: Annotated[int, Field(strict=True, ge=1, le=1000)] = 1

    model_config = example({"order_id": "65af0b12c4a1d2e3f4a5b6c7", "sku": "KURTA-INDIGO-M", "quantity": 1})


class LineChange(Body):
    """How many pieces of a line there are to be."""

    quantity: Annotated[int, Field(strict=True, ge=1, le=1000)] = optional()


class PaymentChoice(Body):
    """How the buyer pays. `scenario` is for the sandbox alone: what it shall do."""

    type: Literal[
        PaymentType.COD,
        PaymentType.UPI,
        PaymentType.CARD,
        PaymentType.STRIPE,
        PaymentType.RAZORPAY,
        PaymentType.SANDBOX,
    ]
    vpa: Vpa | None = Field(default=None, description="The buyer's UPI address; only with `upi`.")
    card_id: Id | None = Field(default=None, description="One of the buyer's kept cards; only with `card`.")
    scenario: Scenario | None = Field(default=None, description="Only with `sandbox`.")

    @model_validator(mode="after")
    def _belongs_to_its_type(self) -> "PaymentChoice":
        owners = (("vpa", PaymentType.UPI), ("card_id", PaymentType.CARD), ("scenario", PaymentType.SANDBOX))
        for name, owner in owners:
            if getattr(self, name) is not None and self.type is not owner:
                msg = f"{name} goes with the type {owner}"
                raise rule(msg)
        return self


UseCredit = Annotated[
    Flag, Field(description="Pay with one's store credit as far as it goes; `payment` pays the rest. Not for guests.")
]


class QuoteAsk(Body):
    """Where to and how: an address of the book, one in full, or only a PIN code."""

    address_id: Id | None = None
    address: AddressWrite | None = None
    pincode: Pincode | None = None
    coupon_code: ShortLine | None = None
    payment_type: PaymentType | None = None
    use_store_credit: UseCredit = False

    model_config = example({"pincode": "560038", "payment_type": "cod"})


class QuoteItem(Answer):
    """One line of a quote."""

    product_id: Id
    sku: str
    name: str
    size: str | None
    color: str | None
    quantity: int
    unit_price: Paise
    discount: Paise
    taxable_value: Paise
    tax: LineTax
    line_total: Paise
    available: int


class CodTerms(Answer):
    """Whether cash on delivery is offered here, and what it costs."""

    available: bool
    fee: Paise


class Quote(Answer):
    """What the cart would cost, delivered there."""

    items: list[QuoteItem]
    subtotal: Paise
    discount: Paise
    shipping: Paise
    tax: TaxTotals
    total: Paise
    store_credit: Paise  # how much of the total it would pay
    to_pay: Paise
    currency: str = CURRENCY
    deliverable: bool
    cod: CodTerms
    estimated_delivery: Timestamp | None


class OrderPlace(Body):
    """Turn the cart into an order."""

    address_id: Id | None = None
    address: AddressWrite | None = None
    billing_address_id: Id | None = None
    payment: PaymentChoice
    coupon_code: ShortLine | None = None
    expected_total: Money | None = None
    notes: Annotated[Text, Field(max_length=1000)] | None = None
    email: Email | None = Field(default=None, description="Where to write to a guest.")
    gstin: Gstin | None = Field(default=None, description="The buyer's GST number, for the invoice.")
    use_store_credit: UseCredit = False

    model_config = example(
        {
            "address": ADDRESS_EXAMPLE,
            "payment": {"type": "cod"},
            "email": "asha@example.com",
        }
    )


class PayAgain(Body):
    """Another way to pay an order that waits for its payment."""

    payment: PaymentChoice

    model_config = example({"payment": {"type": "upi"}})


class OrderPlaced(Answer):
    """The new order."""

    message: str = "Order placed successfully"
    order_id: Id
    order: OrderAnswer


class TrackingWrite(Body):
    """Where the parcel can be followed."""

    carrier: ShortLine
    number: ShortLine
    url: Annotated[str, Field(pattern=r"^https?://[^\s<>\"]{1,400}$")] | None = None


def _known(value: object) -> object:
    return ALIASES.get(value, value) if isinstance(value, str) else value


NextStatus = Annotated[
    OrderStatus, BeforeValidator(_known), WithJsonSchema({"type": "string", "enum": [*OrderStatus, *ALIASES]})
]


class StatusMove(Body):
    """The next status, with what staff want to say about it."""

    status: NextStatus
    note: Line | None = None
    tracking: TrackingWrite | None = None

    model_config = example({"status": "packed"})


class Cancel(Body):
    """Why the order is called off."""

    reason: Line

    model_config = example({"reason": "Ordered the wrong size"})


class ItemChange(Body):
    """How many pieces of a line there are to be (0 removes it), or of a SKU that is added."""

    order_item_id: Id | None = None
    sku: Sku | None = None
    quantity: Annotated[int, Field(strict=True, ge=0, le=1000)]


class OrderChange(Body):
    """What may still be changed before packing: address and lines only while it is to be paid on delivery."""

    notes: Annotated[Text, Field(max_length=1000)] | None = None
    address_id: Id = optional()
    address: AddressWrite = optional()
    items: Annotated[list[ItemChange], Field(max_length=200)] = optional(
        description="Lines that are to change, and SKUs to add; the other lines stay."
    )


class Lookup(Body):
    """An order and where its mails go."""

    number: Annotated[ShortLine, Field(max_length=30)]
    email: Email

    model_config = example({"number": "TS-26-000042", "email": "asha@example.com"})


class LookupCode(Lookup):
    """The code that was mailed."""

    code: OtpText

    model_config = example({"number": "TS-26-000042", "email": "asha@example.com", "code": "012345"})


class FoundOrder(OrderAnswer):
    """An order that its guest found again. `lookup_token` opens it for a while, as the header `X-Order-Token`."""

    lookup_token: str
    expires_in: int = Field(description="Seconds until the token ends.")


class Track(Answer):
    """Where the order is."""

    order_id: Id
    number: str
    status: OrderStatus
    status_history: list[HistoryEntry]
    tracking: Tracking | None
    estimated_delivery: Timestamp | None
