"""Putting a backup in the place of the store.

Everything is verified before anything is touched, and written beside the store while that is closed to writes. Then
the store closes to everybody, with a plan by which any process can finish what this one began: each new collection
takes the place of the old one, which may be repeated. So whoever dies leaves the old store or the new one, never half
of both.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymongo
import structlog
from bson import ObjectId
from pymongo.errors import PyMongoError

from truestyle.backups import rehearsing
from truestyle.backups.making import Progress, quiet
from truestyle.backups.models import ENDED, KEPT, LEFT_OUT, BackupFailedError, BackupStatus, RestoreLog, RestoreStatus
from truestyle.infra import dump, mongo, sql_dump
from truestyle.infra.archive import Manifest, Part
from truestyle.infra.maintenance import BEAT, Phase
from truestyle.jobs.models import Job, JobStatus
from truestyle.kit import clock, tasks
from truestyle.kit.errors import Duplicate
from truestyle.kit.repository import Row
from truestyle.kit.tables import AWAY
from truestyle.logs.models import LogKind
from truestyle.logs.service import told
from truestyle.migrations.metadata import METADATA
from truestyle.upgrades import service as upgrades
from truestyle.upgrades.registry import MIGRATIONS

if TYPE_CHECKING:
    from truestyle.shop import Shop

# Seconds from closing to swapping: until every process knows, and what was begun before is over. A transaction may be
# tried again for 5 s, and a process that hears nothing asks after 1 s.
DRAIN = 7.0
SETTLE = 1.5  # seconds from closing to readers until the first collection is another one: then every process knows
TABLE = "sql:"  # of collections that hold the rows of a table until the swap
log = structlog.get_logger("restores")


async def restore(shop: "Shop", folder: Path, asked: RestoreLog, progress: Progress = quiet) -> Manifest:
    """Put the backup in `folder` in the place of the store. `asked` is in the store already.

    Raises BackupDamagedError (nothing was touched), BackupFailedError (the store is the old one).
    """
    store = shop.store
    manifest = await rehearsing.verify(shop, folder, progress)
    owner = f"{asked.id}:{secrets.token_hex(8)}"
    await recover(shop)
    if (await store.restore_logs.get(asked.id)).status is RestoreStatus.DONE:  # just now, by who took over
        return manifest
    if not await store.maintenance.close(owner, {"restore_id": asked.id}):
        msg = "Another restore is under way."
        raise BackupFailedError(msg)
    closed = time.monotonic()
    async with alive(shop, owner):
        try:
            with pymongo.timeout(dump.LONGEST):
                await _stage(shop, folder, manifest, progress)
                await asyncio.sleep(max(0.0, DRAIN - (time.monotonic() - closed)))
                plan = await _plan(shop, folder, manifest, asked)
            ours = await store.maintenance.swap(owner, plan)
        except BaseException:
            await _give_up(shop, owner)
            raise
        if not ours:
            msg = "This process gave no sign of life for too long, so it was given up. The store is the old one."
            raise BackupFailedError(msg)
        progress("Swapping", manifest.rows, manifest.rows)
        await asyncio.sleep(SETTLE)
        await _roll_forward(shop, owner, plan)
    return manifest


async def recover(shop: "Shop") -> None:
    """Finish or undo a restore whose process died; nothing while there is none, or it lives."""
    owner = f"recovery:{secrets.token_hex(8)}"
    row = await shop.store.maintenance.take_over(owner)
    if row is None:
        return
    log.warning("restore_taken_over", phase=row["phase"])
    async with alive(shop, owner):
        if row["phase"] == Phase.SWAPPING:
            await _roll_forward(shop, owner, row["plan"])
        else:
            await _give_up(shop, owner)
            facts = {"status": RestoreStatus.FAILED, "finished_at": clock.now(), "error": "The process ended."}
            await shop.store.restore_logs.note(row["restore_id"], facts)


async def held(shop: "Shop") -> bool:
    """Whether nothing new may be begun, because a backup is being restored; takes over from a process that died."""
    if await shop.door.phase() is Phase.OPEN:
        return False
    await recover(shop)
    return True


async def opened(shop: "Shop", patience: float = 30.0) -> bool:
    """Wait, and take over, until the store is open; whether it is."""
    ends = time.monotonic() + patience
    while (await shop.store.maintenance.read()).get("phase", Phase.OPEN) != Phase.OPEN:
        await recover(shop)
        if time.monotonic() > ends:
            return False
        await asyncio.sleep(0.2)
    return True


@asynccontextmanager
async def alive(shop: "Shop", owner: str) -> AsyncIterator[None]:
    """Within, say again and again that whoever holds the locks lives."""

    async def say() -> None:
        while True:
            await asyncio.sleep(BEAT)
            with suppress(PyMongoError):
                await shop.store.maintenance.beat(owner)

    task = asyncio.create_task(say())
    try:
        yield
    finally:
        await tasks.end(task)


async def _stage(shop: "Shop", folder: Path, manifest: Manifest, progress: Progress) -> None:
    """Write everything beside the store."""
    db, done = shop.store.db, 0

    async def stage(part: Part) -> None:
        nonlocal done
        name = dump.STAGING + (part.name if part.kind == "mongo" else TABLE + part.name)
        await dump.make(db, name, part.indexes, part.rows)
        async for rows in rehearsing.batches(shop, folder, manifest, part):
            await dump.write(db, name, rows)
            done += len(rows)
            progress("Restoring", done, manifest.rows)
        await dump.index(db, name, part.indexes, part.rows)

    await dump.drop_staged(db)
    await tasks.a_few(manifest.parts, stage, rehearsing.AT_ONCE)


async def _plan(shop: "Shop", folder: Path, manifest: Manifest, asked: RestoreLog) -> Row:
    """What is left to do, so that whoever reads it can do it."""
    names = [one.name for one in manifest.parts if one.kind == "mongo" and one.name not in KEPT]
    there = await dump.names(shop.store.db) if manifest.scope == "full" else []
    backup = {
        "status": BackupStatus.GOOD,
        "path": folder.name,
        "size": manifest.stored,
        "rows": manifest.rows,
        "encrypted": manifest.encrypted,
        "finished_at": manifest.taken_at,
    }
    return {
        "names": names,
        "gone": [one for one in there if one not in {*names, *LEFT_OUT, *KEPT}],
        "tables": [one.name for one in manifest.parts if one.kind == "sql"],
        "backup_id": ObjectId(manifest.id),
        "backup": backup,
        "folder": folder.name,
        "rows": manifest.rows,
        "restore_id": asked.id,
        "job_id": asked.job_id,
    }


async def _give_up(shop: "Shop", owner: str) -> None:
    with pymongo.timeout(dump.LONGEST):
        await dump.drop_staged(shop.store.db)
        await shop.store.maintenance.reopen(owner)


async def _roll_forward(shop: "Shop", owner: str, plan: Row) -> None:
    """Finish a restore from wherever it is. Every step may be repeated."""
    store, db = shop.store, shop.store.db
    with pymongo.timeout(dump.LONGEST):
        try:
            await _put_tables(shop, plan["tables"])
        except AWAY as error:
            if not set(plan["names"]) <= set(await dump.staged(db)):
                raise  # begun already: there is no way back, and whoever takes over will try again
            await _give_up(shop, owner)
            facts = {"status": RestoreStatus.FAILED, "finished_at": clock.now(), "error": _SQL_AWAY}
            await store.restore_logs.note(plan["restore_id"], facts)
            raise BackupFailedError(_SQL_AWAY) from error
        for name in plan["names"]:
            await dump.put_in_place(shop.client, db, name)
        for name in plan["gone"]:
            await dump.drop(db, name)
        await _finish(shop, plan)
        await dump.drop_staged(db)
        await store.maintenance.reopen(owner)


_SQL_AWAY = "The SQL database does not answer. The store is the old one."


async def _put_tables(shop: "Shop", names: list[str]) -> None:
    """All tables in one transaction. Log rows that came later stay: they are only ever added to."""
    if not names:
        return
    staged = await dump.staged(shop.store.db)
    async with sql_dump.patient(shop.sql, reads=False) as connection:
        for name in names:
            if TABLE + name not in staged:
                continue
            table = METADATA.tables[name]
            if name != "logs":
                await sql_dump.clear(connection, table)
            async for batch in dump.rows(shop.store.db, dump.STAGING + TABLE + name):
                await sql_dump.write(connection, table, dump.split(batch.content))


async def _finish(shop: "Shop", plan: Row) -> None:
    """What belongs to a new store: nobody signed in, this release's rows, and the record of what happened."""
    from truestyle.seed import seed  # noqa: PLC0415 - it knows the shop, whose worker leads here

    store, db = shop.store, shop.store.db
    for name in set(KEPT) & set(await dump.staged(db)):
        await dump.add_missing(db, name)
    for name in sorted(ENDED):
        await dump.clear(db, name)
    await mongo.ensure_indexes(store.collections())
    await seed.essentials(shop)
    await store.versions.prepared()
    if store.migrations.name not in plan["names"]:  # what is said there is of the rows that were replaced
        await upgrades.look_again(store, MIGRATIONS, plan["names"])
    await store.versions.leap()
    under_way = (BackupStatus.WAITING, BackupStatus.RUNNING)
    await store.backup_logs.note(plan["backup_id"], plan["backup"], among=under_way)
    moment = clock.now()
    done: dict[str, Any] = {"status": RestoreStatus.DONE, "finished_at": moment, "rows": plan["rows"], "error": None}
    await store.restore_logs.note(plan["restore_id"], done)
    if plan["job_id"] is not None:
        result = {"rows": plan["rows"]}
        job = Job(id=plan["job_id"], kind="restore", status=JobStatus.DONE, result=result, finished_at=moment)
        await store.jobs.put_back(job)
    said = told(LogKind.RESTORE, outcome="success", message=f"{plan['folder']} was restored: {plan['rows']} rows.")
    with suppress(Duplicate):
        await store.outbox.add(said.model_copy(update={"key": f"restore:{plan['restore_id']}:done"}))
