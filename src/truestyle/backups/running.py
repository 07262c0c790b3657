"""Doing what was asked for: by a worker as an outbox event, or by the command line. One after the other, everywhere."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from bson import ObjectId
from pymongo.errors import DuplicateKeyError, PyMongoError

from truestyle.backups import making, restoring, service
from truestyle.backups.making import Made, Progress, quiet
from truestyle.backups.models import BackupFailedError, BackupLog, BackupStatus, RestoreLog, RestoreStatus
from truestyle.infra.archive import BackupDamagedError, Manifest
from truestyle.infra.outbox import Event, NotYet
from truestyle.jobs.models import JobStatus
from truestyle.kit import clock, tasks
from truestyle.kit.errors import Unavailable
from truestyle.logs.models import LogKind
from truestyle.logs.service import told
from truestyle.store import Store

if TYPE_CHECKING:
    from truestyle.shop import Shop

TELL_EVERY = 1.0  # seconds between two words about progress
BUSY = "Another backup or restore is under way."
UNDER_WAY = (BackupStatus.WAITING, BackupStatus.RUNNING)
log = structlog.get_logger("backups")


@asynccontextmanager
async def alone(shop: "Shop") -> AsyncIterator[None]:
    """Within, nobody else makes or restores a backup. Raises BackupFailedError."""
    owner = f"work:{secrets.token_hex(8)}"
    if not await shop.store.maintenance.take(owner):
        raise BackupFailedError(BUSY)
    async with restoring.alive(shop, owner):
        try:
            yield
        finally:
            with suppress(PyMongoError):
                await shop.store.maintenance.release(owner)


@asynccontextmanager
async def _telling(shop: "Shop", job_id: ObjectId | None) -> AsyncIterator[Progress]:
    """Within, what is said of progress is in the job."""
    said = [0, 0]

    def progress(_: str, done: int, total: int) -> None:
        said[:] = [done, total]

    async def tell() -> None:
        while True:
            await asyncio.sleep(TELL_EVERY)
            if job_id is not None:
                with suppress(PyMongoError):
                    await shop.store.jobs.progress(job_id, *said)

    task = asyncio.create_task(tell())
    try:
        yield progress
    finally:
        await tasks.end(task)


async def back_up(shop: "Shop", asked: BackupLog, base: Path, progress: Progress = quiet) -> Made:
    """Make a backup whose row is in the store, and say how it went. Raises BackupFailedError, as the row then says."""
    facts = {"status": BackupStatus.RUNNING, "started_at": clock.now(), "error": None}
    await shop.store.backup_logs.note(asked.id, facts, among=UNDER_WAY)
    try:
        made = await making.make(shop, asked, base, progress)
    except BackupFailedError as error:
        await _ended(shop, asked, {"status": BackupStatus.FAILED, "error": str(error)})
        raise
    facts = {
        "path": made.folder.name,
        "size": made.manifest.stored,
        "rows": made.manifest.rows,
        "checksum": made.checksum,
        "encrypted": made.manifest.encrypted,
    }
    if shop.attic is not None:
        try:
            await shop.attic.put(made.folder)
        except Unavailable as error:
            msg = "The copy in BACKUP_S3_BUCKET could not be made; the one under BACKUP_BASE_PATH is good."
            await _ended(shop, asked, {**facts, "status": BackupStatus.FAILED, "error": msg})
            raise BackupFailedError(msg) from error
        facts["copied_to_s3"] = True
    await _ended(shop, asked, {**facts, "status": BackupStatus.GOOD})
    return made


async def _ended(shop: "Shop", asked: BackupLog, facts: dict[str, object]) -> None:
    """Say how it ended, in the row, the job and the log, and write down the next one."""
    good, moment = facts["status"] is BackupStatus.GOOD, clock.now()

    async def work(tx: Store) -> None:
        if not await tx.backup_logs.note(asked.id, {**facts, "finished_at": moment}, among=UNDER_WAY):
            return
        following = (await tx.backup_logs.get(asked.id)).next(moment)
        if following is not None:
            await tx.backup_logs.follow(following)
        words = f"Backup {facts['path']}: {facts['rows']} rows." if good else f"Backup failed: {facts['error']}"
        outcome = "success" if good else "failure"
        await tx.outbox.write([told(LogKind.BACKUP, outcome=outcome, message=words)])

    await shop.store.transaction(work)
    if asked.job_id is not None:
        status = JobStatus.DONE if good else JobStatus.FAILED
        result = {name: str(value) for name, value in facts.items() if name in {"path", "error"}}
        await shop.store.jobs.finish(asked.job_id, status, result, [])
    if not good:
        log.error("backup_failed", backup_id=str(asked.id), error=facts["error"])


async def run_backup(shop: "Shop", one: Event) -> None:
    """Handle the event of a backup that was asked for. Raises NotYet while another one is made."""
    asked = await shop.store.backup_logs.first({"_id": one.payload["backup_id"]})
    if asked is None or asked.status not in UNDER_WAY:  # made already: the event comes again, say from a backup
        if asked is not None and asked.status is BackupStatus.GOOD and asked.job_id is not None:
            await shop.store.jobs.finish(asked.job_id, JobStatus.DONE, {"path": str(asked.path)}, [])
        return
    try:
        async with alone(shop):
            with suppress(BackupFailedError):  # the row says so
                async with _telling(shop, asked.job_id) as progress:
                    await back_up(shop, asked, shop.settings.backups.backup_base_path, progress)
    except BackupFailedError as error:
        raise NotYet(BUSY) from error


async def run_restore(shop: "Shop", one: Event) -> None:
    """Handle the event of a restore that was asked for. Raises NotYet while a backup is made."""
    asked = await shop.store.restore_logs.first({"_id": one.payload["restore_id"]})
    if asked is None or asked.status not in {RestoreStatus.WAITING, RestoreStatus.RUNNING} or asked.backup is None:
        return
    folder = service.folder_of(shop, asked.backup)
    try:
        async with alone(shop):
            with suppress(BackupFailedError, BackupDamagedError):
                async with _telling(shop, asked.job_id) as progress:
                    if not folder.is_dir() and shop.attic is not None:
                        await fetch(shop, asked.backup)
                    await bring_back(shop, asked, folder, progress)
    except BackupFailedError as error:
        raise NotYet(BUSY) from error


async def fetch(shop: "Shop", name: str) -> Path:
    """Bring a backup from the bucket to its place under BACKUP_BASE_PATH. Raises BackupFailedError."""
    folder = service.folder_of(shop, name)
    if shop.attic is None:
        msg = "BACKUP_S3_BUCKET is not set."
        raise BackupFailedError(msg)
    try:
        await shop.attic.fetch(name, folder)
    except (Unavailable, OSError) as error:
        msg = f"{name} could not be fetched from BACKUP_S3_BUCKET."
        raise BackupFailedError(msg) from error
    return folder


async def bring_back(shop: "Shop", asked: RestoreLog, folder: Path, progress: Progress = quiet) -> Manifest:
    """Restore, and say how it went. Raises BackupDamagedError, BackupFailedError, as the row then says."""
    facts = {"status": RestoreStatus.RUNNING, "started_at": clock.now()}
    await shop.store.restore_logs.note(asked.id, facts)
    try:
        return await restoring.restore(shop, folder, asked, progress)
    except (BackupDamagedError, BackupFailedError) as error:
        moment, words = clock.now(), str(error)
        failed = {"status": RestoreStatus.FAILED, "finished_at": moment, "error": words}
        await shop.store.restore_logs.note(asked.id, failed)
        if asked.job_id is not None:
            await shop.store.jobs.finish(asked.job_id, JobStatus.FAILED, {"error": words}, [])
        said = told(LogKind.RESTORE, outcome="failure", message=f"Restore of {folder.name} failed: {words}")
        with suppress(DuplicateKeyError):
            await shop.store.outbox.write([said.model_copy(update={"key": f"restore:{asked.id}:failed"})])
        log.error("restore_failed", restore_id=str(asked.id), error=words)  # noqa: TRY400 - for people
        raise
