"""Messages of people to the store: each has a ticket, an acknowledgement and a due date."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from bson import ObjectId
from pydantic import Field
from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from truestyle.kit.documents import Body, Document, example, optional
from truestyle.kit.tables import Base, Key, Moment, plain_text
from truestyle.kit.types import Email, Line, Phone, Timestamp, Words
from truestyle.kit.types import Text as Prose


class TicketStatus(StrEnum):
    """How far a message is."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Messages(Base):
    """The table `contact_us`."""

    __tablename__ = "contact_us"

    id: Mapped[ObjectId] = mapped_column(Key, primary_key=True)
    ticket_no: Mapped[str] = mapped_column(plain_text(24), unique=True)
    name: Mapped[str] = mapped_column(plain_text(200))
    email: Mapped[str] = mapped_column(plain_text(254))
    phone: Mapped[str | None] = mapped_column(plain_text(20))
    subject: Mapped[str] = mapped_column(plain_text(200))
    message: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(plain_text(20))
    note: Mapped[str | None] = mapped_column(Text)
    acknowledge_by: Mapped[datetime] = mapped_column(Moment)
    acknowledged_at: Mapped[datetime | None] = mapped_column(Moment)
    due_at: Mapped[datetime] = mapped_column(Moment)
    resolved_at: Mapped[datetime | None] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)
    version: Mapped[int]

    __table_args__: Any = (
        Index("contact_us_status", "status", "id"),
        Index("contact_us_email", "email", "id"),
        Index("contact_us_due", "due_at", "id"),
        Index("contact_us_created", "created_at", "id"),
        Index("contact_us_resolved_due", "resolved_at", "due_at", "id"),
    )


class ContactMessage(Document):
    """A message. The law wants it acknowledged within 48 hours and resolved within a month."""

    ticket_no: str
    name: str
    email: str
    phone: str | None = None
    subject: str
    message: str
    status: TicketStatus = TicketStatus.OPEN
    note: str | None = Field(default=None, description="For the staff.")
    acknowledge_by: Timestamp
    acknowledged_at: Timestamp | None = None
    due_at: Timestamp
    resolved_at: Timestamp | None = None


class ContactCreate(Body):
    """Somebody writes to the store."""

    name: Line
    email: Email
    phone: Phone | None = optional()
    subject: Line
    message: Annotated[Words, Field(max_length=5000)]

    model_config = example(
        {
            "name": "Asha Rao",
            "email": "asha@example.com",
            "subject": "Where is my parcel?",
            "message": "It was to come on Tuesday, and the number says nothing.",
        }
    )


class ContactChange(Body):
    """What staff write onto a message."""

    status: TicketStatus = optional()
    note: Annotated[Prose, Field(max_length=5000)] | None = optional()

    model_config = example({"status": "in_progress", "note": "Asked the courier."})
