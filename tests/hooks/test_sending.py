"""Deliveries: signed, tried again, logged, replayed, and never in anybody's way."""

import asyncio
import hmac
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from bson import ObjectId

from tests import make
from tests.hooks.conftest import Hooks
from tests.hooks.receiver import Got, Receiver, answer
from tests.post import Post
from truestyle.hooks import sending, service
from truestyle.hooks.models import Delivery
from truestyle.hooks.repository import Deliveries, Endpoints
from truestyle.hooks.sending import Manners, Relocker, secrets_of
from truestyle.infra.box import Box
from truestyle.infra.outbox import LANES, MAX_ATTEMPTS, EventStatus
from truestyle.infra.outward import Outward
from truestyle.kit import clock
from truestyle.shop import Shop

ENOUGH = timedelta(hours=2)  # longer than any pause


def signed(got: Got, secret: str) -> bool:
    """Whether one of the signatures is by this secret; reckoned here, not by the store's code."""
    parts = [one.partition("=") for one in got.headers["truestyle-signature"].split(",")]
    moment = next(value for name, _, value in parts if name == "t")
    right = hmac.new(secret.encode(), moment.encode() + b"." + got.body, "sha256").hexdigest()
    return abs(time.time() - int(moment)) < 86_400 * 30 and right in [value for name, _, value in parts if name == "v1"]


async def test_a_ping_arrives_signed_and_is_logged(receiver: Receiver, hooks: Hooks) -> None:
    made = await hooks.add(receiver.url(), ["order.placed"])
    asked = await hooks.post(f"/{made['id']}/ping")
    assert asked.status_code == 202
    assert asked.headers["location"].endswith(f"/deliveries/{asked.json()['id']}")
    await hooks.work()
    [got] = receiver.got
    assert signed(got, made["secret"])
    assert not signed(got, made["secret"][:-1])
    assert got.headers["content-type"] == "application/json"
    assert got.headers["truestyle-webhook-id"] == got.told["id"] == asked.json()["message_id"]
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    seen = await hooks.delivery(made)
    assert (seen["status"], seen["tries"], seen["body"].encode()) == ("delivered", 1, got.body)
    [attempt] = seen["attempts"]
    assert (attempt["status"], attempt["error"], attempt["answer"]) == (200, None, "ok")
    assert 0 <= attempt["milliseconds"] < 1000


async def test_the_secret_is_shown_once_and_kept_locked(receiver: Receiver, hooks: Hooks, shop: Shop) -> None:
    made = await hooks.add(receiver.url())
    changed = (await hooks.post(f"/{made['id']}/secret", {"overlap_hours": 1})).json()
    assert changed["secret"] != made["secret"]
    listed = str(await hooks.get()) + str(await hooks.get(f"/{made['id']}"))
    rows = await shop.store.hooks.collection.find({}).to_list()
    trail = str(await shop.store.trail.collection.find({"resource": "webhook_endpoints"}).to_list())
    for secret in (made["secret"], changed["secret"]):
        assert secret.startswith("whsec_")
        assert secret not in listed + trail + str(rows)
    assert "locked" not in listed
    assert len(rows) == 1


async def test_a_new_secret_and_the_one_before_sign_together_for_a_while(receiver: Receiver, hooks: Hooks) -> None:
    made = await hooks.add(receiver.url(), ["order.placed"])
    second = (await hooks.post(f"/{made['id']}/secret", {"overlap_hours": 2})).json()
    await hooks.post(f"/{made['id']}/ping")
    await hooks.work()
    assert [signed(receiver.got[0], one["secret"]) for one in (made, second)] == [True, True]
    with time_machine.travel(clock.now() + timedelta(hours=2, minutes=1)):
        await service.ping(hooks.shop, ObjectId(second["id"]))
        await hooks.work()
    assert [signed(receiver.got[1], one["secret"]) for one in (made, second)] == [False, True]
    third = (await hooks.post(f"/{made['id']}/secret", {"overlap_hours": 0})).json()
    await hooks.post(f"/{made['id']}/ping")
    await hooks.work()
    assert [signed(receiver.got[2], one["secret"]) for one in (made, second, third)] == [False, False, True]


async def test_of_two_who_change_the_secret_at_once_one_does(receiver: Receiver, hooks: Hooks) -> None:
    made = await hooks.add(receiver.url())
    both = await asyncio.gather(*(hooks.post(f"/{made['id']}/secret", {"overlap_hours": 24}) for _ in range(2)))
    codes = sorted(one.status_code for one in both)
    assert codes in ([200, 412], [200, 200])  # one after the other is two changes
    shown = [one.json()["secret"] for one in both if one.status_code == 200]
    await hooks.post(f"/{made['id']}/ping")
    await hooks.work()
    assert any(signed(receiver.got[0], one) for one in shown)


async def test_a_failure_is_tried_again_with_the_same_bytes(receiver: Receiver, hooks: Hooks, shop: Shop) -> None:
    made = await hooks.add(receiver.url(), ["product.created"])
    receiver.answers = [answer(500, b"down\x1b[31m \xff" + b"x" * 5000)]
    await make.product(shop)
    await hooks.work()
    waiting = await hooks.delivery(made)
    assert (waiting["status"], waiting["tries"]) == ("waiting", 1)
    [attempt] = waiting["attempts"]
    assert (attempt["status"], attempt["error"]) == (500, "answered 500")
    assert attempt["answer"].startswith("down [31m \ufffdxxx")
    assert len(attempt["answer"]) <= 300
    assert (await hooks.get(f"/{made['id']}"))["failures"] == 1
    await hooks.work()
    assert len(receiver.got) == 1  # not at once
    with time_machine.travel(clock.now() + ENOUGH):
        await shop.worker.drain()
    first, second = receiver.got
    assert (second.body, second.headers["truestyle-webhook-id"]) == (first.body, first.headers["truestyle-webhook-id"])
    assert [one.headers["truestyle-attempt"] for one in receiver.got] == ["1", "2"]
    seen = await hooks.delivery(made)
    assert (seen["status"], seen["tries"], len(seen["attempts"])) == ("delivered", 2, 2)
    found = await hooks.get(f"/{made['id']}")
    assert (found["failures"], found["failing_since"]) == (0, None)


async def test_after_the_last_try_it_failed_and_is_no_dead_letter_of_ours(
    receiver: Receiver, hooks: Hooks, shop: Shop
) -> None:
    made = await hooks.add(receiver.url(), ["product.created"])
    receiver.always = answer(503)
    await make.product(shop)
    await hooks.work()
    moment = clock.now()
    for _ in range(MAX_ATTEMPTS + 2):
        moment += ENOUGH
        await shop.store.hooks.collection.update_many({}, {"$set": {"failing_since": moment}})  # only just, each time
        with time_machine.travel(moment):
            await shop.worker.drain()
    assert len(receiver.got) == MAX_ATTEMPTS
    assert [one["status"] for one in await hooks.deliveries(made)] == ["failed"]
    assert await shop.store.outbox.count({"status": EventStatus.DEAD}) == 0


async def test_a_replay_sends_the_same_again_once_however_many_ask(receiver: Receiver, hooks: Hooks) -> None:
    made = await hooks.add(receiver.url(), ["order.placed"])
    first = (await hooks.post(f"/{made['id']}/ping")).json()
    path = f"/{made['id']}/deliveries/{first['id']}/replay"
    early = await hooks.post(path)
    assert (early.status_code, early.json()["code"]) == (409, "delivery_waiting")
    await hooks.work()
    answers = await asyncio.gather(*(hooks.post(path) for _ in range(10)))
    assert sorted(one.status_code for one in answers) == [202] + [409] * 9
    await hooks.work()
    assert len(receiver.got) == 2
    assert receiver.got[0].body == receiver.got[1].body
    again = await hooks.delivery(made)
    assert (again["status"], again["replays"], again["tries"]) == ("delivered", 1, 2)
    other = await hooks.add(receiver.url("/other"))
    foreign = await hooks.post(f"/{other['id']}/deliveries/{first['id']}/replay")
    assert (foreign.status_code, foreign.json()["code"]) == (404, "not_found")


async def test_a_replay_takes_what_waits_for_nothing_once(receiver: Receiver, hooks: Hooks, shop: Shop) -> None:
    """Its worker was killed in the last try: the event is dead, and the delivery waits."""
    made = await hooks.add(receiver.url(), ["order.placed"])
    first = (await hooks.post(f"/{made['id']}/ping")).json()
    await shop.store.outbox.collection.update_one({"topic": "webhook.send"}, {"$set": {"attempts": MAX_ATTEMPTS}})
    await hooks.work()
    assert (receiver.got, (await hooks.delivery(made))["status"]) == ([], "waiting")
    assert await shop.store.outbox.count({"topic": "webhook.send", "status": EventStatus.DEAD}) == 1
    path = f"/{made['id']}/deliveries/{first['id']}/replay"
    answers = await asyncio.gather(*(hooks.post(path) for _ in range(10)))
    assert sorted(one.status_code for one in answers) == [202] + [409] * 9
    await hooks.work()
    again = await hooks.delivery(made)
    assert (len(receiver.got), again["status"], again["replays"]) == (1, "delivered", 1)


async def test_without_its_status_in_the_filter_a_replay_is_sent_by_all_who_ask(
    receiver: Receiver, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def careless(self: Deliveries, key: ObjectId, endpoint_id: ObjectId) -> Delivery | None:
        fresh = {"status": "waiting", "forced": True}
        return await self.change(key, {"$set": fresh, "$inc": {"replays": 1}}, where={"endpoint_id": endpoint_id})

    made = await hooks.add(receiver.url(), ["order.placed"])
    first = (await hooks.post(f"/{made['id']}/ping")).json()
    await hooks.work()
    monkeypatch.setattr(Deliveries, "again", careless)
    path = f"/{made['id']}/deliveries/{first['id']}/replay"
    answers = await asyncio.gather(*(hooks.post(path) for _ in range(5)))
    assert [one.status_code for one in answers] == [202] * 5
    assert await hooks.shop.store.outbox.count({"topic": "webhook.send", "status": "waiting"}) == 5


async def test_what_waits_for_an_endpoint_that_goes_is_dropped(receiver: Receiver, hooks: Hooks, shop: Shop) -> None:
    off, gone = await hooks.add(receiver.url("/off")), await hooks.add(receiver.url("/gone"))
    await make.product(shop)
    await shop.sealer.seal()
    await hooks.shop.worker._do_chores()  # noqa: SLF001 - announced, and not sent yet
    assert await shop.store.hook_deliveries.count({"status": "waiting"}) == 2
    await hooks.put(f"/{off['id']}", {"active": False})
    removed = await hooks.client.delete(f"/webhook-endpoints/{gone['id']}", headers=hooks.admin.headers)
    assert removed.status_code == 204
    await hooks.work()
    assert receiver.got == []
    assert await shop.store.hook_deliveries.count({"status": "dropped"}) == 2
    assert (await hooks.post(f"/{off['id']}/ping")).status_code == 202  # people may try one that is off
    await hooks.work()
    assert receiver.events == ["ping"]


async def failing(hooks: Hooks, receiver: Receiver, made: dict[str, Any], times: int, hours: float) -> None:
    """So many failures in a row, the first of them so long ago."""
    receiver.always = answer(500)
    since = clock.now() - timedelta(hours=hours)
    await hooks.shop.store.hooks.collection.update_one({}, {"$set": {"failures": times - 1, "failing_since": since}})
    await hooks.post(f"/{made['id']}/ping")
    await hooks.work()


@pytest.mark.parametrize(("times", "hours"), [(9, 30.0), (40, 23.0)])
async def test_a_short_trouble_switches_nothing_off(
    times: int, hours: float, receiver: Receiver, hooks: Hooks, post: Post
) -> None:
    made = await hooks.add(receiver.url(), ["order.placed"])
    await failing(hooks, receiver, made, times, hours)
    assert (await hooks.get(f"/{made['id']}"))["active"] is True
    assert post.sent.mails == type(post.sent.mails)([], post.sent.mails.maxlen)


async def test_a_long_trouble_switches_off_once_and_tells(
    receiver: Receiver, hooks: Hooks, shop: Shop, post: Post, alerted: None
) -> None:
    made = await hooks.add(receiver.url(), ["order.placed"])
    await failing(hooks, receiver, made, 40, 25)
    found = await hooks.get(f"/{made['id']}")
    assert (found["active"], found["failures"]) == (False, 40)
    assert found["switched_off_at"] is not None
    assert await post.subjects("ops@example.com") == ["A webhook endpoint of True Style was switched off"]
    assert made["url"] in await post.text("ops@example.com")
    entry = await shop.store.trail.first({"resource": "webhook_endpoints", "action": "update"})
    assert entry is not None
    assert '"active":false' in (entry.details or "")
    again = (await hooks.put(f"/{made['id']}", {"active": True})).json()
    assert (again["active"], again["failures"], again["failing_since"]) == (True, 0, None)


async def switched_off_by(count: int, hooks: Hooks, receiver: Receiver) -> int:
    """How many mails go out when so many messages fail at the same time, each the last straw."""
    await hooks.add(receiver.url(), ["order.placed"])
    since = clock.now() - timedelta(hours=25)
    await hooks.shop.store.hooks.collection.update_one({}, {"$set": {"failures": 40, "failing_since": since}})
    endpoint = await hooks.shop.store.hooks.first({})
    assert endpoint is not None
    await asyncio.gather(*(sending._count_failure(hooks.shop, endpoint) for _ in range(count)))  # noqa: SLF001
    return await hooks.shop.store.outbox.count({"topic": "mail.webhook_off"})


@pytest.fixture
def alerted(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    told = shop.settings.mail.model_copy(update={"alert_email": "ops@example.com"})
    monkeypatch.setattr(shop.settings, "mail", told)


async def test_of_several_who_switch_off_one_does(alerted: None, hooks: Hooks, receiver: Receiver) -> None:
    assert await switched_off_by(5, hooks, receiver) == 1


async def test_without_the_filter_all_of_them_do(
    alerted: None, hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def careless(*_: Any) -> bool:
        return True

    monkeypatch.setattr(Endpoints, "switch_off", careless)
    assert await switched_off_by(5, hooks, receiver) == 5


async def tried_before_another_hears(hooks: Hooks, receiver: Receiver, post: Post) -> int:
    """How many messages a dead receiver was tried with before one to another endpoint, asked for last, arrived.

    The worker is as it runs; a mail has gone out by then too.
    """
    shop = hooks.shop
    async with Receiver(wait=30) as slow:
        bad = await hooks.add(slow.url(), ["order.placed"])
        good = await hooks.add(receiver.url(), ["order.placed"])
        for _ in range(LANES["hooks"] * 5):
            await service.ping(shop, ObjectId(bad["id"]))
        await hooks.post(f"/{good['id']}/ping")
        body = {"name": "Asha", "email": "asha@example.com", "subject": "Hello", "message": "Is it open?"}
        assert (await hooks.client.post("/contact-us", json=body)).status_code == 201
        shop.worker.start()
        try:
            async with asyncio.timeout(30):
                while not (post.sent.mails and receiver.got):  # noqa: ASYNC110 - others do it
                    await asyncio.sleep(0.02)
            return slow.connections
        finally:
            await shop.worker.stop()


async def test_a_slow_receiver_holds_up_nobody(hooks: Hooks, receiver: Receiver, post: Post, impatient: None) -> None:
    assert await tried_before_another_hears(hooks, receiver, post) <= LANES["hooks"] * 2
    assert receiver.events == ["ping"]


async def test_without_manners_others_wait_for_all_of_it(
    hooks: Hooks, receiver: Receiver, post: Post, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Manners, "enter", lambda _, __: True)
    monkeypatch.setattr(Manners, "leave", lambda _, __, **___: None)
    assert await tried_before_another_hears(hooks, receiver, post) > LANES["hooks"] * 4


@pytest.fixture
def impatient(shop: Shop, receiver: Receiver) -> Iterator[None]:
    """Half a second for an answer."""
    assert receiver
    before, shop.outward = shop.outward, Outward(seconds=0.5, https_only=False, local=True)
    yield
    shop.outward.close()
    shop.outward = before


def test_one_that_is_in_trouble_has_one_place() -> None:
    manners = Manners()
    assert [manners.enter("a") for _ in range(8)] == [True] * 8  # type: ignore[arg-type]
    for _ in range(8):
        manners.leave("a", trouble=True)  # type: ignore[arg-type]
    assert [manners.enter("a"), manners.enter("a"), manners.enter("b")] == [True, False, True]  # type: ignore[arg-type]
    manners.leave("a", trouble=False)  # type: ignore[arg-type]
    assert [manners.enter("a"), manners.enter("a")] == [True, True]  # type: ignore[arg-type]


async def test_secrets_outlive_the_pepper(receiver: Receiver, hooks: Hooks, shop: Shop) -> None:
    made = await hooks.add(receiver.url())
    old = shop.settings.auth.token_hash_pepper.get_secret_value()
    both = Box(["a-new-pepper-that-is-long-enough-0123456789", old])
    assert await Relocker(shop.store, both).relock() == 1
    assert await Relocker(shop.store, both).relock() == 0
    endpoint = await shop.store.hooks.first({})
    assert endpoint is not None
    assert secrets_of(Box(["a-new-pepper-that-is-long-enough-0123456789"]), endpoint) == [made["secret"]]


async def test_old_deliveries_go_and_those_on_their_way_stay(receiver: Receiver, hooks: Hooks, shop: Shop) -> None:
    made = await hooks.add(receiver.url(), ["order.placed"])
    for _ in range(3):
        await hooks.post(f"/{made['id']}/ping")
    await hooks.work()
    receiver.always = answer(500)
    await hooks.post(f"/{made['id']}/ping")
    await hooks.work()
    assert await service.forget(shop) == 0
    with time_machine.travel(clock.now() + timedelta(days=31)):
        both = await asyncio.gather(service.forget(shop), service.forget(shop))
    assert sum(both) == 3
    assert [one["status"] for one in await hooks.deliveries(made)] == ["waiting"]
