"""Asking for backups and restores, and their rows."""

import asyncio
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from bson import ObjectId
from fastapi import Query

from truestyle.auth.models import Caller
from truestyle.backups.models import (
    LEFT_OUT,
    AppendOnly,
    BackupChange,
    BackupCreate,
    BackupLog,
    BackupStatus,
    Begun,
    NotGood,
    RestoreChange,
    RestoreCreate,
    RestoreLog,
    RestoreStatus,
    Scope,
)
from truestyle.infra.outbox import event
from truestyle.jobs.models import Job
from truestyle.kit import clock
from truestyle.kit.errors import NotFound, ValidationFailed, VersionConflict
from truestyle.kit.paging import Found, PageQuery
from truestyle.kit.types import Id
from truestyle.migrations.metadata import METADATA
from truestyle.store import Store

if TYPE_CHECKING:
    from truestyle.shop import Shop

BACKUP, RESTORE = "backup.make", "backup.restore"
LOOK_EVERY = 5.0  # seconds between two looks at what is due


@dataclass(frozen=True)
class BackupFilters:
    """What the list is narrowed to."""

    status: Annotated[BackupStatus | None, Query(description="Where it stands.")] = None
    scope: Annotated[Scope | None, Query(description="How much is in it.")] = None


@dataclass(frozen=True)
class RestoreFilters:
    """What the list is narrowed to."""

    status: Annotated[RestoreStatus | None, Query(description="Where it stands.")] = None
    backup_id: Annotated[Id | None, Query(description="Of this backup.")] = None


def known(shop: "Shop") -> set[str]:
    """What a backup of single collections may name."""
    own = {one.name for one in shop.store.collections()} | set(METADATA.tables)
    bucket = shop.settings.data.gridfs_bucket
    return (own | {f"{bucket}.files", f"{bucket}.chunks"}) - LEFT_OUT


async def ask(shop: "Shop", caller: Caller, body: BackupCreate) -> BackupLog:
    """Have a backup made. Raises ValidationFailed."""
    for number, name in enumerate(body.collections or ()):
        if name not in known(shop):
            msg = "is no collection or table of the store"
            raise ValidationFailed(msg, ("body", "collections", number))
    moment = clock.now()
    log = BackupLog(
        scope=body.scope,
        collections=sorted(set(body.collections)) if body.collections else None,
        frequency=body.frequency,
        notes=body.notes,
        scheduled_at=body.scheduled_at or moment,
        status=BackupStatus.SCHEDULED,
    )
    if log.scheduled_at <= moment:
        log = log.model_copy(update={"status": BackupStatus.WAITING, "job_id": ObjectId()})

    async def work(tx: Store) -> None:
        await tx.backup_logs.add(log)
        if log.job_id is not None:
            await _begin(tx, log, log.job_id, caller.user_id)

    await shop.store.transaction(work)
    shop.worker.wake()
    return log


async def _begin(tx: Store, log: BackupLog, job_id: ObjectId, owner: ObjectId | None) -> None:
    await tx.jobs.add(Job(id=job_id, kind="backup", owner_id=owner))
    await tx.outbox.write([event(BACKUP, {"backup_id": log.id}, f"{BACKUP}:{log.id}", lane="jobs")])


async def begin_due(store: Store) -> int:
    """Begin the backups whose time has come, each once however many workers look; how many."""
    found = 0
    for log in await store.backup_logs.due(clock.now()):
        job_id = ObjectId()

        async def work(tx: Store, log: BackupLog = log, job_id: ObjectId = job_id) -> bool:
            facts = {"status": BackupStatus.WAITING, "job_id": job_id}
            if not await tx.backup_logs.note(log.id, facts, among=(BackupStatus.SCHEDULED,)):
                return False
            await _begin(tx, log, job_id, None)
            return True

        found += await store.transaction(work)
    return found


async def find(store: Store, filters: BackupFilters, query: PageQuery) -> Found[BackupLog]:
    """One page of backups."""
    where = {name: value for name, value in vars(filters).items() if value is not None}
    return await store.backup_logs.find(where, query)


async def change(store: Store, key: ObjectId, body: BackupChange, version: int | None) -> BackupLog:
    """Change notes and schedule. Raises NotFound, Begun, VersionConflict."""
    log, values = await store.backup_logs.get(key), body.sent()
    values = {name: value for name, value in values.items() if getattr(log, name) != value}
    if version is not None and log.version != version:
        raise VersionConflict
    if not values:
        return log
    where: dict[str, Any] = {}
    if "scheduled_at" in values:
        where["status"] = BackupStatus.SCHEDULED
    elif "frequency" in values:  # of one that is over, the next has been written down already
        where["status"] = {"$in": [BackupStatus.SCHEDULED, BackupStatus.WAITING, BackupStatus.RUNNING]}
    changed = await store.backup_logs.change(key, {"$set": values}, where=where, version=version)
    if changed is None:
        await store.backup_logs.get(key)
        raise Begun
    return changed


async def remove(shop: "Shop", key: ObjectId) -> None:
    """Remove a backup whose time is over, with its files, or one to come. Raises NotFound, AppendOnly, Unavailable."""
    log = await shop.store.backup_logs.get(key)
    ended = log.status in {BackupStatus.GOOD, BackupStatus.FAILED, BackupStatus.EXPIRED}
    over = ended and log.created_at < _kept_until(shop)
    if log.status is BackupStatus.GOOD and log.id in await _precious(shop):
        over = False
    if not over and log.status is not BackupStatus.SCHEDULED:
        raise AppendOnly
    await _forget(shop, log)  # first, so that a bucket which is away leaves a row to try again with
    if not await shop.store.backup_logs.remove(key, where={"status": log.status}):
        raise AppendOnly


async def ask_restore(shop: "Shop", caller: Caller, body: RestoreCreate) -> RestoreLog:
    """Have a backup restored. Raises NotFound, NotGood, ValidationFailed."""
    if body.confirm != shop.settings.shop.project_name:
        msg = "must be the name of the store"
        raise ValidationFailed(msg, ("body", "confirm"))
    backup = await shop.store.backup_logs.get(body.backup_id)
    if backup.status is not BackupStatus.GOOD:
        raise NotGood
    log = RestoreLog(backup_id=backup.id, backup=backup.path, notes=body.notes, job_id=ObjectId())

    async def work(tx: Store) -> None:
        await tx.restore_logs.add(log)
        await tx.jobs.add(Job(id=log.job_id or ObjectId(), kind="restore", owner_id=caller.user_id))
        await tx.outbox.write([event(RESTORE, {"restore_id": log.id}, f"{RESTORE}:{log.id}", lane="jobs")])

    await shop.store.transaction(work)
    shop.worker.wake()
    return log


async def find_restores(store: Store, filters: RestoreFilters, query: PageQuery) -> Found[RestoreLog]:
    """One page of restores."""
    where = {name: value for name, value in vars(filters).items() if value is not None}
    return await store.restore_logs.find(where, query)


async def change_restore(store: Store, key: ObjectId, body: RestoreChange, version: int | None) -> RestoreLog:
    """Change the notes. Raises NotFound, VersionConflict."""
    log, values = await store.restore_logs.get(key), body.sent()
    if version is not None and log.version != version:
        raise VersionConflict
    if not values or values["notes"] == log.notes:
        return log
    changed = await store.restore_logs.change(key, {"$set": values}, version=version)
    if changed is None:
        raise NotFound
    return changed


async def remove_restore(shop: "Shop", key: ObjectId) -> None:
    """Remove the row of a restore whose time is over. Raises NotFound, AppendOnly."""
    log = await shop.store.restore_logs.get(key)
    ended = [RestoreStatus.DONE, RestoreStatus.FAILED]
    where = {"created_at": {"$lt": _kept_until(shop)}, "status": {"$in": ended}}
    if not await shop.store.restore_logs.remove(log.id, where=where):
        raise AppendOnly


def _kept_until(shop: "Shop") -> Any:
    return clock.now() - timedelta(days=shop.settings.backups.backup_keep_days)


async def _precious(shop: "Shop") -> set[ObjectId]:
    """The newest good full backups, which stay however old they are."""
    full = [one.id for one in await shop.store.backup_logs.kept() if one.scope is Scope.FULL]
    return set(full[: shop.settings.backups.backup_keep_last])


async def _forget(shop: "Shop", log: BackupLog) -> None:
    if log.path is None:
        return
    folder = shop.settings.backups.backup_base_path / log.path
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    if shop.attic is not None:
        await shop.attic.remove(log.path)


async def expire(shop: "Shop") -> int:
    """Remove the files of backups whose time is over; their rows say so. How many."""
    precious, over, done = await _precious(shop), _kept_until(shop), 0
    for log in await shop.store.backup_logs.kept():
        if log.id not in precious and log.created_at < over:
            await _forget(shop, log)
            done += await shop.store.backup_logs.note(
                log.id, {"status": BackupStatus.EXPIRED}, among=(BackupStatus.GOOD,)
            )
    return done


def folder_of(shop: "Shop", path: str) -> Path:
    """Where a backup is kept; the path comes from the store's own row."""
    return shop.settings.backups.backup_base_path / path
