"""An import as a job: the file is kept, an outbox event says that it waits, and a worker runs it."""

import asyncio
import io
from typing import TYPE_CHECKING

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.catalog.importing import dialects, sheet, table
from truestyle.catalog.importing.fetch import Fetcher
from truestyle.catalog.importing.models import Actor
from truestyle.catalog.importing.service import import_catalogue
from truestyle.files import service as files
from truestyle.files.service import Limits
from truestyle.infra.outbox import Event, event
from truestyle.jobs import running
from truestyle.jobs.models import Job, JobError, JobStatus
from truestyle.kit.errors import NotFound, ValidationFailed
from truestyle.kit.types import object_id
from truestyle.store import Store
from truestyle.users.models import UserStatus

if TYPE_CHECKING:
    from truestyle.shop import Shop

TOPIC, KIND = "products.import", "products.import"
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
    """Handle the outbox event of a job. Running the same file again is harmless."""

    async def work(job: Job) -> None:
        await _run(shop, job, one)

    async def fail(job: Job, why: str) -> None:
        await _fail(shop, job, one, f"The import broke off: {why}")

    await running.carry_out(shop.store, one, work, fail)


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
            on_progress=running.teller(store, job),
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


async def _fail(shop: "Shop", job: Job, one: Event, message: str, row: int = 0) -> None:
    told = JobError(row=row, field="file" if row else "", message=message)
    await shop.store.jobs.finish(job.id, JobStatus.FAILED, {"message": message}, [told.model_dump()])
    await files.remove(shop.store, shop.storage, object_id(one.payload["file_id"]))
