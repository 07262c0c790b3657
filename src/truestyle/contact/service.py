"""Taking messages in, and working on them.

A message is first kept in the outbox, together with its acknowledgement, and then put into SQL; if SQL is away the
worker does that later. So nothing is lost, and whoever writes gets a ticket in any case.
"""

import asyncio
import calendar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import structlog
from bson import ObjectId
from fastapi import Query

from truestyle.contact.models import ContactChange, ContactCreate, ContactMessage, Messages, TicketStatus
from truestyle.infra.outbox import Event, NotYet, event
from truestyle.kit import clock
from truestyle.kit.errors import Unavailable
from truestyle.kit.paging import Found, PageQuery
from truestyle.kit.tables import Condition, begins_with
from truestyle.kit.types import Line, Timestamp
from truestyle.mail.service import letter

if TYPE_CHECKING:
    from truestyle.shop import Shop

ACKNOWLEDGE_WITHIN = timedelta(hours=48)  # Consumer Protection (E-Commerce) Rules 2020, 4(5)
PATIENCE = 1.0  # seconds to wait for SQL; the worker puts the message there anyway
RECEIVED, ACKNOWLEDGEMENT = "contact.received", "contact_acknowledgement"
DONE = {TicketStatus.RESOLVED, TicketStatus.CLOSED}
log = structlog.get_logger("contact")


@dataclass(frozen=True)
class Filters:
    """What the list is narrowed to."""

    status: Annotated[TicketStatus | None, Query(description="How far they are.")] = None
    overdue: Annotated[bool | None, Query(description="Past their due date and not resolved; `false`: the others.")] = (
        None
    )
    from_: Annotated[Timestamp | None, Query(alias="from", description="Received at or after.")] = None
    to: Annotated[Timestamp | None, Query(description="Received before.")] = None
    q: Annotated[Line | None, Query(max_length=100, description="An e-mail, or a ticket number or its beginning.")] = (
        None
    )


async def receive(shop: "Shop", body: ContactCreate) -> ContactMessage:
    """Take a message in; it has its ticket number even while SQL is away."""
    moment = clock.now()
    local = moment.astimezone(shop.store.shop.zone)
    number = await shop.store.counters.take(f"tickets:{local:%y}")
    message = ContactMessage(
        **body.model_dump(),
        ticket_no=f"{shop.store.shop.order_prefix}C-{local:%y}-{number:06d}",
        acknowledge_by=moment + ACKNOWLEDGE_WITHIN,
        acknowledged_at=moment,
        due_at=month_later(moment, shop.store.shop.zone),
    )
    facts = {"name": message.name, "number": message.ticket_no, "due_at": message.due_at}
    await shop.store.outbox.write(
        [
            event(RECEIVED, message.model_dump(mode="python"), f"{RECEIVED}:{message.id}"),
            letter(ACKNOWLEDGEMENT, message.email, facts, f"{ACKNOWLEDGEMENT}:{message.id}"),
        ]
    )
    try:
        async with asyncio.timeout(PATIENCE):
            await shop.messages.add([message])
    except (Unavailable, TimeoutError):
        log.warning("sql_away", ticket_no=message.ticket_no)
    shop.worker.wake()
    return message


async def keep(shop: "Shop", received: Event) -> None:
    """Handle the event: put the message into SQL, if it is not there. Raises NotYet while SQL is away."""
    try:
        await shop.messages.add([ContactMessage.model_validate(received.payload)])
    except Unavailable as error:
        raise NotYet from error


def month_later(moment: datetime, zone: ZoneInfo) -> datetime:
    """The same time on the same day of the next month, or on its last day, in the store's zone."""
    local = moment.astimezone(zone)
    year, month = divmod(local.year * 12 + local.month, 12)
    day = min(local.day, calendar.monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day).astimezone(moment.tzinfo)


async def find(shop: "Shop", filters: Filters, query: PageQuery) -> Found[ContactMessage]:
    """One page of messages. Raises Unavailable."""
    found: dict[str, tuple[Any, Condition]] = {}
    if filters.status is not None:
        found["status"] = filters.status, Messages.status == filters.status
    if filters.overdue is not None:
        late = Messages.resolved_at.is_(None) & (Messages.due_at < clock.now())
        found["overdue"] = filters.overdue, late if filters.overdue else ~late
    if filters.from_ is not None:
        found["from"] = filters.from_, Messages.created_at >= filters.from_
    if filters.to is not None:
        found["to"] = filters.to, Messages.created_at < filters.to
    if filters.q:
        asked = filters.q.casefold()
        exact = Messages.email == asked if "@" in asked else begins_with(Messages.ticket_no, filters.q.upper())
        found["q"] = asked, exact
    return await shop.messages.find(found, query)


async def change(shop: "Shop", key: ObjectId, body: ContactChange, version: int | None) -> ContactMessage:
    """Work on a message. Raises NotFound, VersionConflict, Unavailable."""
    values = body.sent()
    if "status" in values:
        before = await shop.messages.get(key)
        if values["status"] in DONE:
            values["resolved_at"] = before.resolved_at or clock.now()
        else:
            values["resolved_at"] = None
    return await shop.messages.change(key, values, version)
