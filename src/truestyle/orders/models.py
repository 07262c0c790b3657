"""Orders: a snapshot of what was bought, its frozen amounts, and its history."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from truestyle.catalog.products.models import CURRENCY
from truestyle.kit.documents import Answer, Body, Document, example, optional
from truestyle.kit.money import Money, Paise
from truestyle.kit.types import Email, Id, Line, Pincode, ShortLine, Text, Timestamp
from truestyle.orders.flow import ALIASES, OrderStatus
from truestyle.payments.models import PaymentStatus, PaymentType
from truestyle.users.addresses import ADDRESS_EXAMPLE, AddressFields, AddressWrite


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
    discount: Paise
    taxable_value: Paise
    tax: LineTax
    line_total: Paise
    returnable: bool
    returned_quantity: int = 0
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
    """The payment of an order. `action` tells the client what to do next, if anything."""

    id: Id
    type: PaymentType
    status: PaymentStatus
    action: dict[str, str] | None = None


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
    user_id: Id | None = None
    placed_at: Timestamp


class Order(Document, OrderFacts):
    """An order as stored."""

    items: list[OrderItem]
    cart_key: str
    archived_at: datetime | None = None


class OrderItemAnswer(OrderItem):
    """A line as it is read."""

    returned_quantity: int = Field(default=0, exclude=True)
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


class PaymentChoice(Body):
    """How the buyer pays."""

    type: Literal[PaymentType.COD]


class QuoteAsk(Body):
    """Where to and how: an address of the book, one in full, or only a PIN code."""

    address_id: Id | None = None
    address: AddressWrite | None = None
    pincode: Pincode | None = None
    coupon_code: ShortLine | None = None
    payment_type: PaymentType | None = None

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

    model_config = example(
        {
            "address": ADDRESS_EXAMPLE,
            "payment": {"type": "cod"},
            "email": "asha@example.com",
        }
    )


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


class OrderChange(Body):
    """What may still be changed before packing."""

    notes: Annotated[Text, Field(max_length=1000)] | None = None
    address_id: Id = optional()
    address: AddressWrite = optional()


class Track(Answer):
    """Where the order is."""

    order_id: Id
    number: str
    status: OrderStatus
    status_history: list[HistoryEntry]
    tracking: Tracking | None
    estimated_delivery: Timestamp | None
