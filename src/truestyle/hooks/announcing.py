"""From what happened to deliveries: the audit trail is followed, and each message is written for whom it concerns.

Every change leaves an entry in the trail in its own transaction, and the trail's chain numbers them without gaps. So a
cursor over those numbers misses nothing and tells nothing twice, whatever dies in between: deliveries, the outbox
events that send them, and the new place of the cursor are one transaction, whose filter holds the place that was seen.
"""

from collections.abc import Sequence
from functools import partial

import orjson

from truestyle.hooks import telling
from truestyle.hooks.models import Delivery, HookEvent, Message
from truestyle.infra.outbox import Event, event
from truestyle.kit import clock
from truestyle.kit.errors import Unavailable
from truestyle.store import Store

SEND = "webhook.send"  # the outbox event: take a delivery to its endpoint
LANE = "hooks"
STEP = 500  # places of the chain that are looked at in one transaction
STEPS = 20  # of those in one go: then other chores have their turn


class _BehindError(Exception):
    """Somebody else went on from here at the same time."""


async def announce(store: Store) -> int:
    """Write deliveries for what has happened since the last time; how many. Any number of workers may do it."""
    found, step = 0, STEP
    for _ in range(STEPS):
        head = (await store.trail_head.read())["seq"]  # a look without a transaction: most often there is nothing
        if await store.hook_cursor.read() == head:
            break
        try:
            found += await store.transaction(partial(_step, step=step))
        except _BehindError:
            break
        except Unavailable:  # too much for one transaction: less of it, so that it never stands still for good
            if step == 1:
                raise
            step //= 2
    return found


async def _step(tx: Store, step: int = STEP) -> int:
    # All of one snapshot: an entry that is sealed in it is older than an endpoint that is not in it.
    seen, head, endpoints = await tx.hook_cursor.read(), (await tx.trail_head.read())["seq"], await tx.hooks.listening()
    if seen is None or seen > head or not endpoints:  # nobody listens, or did so far; or a backup took the place
        place, entries = head, []
    else:
        place = min(head, seen + step)
        entries = await tx.trail.between(seen, place, list(telling.READERS))
    if place != seen and not await tx.hook_cursor.move(seen, place):
        raise _BehindError
    return await spread(tx, await telling.messages(tx, entries)) if entries else 0


async def spread(tx: Store, messages: Sequence[Message]) -> int:
    """Write a delivery of each message to each endpoint that listens to it and has not got it; how many.

    Inside a transaction.
    """
    endpoints = await tx.hooks.listening()
    wanted = [
        (one, message)
        for message in messages
        for one in endpoints
        if message.event in one.events and one.created_at <= message.at
    ]
    if not wanted:
        return 0
    known = await tx.hook_deliveries.known([one.id for one, _ in wanted], [message.id for _, message in wanted])
    fresh = [delivery_of(one.id, message) for one, message in wanted if (one.id, message.id) not in known]
    await tx.hook_deliveries.write(fresh)
    await tx.outbox.write([sending(one) for one in fresh])
    return len(fresh)


def delivery_of(endpoint_id: object, message: Message, *, forced: bool = False) -> Delivery:
    """A message for one endpoint."""
    told = {"id": message.id, "type": message.event, "created_at": clock.wire(message.at), "data": message.data}
    body = orjson.dumps(told).decode()
    return Delivery.model_validate(
        {"endpoint_id": endpoint_id, "message_id": message.id, "event": message.event, "body": body, "forced": forced}
    )


def sending(one: Delivery) -> Event:
    """The event that takes a delivery to its endpoint, once for each time that it is asked for."""
    payload = {"delivery_id": one.id, "endpoint_id": one.endpoint_id}
    return event(SEND, payload, f"{SEND}:{one.id}:{one.replays}", lane=LANE)


async def tell_stock(store: Store, one: Event) -> None:
    """Handle an event about stock, `stock.changed` or `stock.low`, with what there is by now."""
    topic = HookEvent(one.topic)
    if not any(topic in endpoint.events for endpoint in await store.hooks.listening()):
        return
    sku: str = one.payload["sku"]
    row = (await store.stock.of([sku])).get(sku)
    left = {} if row is None else row.model_dump(include={"on_hand", "reserved", "available"})
    facts = orjson.loads(orjson.dumps({**one.payload, **left}, default=str))
    message = Message(id=f"evt_{one.id}", event=topic, at=one.created_at, data={"stock": facts})

    async def work(tx: Store) -> int:
        return await spread(tx, [message])

    await store.transaction(work)
