"""All recurring work of the store: each by several workers, as often as it should be; seen, with what went wrong."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import time_machine

from tests import make
from truestyle.backups import service as backups
from truestyle.backups.repository import BackupLogs
from truestyle.infra.outbox import Event, Worker, event
from truestyle.kit import clock
from truestyle.kit.cron import ALWAYS, NEVER
from truestyle.recurring import recurring
from truestyle.schedules import service
from truestyle.schedules.models import Recurring
from truestyle.schedules.repository import ScheduleRows
from truestyle.schedules.service import Scheduler, Standing
from truestyle.shop import Shop

NAMES = {
    *("audit", "log-retention", "figures-recount", "webhooks", "unpaid-orders", "backups", "backup-retention"),
    *("sitemap", "webhook-retention"),
}
BEGIN = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)


def counted(shop: Shop, runs: Counter[str]) -> list[Recurring]:
    """All that the store declares, done in name only."""

    def counting(name: str) -> Any:
        async def work() -> dict[str, Any]:
            runs[name] += 1
            await asyncio.sleep(0)
            return {}

        return work

    return [replace(one, work=counting(one.name)) for one in recurring(shop)]


def workers(shop: Shop, runs: Counter[str], monkeypatch: pytest.MonkeyPatch, count: int = 2) -> list[Worker]:
    """So many, as other processes would have them."""
    schedulers = [Scheduler(shop.store, counted(shop, runs)) for _ in range(count)]
    monkeypatch.setattr(shop, "scheduler", schedulers[0])

    async def handle(one: Event) -> None:
        await service.run(shop, one)

    return [Worker(shop.store.outbox, {service.TOPIC: handle}, [one.look]) for one in schedulers]


async def a_day_later(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What two workers have run once everything has come due."""
    runs: Counter[str] = Counter()
    with time_machine.travel(BEGIN, tick=False) as traveller:
        both = workers(shop, runs, monkeypatch)
        await asyncio.gather(*(one.drain() for one in both))  # now they know when
        traveller.move_to(BEGIN + timedelta(days=1, seconds=1))
        for _ in range(2):
            await asyncio.gather(*(one.drain() for one in both))
    return runs


async def test_of_two_workers_one_does_each_of_them(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    due = {one.name for one in recurring(shop) if one.cron not in {ALWAYS, NEVER}}
    assert due == {"audit", "log-retention", "backup-retention", "sitemap", "webhook-retention"}
    assert await a_day_later(shop, monkeypatch) == dict.fromkeys(due, 1)


async def test_without_the_guards_both_do(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Off: the time that was seen in the filter, the key of the event, and the claim of the run."""

    async def careless(self: ScheduleRows, name: str, _: Any, after: Any, moment: Any) -> bool:
        await self._begin({"_id": name}, moment, {"next_run_at": after})
        return True

    def keyless(name: str, due: datetime) -> Event:
        return event(service.TOPIC, {"schedule": name, "due_at": due}, lane="jobs")

    async def unclaimed(shop: Shop, one: Event) -> None:
        await shop.scheduler.recurring[one.payload["schedule"]].work()

    seen = ScheduleRows.every
    rows: dict[str, Any] = {}

    async def as_it_was(self: ScheduleRows) -> dict[str, Any]:
        """Both look before either has written."""
        found = rows.get(str(clock.now())) or await seen(self)
        rows[str(clock.now())] = found
        return found

    monkeypatch.setattr(ScheduleRows, "due", careless)
    monkeypatch.setattr(service, "_event", keyless)
    monkeypatch.setattr(service, "run", unclaimed)
    runs: Counter[str] = Counter()
    with time_machine.travel(BEGIN, tick=False) as traveller:
        both = workers(shop, runs, monkeypatch)
        await asyncio.gather(*(one.drain() for one in both))
        traveller.move_to(BEGIN + timedelta(days=1, seconds=1))
        monkeypatch.setattr(ScheduleRows, "every", as_it_was)
        for _ in range(2):
            await asyncio.gather(*(one.drain() for one in both))
    assert set(runs.values()) == {2}


async def test_all_of_it_is_listed(
    client: httpx.AsyncClient, shop: Shop, admin: make.Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop, "scheduler", Scheduler(shop.store, recurring(shop)))
    for chore in (shop.scheduler.look, *shop.scheduler.standing()):
        await chore()
    found = {one["name"]: one for one in (await client.get("/admin/schedules", headers=admin.headers)).json()["items"]}
    assert set(found) == NAMES
    for one in found.values():
        assert (one["next_run_at"] is None) == (one["cron"] == NEVER)
        assert one["last_error"] is None
    for name in ("webhooks", "unpaid-orders", "backups"):
        assert found[name]["last_run"]["status"] == "done", found[name]


async def test_what_goes_on_always_says_how_it_goes_and_what_went_wrong(shop: Shop) -> None:
    trouble: list[Exception] = []

    async def work() -> dict[str, Any]:
        if trouble:
            raise trouble.pop()
        return {"done": 2}

    one = Recurring("test", ALWAYS, "What tests do.", work)
    scheduler = Scheduler(shop.store, [one])
    await scheduler.look()
    standing = Standing(shop.store, one)
    with time_machine.travel(BEGIN, tick=False) as traveller:
        for _ in range(4):
            await standing.look()
        said = await scheduler.get("test")
        assert said.last_run is not None
        assert (said.last_run.result, said.next_run_at) == ({"done": 2}, BEGIN)  # the first; the others in a minute
        trouble.append(RuntimeError("no room left"))
        with pytest.raises(RuntimeError):
            await standing.look()
        said = await scheduler.get("test")
        assert said.last_run is not None
        assert (said.last_run.status, said.last_error) == ("failed", "RuntimeError: no room left")
        traveller.shift(timedelta(seconds=61))
        await standing.look()
        said = await scheduler.get("test")
        assert said.last_run is not None
        assert (said.last_run.status, said.last_run.result) == ("done", {"done": 8})
        assert (said.last_error, said.last_error_at) == ("RuntimeError: no room left", BEGIN)


async def test_what_goes_on_always_can_be_asked_for_too(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: Counter[str] = Counter()
    one = next(one for one in counted(shop, runs) if one.name == "unpaid-orders")
    monkeypatch.setattr(shop, "scheduler", Scheduler(shop.store, [one]))
    await shop.scheduler.ask("unpaid-orders")
    await Standing(shop.store, one).look()  # which says nothing while the other waits
    assert (await shop.store.schedules.every())["unpaid-orders"]["run"]["status"] == "waiting"
    await shop.worker.drain()
    said = (await shop.scheduler.get("unpaid-orders")).last_run
    assert said is not None
    assert (said.status, runs["unpaid-orders"]) == ("done", 2)


async def test_the_last_error_of_a_run_stays_to_be_seen(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    trouble = [RuntimeError("the disk is full")]

    async def work() -> dict[str, Any]:
        if trouble:
            raise trouble.pop()
        return {}

    scheduler = Scheduler(shop.store, [Recurring("test", NEVER, "What tests do.", work)])
    monkeypatch.setattr(shop, "scheduler", scheduler)
    for _ in range(2):
        await scheduler.ask("test")
        with time_machine.travel(clock.now() + timedelta(minutes=1)):
            await shop.worker.drain()
            await shop.worker.drain()
        await shop.store.outbox.collection.delete_many({"topic": service.TOPIC})
    said = await scheduler.get("test")
    assert said.last_run is not None
    assert (said.last_run.status, said.last_error) == ("done", "RuntimeError: the disk is full")


async def scheduled(client: httpx.AsyncClient, admin: make.Person) -> None:
    later = clock.wire(clock.now() + timedelta(hours=1))
    for frequency in ("hourly", "daily", "weekly"):
        body = {"frequency": frequency, "scope": "collections", "collections": ["brands"], "scheduled_at": later}
        assert (await client.post("/backup-logs", json=body, headers=admin.headers)).status_code == 201


async def begun(shop: Shop, count: int) -> int:
    with time_machine.travel(clock.now() + timedelta(hours=1, minutes=1)):
        return sum(await asyncio.gather(*(backups.begin_due(shop.store) for _ in range(count))))


async def test_backups_that_are_due_are_begun_once_by_several(
    client: httpx.AsyncClient, shop: Shop, admin: make.Person
) -> None:
    await scheduled(client, admin)
    assert await begun(shop, 5) == 3
    assert await shop.store.outbox.count({"topic": backups.BACKUP}) == 3


async def test_without_the_status_in_the_filter_they_are_begun_by_each(
    client: httpx.AsyncClient, shop: Shop, admin: make.Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def careless(*_: Any, **__: Any) -> bool:
        return True

    async def begin(tx: Any, log: Any, *_: Any) -> None:
        await tx.outbox.write([event(backups.BACKUP, {"backup_id": log.id}, lane="jobs")])

    await scheduled(client, admin)
    monkeypatch.setattr(BackupLogs, "note", careless)
    monkeypatch.setattr(backups, "_begin", begin)  # whose key would stop the others too
    assert await begun(shop, 5) == 15
    await shop.store.outbox.collection.delete_many({"topic": backups.BACKUP})


async def test_a_backup_that_comes_again_really_does(client: httpx.AsyncClient, shop: Shop, admin: make.Person) -> None:
    """Through the worker, as it runs: hourly ones at their times, each rehearsed, and the next written down."""
    moment = clock.now()
    body = {"frequency": "hourly", "scope": "collections", "collections": ["brands"]}
    body["scheduled_at"] = clock.wire(moment + timedelta(minutes=30))
    assert (await client.post("/backup-logs", json=body, headers=admin.headers)).status_code == 201
    for minutes in (31, 91):
        with time_machine.travel(moment + timedelta(minutes=minutes)):
            for _ in range(3):
                await shop.worker.drain()
    rows = [one async for one in shop.store.backup_logs.every({})]
    assert [one.status for one in rows] == ["good", "good", "scheduled"]
    assert [round((one.scheduled_at - moment).total_seconds() / 60) for one in rows] == [30, 90, 150]
