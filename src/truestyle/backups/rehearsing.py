"""Reading a backup back: verified before anything else is done with it, and rehearsed in a scratch database."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pymongo
from sqlalchemy.ext.asyncio import AsyncConnection

from truestyle.backups.models import LEFT_OUT
from truestyle.infra import archive, dump, sql, sql_dump
from truestyle.infra.archive import BackupDamagedError, Manifest, Part
from truestyle.infra.dump import Batch
from truestyle.kit import tasks
from truestyle.kit.repository import Database
from truestyle.kit.tasks import in_thread
from truestyle.migrations.metadata import METADATA
from truestyle.setting_kinds import rotating

if TYPE_CHECKING:
    from truestyle.backups.making import Progress
    from truestyle.shop import Shop

MOST = 4 * 1024 * 1024  # bytes that are written at a time
AT_ONCE = 3  # collections; MongoDB builds the indexes of no more at a time
SCRATCH = "_rehearsal"


async def verify(shop: "Shop", folder: Path, progress: "Progress") -> Manifest:
    """Look at everything in a backup, and touch nothing else. Raises BackupDamagedError."""
    manifest = await asyncio.to_thread(archive.read_manifest, folder, rotating(shop.settings.auth.token_hash_pepper))
    if manifest.schema_version > shop.store.versions.release:
        msg = f"The backup was made by a later release ({manifest.app_version}). Nothing was touched."
        raise BackupDamagedError(msg)
    keys = rotating(shop.settings.backups.backup_enc_key)
    if manifest.encrypted and not keys:
        msg = "The backup is encrypted, and BACKUP_ENC_KEY is not set. Nothing was touched."
        raise BackupDamagedError(msg)
    for part in manifest.parts:
        odd = part.name in LEFT_OUT or part.name.startswith(("system.", dump.STAGING))
        if odd if part.kind == "mongo" else part.name not in METADATA.tables:
            msg = f"The backup has a part that no store has: {part.label}. Nothing was touched."
            raise BackupDamagedError(msg)
    done = 0
    async for _ in in_thread(archive.check_stored(folder, manifest)):
        pass
    for part in manifest.parts:
        async for rows in in_thread(archive.rows_of(folder, manifest, part, keys)):
            done += len(rows)
            progress("Verifying", done, manifest.rows)
    return manifest


async def rehearse(shop: "Shop", folder: Path, progress: "Progress") -> None:
    """Restore a backup to a scratch database, and compare. Raises BackupDamagedError."""
    manifest = await verify(shop, folder, progress)
    scratch: Database = shop.client[f"{shop.settings.data.mongo_db}{SCRATCH}"]
    done = 0

    def told(count: int) -> None:
        nonlocal done
        done += count
        progress("Rehearsing", done, manifest.rows)

    async def rehearse_part(part: Part) -> None:
        await load(shop, folder, manifest, part, scratch, part.name)
        await _compare(part, dump.rows(scratch, part.name), told)
        await dump.index(scratch, part.name, part.indexes, part.rows)
        if await dump.indexes(scratch, part.name) != part.indexes:
            msg = f"The indexes of {part.name} came back as others."
            raise BackupDamagedError(msg)

    with pymongo.timeout(dump.LONGEST):
        await shop.client.drop_database(scratch)  # of a process that died
        try:
            await tasks.a_few([one for one in manifest.parts if one.kind == "mongo"], rehearse_part, AT_ONCE)
            await _rehearse_sql(shop, folder, manifest)
        finally:
            await shop.client.drop_database(scratch)


async def load(shop: "Shop", folder: Path, manifest: Manifest, part: Part, db: Database, name: str) -> None:
    """Write the rows of a part into a new collection. Raises BackupDamagedError if they are not the right ones."""
    await dump.make(db, name, part.indexes, part.rows)
    async for rows in batches(shop, folder, manifest, part):
        await dump.write(db, name, rows)


async def batches(shop: "Shop", folder: Path, manifest: Manifest, part: Part) -> AsyncIterator[list[bytes]]:
    """The rows of a part, a few megabytes at a time."""
    waiting, size = list[bytes](), 0
    async for rows in in_thread(
        archive.rows_of(folder, manifest, part, rotating(shop.settings.backups.backup_enc_key))
    ):
        waiting += rows
        size += sum(map(len, rows))
        if size >= MOST:
            yield waiting
            waiting, size = [], 0
    if waiting:
        yield waiting


async def _compare(part: Part, rows: AsyncIterator[Batch], told: Callable[[int], None] | None = None) -> None:
    content, count = hashlib.sha256(), 0
    async for batch in rows:
        await asyncio.to_thread(content.update, batch.content)
        count += batch.rows
        if told is not None:
            told(batch.rows)
    if (count, content.hexdigest()) != (part.rows, part.content):
        msg = f"{part.label} came back as something else: {count:,} of {part.rows:,} rows, or changed ones."
        raise BackupDamagedError(msg)


async def _rehearse_sql(shop: "Shop", folder: Path, manifest: Manifest) -> None:
    parts = [one for one in manifest.parts if one.kind == "sql"]
    if not parts:
        return
    place = folder.with_name(f"{folder.name}-sql")
    await asyncio.to_thread(place.mkdir, mode=0o700, exist_ok=True)
    engine = sql.connect(f"sqlite+aiosqlite:///{place / 'scratch.sqlite3'}")
    try:
        async with engine.begin() as connection:
            await connection.run_sync(METADATA.create_all)
            for part in parts:
                await _rehearse_table(shop, folder, manifest, part, connection)
    finally:
        await engine.dispose()
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)


async def _rehearse_table(
    shop: "Shop", folder: Path, manifest: Manifest, part: Part, connection: AsyncConnection
) -> None:
    table = METADATA.tables[part.name]
    async for rows in batches(shop, folder, manifest, part):
        await sql_dump.write(connection, table, rows)
    await _compare(part, sql_dump.rows(connection, table))
