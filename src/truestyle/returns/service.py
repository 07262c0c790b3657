"""Finding, reading and changing returns and exchanges, and asking for one under an Idempotency-Key."""

from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from bson import ObjectId
from fastapi import Query

from truestyle.kit import clock
from truestyle.kit.errors import NotFound, VersionConflict
from truestyle.kit.idempotency import Claim, once
from truestyle.kit.paging import Found, PageQuery
from truestyle.kit.types import Id
from truestyle.orders.errors import NotEditable
from truestyle.orders.placing import Outcome, Repeat
from truestyle.returns import asking
from truestyle.returns.flow import CALLED_OFF, Kind, ReturnReason, ReturnStatus
from truestyle.returns.models import ExchangeCreate, Return, ReturnChange, ReturnCreate
from truestyle.returns.parties import Party
from truestyle.store import Store


@dataclass(frozen=True)
class Filters:
    """What a list of returns is narrowed to."""

    status: Annotated[ReturnStatus | None, Query(description="Where it stands.")] = None
    order_id: Annotated[Id | None, Query(description="Of this order.")] = None
    reason: Annotated[ReturnReason | None, Query(description="Why the goods come back.")] = None
    user_id: Annotated[Id | None, Query(description="Whose (one's own, without `returns:read`).")] = None


async def place(store: Store, party: Party, body: ReturnCreate | ExchangeCreate, repeat: Repeat) -> Outcome:
    """Ask to send goods back; under a key, once.

    Raises NotFound, NotReturnable, ReturnWindowClosed, ValidationFailed, IdempotencyKeyReused, IdempotencyInProgress,
    Unavailable.
    """

    async def act(claim: Claim | None) -> str:
        return await asking.ask(store, party, body, claim)

    request = type(body).__name__.encode() + repeat.body
    lease = store.shop.idempotency_lease_seconds
    told, replayed = await once(store.claims, party.keys, repeat.key, request, lease, act)
    return Outcome(told, orjson.loads(told)["id"], replayed=replayed)


async def find(store: Store, party: Party, kind: Kind, filters: Filters, query: PageQuery) -> Found[Return]:
    """One page of the returns, or exchanges, that they may see."""
    named = {
        "status": filters.status,
        "order_id": filters.order_id,
        "reason": filters.reason,
        "user_id": filters.user_id,
    }
    where: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    return await store.returns.find({"kind": kind, "archived_at": None, **where, **party.seen}, query)


async def get(store: Store, party: Party, kind: Kind, key: ObjectId) -> Return:
    """One return or exchange. Raises NotFound."""
    return await store.returns.get(key, kind=kind, **party.seen)


async def change(
    store: Store, party: Party, kind: Kind, key: ObjectId, body: ReturnChange, version: int | None
) -> Return:
    """Change the comment or the pictures while it is only requested.

    Raises NotFound, NotEditable, VersionConflict, ValidationFailed.
    """

    async def work(tx: Store) -> Return:
        found = await tx.returns.get(key, kind=kind, **party.returns)
        if version is not None and found.version != version:
            raise VersionConflict
        values = body.sent()
        if "image_ids" in values:
            values["image_ids"] = values["image_ids"] or []
            await asking.hold_photos(tx, party, [one for one in values["image_ids"] if one not in found.image_ids])
        if all(getattr(found, name) == value for name, value in values.items()):
            return found
        changed = await tx.returns.change(key, {"$set": values}, where={"status": ReturnStatus.REQUESTED})
        if changed is None:
            msg = "This is being handled and can no longer be changed."
            raise NotEditable(msg)
        return changed

    return await store.transaction(work)


async def archive(store: Store, kind: Kind, key: ObjectId) -> None:
    """Put away what was called off; it is never erased. Raises NotFound, NotEditable."""
    found = await store.returns.get(key, kind=kind)
    if found.archived_at is not None:
        raise NotFound
    done = await store.returns.change(
        key, {"$set": {"archived_at": clock.now()}}, where={"status": {"$in": list(CALLED_OFF)}}
    )
    if done is None:
        msg = "Only what was rejected or cancelled can be put away."
        raise NotEditable(msg)
