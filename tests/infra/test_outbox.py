"""The outbox: leases, retries, dead letters, and effects that happen once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from pymongo.errors import DuplicateKeyError, PyMongoError

from tests import make
from tests.orders.buying import Buyer
from truestyle.events import handlers
from truestyle.infra.outbox import LEASE, MAX_ATTEMPTS, Event, EventStatus, Outbox, Worker, event
from truestyle.kit import clock
from truestyle.shop import Shop


class Recorder:
    """A handler that remembers, and fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.seen: list[str] = []
        self.failures = failures

    async def __call__(self, one: Event) -> None:
        self.seen.append(one.key)
        if len(self.seen) <= self.failures:
            raise RuntimeError("SMTP said 421, try later: secret-host")


@pytest.fixture(autouse=True)
async def nothing_else_waits(shop: Shop) -> None:
    """What other tests' requests left to be logged is not counted here."""
    await shop.store.outbox.collection.delete_many({})


def worker(shop: Shop, handler: Any) -> Worker:
    return Worker(shop.store.outbox, {"test": handler})


async def written(shop: Shop, key: str = "test:1") -> Event:
    one = event("test", {"to": "x"}, key)
    await shop.store.outbox.write([one])
    return one


async def row(shop: Shop, one: Event) -> Event:
    return await shop.store.outbox.get(one.id)


async def test_an_event_is_handed_over_once_and_marked(shop: Shop) -> None:
    one, handler = await written(shop), Recorder()
    assert await worker(shop, handler).drain() == 1
    assert await worker(shop, handler).drain() == 0
    assert handler.seen == ["test:1"]
    after = await row(shop, one)
    assert (after.status, after.attempts, after.lease_until) == (EventStatus.DELIVERED, 1, None)
    assert after.expires_at is not None


async def test_ten_workers_hand_each_of_thirty_events_over_once(shop: Shop) -> None:
    for at in range(30):
        await written(shop, f"test:{at}")
    handler = Recorder()
    done = await asyncio.gather(*(worker(shop, handler).drain() for _ in range(10)))
    assert sum(done) == 30
    assert sorted(handler.seen) == sorted(f"test:{at}" for at in range(30))


async def test_an_event_whose_cause_was_rolled_back_was_never_there(shop: Shop) -> None:
    async def work(tx: Any) -> None:
        await tx.outbox.write([event("test", {}, "gone")])
        raise RuntimeError("no commit")

    with pytest.raises(RuntimeError, match="no commit"):
        await shop.store.transaction(work)
    assert await worker(shop, Recorder()).drain() == 0


async def test_a_key_can_be_written_once(shop: Shop) -> None:
    await written(shop)
    with pytest.raises((DuplicateKeyError, PyMongoError)):
        await written(shop)
    assert await shop.store.outbox.count({}) == 1


async def test_a_failure_is_tried_again_later_and_not_at_once(shop: Shop) -> None:
    one, handler = await written(shop), Recorder(failures=1)
    at_work = worker(shop, handler)
    assert await at_work.drain() == 1
    after = await row(shop, one)
    assert (after.status, after.attempts, len(handler.seen)) == (EventStatus.WAITING, 1, 1)
    assert after.due_at > clock.now()
    assert after.error == "RuntimeError: SMTP said 421, try later: secret-host"
    with time_machine.travel(after.due_at + timedelta(seconds=1)):
        assert await at_work.drain() == 1
    assert ((await row(shop, one)).status, len(handler.seen)) == (EventStatus.DELIVERED, 2)


async def test_after_the_last_try_it_waits_for_people(shop: Shop) -> None:
    one, handler = await written(shop), Recorder(failures=1000)
    moment = clock.now()
    pauses = []
    for _ in range(MAX_ATTEMPTS):
        with time_machine.travel(moment):
            assert await worker(shop, handler).drain() == 1
            after = await row(shop, one)
            pauses.append(after.due_at - clock.now())
            moment = after.due_at + timedelta(seconds=1)
    assert (after.status, after.attempts, len(handler.seen)) == (EventStatus.DEAD, MAX_ATTEMPTS, MAX_ATTEMPTS)
    assert pauses[-1] > pauses[0]
    assert after.expires_at is None  # people must be able to find it
    with time_machine.travel(moment + timedelta(days=1)):
        assert await worker(shop, handler).drain() == 0


async def test_a_worker_that_died_keeps_others_away_only_until_its_lease_ends(shop: Shop) -> None:
    one, handler = await written(shop), Recorder()
    assert await shop.store.outbox.lease("main", clock.now()) is not None  # and then it is killed
    assert await worker(shop, handler).drain() == 0
    with time_machine.travel(clock.now() + LEASE + timedelta(seconds=1)):
        assert await worker(shop, handler).drain() == 1
    assert (handler.seen, (await row(shop, one)).attempts) == (["test:1"], 2)


async def test_an_event_that_kills_its_worker_each_time_ends_as_a_dead_letter(shop: Shop) -> None:
    one, handler, moment = await written(shop), Recorder(), clock.now()
    for _ in range(MAX_ATTEMPTS):
        assert await shop.store.outbox.lease("main", moment) is not None
        moment += LEASE + timedelta(seconds=1)
    with time_machine.travel(moment):
        await worker(shop, handler).drain()
    assert ((await row(shop, one)).status, handler.seen) == (EventStatus.DEAD, [])


async def test_what_nobody_here_knows_waits_for_a_worker_that_does(shop: Shop) -> None:
    one, handler = await written(shop), Recorder()
    ours = Worker(shop.store.outbox, {"another": handler})
    for step in range(MAX_ATTEMPTS + 2):  # longer than any event is tried
        with time_machine.travel(clock.now() + step * timedelta(minutes=1)):
            assert await ours.drain() == 1
    after = await row(shop, one)
    assert (after.status, after.attempts, after.error, handler.seen) == (EventStatus.WAITING, 0, None, [])
    with time_machine.travel(after.due_at + timedelta(seconds=1)):
        assert await worker(shop, handler).drain() == 1
    assert ((await row(shop, one)).status, handler.seen) == (EventStatus.DELIVERED, ["test:1"])


async def test_a_late_failure_does_not_undo_a_delivery(shop: Shop) -> None:
    one = await written(shop)
    leased = await shop.store.outbox.lease("main", clock.now())
    assert leased is not None
    assert await shop.store.outbox.delivered(leased) is True
    await shop.store.outbox.failed(leased, "too late")
    assert await shop.store.outbox.delivered(leased) is False
    after = await row(shop, one)
    assert (after.status, after.error) == (EventStatus.DELIVERED, None)


async def test_stopping_lets_the_event_in_hand_finish(shop: Shop) -> None:
    one = await written(shop)
    begun, finished = asyncio.Event(), asyncio.Event()

    async def slowly(_: Event) -> None:
        begun.set()
        await asyncio.sleep(0.1)
        finished.set()

    at_work = worker(shop, slowly)
    at_work.start()
    await asyncio.wait_for(begun.wait(), 5)
    await at_work.stop()
    assert finished.is_set()
    assert (await row(shop, one)).status is EventStatus.DELIVERED
    assert at_work.running is False


async def test_a_worker_outlives_a_database_that_is_away_for_a_moment(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease, failures = Outbox.lease, [1, 2, 3]

    async def away(outbox: Outbox, lane: str, moment: Any) -> Any:
        if failures:
            failures.pop()
            raise PyMongoError("away")
        return await lease(outbox, lane, moment)

    monkeypatch.setattr(Outbox, "lease", away)
    one, handler = await written(shop), Recorder()
    at_work = Worker(shop.store.outbox, {"test": handler}, pause=0.01)
    at_work.start()
    for _ in range(100):
        if (await row(shop, one)).status is EventStatus.DELIVERED:
            break
        await asyncio.sleep(0.02)
    await at_work.stop()
    assert handler.seen == ["test:1"]


async def test_a_worker_outlives_that_nobody_can_tell_whether_it_is_held(shop: Shop) -> None:
    failures = [1] * 20  # more than there are lanes

    async def held() -> bool:
        if failures:
            failures.pop()
            raise RuntimeError("no answer")
        return False

    one, handler = await written(shop), Recorder()
    at_work = Worker(shop.store.outbox, {"test": handler}, pause=0.01, held=held)
    at_work.start()
    for _ in range(100):
        if (await row(shop, one)).status is EventStatus.DELIVERED:
            break
        await asyncio.sleep(0.02)
    assert at_work.running
    await at_work.stop()
    assert (failures, handler.seen) == ([], ["test:1"])


class TestOrders:
    @pytest.fixture
    async def order(self, shop: Shop, buyer: Buyer) -> dict[str, Any]:
        await make.product(shop, stock=5, variants=[{"sku": "A"}])
        return await buyer.order(A=3)

    async def test_each_order_has_exactly_one_confirmation(self, order: dict[str, Any], shop: Shop) -> None:
        rows = await shop.store.outbox.collection.find({"topic": "mail.order_confirmation"}).to_list()
        assert [str(one["payload"]["order_id"]) for one in rows] == [order["id"]]
        assert rows[0]["key"] == f"mail.order_confirmation:{order['id']}"

    async def test_pieces_sold_count_once_though_the_handler_runs_twice(
        self, order: dict[str, Any], shop: Shop
    ) -> None:
        placed = await shop.store.outbox.first({"topic": "order.placed"})
        assert placed is not None
        assert str(placed.payload["order_id"]) == order["id"]
        handle = handlers(shop)["order.placed"]
        await asyncio.gather(*(handle(placed) for _ in range(5)))
        await handle(placed)
        [product] = await shop.store.products.by_skus(["A"])
        assert product.popularity == 3
        await shop.worker.drain()
        [product] = await shop.store.products.by_skus(["A"])
        assert product.popularity == 3
        assert await shop.store.outbox.count({"status": EventStatus.WAITING}) == 0


@pytest.fixture
def buyer(client: Any, shop: Shop, shopper: make.Person) -> Buyer:
    return Buyer(client, shop, shopper)
