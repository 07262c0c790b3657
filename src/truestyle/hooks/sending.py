"""Taking deliveries to their endpoints, by workers, in a lane of their own."""

import time
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from bson import ObjectId

from truestyle.hooks.models import Attempt, Delivery, DeliveryStatus, Endpoint
from truestyle.hooks.signing import EVENT, MESSAGE_ID, SIGNATURE, TRY, signature
from truestyle.infra.box import Box, BoxLockedError
from truestyle.infra.outbox import MAX_ATTEMPTS, Event, NotYet, TryAgainError
from truestyle.infra.outward import NotCalledError
from truestyle.kit import clock
from truestyle.mail.service import letter
from truestyle.store import Store

if TYPE_CHECKING:
    from truestyle.shop import Shop

AGENT = "TrueStyle-Webhooks/1"
SLOW = 2.0  # seconds
OK, NOT_OK = 200, 300
RELOCK_EVERY, RELOCK_MOST = timedelta(minutes=1), 50
log = structlog.get_logger("webhooks")


class Manners:
    """How many messages one endpoint may have under way in this process: of a slow or failing one, one.

    So it cannot take all places of the lane, and others get theirs in time.
    """

    def __init__(self) -> None:
        self._under_way: Counter[ObjectId] = Counter()
        self._troubled: set[ObjectId] = set()

    def enter(self, key: ObjectId) -> bool:
        """Whether another message may go there now; then `leave` must be called."""
        if key in self._troubled and self._under_way[key]:
            return False
        self._under_way[key] += 1
        return True

    def leave(self, key: ObjectId, *, trouble: bool) -> None:
        """It is over."""
        self._under_way[key] -= 1
        if not self._under_way[key]:
            del self._under_way[key]
        if trouble:
            self._troubled.add(key)
        else:
            self._troubled.discard(key)


async def send(shop: "Shop", one: Event) -> None:
    """Handle `webhook.send`. Raises TryAgainError: it did not arrive; NotYet: its endpoint is busy."""
    store = shop.store
    delivery = await store.hook_deliveries.first({"_id": one.payload["delivery_id"]})
    if delivery is None or delivery.status is not DeliveryStatus.WAITING:
        return
    endpoint = await store.hooks.first({"_id": delivery.endpoint_id})
    if endpoint is None or not (endpoint.active or delivery.forced):
        await store.hook_deliveries.drop(delivery.id)
        return
    if not shop.manners.enter(endpoint.id):
        # The others too, in one go: else they come one after the other, each to be read and put off for itself.
        others = await store.outbox.put_off(to_same(one, endpoint))
        raise NotYet(f"its endpoint is slow, and busy with another message; {others} more put off")
    began, attempt = time.monotonic(), None
    try:
        attempt = await _try(shop, endpoint, delivery)
    finally:
        fine, slow = attempt is not None and attempt.error is None, time.monotonic() - began > SLOW
        shop.manners.leave(endpoint.id, trouble=not fine or slow)
    if attempt.error is None:
        await store.hook_deliveries.tried(delivery.id, attempt, DeliveryStatus.DELIVERED)
        if slow:  # so the others were put off
            await store.outbox.hasten(to_same(one, endpoint))
        if endpoint.failures:
            await store.hooks.answered(endpoint.id)
        return
    last = one.attempts >= MAX_ATTEMPTS
    status = DeliveryStatus.FAILED if last else DeliveryStatus.WAITING
    await store.hook_deliveries.tried(delivery.id, attempt, status)
    await _count_failure(shop, endpoint)
    if not last:  # of the last the delivery tells; a receiver of somebody else's is no dead letter of ours
        raise TryAgainError(attempt.error)


def to_same(one: Event, endpoint: Endpoint) -> dict[str, Any]:
    """What goes to the same endpoint."""
    return {"topic": one.topic, "payload.endpoint_id": endpoint.id}


async def _try(shop: "Shop", endpoint: Endpoint, delivery: Delivery) -> Attempt:
    moment, began = clock.now(), time.monotonic()
    body = delivery.body.encode()
    status, error, answer = None, None, None
    try:
        keys = secrets_of(shop.box, endpoint)
        headers = {
            "content-type": "application/json",
            "user-agent": AGENT,
            SIGNATURE: signature(body, int(moment.timestamp()), keys),
            MESSAGE_ID: delivery.message_id,
            EVENT: delivery.event,
            TRY: str(delivery.tries + 1),
        }
        reply = await shop.outward.post(endpoint.url, body, headers)
        status, answer = reply.status, reply.excerpt
        if not OK <= status < NOT_OK:
            error = f"answered {status}"
    except NotCalledError as refused:
        error = str(refused)
    except BoxLockedError:
        error = "its secret is locked under a TOKEN_HASH_PEPPER that is not listed any more: change the secret"
    spent = round((time.monotonic() - began) * 1000)
    return Attempt(at=moment, status=status, milliseconds=spent, error=error, answer=answer)


def secrets_of(box: Box, endpoint: Endpoint) -> list[str]:
    """What signs for an endpoint now, newest first. Raises BoxLockedError."""
    old = old_of(box, endpoint)
    return [box.open(endpoint.locked, bound(endpoint.id))["secret"], *([] if old is None else [old])]


def old_of(box: Box, endpoint: Endpoint) -> str | None:
    """The secret before, while it signs too; None if nothing opens it any more, for the new one needs it not."""
    if endpoint.old_locked is None or endpoint.old_until is None or endpoint.old_until <= clock.now():
        return None
    try:
        return box.open(endpoint.old_locked, bound(endpoint.id))["secret"]
    except BoxLockedError:
        return None


def bound(key: ObjectId) -> str:
    """Who a locked secret is for."""
    return f"webhook:{key}"


async def _count_failure(shop: "Shop", endpoint: Endpoint) -> None:
    now = await shop.store.hooks.failed(endpoint.id, clock.now())
    since = clock.now() - timedelta(hours=shop.settings.hooks.webhook_off_after_hours)
    if now is None or not now.active or now.failing_since is None or now.failing_since > since:
        return
    to = shop.settings.mail.alert_email

    async def work(tx: Store) -> bool:
        if not await tx.hooks.switch_off(endpoint.id, since):
            return False
        if to is not None:
            facts = {"url": now.url, "failures": now.failures, "since": now.failing_since, "endpoint": str(now.id)}
            await tx.outbox.write([letter("webhook_off", to, facts)])
        return True

    if await shop.store.transaction(work):
        log.error("webhook_endpoint_switched_off", endpoint_id=str(endpoint.id), failures=now.failures)


class Relocker:
    """Locks secrets anew after TOKEN_HASH_PEPPER was replaced, so that its old value can go."""

    def __init__(self, store: Store, box: Box) -> None:
        self._store, self._box, self._next = store, box, clock.now()

    async def relock(self) -> int:
        """All that can be; how many. Now and then: a process with the old setting may still write."""
        if clock.now() < self._next or not self._box.newest:
            return 0
        self._next, done = clock.now() + RELOCK_EVERY, 0
        for one in await self._store.hooks.locked_otherwise(self._box.newest, RELOCK_MOST):
            name = bound(one.id)
            try:
                fresh = self._box.lock(self._box.open(one.locked, name), name)
            except BoxLockedError:
                continue  # its deliveries say so
            before = old_of(self._box, one)
            old = None if before is None else self._box.lock({"secret": before}, name)
            await self._store.hooks.relock(one, fresh, old, self._box.newest)
            done += 1
        return done
