"""Copies of backups in a bucket, under `backups/<name>/`."""

import asyncio
import hashlib
import re
import shutil
from contextlib import suppress
from pathlib import Path

import obstore
import structlog
from obstore.exceptions import BaseError

from truestyle.infra import archive
from truestyle.infra.archive import BACKUP_NAME, MANIFEST, PIECE, SIGNATURE
from truestyle.infra.s3 import Bucket, connect
from truestyle.kit.errors import Unavailable

FOLDER = "backups"
FILE = re.compile(rf"({re.escape(MANIFEST)}|{re.escape(SIGNATURE)}|(mongo|sql)\.[A-Za-z0-9_.-]+\.bson\.gz(\.enc)?)")
log = structlog.get_logger("attic")


class Attic:
    """The bucket named by BACKUP_S3_BUCKET. A backup is there once its manifest is, which comes last."""

    def __init__(self, bucket: Bucket) -> None:
        self._store = connect(bucket)

    async def put(self, folder: Path) -> None:
        """Copy a backup there, and read back what came. Raises Unavailable."""
        files = await asyncio.to_thread(_in_order, folder)
        try:
            for file in files:
                path = f"{FOLDER}/{folder.name}/{file.name}"
                await obstore.put_async(self._store, path, file)
                if await self._hash(path) != await asyncio.to_thread(_hash, file):
                    log.error("copy_differs", file=file.name)
                    raise Unavailable
        except (BaseError, OSError) as error:
            log.warning("copy_failed", error=type(error).__name__)
            raise Unavailable from error

    async def names(self) -> list[str]:
        """The backups that are there, oldest first. Raises Unavailable."""
        found = set()
        try:
            async for batch in obstore.list(self._store, f"{FOLDER}/"):
                found |= {one["path"].split("/")[1] for one in batch if one["path"].endswith(f"/{MANIFEST}")}
        except BaseError as error:
            raise Unavailable from error
        return sorted(one for one in found if BACKUP_NAME.fullmatch(one))

    async def fetch(self, name: str, folder: Path) -> None:
        """Bring a backup to `folder`, all of it or nothing. Raises Unavailable, OSError."""
        part_folder = folder.with_name(f".{folder.name}.fetched")
        await asyncio.to_thread(shutil.rmtree, part_folder, ignore_errors=True)
        await asyncio.to_thread(part_folder.mkdir, mode=0o700, parents=True)
        try:
            for path in await self._paths(name):
                file = path.rpartition("/")[2]
                if FILE.fullmatch(file):
                    await self._fetch(path, part_folder / file)
            await asyncio.to_thread(part_folder.rename, folder)
            await asyncio.to_thread(archive.sync, folder.parent)
        except BaseError as error:
            raise Unavailable from error
        finally:
            await asyncio.to_thread(shutil.rmtree, part_folder, ignore_errors=True)

    async def remove(self, name: str) -> None:
        """Delete a backup, if it is there. Raises Unavailable."""
        try:
            for path in sorted(await self._paths(name), key=lambda one: not one.endswith(f"/{MANIFEST}")):
                with suppress(FileNotFoundError):
                    await obstore.delete_async(self._store, path)
        except BaseError as error:
            raise Unavailable from error

    async def _paths(self, name: str) -> list[str]:
        return [one["path"] async for batch in obstore.list(self._store, f"{FOLDER}/{name}/") for one in batch]

    async def _hash(self, path: str) -> str:
        found = hashlib.sha256()
        answer = await obstore.get_async(self._store, path)
        async for piece in answer.stream(min_chunk_size=PIECE):
            found.update(piece)
        return found.hexdigest()

    async def _fetch(self, path: str, to: Path) -> None:
        answer = await obstore.get_async(self._store, path)
        with to.open("xb") as file:
            async for piece in answer.stream(min_chunk_size=PIECE):
                await asyncio.to_thread(file.write, bytes(piece))


def _in_order(folder: Path) -> list[Path]:
    return sorted(folder.iterdir(), key=lambda one: (one.name in {SIGNATURE, MANIFEST}, one.name == MANIFEST))


def _hash(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
