"""What can be taken out of the store, and how it is asked for."""

import re
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, PlainSerializer, TypeAdapter, WithJsonSchema

from truestyle.catalog.products.models import ProductStatus
from truestyle.kit import clock
from truestyle.kit.documents import Body, Document, example
from truestyle.kit.errors import ValidationFailed
from truestyle.kit.types import Code, Flag, Id, Timestamp, rule
from truestyle.orders.flow import OrderStatus
from truestyle.payments.models import PaymentStatus, PaymentType
from truestyle.users.models import UserStatus

FIRST, LAST = date(2000, 1, 1), date(2199, 12, 31)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = TypeAdapter[datetime](Timestamp)


class Subject(StrEnum):
    """What is taken out."""

    ORDERS = "orders"
    PRODUCTS = "products"
    USERS = "users"
    SALES = "sales"


class FileFormat(StrEnum):
    """What kind of file."""

    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"


MEDIA_TYPES = {
    FileFormat.CSV: "text/csv; charset=utf-8",
    FileFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    FileFormat.PDF: "application/pdf",
}


def _moment(value: object) -> date | datetime:
    if isinstance(value, str) and _DAY.fullmatch(value):
        day = date.fromisoformat(value)
        if not FIRST <= day <= LAST:
            msg = f"must be a day from {FIRST} to {LAST}"
            raise rule(msg)
        return day
    moment = _TIME.validate_python(value)
    if not FIRST <= moment.date() <= LAST:  # in UTC; the store's zone is less than a day away
        msg = f"must be a moment from {FIRST} to {LAST}"
        raise rule(msg)
    return moment


def _wire(value: date | datetime) -> str:
    return clock.wire(value) if isinstance(value, datetime) else value.isoformat()


# A day of the store, or a moment.
Moment = Annotated[
    date | datetime,
    BeforeValidator(_moment),
    PlainSerializer(_wire, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}],
            "examples": ["2026-11-01", "2026-11-20T10:00:00Z"],
        }
    ),
]


class Ask(Body):
    """What every export is asked with. `from` and `to` are days of the store (`to` is the last) or moments."""

    format: FileFormat = Field(description="What kind of file.")
    from_: Moment | None = Field(default=None, alias="from", description="From this day, or moment, on.")
    to: Moment | None = Field(default=None, description="Until this day, which is in it, or before this moment.")
    as_job: Flag = Field(default=False, description="Let a worker make the file, however small it is.")

    def span(self, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
        """The first moment, and the one after the last. Raises ValidationFailed where nothing lies between."""
        start = None if self.from_ is None else _start(self.from_, zone)
        end = None if self.to is None else _start(self.to, zone, following=True)
        if start is not None and end is not None and start >= end:
            raise ValidationFailed("must be later than `from`", ("body", "to"))
        return start, end


def _start(moment: date | datetime, zone: ZoneInfo, *, following: bool = False) -> datetime:
    if isinstance(moment, datetime):
        return moment
    day = moment + timedelta(days=1) if following else moment
    return datetime.combine(day, time(), zone).astimezone(UTC)


class OrdersAsk(Ask):
    """Orders by when they were placed, as lists show them: without archived ones."""

    status: OrderStatus | None = Field(default=None, description="Where the order stands.")
    payment_status: PaymentStatus | None = Field(default=None, description="Where its payment stands.")
    payment_type: PaymentType | None = Field(default=None, description="How it is paid.")
    user_id: Id | None = Field(default=None, description="Whose.")

    model_config = example({"format": "csv", "from": "2026-11-01", "to": "2026-11-30", "status": "delivered"})


class ProductsAsk(Ask):
    """Products by when they were made, a row a variant."""

    status: ProductStatus | None = Field(default=None, description="Only these.")
    brand_id: Id | None = Field(default=None, description="Of this brand.")
    category_id: Id | None = Field(default=None, description="In this category, or below it.")
    product_type_id: Id | None = Field(default=None, description="Of this type.")
    vendor_id: Id | None = Field(default=None, description="Of this vendor.")

    model_config = example({"format": "xlsx", "status": "active"})


class UsersAsk(Ask):
    """Accounts by when they were opened."""

    role: Code | None = Field(default=None, description="Only this role's.")
    status: UserStatus | None = Field(default=None, description="Only active ones, or only suspended ones.")

    model_config = example({"format": "csv", "role": "customer"})


class SalesAsk(Ask):
    """Sales a day, as the dashboard counts them."""

    payment_type: PaymentType | None = Field(default=None, description="Only what is paid in this way.")

    model_config = example({"format": "pdf", "from": "2026-11-01", "to": "2026-11-30"})


ASKS: dict[Subject, type[Ask]] = {
    Subject.ORDERS: OrdersAsk,
    Subject.PRODUCTS: ProductsAsk,
    Subject.USERS: UsersAsk,
    Subject.SALES: SalesAsk,
}


class Export(Document):
    """Who took what out. In the trail; the file itself is kept only for a job, and only for a while."""

    subject: Subject
    format: FileFormat
    asked: dict[str, Any]
    user_id: Id | None = None  # the person that it was narrowed to
    owner_id: Id | None = None  # who asked; None: a command
    job_id: Id | None = None
    rows: int | None = None
    size: int | None = None
    sha256: str | None = None
    file_id: Id | None = None
    expires_at: Timestamp | None = None
    downloads: int = 0

    @property
    def ask(self) -> Ask:
        """What was asked."""
        return ASKS[self.subject].model_validate(self.asked)

    def name(self, zone: ZoneInfo) -> str:
        """What the file is called."""
        return f"{self.subject}-{self.created_at.astimezone(zone):%Y-%m-%d}.{self.format}"
