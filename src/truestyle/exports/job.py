"""An export as a job: a worker makes the file, and the storage keeps it for a while, for those who may have it."""

import tempfile
from datetime import timedelta
from typing import TYPE_CHECKING

from bson import ObjectId
from pymongo.errors import OperationFailure

from truestyle.auth.permissions import Permission
from truestyle.exports import making
from truestyle.exports.making import Made
from truestyle.exports.models import MEDIA_TYPES, Export
from truestyle.files import service as files
from truestyle.files.models import File
from truestyle.infra.outbox import Event, event
from truestyle.jobs import running
from truestyle.jobs.models import Job, JobStatus
from truestyle.kit import clock
from truestyle.kit.errors import ValidationFailed
from truestyle.kit.types import object_id
from truestyle.store import Store
from truestyle.users.models import UserStatus

if TYPE_CHECKING:
    from truestyle.shop import Shop

TOPIC = "export.make"
SNAPSHOT_TOO_OLD = 239  # MongoDB's code: the moment that is read is further back than it keeps


async def submit(shop: "Shop", asked: Export) -> Job:
    """Let a worker make the file."""
    job = Job(kind=f"export.{asked.subject}", owner_id=asked.owner_id)
    payload = {"job_id": str(job.id), "export_id": str(asked.id)}

    async def work(tx: Store) -> None:
        await tx.jobs.add(job)
        await tx.exports.add(asked.model_copy(update={"job_id": job.id}))
        await tx.outbox.write([event(TOPIC, payload, f"{TOPIC}:{job.id}", lane="jobs")])

    await shop.store.transaction(work)
    shop.worker.wake()
    return job


async def run(shop: "Shop", one: Event) -> None:
    """Handle the outbox event of a job."""

    async def work(job: Job) -> None:
        await _run(shop, job, await shop.store.exports.get(object_id(one.payload["export_id"])))

    async def fail(job: Job, why: str) -> None:
        await _fail(shop.store, job, f"The export broke off: {why}")

    await running.carry_out(shop.store, one, work, fail)


async def _run(shop: "Shop", job: Job, asked: Export) -> None:
    from truestyle.exports.service import MAY  # noqa: PLC0415 - it begins jobs

    if not await _may(shop, job.owner_id, MAY[asked.subject]):
        await _fail(shop.store, job, "Whoever asked for it may not export this any more.")
        return
    with tempfile.TemporaryFile() as file:
        try:
            made = await making.make(
                shop, asked, await making.planned(shop, asked), file, running.teller(shop.store, job)
            )
        except ValidationFailed as refused:
            await _fail(shop.store, job, f"The export is refused: {refused.members['errors'][0]['msg']}.")
            return
        except OperationFailure as error:
            if error.code != SNAPSHOT_TOO_OLD:
                raise
            await _fail(shop.store, job, "There is more than can be read within five minutes: ask for a shorter time.")
            return
        kind = MEDIA_TYPES[asked.format]
        kept = await files.stage(shop.store, shop.storage, file, kind, public=False, owner_id=job.owner_id)
    await shop.store.transaction(lambda tx: _finish(tx, shop, job, asked, made, kept))


async def _finish(tx: Store, shop: "Shop", job: Job, asked: Export, made: Made, kept: File) -> None:
    until = clock.now() + timedelta(hours=shop.settings.exports.export_kept_hours)
    await files.adopt(tx, kept)
    forget = event(files.RELEASE, {"file_id": kept.id}).model_copy(update={"due_at": until})
    await tx.outbox.write([forget])
    facts = {"rows": made.rows, "size": made.size, "sha256": made.sha256}
    await tx.exports.change(asked.id, {"$set": {**facts, "file_id": kept.id, "expires_at": until}})
    result = {
        **facts,
        "file": f"{shop.settings.shop.api_v1_prefix}/jobs/{job.id}/file",
        "name": asked.name(shop.settings.shop.zone),
        "expires_at": clock.wire(until),
    }
    await tx.jobs.finish(job.id, JobStatus.DONE, result, [])


async def _may(shop: "Shop", owner_id: ObjectId | None, permission: Permission) -> bool:
    """Whether who asked may still have it."""
    standing = await shop.store.users.standing(owner_id) if owner_id else None
    if standing is None or standing["status"] != UserStatus.ACTIVE:
        return False
    return permission in await shop.keys.gate.permissions(standing["role"])


async def _fail(store: Store, job: Job, message: str) -> None:
    await store.jobs.finish(job.id, JobStatus.FAILED, {"message": message}, [])
