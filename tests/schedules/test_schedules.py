"""Recurring work: due once however many workers look, caught up once, in the store's time zone."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import time_machine

from tests import make
from truestyle.infra.outbox import Event, EventStatus, Worker, event
from truestyle.kit.cron import following
from truestyle.kit.errors import NotFound
from truestyle.schedules import service
from truestyle.schedules.models import Recurring, RunStatus
from truestyle.schedules.repository import ScheduleRows
from truestyle.schedules.service import AlreadyRunning, Scheduler
from truestyle.shop import Shop

KOLKATA = ZoneInfo("Asia/Kolkata")
BEGIN = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)  # 01:30 on the 22nd in the store
NIGHTLY = "30 2 * * *"
DUE = datetime(2026, 11, 21, 21, 0, tzinfo=UTC)


class Counting:
    """Work that remembers, and fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.runs, self.failures = 0, failures

    async def __call__(self) -> dict[str, Any]:
        self.runs += 1
        if self.runs <= self.failures:
            raise RuntimeError("no room left")
        return {"run": self.runs}


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(BEGIN, tick=False) as traveller:
        yield traveller


@pytest.fixture
def worker(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Worker]:
    """A worker of its own with this work, as another process would have."""

    def make_worker(work: Any, cron: str = NIGHTLY) -> Worker:
        scheduler = Scheduler(shop.store, [Recurring("test", cron, "What tests do.", work)])
        monkeypatch.setattr(shop, "scheduler", scheduler)

        async def handle(one: Event) -> None:
            await service.run(shop, one)

        return Worker(shop.store.outbox, {service.TOPIC: handle}, [scheduler.look])

    return make_worker


async def turn(*workers: Worker) -> None:
    """What is due is found, and then done."""
    await asyncio.gather(*(one.drain() for one in workers))
    await asyncio.gather(*(one.drain() for one in workers))


@pytest.mark.parametrize(
    ("cron", "wanted"),
    [
        (NIGHTLY, "2026-11-22T02:30"),
        ("17 * * * *", "2026-11-22T02:17"),
        ("0 9 * * 0", "2026-11-22T09:00"),  # the 22nd is a Sunday
        ("0 9 * * 7", "2026-11-22T09:00"),
        ("0 9 * * 1", "2026-11-23T09:00"),
        ("0 9 * * 1-5", "2026-11-23T09:00"),
        ("0 9 * * 0-6", "2026-11-22T09:00"),
        ("0 9 * * 1-5/2", "2026-11-23T09:00"),
        ("0 9 * * tue,6", "2026-11-24T09:00"),
        ("0 9 * * sat", "2026-11-28T09:00"),
        ("0 0 1 1 *", "2027-01-01T00:00"),
        ("*/20 * * * *", "2026-11-22T02:00"),
    ],
)
def test_cron_counts_days_from_sunday_in_the_zone_of_the_store(cron: str, wanted: str) -> None:
    if "tue" in cron:  # names and numbers do not mix in crontab either
        with pytest.raises(ValueError, match="days of the week"):
            following(cron, KOLKATA, BEGIN + timedelta(minutes=29))
        return
    found = following(cron, KOLKATA, BEGIN + timedelta(minutes=29))
    assert found is not None
    assert f"{found.astimezone(KOLKATA):%Y-%m-%dT%H:%M}" == wanted


def test_the_time_itself_is_not_after_it() -> None:
    assert following(NIGHTLY, KOLKATA, DUE - timedelta(milliseconds=1)) == DUE
    assert following(NIGHTLY, KOLKATA, DUE) == DUE + timedelta(days=1)


async def test_it_runs_when_it_is_due_and_not_before(shop: Shop, clock: Any, worker: Any) -> None:
    work = Counting()
    at_work = worker(work)
    await turn(at_work)
    clock.move_to(DUE - timedelta(seconds=1))
    await turn(at_work)
    assert work.runs == 0
    clock.move_to(DUE + timedelta(seconds=2))
    await turn(at_work)
    clock.move_to(DUE + timedelta(hours=12))
    await turn(at_work)
    assert work.runs == 1
    found = await shop.scheduler.get("test")
    assert found.next_run_at == DUE + timedelta(days=1)
    assert found.last_run is not None
    assert (found.last_run.status, found.last_run.due_at, found.last_run.result) == (RunStatus.DONE, DUE, {"run": 1})


async def test_several_workers_run_it_once_each_time(shop: Shop, clock: Any, worker: Any) -> None:
    work = Counting()
    workers = [worker(work) for _ in range(6)]
    await turn(*workers)
    for day in range(3):
        clock.move_to(DUE + timedelta(days=day, seconds=day))
        await turn(*workers)
        clock.move_to(DUE + timedelta(days=day, seconds=60))
        await turn(*workers)
        assert work.runs == day + 1
    assert await shop.store.outbox.count({"topic": service.TOPIC}) == 3


async def begun_together(shop: Shop) -> int:
    """How many runs come of six workers who have all seen that it is due."""
    one = Recurring("test", NIGHTLY, "What tests do.", Counting())
    schedulers = [Scheduler(shop.store, [one]) for _ in range(6)]
    await schedulers[0].look()
    await asyncio.gather(*(each._begin(one, DUE, DUE) for each in schedulers), return_exceptions=True)  # noqa: SLF001
    return await shop.store.outbox.count({"topic": service.TOPIC})


async def test_of_those_who_saw_that_it_is_due_one_begins_it(shop: Shop, clock: Any) -> None:
    assert clock is not None
    assert await begun_together(shop) == 1


async def test_without_the_time_in_the_filter_each_of_them_does(
    shop: Shop, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guards off: the filter of the write, and the key of the event, which would stop a second one too."""
    assert clock is not None

    async def careless(self: ScheduleRows, name: str, _seen: Any, after: Any, moment: Any) -> bool:
        await self._begin({"_id": name}, moment, {"next_run_at": after})
        return True

    def keyless(name: str, due: datetime) -> Event:
        return event(service.TOPIC, {"schedule": name, "due_at": due})

    monkeypatch.setattr(ScheduleRows, "due", careless)
    monkeypatch.setattr(service, "_event", keyless)
    assert await begun_together(shop) == 6


async def test_what_was_missed_is_caught_up_once(shop: Shop, clock: Any, worker: Any) -> None:
    work = Counting()
    at_work = worker(work, "0 * * * *")
    await turn(at_work)
    clock.move_to(BEGIN + timedelta(days=3, minutes=20))
    await turn(at_work)
    await turn(at_work)
    assert work.runs == 1
    found = await shop.scheduler.get("test")
    assert found.next_run_at == BEGIN + timedelta(days=3, minutes=30)


async def test_a_run_does_not_begin_while_the_last_goes_on(shop: Shop, clock: Any, worker: Any) -> None:
    at_work = worker(Counting(), "* * * * *")
    await turn(at_work)
    clock.shift(timedelta(minutes=1))
    assert await shop.scheduler.look() == 1
    due = (await shop.scheduler.get("test")).last_run
    assert due is not None
    ticket = await shop.store.schedules.claim("test", due.due_at, datetime.now(UTC))
    assert ticket is not None
    for _ in range(5):
        clock.shift(timedelta(seconds=20))
        await shop.store.schedules.alive(ticket)
        assert await shop.scheduler.look() == 0
        assert await shop.store.schedules.claim("test", due.due_at, datetime.now(UTC)) is None
    await shop.store.schedules.finish(ticket, RunStatus.DONE, result=None, error=None)
    clock.shift(timedelta(seconds=2))
    assert await shop.scheduler.look() == 1


async def test_a_run_whose_worker_died_is_taken_up(shop: Shop, clock: Any, worker: Any) -> None:
    work = Counting()
    at_work = worker(work)
    await turn(at_work)
    clock.move_to(DUE)
    assert await shop.scheduler.look() == 1
    assert await shop.store.outbox.lease("jobs", datetime.now(UTC)) is not None  # and then it is killed:
    assert await shop.store.schedules.claim("test", DUE, datetime.now(UTC)) is not None
    await at_work.drain()
    assert work.runs == 0
    clock.shift(timedelta(seconds=61))
    await at_work.drain()
    assert work.runs == 1


async def test_a_failure_is_tried_again_and_shown(shop: Shop, clock: Any, worker: Any) -> None:
    work = Counting(failures=1)
    at_work = worker(work)
    await turn(at_work)
    clock.move_to(DUE)
    await turn(at_work)
    shown = (await shop.scheduler.get("test")).last_run
    assert shown is not None
    assert (shown.status, shown.error) == (RunStatus.FAILED, "RuntimeError: no room left")
    clock.shift(timedelta(seconds=5))
    await turn(at_work)
    shown = (await shop.scheduler.get("test")).last_run
    assert shown is not None
    assert (shown.status, shown.error, work.runs) == (RunStatus.DONE, None, 2)


async def test_an_older_run_that_failed_gives_way_to_a_newer(shop: Shop, clock: Any, worker: Any) -> None:
    work = Counting(failures=1)
    at_work = worker(work, "* * * * *")
    await turn(at_work)
    clock.shift(timedelta(minutes=1))
    await turn(at_work)
    clock.shift(timedelta(minutes=1))
    assert await shop.scheduler.look() == 1
    await turn(at_work)
    assert work.runs == 2
    assert await shop.store.outbox.count({"topic": service.TOPIC, "status": EventStatus.DELIVERED}) == 2


async def test_another_cron_moves_the_next_run(shop: Shop, clock: Any, worker: Any) -> None:
    await turn(worker(Counting()))
    await turn(worker(Counting(), "45 3 * * *"))
    assert (await shop.scheduler.get("test")).next_run_at == datetime(2026, 11, 21, 22, 15, tzinfo=UTC)
    await turn(worker(Counting(), "never"))
    assert (await shop.scheduler.get("test")).next_run_at is None


async def test_asked_for_twenty_times_it_runs_once(shop: Shop, clock: Any, worker: Any) -> None:
    work = Counting()
    at_work = worker(work, "never")
    answers = await asyncio.gather(*(shop.scheduler.ask("test") for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(one, AlreadyRunning) for one in answers) == 19
    await at_work.drain()
    assert work.runs == 1
    await shop.scheduler.ask("test")
    await at_work.drain()
    assert work.runs == 2
    with pytest.raises(NotFound):
        await shop.scheduler.ask("unknown")


async def test_rows_that_a_restore_took_away_are_there_again(shop: Shop, clock: Any, worker: Any) -> None:
    work = Counting()
    at_work = worker(work)
    await turn(at_work)
    await shop.store.schedules.collection.delete_many({})
    await shop.scheduler.ask("test")
    await at_work.drain()
    await shop.store.schedules.collection.delete_many({})
    clock.shift(timedelta(seconds=2))
    await turn(at_work)
    clock.move_to(DUE)
    await turn(at_work)
    assert work.runs == 2


async def test_over_http(client: httpx.AsyncClient, shop: Shop, admin: make.Person) -> None:
    found = (await client.get("/admin/schedules", headers=admin.headers)).json()["items"]
    assert {one["name"] for one in found} >= {"audit", "log-retention", "figures-recount"}
    assert {one["zone"] for one in found} == {"Asia/Kolkata"}
    asked = await client.post("/admin/schedules/audit/run", headers=admin.headers)
    assert (asked.status_code, asked.headers["location"]) == (202, "/api/v1/admin/schedules/audit")
    assert asked.json()["last_run"]["status"] == "waiting"
    again = await client.post("/admin/schedules/audit/run", headers=admin.headers)
    assert (again.status_code, again.json()["code"]) == (409, "already_running")
    await shop.worker.drain()
    run = (await client.get("/admin/schedules/audit", headers=admin.headers)).json()["last_run"]
    assert (run["status"], run["result"]["clean"], run["result"]["breach_count"]) == ("done", True, 0)
    told = (await client.get("/admin/integrity", headers=admin.headers)).json()
    assert (told["clean"], told["job"]["id"]) == (True, run["result"]["job_id"])
    assert (await client.get("/admin/schedules/unknown", headers=admin.headers)).status_code == 404
    assert (await client.get("/admin/schedules/No", headers=admin.headers)).status_code in {404, 422}
