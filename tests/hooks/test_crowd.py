"""Much that waits for one endpoint that is slow."""

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from tests.hooks.conftest import Hooks
from tests.hooks.receiver import Receiver
from truestyle.hooks import sending, service
from truestyle.infra.outbox import PAUSE, event
from truestyle.kit import clock
from truestyle.shop import Shop

WAITING = {"topic": "webhook.send", "status": "waiting"}


async def crowd(hooks: Hooks, endpoint: dict[str, Any], count: int) -> ObjectId:
    key = ObjectId(endpoint["id"])
    for _ in range(count):
        await service.ping(hooks.shop, key)
    return key


async def test_what_waits_for_a_busy_one_is_put_off_at_once_and_nothing_else(
    receiver: Receiver, hooks: Hooks, shop: Shop
) -> None:
    busy = await crowd(hooks, await hooks.add(receiver.url("/busy")), 12)
    other = await crowd(hooks, await hooks.add(receiver.url("/other")), 2)
    outbox = shop.store.outbox
    elsewhere = await outbox.first(WAITING | {"payload.endpoint_id": busy})
    assert elsewhere is not None
    lease = {"lease_until": clock.now() + timedelta(minutes=1)}
    await outbox.collection.update_one({"_id": elsewhere.id}, {"$set": lease})  # in another worker's hand
    for _ in range(2):
        shop.manners.enter(busy)
    shop.manners.leave(busy, trouble=True)
    try:
        assert await shop.worker.drain() == 3  # one that finds it busy, and both of the other
    finally:
        shop.manners.leave(busy, trouble=False)
    assert [one.path for one in receiver.got] == ["/other"] * 2
    late = await outbox.count(WAITING | {"due_at": {"$gt": clock.now()}, "attempts": 0})
    assert late == await outbox.count(WAITING | {"payload.endpoint_id": busy}) - 1 == 11
    left = await outbox.get(elsewhere.id)
    assert left.due_at == elsewhere.due_at
    assert await outbox.count(WAITING | {"payload.endpoint_id": other}) == 0


async def test_a_slow_one_that_answers_gets_one_after_the_other(
    receiver: Receiver, hooks: Hooks, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than one each time that they were put off for."""
    monkeypatch.setattr(sending, "SLOW", -1.0)
    await crowd(hooks, await hooks.add(receiver.url()), 4)
    first = await shop.store.outbox.first(WAITING)
    assert first is not None
    off = {"$set": {"due_at": clock.now() + PAUSE}}
    await shop.store.outbox.collection.update_many(WAITING | {"_id": {"$ne": first.id}}, off)
    assert await shop.worker.drain() == 4
    assert len(receiver.got) == 4


async def test_those_of_an_endpoint_are_found_by_an_index(hooks: Hooks, shop: Shop) -> None:
    assert hooks
    keys = [ObjectId(f"{number:024x}") for number in (1, 2)]
    await shop.store.outbox.write([event("webhook.send", {"endpoint_id": keys[at > 2]}) for at in range(60)])
    alike = {"topic": "webhook.send", "payload.endpoint_id": keys[0]}
    long_ago = clock.now() - timedelta(hours=1)
    for due, order in (({"$lte": clock.now()}, []), ({"$gt": long_ago}, [("due_at", 1)])):
        where = shop.store.outbox._waiting(alike, due)  # noqa: SLF001
        plan = await shop.store.outbox.collection.find(where, sort=order).explain()
        told = str(plan["queryPlanner"]["winningPlan"])
        assert "'aimed'" in told
        assert "'SORT'" not in told
