"""Webhook endpoints of integrators, what they can hear of, and each delivery to one."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from truestyle.kit.documents import Answer, Body, Document, example, optional
from truestyle.kit.errors import Problem
from truestyle.kit.types import Flag, Id, Line, Timestamp, rule

MOST_ENDPOINTS = 50
KEPT_TRIES = 20  # of one delivery; older ones are dropped


class HookEvent(StrEnum):
    """What an endpoint can hear of."""

    ORDER_PLACED = "order.placed"
    ORDER_STATUS_CHANGED = "order.status_changed"
    ORDER_UPDATED = "order.updated"  # lines, addresses, tracking or notes
    PAYMENT_CAPTURED = "payment.captured"
    PAYMENT_FAILED = "payment.failed"
    REFUND_CREATED = "refund.created"
    REFUND_COMPLETED = "refund.completed"
    REFUND_FAILED = "refund.failed"
    RETURN_REQUESTED = "return.requested"
    RETURN_STATUS_CHANGED = "return.status_changed"
    EXCHANGE_REQUESTED = "exchange.requested"
    EXCHANGE_STATUS_CHANGED = "exchange.status_changed"
    PRODUCT_CREATED = "product.created"
    PRODUCT_UPDATED = "product.updated"
    PRODUCT_DELETED = "product.deleted"
    STOCK_CHANGED = "stock.changed"  # by hand, or by goods that came back; what orders take is in the orders
    STOCK_LOW = "stock.low"


PING = "ping"  # what `POST …/ping` sends, whatever an endpoint listens to


def _different(events: list[HookEvent]) -> list[HookEvent]:
    if len(set(events)) != len(events):
        raise rule("names an event twice")
    return events


Events = Annotated[list[HookEvent], Field(min_length=1, max_length=len(HookEvent)), AfterValidator(_different)]
Url = Annotated[
    str,
    StringConstraints(max_length=500, pattern=r"^https?://[!-~]+$"),
    Field(examples=["https://erp.example.com/truestyle"]),
]


class Endpoint(Document):
    """Where somebody wants to be told. The secrets that sign are locked for this endpoint."""

    model_config = ConfigDict(ser_json_bytes="base64")

    url: str
    events: list[HookEvent]
    description: str | None = None
    active: bool = True
    locked: bytes = Field(repr=False)
    locked_by: str
    old_locked: bytes | None = Field(default=None, repr=False)
    old_until: Timestamp | None = None  # until when the secret before the last change signs too
    failures: int = 0
    failing_since: Timestamp | None = None
    switched_off_at: Timestamp | None = None

    def answer(self) -> "EndpointAnswer":
        """As staff see it."""
        return EndpointAnswer.model_validate(self.model_dump(include=set(EndpointAnswer.model_fields)))


class EndpointAnswer(Answer):
    """An endpoint. Its secret is shown when it is made or changed, and never again."""

    id: Id
    url: str
    events: list[HookEvent]
    description: str | None
    active: bool
    old_until: Timestamp | None = Field(description="Until when messages are signed with the secret before it too.")
    failures: int = Field(description="Tries that failed since the last that did not.")
    failing_since: Timestamp | None
    switched_off_at: Timestamp | None = Field(description="When it was switched off because everything failed.")
    created_at: Timestamp
    updated_at: Timestamp
    version: int


class EndpointSecret(EndpointAnswer):
    """An endpoint with its secret: the only time that it is shown."""

    secret: str = Field(examples=["whsec_1gZ4cm9cCwlDP2nTAYkHPnE1TX9pU2yJ4jZ0r3uQ0dY"])


class EndpointCreate(Body):
    """Where to tell of what."""

    url: Url
    events: Events
    description: Line | None = None
    active: Flag = True

    model_config = example({"url": "https://erp.example.com/truestyle", "events": ["order.placed", "order.updated"]})


class EndpointChange(Body):
    """What may change. `active: true` begins anew after it was switched off; what was missed is not sent."""

    url: Url = optional()
    events: Events = optional()
    description: Line | None = None
    active: Flag = optional()

    model_config = example({"events": ["order.placed", "order.status_changed"]})


class SecretChange(Body):
    """For how long the secret before signs too, so that the receiver has time to change."""

    overlap_hours: Annotated[int, Field(strict=True, ge=0, le=168)] = 24

    model_config = example({"overlap_hours": 24})


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


class Attempt(Answer):
    """One try: what the receiver answered, or why there was no answer."""

    at: Timestamp
    status: int | None = Field(description="The HTTP status; null without an answer.")
    milliseconds: int
    error: str | None
    answer: str | None = Field(description="The beginning of what it said.")


class DeliverySummary(Answer):
    """A message to an endpoint, and where it stands. Dropped: the endpoint was off or gone when its turn came."""

    id: Id
    endpoint_id: Id
    message_id: str = Field(description="As in the `TrueStyle-Webhook-Id` header; the same for every try and replay.")
    event: str
    status: DeliveryStatus
    tries: int
    replays: int
    delivered_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class DeliveryAnswer(DeliverySummary):
    """The same with what is sent, and the last tries."""

    body: str
    attempts: list[Attempt]


class Delivery(Document):
    """A message to an endpoint as stored; its `body` is sent byte for byte, whenever that is."""

    endpoint_id: Id
    message_id: str
    event: str
    body: str
    status: DeliveryStatus = DeliveryStatus.WAITING
    forced: bool = False  # asked for by people: goes also to an endpoint that is off
    attempts: list[Attempt] = Field(default_factory=list)
    tries: int = 0
    replays: int = 0
    delivered_at: Timestamp | None = None

    def summary(self) -> DeliverySummary:
        """As a list shows it."""
        return DeliverySummary.model_validate(self.model_dump(include=set(DeliverySummary.model_fields)))

    def answer(self) -> DeliveryAnswer:
        """With all of it."""
        return DeliveryAnswer.model_validate(self.model_dump(include=set(DeliveryAnswer.model_fields)))


class Message(Answer):
    """What happened, before it is known who hears of it."""

    id: str
    event: str
    at: datetime
    data: dict[str, Any]


class TooManyEndpoints(Problem):
    """There are as many endpoints as there may be."""

    status, code, detail = (
        409,
        "too_many_endpoints",
        f"There are {MOST_ENDPOINTS} endpoints, the most that there may be.",
    )


class DeliveryWaiting(Problem):
    """A delivery that is on its way is not sent again."""

    status, code, detail = 409, "delivery_waiting", "This delivery is still on its way."
