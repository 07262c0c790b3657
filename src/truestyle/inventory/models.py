"""Stock: one row a SKU, and one row for everything that ever happened to it."""

from enum import StrEnum

from pydantic import Field

from truestyle.kit.documents import Answer, Body, Document, example, optional
from truestyle.kit.types import Count, Id, Int, Line, Sku, Timestamp


class Reason(StrEnum):
    """Why stock moved."""

    OPENING = "opening"
    RECEIVED = "received"
    SOLD = "sold"
    RESERVED = "reserved"
    RELEASED = "released"
    RESTOCKED = "restocked"
    RETURNED_TO_ORIGIN = "returned_to_origin"
    DAMAGED = "damaged"
    CORRECTION = "correction"


class Stock(Answer):
    """Pieces of one SKU: `available` = `on_hand` − `reserved`, none below zero."""

    sku: str
    product_id: Id
    on_hand: int
    reserved: int
    available: int
    low_stock_at: int = Field(default=5, description="At this many available pieces the SKU counts as low.")
    updated_at: Timestamp


class Movement(Document):
    """One change of one SKU's stock; never altered."""

    sku: str
    product_id: Id
    on_hand_delta: int = 0
    reserved_delta: int = 0
    reason: Reason
    order_id: Id | None = None
    return_id: Id | None = None
    actor_id: Id | None = None
    changeset_id: Id | None = None
    note: str | None = None


class StockSet(Body):
    """A stock-take (`on_hand`) or a change (`delta`), and from which figure on the SKU counts as low."""

    sku: Sku
    on_hand: Int | None = Field(default=None, ge=0)
    delta: Int | None = None
    low_stock_at: Count = optional(description="At this many available pieces the SKU counts as low.")
    reason: Line = Field(default=Reason.CORRECTION, description="A reason of the list, or words for a correction.")

    model_config = example({"sku": "KURTA-INDIGO-M", "delta": 10, "reason": "received"})
