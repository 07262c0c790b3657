"""Webhook endpoints: made, changed, tried, and what was sent to them."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from bson import ObjectId
from fastapi import Query

from truestyle.hooks.announcing import delivery_of, sending
from truestyle.hooks.models import (
    MOST_ENDPOINTS,
    PING,
    Delivery,
    DeliveryStatus,
    DeliveryWaiting,
    Endpoint,
    EndpointAnswer,
    EndpointChange,
    EndpointCreate,
    EndpointSecret,
    HookEvent,
    Message,
    SecretChange,
    TooManyEndpoints,
)
from truestyle.hooks.sending import bound
from truestyle.hooks.signing import new_secret
from truestyle.infra.box import BoxLockedError
from truestyle.infra.outbox import EventStatus
from truestyle.infra.outward import NotCalledError
from truestyle.kit import clock
from truestyle.kit.errors import NotFound, ValidationFailed, VersionConflict
from truestyle.kit.paging import Found, PageQuery
from truestyle.store import Store

if TYPE_CHECKING:
    from truestyle.shop import Shop

FRESH_START: dict[str, Any] = {"failures": 0, "failing_since": None, "switched_off_at": None}


@dataclass(frozen=True)
class DeliveryFilters:
    """What the list is narrowed to."""

    status: Annotated[DeliveryStatus | None, Query(description="Where it stands.")] = None
    event: Annotated[HookEvent | None, Query(description="What it tells of.")] = None


async def create(shop: "Shop", body: EndpointCreate) -> EndpointSecret:
    """Add an endpoint. Raises ValidationFailed, TooManyEndpoints."""
    _require_callable(shop, body.url)
    key, secret = ObjectId(), new_secret()
    locked = shop.box.lock({"secret": secret}, bound(key))
    made = Endpoint(id=key, **body.model_dump(), locked=locked, locked_by=shop.box.newest)

    async def work(tx: Store) -> None:
        if await tx.hooks.count({}) >= MOST_ENDPOINTS:
            raise TooManyEndpoints
        await tx.hooks.add(made)

    await shop.store.transaction(work)
    return EndpointSecret(**made.answer().model_dump(), secret=secret)


def _require_callable(shop: "Shop", url: str) -> None:
    try:
        shop.outward.checked(url)
    except NotCalledError as error:
        raise ValidationFailed(str(error), ("body", "url")) from error


async def find(store: Store, active: bool | None, query: PageQuery) -> Found[EndpointAnswer]:
    """One page of endpoints."""
    return (await store.hooks.find({} if active is None else {"active": active}, query)).map(Endpoint.answer)


async def change(shop: "Shop", key: ObjectId, body: EndpointChange, version: int | None) -> EndpointAnswer:
    """Change an endpoint. Raises NotFound, ValidationFailed, VersionConflict."""
    before, values = await shop.store.hooks.get(key), body.sent()
    if version is not None and before.version != version:
        raise VersionConflict
    fresh = {name: value for name, value in values.items() if getattr(before, name) != value}
    if not fresh:
        return before.answer()
    if "url" in fresh:
        _require_callable(shop, fresh["url"])
    if "url" in fresh or fresh.get("active"):
        fresh |= FRESH_START
    changed = await shop.store.hooks.change(key, {"$set": fresh}, version=version)
    if changed is None:
        raise NotFound
    return changed.answer()


async def remove(store: Store, key: ObjectId) -> None:
    """Remove an endpoint; what still waits for it is dropped. Raises NotFound."""
    if not await store.hooks.remove(key):
        raise NotFound


async def change_secret(shop: "Shop", key: ObjectId, body: SecretChange) -> EndpointSecret:
    """Give an endpoint another secret; the one before signs too for a while. Raises NotFound, VersionConflict."""
    before, secret = await shop.store.hooks.get(key), new_secret()
    old = None
    if body.overlap_hours:
        with suppress(BoxLockedError):  # what nothing opens any more signs nothing
            old = shop.box.lock(shop.box.open(before.locked, bound(key)), bound(key))  # both under the same key
    until = clock.now() + timedelta(hours=body.overlap_hours)
    fresh = {
        "locked": shop.box.lock({"secret": secret}, bound(key)),
        "locked_by": shop.box.newest,
        "old_locked": old,
        "old_until": until if old is not None else None,
    }
    # Of two at once one fails, rather than that a secret which nobody was shown is the one before.
    changed = await shop.store.hooks.change(key, {"$set": fresh}, version=before.version)
    if changed is None:
        raise NotFound
    return EndpointSecret(**changed.answer().model_dump(), secret=secret)


async def ping(shop: "Shop", key: ObjectId) -> Delivery:
    """Send a message that means nothing, also to an endpoint that is off. Raises NotFound."""
    endpoint = await shop.store.hooks.get(key)
    message = Message(id=f"ping_{ObjectId()}", event=PING, at=clock.now(), data={"endpoint_id": str(key)})
    delivery = delivery_of(endpoint.id, message, forced=True)

    async def work(tx: Store) -> None:
        await tx.hook_deliveries.write([delivery])
        await tx.outbox.write([sending(delivery)])

    await shop.store.transaction(work)
    shop.worker.wake()
    return delivery


async def deliveries(store: Store, key: ObjectId, filters: DeliveryFilters, query: PageQuery) -> Found[Delivery]:
    """One page of what was sent to an endpoint. Raises NotFound."""
    await store.hooks.get(key)
    where = {name: value for name, value in vars(filters).items() if value is not None}
    return await store.hook_deliveries.find({"endpoint_id": key, **where}, query)


async def delivery(store: Store, key: ObjectId, delivery_id: ObjectId) -> Delivery:
    """One of them. Raises NotFound."""
    return await store.hook_deliveries.get(delivery_id, endpoint_id=key)


async def replay(shop: "Shop", key: ObjectId, delivery_id: ObjectId) -> Delivery:
    """Send a message again; of several who ask at once, one does. Raises NotFound, DeliveryWaiting."""
    await shop.store.hooks.get(key)

    async def work(tx: Store) -> Delivery | None:
        again = await tx.hook_deliveries.again(delivery_id, key)
        if again is None:
            again = await _lost(tx, key, delivery_id)
        if again is not None:
            await tx.outbox.write([sending(again)])
        return again

    found = await shop.store.transaction(work)
    if found is None:
        await delivery(shop.store, key, delivery_id)
        raise DeliveryWaiting
    shop.worker.wake()
    return found


async def _lost(tx: Store, key: ObjectId, delivery_id: ObjectId) -> Delivery | None:
    """One whose last try ended with its worker: it waits, but for nothing."""
    found = await tx.hook_deliveries.first({"_id": delivery_id, "endpoint_id": key})
    if found is None or await tx.outbox.first({"key": sending(found).key, "status": EventStatus.WAITING}):
        return None
    return await tx.hook_deliveries.again(delivery_id, key, lost=found.replays)


async def forget(shop: "Shop") -> int:
    """Remove deliveries that are past WEBHOOK_LOG_DAYS; how many."""
    return await shop.store.hook_deliveries.forget(clock.now() - timedelta(days=shop.settings.hooks.webhook_log_days))
