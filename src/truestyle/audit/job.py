"""The audit as a job, for those who have no command line: asked for, run by a worker, kept as its result.

A run is bounded: the snapshot that it reads lasts five minutes. Who has more than that to read runs `truestyle audit`
at a quiet time. Running twice is harmless, so an event that comes again while a run goes on is simply put off.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import Field
from pymongo.errors import PyMongoError

from truestyle.auth.models import Caller
from truestyle.infra.outbox import Event, event
from truestyle.jobs.models import Job, JobStatus
from truestyle.kit import clock, tasks
from truestyle.kit.documents import Answer
from truestyle.kit.types import Timestamp
from truestyle.store import Store

if TYPE_CHECKING:
    from truestyle.audit.report import Report
    from truestyle.shop import Shop

TOPIC = KIND = "audit.run"
LONGEST = 240.0  # seconds
ALIVE_EVERY = 5.0  # seconds
DEAD_AFTER = timedelta(seconds=30)
SHOWN = 100  # breaches that are kept


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
    from truestyle.audit import service  # noqa: PLC0415 - it knows the shop, whose events lead here

    key = one.payload["job_id"]
    job = await shop.store.jobs.claim(key, clock.now() - DEAD_AFTER)
    if job is None:
        now = await shop.store.jobs.get(key)
        if now.status is JobStatus.RUNNING:
            raise StillRunningError
        return
    async with _saying_alive(shop.store, job):
        try:
            report = await service.audit(shop, _within(LONGEST))
        except TooLongError:
            message = "There is too much to check within four minutes: run `truestyle audit`."
            await shop.store.jobs.finish(key, JobStatus.FAILED, {"message": message}, [])
        except BaseException:
            await shop.store.jobs.release(key)
            raise
        else:
            await shop.store.jobs.finish(key, JobStatus.DONE, _result(report), [])


def _within(seconds: float) -> Callable[[object, int], None]:
    """Told of rows, says when it is enough: a cancellation could be lost inside the driver."""
    ends = time.monotonic() + seconds

    def progress(_: object, __: int) -> None:
        if time.monotonic() >= ends:
            raise TooLongError

    return progress


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
async def _saying_alive(store: Store, job: Job) -> AsyncIterator[None]:
    async def say() -> None:
        while True:
            await asyncio.sleep(ALIVE_EVERY)
            with suppress(PyMongoError):
                await store.jobs.alive(job.id)

    task = asyncio.create_task(say())
    try:
        yield
    finally:
        await tasks.end(task)
