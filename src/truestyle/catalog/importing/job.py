"""An import as a job: the file is kept, an outbox event says that it waits, and a worker runs it.

An event may come twice: after a crash, or because the lease ran out while the import is still running. A worker claims
the job first and keeps saying that it is alive. Who finds it claimed leaves an event for later instead of waiting, in
case the other one dies. Running the same file again is harmless.
"""

import asyncio
import io
import time
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from pymongo.errors import PyMongoError

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.catalog.importing import dialects, sheet, table
from truestyle.catalog.importing.fetch import Fetcher
from truestyle.catalog.importing.models import Actor
from truestyle.catalog.importing.service import OnProgress, import_catalogue
from truestyle.files import service as files
from truestyle.files.service import Limits
from truestyle.infra.outbox import MAX_ATTEMPTS, Event, event
from truestyle.jobs.models import Job, JobError, JobStatus
from truestyle.kit import clock, trail
from truestyle.kit.errors import NotFound, ValidationFailed
from truestyle.kit.types import object_id
from truestyle.store import Store
from truestyle.users.models import UserStatus

if TYPE_CHECKING:
    from truestyle.shop import Shop

TOPIC, KIND = "products.import", "products.import"
PROGRESS_EVERY = 0.25  # seconds
ALIVE_EVERY = 5.0  # seconds
DEAD_AFTER = timedelta(seconds=30)
LONGEST_NAME = 200  # characters


async def submit(shop: "Shop", caller: Caller, content: bytes, *, name: str, dry_run: bool) -> Job:
    """Keep the file and let a worker import it. Raises ValidationFailed for what is no catalogue, FileRefused."""
    await Limits.of(shop.settings).look_at(io.BytesIO(content))
    if sheet.is_archive(content):
        content = await asyncio.to_thread(table.as_csv, content)
    await asyncio.to_thread(lambda: dialects.detect(table.header(content)))
    sent = io.BytesIO(content)
    file = await files.keep(shop.store, shop.storage, sent, "text/csv", public=False, owner_id=caller.user_id)
    job = Job(kind=KIND, owner_id=caller.user_id)
    payload = {"job_id": str(job.id), "file_id": str(file.id), "name": name[:LONGEST_NAME], "dry_run": dry_run}

    async def work(tx: Store) -> None:
        await tx.jobs.add(job)
        await tx.outbox.write([event(TOPIC, payload, f"{TOPIC}:{job.id}", lane="jobs")])

    await shop.store.transaction(work)
    shop.worker.wake()
    return job


async def run(shop: "Shop", one: Event) -> None:
    """Handle the outbox event of a job."""
    store, key = shop.store, object_id(one.payload["job_id"])
    job = await store.jobs.claim(key, clock.now() - DEAD_AFTER)
    if job is None:
        await _look_again(store, one)
        return
    alive = asyncio.create_task(_say_alive(store, job))
    try:
        with trail.acting(trail.Actor(trail.ActorKind.USER, job.owner_id)):
            await _run(shop, job, one)
    except Exception as error:
        if one.attempts >= MAX_ATTEMPTS:
            await _fail(shop, job, one, f"The import broke off: {type(error).__name__}")
        else:
            await store.jobs.release(job.id)
        raise
    except asyncio.CancelledError:  # the worker stops; another one goes on
        await store.jobs.release(job.id)
        raise
    finally:
        alive.cancel()
        with suppress(asyncio.CancelledError):
            await alive


async def _run(shop: "Shop", job: Job, one: Event) -> None:
    store, file_id = shop.store, object_id(one.payload["file_id"])
    actor = await _actor(shop, job)
    if actor is None:
        await _fail(shop, job, one, "Whoever asked for it may not import any more.")
        return
    try:
        file = await store.files.get(file_id)
        content = await files.content(shop.storage, file)
        result = await import_catalogue(
            store,
            shop.storage,
            content,
            name=one.payload["name"],
            actor=actor,
            dry_run=one.payload["dry_run"],
            fetcher=Fetcher(shop.settings.data.upload_max_bytes, look_at=Limits.of(shop.settings).look_at),
            on_progress=_teller(store, job),
        )
    except NotFound:
        await _fail(shop, job, one, "The uploaded file is gone.")
        return
    except ValidationFailed as refused:
        message = str(refused.members["errors"][0]["msg"])
        await _fail(shop, job, one, f"The file {message}.", row=1)
        return
    errors = [bad.model_dump() for bad in result.bad_rows]
    await store.jobs.finish(job.id, JobStatus.DONE, result.model_dump(), errors)
    await files.remove(store, shop.storage, file_id)


async def _actor(shop: "Shop", job: Job) -> Actor | None:
    """What the owner may do by now; None if no longer this."""
    standing = await shop.store.users.standing(job.owner_id) if job.owner_id else None
    if standing is None or standing["status"] != UserStatus.ACTIVE:
        return None
    actor = Actor(job.owner_id, await shop.keys.gate.permissions(standing["role"]))
    return actor if actor.may(Permission.PRODUCTS_WRITE) else None


def _teller(store: Store, job: Job) -> OnProgress:
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
        with suppress(PyMongoError):  # the import itself will tell
            await store.jobs.alive(job.id)


async def _look_again(store: Store, one: Event) -> None:
    """If somebody else is at it, have another event come when it would be dead."""
    job = await store.jobs.first({"_id": object_id(one.payload["job_id"])})
    if job is not None and job.status is JobStatus.RUNNING:
        later = event(TOPIC, one.payload, lane="jobs").model_copy(update={"due_at": clock.now() + 2 * DEAD_AFTER})
        await store.outbox.write([later])


async def _fail(shop: "Shop", job: Job, one: Event, message: str, row: int = 0) -> None:
    told = JobError(row=row, field="file" if row else "", message=message)
    await shop.store.jobs.finish(job.id, JobStatus.FAILED, {"message": message}, [told.model_dump()])
    await files.remove(shop.store, shop.storage, object_id(one.payload["file_id"]))
