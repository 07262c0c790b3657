"""Returns and exchanges: which pieces of an order come back, why, and what is given for them."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from truestyle.kit.documents import Answer, Body, Document, example
from truestyle.kit.money import Paise
from truestyle.kit.types import Id, Line, Sku, Text, Timestamp
from truestyle.orders.models import TrackingWrite
from truestyle.payments.models import RefundTo
from truestyle.returns.flow import Condition, Kind, ReturnReason, ReturnStatus

MOST_ITEMS, MOST_PHOTOS, MOST_PIECES = 100, 8, 1000
EXAMPLE_ID = "65af0b12c4a1d2e3f4a5b6c7"


class Replacement(Answer):
    """The piece that is wanted instead. Its price is what the old one was sold at, and what the two differ by today."""

    sku: str
    size: str | None
    color: str | None
    image_url: str | None
    mrp: Paise
    unit_price: Paise


class ReturnItem(Answer):
    """Some pieces of one line of the order. `amount`: what they were paid with, as the order has it."""

    order_item_id: Id
    product_id: Id
    sku: str
    name: str
    size: str | None
    color: str | None
    image_url: str | None
    quantity: int
    amount: Paise
    replacement: Replacement | None = None


class ReturnStep(Answer):
    """One step. `by` is who took it: a user's id, or `guest`."""

    status: ReturnStatus
    at: Timestamp
    by: str | None
    note: str | None = None


class ReturnFacts(Answer):
    """What the stored row and every answer share."""

    order_id: Id
    order_number: str
    user_id: Id | None = None
    status: ReturnStatus = ReturnStatus.REQUESTED
    status_history: list[ReturnStep]
    reason: ReturnReason
    comment: str | None = None
    image_ids: list[Id] = Field(default_factory=list)
    refund_to: str | None = None
    condition: Condition | None = None
    amount: Paise = Field(description="What the goods were paid with; once they are settled, what was given for them.")
    shipping_amount: Paise = Field(default=0, description="Shipping that was given back, where the fault is ours.")
    refund_amount: Paise = Field(default=0, description="Money that was given back.")


class Return(Document, ReturnFacts):
    """A return or an exchange as stored."""

    kind: Kind
    items: list[ReturnItem]
    price_difference: int = 0
    replacement_order_id: Id | None = None
    replacement_number: str | None = None
    archived_at: datetime | None = None


class ReturnItemAnswer(ReturnItem):
    """A line of a return as it is read."""

    replacement: Replacement | None = Field(default=None, exclude=True)


class ReturnAnswer(Document, ReturnFacts):
    """A return as its buyer and the staff see it."""

    items: list[ReturnItemAnswer]
    allowed_actions: list[str]


class ExchangeItemAnswer(ReturnItem):
    """A line of an exchange as it is read."""

    new_sku: str
    replacement: Replacement


class ExchangeAnswer(Document, ReturnFacts):
    """An exchange as its buyer and the staff see it."""

    items: list[ExchangeItemAnswer]
    price_difference: Paise = Field(
        description="What the new pieces cost more: paid when they are delivered. Below zero: given back."
    )
    replacement_order_id: Id | None
    replacement_number: str | None
    allowed_actions: list[str]


class ReturnItemWrite(Body):
    """Pieces of one line of the order."""

    order_item_id: Id
    quantity: Annotated[int, Field(strict=True, ge=1, le=MOST_PIECES)]


class ExchangeItemWrite(ReturnItemWrite):
    """Pieces of one line of the order, and what is wanted instead: another SKU of the same product."""

    new_sku: Sku


Comment = Annotated[Text, Field(max_length=2000)]
Photos = Annotated[
    list[Id], Field(max_length=MOST_PHOTOS, description="Pictures of one's own; only their owner and staff see them.")
]


class _Ask(Body):
    order_id: Id
    reason: ReturnReason
    comment: Comment | None = None
    image_ids: Photos | None = None
    refund_to: RefundTo | None = None


class ReturnCreate(_Ask):
    """Send goods back for their money."""

    items: Annotated[list[ReturnItemWrite], Field(min_length=1, max_length=MOST_ITEMS)]

    model_config = example(
        {
            "order_id": EXAMPLE_ID,
            "items": [{"order_item_id": EXAMPLE_ID, "quantity": 1}],
            "reason": "too_small",
            "comment": "Tight at the shoulders.",
        }
    )


class ExchangeCreate(_Ask):
    """Send goods back for others of the same product."""

    items: Annotated[list[ExchangeItemWrite], Field(min_length=1, max_length=MOST_ITEMS)]

    model_config = example(
        {
            "order_id": EXAMPLE_ID,
            "items": [{"order_item_id": EXAMPLE_ID, "quantity": 1, "new_sku": "KURTA-INDIGO-L"}],
            "reason": "too_small",
        }
    )


class ReturnChange(Body):
    """What may still be changed while it is only requested; null takes it away."""

    comment: Comment | None = None
    image_ids: Photos | None = None


class ReturnMove(Body):
    """The next status.

    `condition` counts when it is completed, `tracking` when a replacement leaves, `refund_to` where money goes back.
    """

    status: ReturnStatus
    note: Line | None = None
    condition: Condition = Field(default=Condition.SELLABLE)
    tracking: TrackingWrite | None = None
    refund_to: RefundTo | None = None

    model_config = example({"status": "approved"})


class ReturnCancel(Body):
    """Why it is called off."""

    reason: Line | None = None

    model_config = example({"reason": "It fits after all"})
