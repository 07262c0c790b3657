"""Carrying out a job whose outbox event has come.

An event may come twice: after a crash, or because the lease ran out while the job still goes on. A worker claims the
job first and keeps saying that it is alive. Who finds it claimed leaves an event for later instead of waiting, in case
the other one dies. So the work must be harmless to repeat.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from pymongo.errors import PyMongoError

from truestyle.infra.outbox import MAX_ATTEMPTS, Event, event
from truestyle.jobs.models import Job, JobStatus
from truestyle.kit import clock, tasks, trail
from truestyle.kit.types import object_id
from truestyle.store import Store

PROGRESS_EVERY = 0.25  # seconds
ALIVE_EVERY = 5.0  # seconds
DEAD_AFTER = timedelta(seconds=30)
OnProgress = Callable[[int, int], Awaitable[None]]


async def carry_out(
    store: Store, one: Event, work: Callable[[Job], Awaitable[None]], fail: Callable[[Job, str], Awaitable[None]]
) -> None:
    """Do `work`, in the name of the job's owner, unless another worker is at it.

    What breaks it off is raised again, so that it is tried later; after the last try `fail` hears what it was.
    """
    job = await store.jobs.claim(object_id(one.payload["job_id"]), clock.now() - DEAD_AFTER)
    if job is None:
        await _look_again(store, one)
        return
    alive = asyncio.create_task(_say_alive(store, job))
    try:
        with trail.acting(trail.Actor(trail.ActorKind.USER, job.owner_id)):
            await work(job)
    except Exception as error:
        if one.attempts >= MAX_ATTEMPTS:
            await fail(job, type(error).__name__)
        else:
            await store.jobs.release(job.id)
        raise
    except asyncio.CancelledError:  # the worker stops; another one goes on
        await store.jobs.release(job.id)
        raise
    finally:
        await tasks.end(alive)


def teller(store: Store, job: Job) -> OnProgress:
    """Says how far a job is, not more often than anybody looks."""
    said = 0.0

    async def tell(done: int, total: int) -> None:
        nonlocal said
        if time.monotonic() - said >= PROGRESS_EVERY or done == total:
            said = time.monotonic()
            await store.jobs.progress(job.id, done, total)

    return tell


async def _say_alive(store: Store, job: Job) -> None:
    while True:
        await asyncio.sleep(ALIVE_EVERY)
        with suppress(PyMongoError):  # the work itself will tell
            await store.jobs.alive(job.id)


async def _look_again(store: Store, one: Event) -> None:
    """If somebody else is at it, have another event come when it would be dead."""
    job = await store.jobs.first({"_id": object_id(one.payload["job_id"])})
    if job is not None and job.status is JobStatus.RUNNING:
        later = event(one.topic, one.payload, lane="jobs").model_copy(update={"due_at": clock.now() + 2 * DEAD_AFTER})
        await store.outbox.write([later])
