"""Making a backup: read as of one moment, written through to the disk, restored to a scratch database and compared."""

import asyncio
import errno
import shutil
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from pymongo.errors import OperationFailure, PyMongoError
from sqlalchemy import Table
from sqlalchemy.exc import SQLAlchemyError

from truestyle.backups import rehearsing
from truestyle.backups.models import LEFT_OUT, BackupFailedError, BackupLog, folder_name
from truestyle.infra import archive, dump, sql_dump
from truestyle.infra.archive import BackupDamagedError, Manifest, Part, PartWriter
from truestyle.infra.dump import Batch
from truestyle.kit import clock
from truestyle.kit.errors import Unavailable
from truestyle.migrations.metadata import METADATA
from truestyle.setting_kinds import rotating

if TYPE_CHECKING:
    from truestyle.shop import Shop

TRIES = 3  # a collection that was just made cannot be read as of a moment before
Progress = Callable[[str, int, int], None]  # what, rows done, rows in all
log = structlog.get_logger("backups")


@dataclass(frozen=True)
class Made:
    """A backup that is known to work."""

    folder: Path
    manifest: Manifest
    checksum: str


def quiet(_: str, __: int, ___: int) -> None:
    """Nobody wants to know."""


async def make(shop: "Shop", asked: BackupLog, base: Path, progress: Progress = quiet) -> Made:
    """Make a backup under `base`: afterwards all of it is there, and good, or nothing. Raises BackupFailedError."""
    moment = clock.now()
    folder = base / folder_name(asked.id, moment)
    part_folder = base / f".{folder.name}.part"
    async with _in_words(base):
        try:
            await asyncio.to_thread(_fresh, base, part_folder, str(asked.id))
            parts = await _read(shop, asked, part_folder, progress)
            manifest = Manifest(
                id=str(asked.id),
                store=shop.settings.shop.project_name,
                app_version=version("truestyle"),
                schema_version=shop.store.versions.release,
                scope=asked.scope.value,
                taken_at=moment,
                encrypted=_key(shop) is not None,
                parts=parts,
            )
            checksum = await asyncio.to_thread(archive.sign, part_folder, manifest, peppers_of(shop))
            await rehearsing.rehearse(shop, part_folder, progress)
            await asyncio.to_thread(_put_in_place, part_folder, folder)
        finally:
            await asyncio.to_thread(shutil.rmtree, part_folder, ignore_errors=True)
    return Made(folder, manifest, checksum)


def peppers_of(shop: "Shop") -> list[str]:
    """What manifests are signed with, newest first."""
    return rotating(shop.settings.auth.token_hash_pepper)


def keys_of(shop: "Shop") -> list[str]:
    """What backups are encrypted with, newest first."""
    return rotating(shop.settings.backups.backup_enc_key)


def _key(shop: "Shop") -> str | None:
    return next(iter(keys_of(shop)), None)


def _fresh(base: Path, part_folder: Path, key: str) -> None:
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in base.glob(f".*-{key}.part*"):  # of a process that died
        shutil.rmtree(left)
    part_folder.mkdir(mode=0o700)


def _put_in_place(part_folder: Path, folder: Path) -> None:
    part_folder.rename(folder)
    archive.sync(folder.parent)


@asynccontextmanager
async def _in_words(base: Path) -> AsyncIterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        words = f"There is no room left on the disk of {base.name}" if full else f"{base.name}: {error.strerror}"
        raise BackupFailedError(f"{words} (BACKUP_BASE_PATH).") from error
    except OperationFailure as error:
        if error.code == dump.SNAPSHOT_TOO_OLD:
            msg = (
                "MongoDB forgot the moment of the backup before all was read. Let it remember for longer: "
                "db.adminCommand({setParameter: 1, minSnapshotHistoryWindowInSeconds: 3600})."
            )
            raise BackupFailedError(msg) from error
        log.warning("backup_refused_by_mongo", code=error.code, error=str(error)[:500])
        msg = f"MongoDB refused ({(error.details or {}).get('codeName') or error.code})."
        raise BackupFailedError(msg) from error
    except PyMongoError as error:
        raise BackupFailedError(f"MongoDB went away ({type(error).__name__}).") from error
    except (SQLAlchemyError, Unavailable) as error:
        msg = "The SQL database does not answer; contact messages and logs belong to a backup."
        raise BackupFailedError(msg) from error
    except BackupDamagedError as error:
        raise BackupFailedError(str(error)) from error


async def _read(shop: "Shop", asked: BackupLog, folder: Path, progress: Progress) -> list[Part]:
    for attempt in range(TRIES):
        try:
            return await _read_once(shop, asked, folder, progress)
        except OperationFailure as error:
            if error.code != dump.SNAPSHOT_UNAVAILABLE or attempt == TRIES - 1:
                raise
            await asyncio.to_thread(_empty, folder)
            await asyncio.sleep(1)
    raise AssertionError


def _empty(folder: Path) -> None:
    for one in folder.iterdir():
        one.unlink()


async def _read_once(shop: "Shop", asked: BackupLog, folder: Path, progress: Progress) -> list[Part]:
    db, wanted = shop.store.db, asked.collections
    there = [one for one in await dump.names(db) if one not in LEFT_OUT]
    names = there if wanted is None else [one for one in there if one in wanted]
    tables = [one for one in METADATA.sorted_tables if wanted is None or one.name in wanted]
    total, done, parts = sum([await dump.about(db, one) for one in names]), 0, []

    def told(count: int) -> None:
        nonlocal done
        done += count
        progress("Reading", done, max(total, done))

    bucket = shop.settings.data.gridfs_bucket
    async with dump.moment(shop.client, db) as session:
        for name in names:
            level = archive.STORED if name == f"{bucket}.chunks" else archive.PACKED
            writer = PartWriter(folder, "mongo", name, _key(shop), level)
            parts.append(await _write(writer, dump.rows(db, name, session), await dump.indexes(db, name), told))
    # After the moment of MongoDB: what waited there to be written to SQL may then be in both, and never in neither.
    if tables:
        parts += await _read_sql(shop, tables, folder, told)
    return parts


async def _read_sql(shop: "Shop", tables: Iterable[Table], folder: Path, told: Callable[[int], None]) -> list[Part]:
    async with sql_dump.patient(shop.sql, reads=True) as connection:
        return [
            await _write(
                PartWriter(folder, "sql", table.name, _key(shop), archive.PACKED),
                sql_dump.rows(connection, table),
                "[]",
                told,
            )
            for table in tables
        ]


async def _write(writer: PartWriter, rows: AsyncIterator[Batch], indexes: str, told: Callable[[int], None]) -> Part:
    try:
        async for batch in rows:
            await asyncio.to_thread(writer.write, batch.content, batch.rows)
            told(batch.rows)
        return await asyncio.to_thread(writer.close, indexes)
    except BaseException:
        writer.abandon()
        raise
