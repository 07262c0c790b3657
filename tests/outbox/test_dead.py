"""/admin/outbox and `truestyle outbox`: what was given up is seen, and goes again exactly once."""

import asyncio
import io
from datetime import timedelta
from typing import Any

import httpx
import pytest
import time_machine
from bson import ObjectId
from rich.console import Console

from tests import make
from tests.infra.test_outbox import Recorder, row, worker, written
from truestyle.audit.service import audit
from truestyle.cli import dead_letters
from truestyle.cli.common import CommandFailedError
from truestyle.infra.outbox import MAX_ATTEMPTS, Event, EventStatus, Outbox, event
from truestyle.kit import clock
from truestyle.outbox import service
from truestyle.shop import Shop


async def died(shop: Shop, handler: Recorder, key: str = "test:1") -> Event:
    """An event that was tried until nobody tries any more."""
    one, moment = await written(shop, key), clock.now()
    for _ in range(MAX_ATTEMPTS):
        with time_machine.travel(moment):
            await worker(shop, handler).drain()
            moment = (await row(shop, one)).due_at + timedelta(seconds=1)
    assert (await row(shop, one)).status is EventStatus.DEAD
    return one


async def test_pauses_double_and_are_spread(shop: Shop) -> None:
    """Each pause is between half of 2^n seconds and all of it, an hour at most; chance spreads them."""
    seen: dict[int, set[float]] = {}
    for number in range(12):
        one = await written(shop, f"test:{number}")
        for attempt in range(1, MAX_ATTEMPTS):
            moment = clock.now()
            await shop.store.outbox.failed(one.model_copy(update={"attempts": attempt}), "no")
            pause = ((await row(shop, one)).due_at - moment).total_seconds()
            whole = min(3600, 2**attempt)
            assert whole / 2 <= pause <= whole + 1
            seen.setdefault(attempt, set()).add(round(pause, 1))
    assert all(len(found) > 6 for attempt, found in seen.items() if attempt > 5)


async def test_a_dead_event_is_shown_and_goes_again_once(
    client: httpx.AsyncClient, shop: Shop, admin: make.Person
) -> None:
    handler = Recorder(failures=MAX_ATTEMPTS)
    one = await died(shop, handler)
    listed = (await client.get("/admin/outbox", headers=admin.headers)).json()
    [shown] = listed["items"]
    assert (shown["id"], shown["topic"], shown["attempts"]) == (str(one.id), "test", MAX_ATTEMPTS)
    assert shown["error"].startswith("RuntimeError: SMTP said 421")
    assert "payload" not in shown
    answer = await client.post(f"/admin/outbox/{one.id}/replay", headers=admin.headers)
    assert answer.status_code == 202, answer.text
    told = answer.json()
    assert (told["status"], told["attempts"], told["error"], told["replays"]) == ("waiting", 0, None, 1)
    assert told["replayed_by"] == str(admin.user.id)
    assert await worker(shop, handler).drain() == 1
    assert await worker(shop, handler).drain() == 0
    assert (await row(shop, one)).status is EventStatus.DELIVERED
    assert len(handler.seen) == MAX_ATTEMPTS + 1
    refused = await client.post(f"/admin/outbox/{one.id}/replay", headers=admin.headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_dead")
    assert (await client.get("/admin/outbox", headers=admin.headers)).json()["items"] == []
    assert [found for found in (await audit(shop)).breaches if found.invariant == "I6"] == []


async def test_the_command_shows_ids_whole_however_narrow_the_terminal_is(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are to be copied into the next command."""
    one = await died(shop, Recorder(failures=MAX_ATTEMPTS))
    screen = Console(record=True, width=20, file=io.StringIO())
    monkeypatch.setattr(dead_letters, "console", screen)
    assert await dead_letters.show(shop, None) == 1
    words = screen.export_text()
    assert f"{one.id}  {one.created_at:%Y-%m-%d %H:%M} UTC  test  {MAX_ATTEMPTS} tries\n" in words
    assert "RuntimeError: SMTP said 421" in words
    assert "1 effect was given up." in words
    assert await dead_letters.replay(shop, str(one.id), None) == 1
    with pytest.raises(CommandFailedError, match="was not given up"):
        await dead_letters.replay(shop, str(one.id), None)
    assert await dead_letters.show(shop, None) == 0
    assert "No effect was given up." in " ".join(screen.export_text().split())


async def test_twenty_who_replay_at_once_send_it_once(
    client: httpx.AsyncClient, shop: Shop, admin: make.Person
) -> None:
    handler = Recorder(failures=MAX_ATTEMPTS)
    one = await died(shop, handler)
    path = f"/admin/outbox/{one.id}/replay"
    answers = await asyncio.gather(*(client.post(path, headers=admin.headers) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 19
    await asyncio.gather(*(worker(shop, handler).drain() for _ in range(4)))
    assert len(handler.seen) == MAX_ATTEMPTS + 1
    assert (await row(shop, one)).replays == 1


async def test_without_the_status_in_the_filter_a_delivered_event_goes_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard off."""

    async def careless(self: Outbox, key: ObjectId, by: ObjectId | None) -> bool:
        fresh = {
            "status": EventStatus.WAITING,
            "due_at": clock.now(),
            "attempts": 0,
            "lease_until": None,
            "error": None,
        }
        await self.collection.update_one({"_id": key}, {"$set": fresh})
        return True

    monkeypatch.setattr(Outbox, "replay", careless)
    handler = Recorder(failures=MAX_ATTEMPTS)
    one = await died(shop, handler)
    for _ in range(3):
        await service.replay(shop.store, one.id, None)
        await worker(shop, handler).drain()
    assert len(handler.seen) == MAX_ATTEMPTS + 3  # with the guard: + 1


async def test_a_replayed_event_that_fails_again_has_all_its_tries(shop: Shop) -> None:
    handler = Recorder(failures=MAX_ATTEMPTS + 1)
    one = await died(shop, handler)
    await service.replay(shop.store, one.id, None)
    await worker(shop, handler).drain()
    after = await row(shop, one)
    assert (after.status, after.attempts) == (EventStatus.WAITING, 1)
    with time_machine.travel(after.due_at + timedelta(seconds=1)):
        await worker(shop, handler).drain()
    assert (await row(shop, one)).status is EventStatus.DELIVERED


async def test_filters_pages_and_what_is_not_there(client: httpx.AsyncClient, shop: Shop, admin: make.Person) -> None:
    rows = [event(f"topic.{number % 2}", {}, f"k:{number}") for number in range(7)]
    for one in rows:
        one.status, one.error = EventStatus.DEAD, "no"
    await shop.store.outbox.write([*rows, event("topic.1", {}, "waits")])
    found = await client.get("/admin/outbox", params={"topic": "topic.1", "page_size": 2}, headers=admin.headers)
    body = found.json()
    assert (body["total"], len(body["items"])) == (3, 2)
    more = await client.get(
        "/admin/outbox", params={"topic": "topic.1", "cursor": body["next_cursor"]}, headers=admin.headers
    )
    assert len(more.json()["items"]) == 1
    missing = f"/admin/outbox/{ObjectId()}"
    assert (await client.get(missing, headers=admin.headers)).status_code == 404
    assert (await client.post(f"{missing}/replay", headers=admin.headers)).status_code == 404
    assert (await client.get("/admin/outbox/nonsense", headers=admin.headers)).status_code == 404


async def test_the_lists_use_their_indexes(shop: Shop) -> None:
    rows = [event(f"topic.{number % 5}", {}, f"k:{number}") for number in range(300)]
    await shop.store.outbox.write(rows)
    await shop.store.outbox.collection.update_many({"key": {"$in": ["k:3", "k:8"]}}, {"$set": {"status": "dead"}})
    for where in ({"status": "dead"}, {"status": "dead", "topic": "topic.3"}):
        plan = await shop.store.outbox.collection.find(where, sort=[("_id", -1)]).explain()
        assert plan["executionStats"]["totalKeysExamined"] <= 3, plan["queryPlanner"]["winningPlan"]


async def test_secrets_are_hidden(client: httpx.AsyncClient, shop: Shop, admin: make.Person) -> None:
    moment = clock.now()
    payload: dict[str, Any] = {
        "to": "asha@example.com",
        "locked": {"nonce": b"123456789012", "text": b"sealed"},
        "reset_token": "planted-reset-token",
        "nested": [{"Otp": "493021", "at": moment, "order_id": ObjectId()}],
        "raw": b"planted bytes",
        "count": 3,
    }
    one = event("mail.reset_password", payload)
    one.status, one.error = EventStatus.DEAD, "no"
    await shop.store.outbox.write([one])
    answer = await client.get(f"/admin/outbox/{one.id}", headers=admin.headers)
    shown = answer.json()["payload"]
    hidden = {name for name, value in shown.items() if value == "•••"}
    assert hidden == {"locked", "reset_token", "raw"}
    assert (shown["to"], shown["count"]) == ("asha@example.com", 3)
    assert shown["nested"][0]["Otp"] == "•••"
    assert shown["nested"][0]["at"] == clock.wire(moment)
    assert not {"planted", "493021", "sealed"} & set(answer.text.split('"'))
