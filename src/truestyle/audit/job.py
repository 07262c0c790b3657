"""The audit as a job, for those who have no command line: asked for, run by a worker, kept as its result.

A run is bounded: the snapshot that it reads lasts five minutes. Who has more than that to read runs `truestyle audit`
at a quiet time. Running twice is harmless, so an event that comes again while a run goes on is simply put off.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
import structlog
from pydantic import Field
from pymongo.errors import PyMongoError

from truestyle.auth.models import Caller
from truestyle.infra.outbox import Event, event
from truestyle.jobs.models import Job, JobStatus
from truestyle.kit import clock, tasks
from truestyle.kit.documents import Answer
from truestyle.kit.types import Timestamp
from truestyle.mail.service import letter
from truestyle.store import Store

if TYPE_CHECKING:
    from truestyle.audit.report import Report
    from truestyle.shop import Shop

TOPIC = KIND = "audit.run"
log = structlog.get_logger("integrity")
LONGEST = 240.0  # seconds
SAID_EVERY = 1.0  # seconds
DEAD_AFTER = timedelta(seconds=30)
SHOWN, MAILED = 100, 20  # breaches that are kept, and told by mail


class BreachAnswer(Answer):
    """Something that must never be: which invariant, what is wrong, and the documents involved."""

    invariant: str
    message: str
    documents: dict[str, Any]


class Integrity(Answer):
    """What the last finished audit found; all null before the first. `job` is the newest run, which may still go on."""

    clean: bool | None = None
    checked_at: Timestamp | None = None
    checked: dict[str, int] = Field(default_factory=dict, description="Rows looked at, by invariant.")
    breach_count: int | None = None
    breaches: list[BreachAnswer] = Field(default_factory=list, description="The first hundred.")
    job: Job | None = None


class TooLongError(RuntimeError):
    """There is more to check than one run may take."""


class StillRunningError(RuntimeError):
    """Another worker is at it: look again later, in case it dies."""


async def submit(store: Store, caller: Caller) -> Job:
    """Ask for an audit; the one that goes on already, if there is one."""
    last = await store.jobs.last(KIND)
    if last is not None and last.status in {JobStatus.WAITING, JobStatus.RUNNING}:
        return last
    job = Job(kind=KIND, owner_id=caller.user_id)

    async def work(tx: Store) -> None:
        await tx.jobs.add(job)
        await tx.outbox.write([event(TOPIC, {"job_id": job.id}, f"{TOPIC}:{job.id}", lane="jobs")])

    await store.transaction(work)
    return job


async def last(store: Store) -> Integrity:
    """What is known."""
    newest = await store.jobs.last(KIND)
    done = await store.jobs.last(KIND, status=JobStatus.DONE)
    if done is None:
        return Integrity(job=newest)
    return Integrity.model_validate({**(done.result or {}), "checked_at": done.finished_at, "job": newest})


async def run(shop: "Shop", one: Event) -> None:
    """Handle the outbox event of a run. Raises StillRunningError."""
    key = one.payload["job_id"]
    job = await shop.store.jobs.claim(key, clock.now() - DEAD_AFTER)
    if job is None:
        now = await shop.store.jobs.get(key)
        if now.status is JobStatus.RUNNING:
            raise StillRunningError
        return
    await _carry_out(shop, job)


async def check(shop: "Shop") -> dict[str, Any]:
    """Audit now, and keep what was found as the last result; what there is to say of it."""
    job = Job(kind=KIND, status=JobStatus.RUNNING)
    await shop.store.jobs.add(job)
    result = await _carry_out(shop, job)
    return {
        "job_id": str(job.id),
        **{name: result[name] for name in ("clean", "breach_count", "message") if name in result},
    }


async def _carry_out(shop: "Shop", job: Job) -> dict[str, Any]:
    from truestyle.audit import service  # noqa: PLC0415 - it knows the shop, whose events lead here

    jobs, watch = shop.store.jobs, _Watch(LONGEST)
    watch.total = sum([await service.expected_rows(shop, one) for one in service.checks(shop)])
    async with _saying_how_far(shop.store, job, watch):
        try:
            report = await service.audit(shop, watch)
        except TooLongError:
            message = "There is too much to check within four minutes: run `truestyle audit`."
            await jobs.finish(job.id, JobStatus.FAILED, {"message": message}, [])
            return {"message": message}
        except BaseException:
            await jobs.release(job.id)
            raise
    result = _result(report)
    await jobs.progress(job.id, watch.done, watch.done)
    await jobs.finish(job.id, JobStatus.DONE, result, [])
    if not report.clean:
        await _alert(shop, job, report)
    return result


async def _alert(shop: "Shop", job: Job, report: "Report") -> None:
    """Say it where somebody will hear it: in the log, and by mail if there is an address."""
    found = Counter(one.invariant for one in report.breaches)
    log.error("integrity_breached", job_id=str(job.id), breaches=dict(found))
    to = shop.settings.mail.alert_email
    if to is not None:
        shown = [f"{one.invariant}: {one.message}" for one in report.breaches[:MAILED]]
        facts = {"at": clock.now(), "count": len(report.breaches), "shown": shown, "job_id": str(job.id)}
        await shop.store.outbox.write([letter("integrity_breached", to, facts, f"integrity_breached:{job.id}")])


class _Watch:
    """Told of rows, knows how far it is, and says when it is enough: a cancellation could be lost inside the driver."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self.done = self.total = 0

    def __call__(self, _: object, rows: int) -> None:
        self.done += rows
        if time.monotonic() >= self._ends:
            raise TooLongError


def _result(report: "Report") -> dict[str, Any]:
    shown = [
        {"invariant": one.invariant, "message": one.message, "documents": one.documents}
        for one in report.breaches[:SHOWN]
    ]
    plain: list[dict[str, Any]] = orjson.loads(orjson.dumps(shown, default=str, option=orjson.OPT_NON_STR_KEYS))
    return {
        "clean": report.clean,
        "checked": report.checked,
        "breach_count": len(report.breaches),
        "breaches": plain,
    }


@asynccontextmanager
async def _saying_how_far(store: Store, job: Job, watch: _Watch) -> AsyncIterator[None]:
    async def say() -> None:
        while True:
            await asyncio.sleep(SAID_EVERY)
            with suppress(PyMongoError):
                await store.jobs.progress(job.id, watch.done, max(watch.done, watch.total))

    task = asyncio.create_task(say())
    try:
        yield
    finally:
        await tasks.end(task)
