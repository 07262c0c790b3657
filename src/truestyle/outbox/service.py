"""Dead letters: effects that were given up, looked at and sent again."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import structlog
from bson import ObjectId

from truestyle.infra.outbox import Event, EventStatus
from truestyle.kit import clock
from truestyle.kit.errors import Problem
from truestyle.kit.paging import Found, PageQuery
from truestyle.kit.trail import HIDDEN
from truestyle.outbox.models import EventAnswer, EventSummary
from truestyle.store import Store

# Parts of names whose values nobody should read here.
SECRET = ("secret", "token", "password", "locked", "code", "otp", "card", "cvv", "signature")
log = structlog.get_logger("outbox")


class NotDead(Problem):
    """The event was delivered, or will be."""

    status, code, detail = 409, "not_dead", "Only an event that was given up can be sent again."


async def find(store: Store, topic: str | None, query: PageQuery) -> Found[EventSummary]:
    """One page of dead events."""
    where: dict[str, Any] = {"status": EventStatus.DEAD} | ({} if topic is None else {"topic": topic})
    return (await store.outbox.find(where, query)).map(_summary)


async def get(store: Store, key: ObjectId) -> EventAnswer:
    """An event, whatever became of it. Raises NotFound."""
    one = await store.outbox.get(key)
    return EventAnswer(**_summary(one).model_dump(), payload=masked(one.payload))


async def replay(store: Store, key: ObjectId, by: ObjectId | None) -> EventAnswer:
    """Have a dead event delivered after all; of several who ask at once, one does. Raises NotFound, NotDead."""
    if not await store.outbox.replay(key, by):
        await store.outbox.get(key)
        raise NotDead
    log.info("outbox_replayed", event_id=str(key), by=str(by) if by else None)
    return await get(store, key)


async def replay_all(store: Store, topic: str | None = None) -> int:
    """Have every event that is dead now delivered after all; how many."""
    where: dict[str, Any] = {"status": EventStatus.DEAD} | ({} if topic is None else {"topic": topic})
    return sum([await store.outbox.replay(one.id, None) async for one in store.outbox.every(where)])


async def dead(store: Store, topic: str | None = None) -> AsyncIterator[Event]:
    """Every dead event, oldest first."""
    async for one in store.outbox.every({"status": EventStatus.DEAD} | ({} if topic is None else {"topic": topic})):
        yield one


def _summary(one: Event) -> EventSummary:
    return EventSummary.model_validate(one.model_dump(include=set(EventSummary.model_fields)))


def masked(value: Any, name: str = "") -> Any:
    """A payload as JSON, without what is secret by its name, and without bytes."""
    if value is not None and not isinstance(value, bool) and any(part in name.lower() for part in SECRET):
        return HIDDEN
    if isinstance(value, dict):
        return {str(key): masked(one, str(key)) for key, one in value.items()}
    if isinstance(value, list):
        return [masked(one, name) for one in value]
    if isinstance(value, datetime):
        return clock.wire(value)
    if isinstance(value, bytes):
        return HIDDEN
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
