"""Events for people to look at."""

from typing import Any

from pydantic import Field

from truestyle.infra.outbox import EventStatus
from truestyle.kit.documents import Answer
from truestyle.kit.types import Id, Timestamp


class EventSummary(Answer):
    """An effect that was given up, without what it carries."""

    id: Id
    topic: str = Field(examples=["mail.order_confirmation"])
    key: str = Field(description="What it is the effect of; there is never another under the same key.")
    status: EventStatus
    attempts: int = Field(description="Tries since it was written, or last replayed.")
    error: str | None = Field(description="What the last try ended with.")
    due_at: Timestamp
    replays: int
    replayed_at: Timestamp | None
    replayed_by: Id | None
    created_at: Timestamp
    updated_at: Timestamp


class EventAnswer(EventSummary):
    """The same with what it carries; secrets are hidden."""

    payload: dict[str, Any]
