"""Where the bytes of files live: in GridFS, or in S3 (`s3.py`), behind the same few calls."""

import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from bson import Binary, Int64, ObjectId
from pymongo import IndexModel

from truestyle.kit import clock
from truestyle.kit.repository import Database

CHUNK = 512 * 1024  # bytes: nearly every picture is one chunk, so one read
AT_ONCE = 2  # chunks that are held of a file on its way


class StorageRefusedError(RuntimeError):
    """The storage cannot be used as the settings say; the message names the setting."""


@dataclass(frozen=True)
class Held:
    """What the storage has under a key, and how many bytes of it can be read."""

    key: ObjectId
    size: int


class Storage(Protocol):
    """Bytes by id. Whatever is asked raises Unavailable while the storage is away."""

    name: str

    async def put(self, key: ObjectId, content: BinaryIO, size: int, content_type: str) -> None:
        """Store all `size` bytes of `content` under a new key, or nothing."""

    async def open(self, key: ObjectId, first: int = 0, last: int | None = None) -> AsyncIterator[bytes] | None:
        """The bytes from `first` to `last` (included; None: the end) in small pieces, or None if there are none."""

    async def remove(self, key: ObjectId) -> None:
        """Delete it, if it is there."""

    def held(self) -> AsyncIterator[Held]:
        """Everything that takes up room, by key, ascending."""

    async def find(self, key: ObjectId) -> Held | None:
        """What takes up room under a key."""

    async def prepare(self, *, create: bool) -> None:
        """Look whether it can be used; `create`: make what is missing. Raises StorageRefusedError, Unavailable."""

    async def ping(self) -> bool:
        """Whether it answers."""

    async def close(self) -> None:
        """Let connections go."""


class GridFSStorage:
    """Bytes in MongoDB, in the bucket named by GRIDFS_BUCKET.

    GridFS as its specification says, so that every tool reads it; but PyMongo's own holds up to 32 MB of a file that
    is written and 16 MB of one that is read.
    """

    name = "GridFS"

    def __init__(self, db: Database, bucket: str) -> None:
        self._files, self._chunks = db[f"{bucket}.files"], db[f"{bucket}.chunks"]

    async def put(self, key: ObjectId, content: BinaryIO, size: int, content_type: str) -> None:
        """Store all `size` bytes of `content` under a new key, or nothing."""
        facts = {
            "_id": key,
            "filename": str(key),
            "length": Int64(size),
            "chunkSize": CHUNK,
            "uploadDate": clock.now(),
            "metadata": {"content_type": content_type},
        }
        try:
            for first in range(0, math.ceil(size / CHUNK), AT_ONCE):
                pieces = ((first + at, content.read(CHUNK)) for at in range(AT_ONCE))
                rows = [{"files_id": key, "n": n, "data": Binary(piece)} for n, piece in pieces if piece]
                await self._chunks.insert_many(rows)
            await self._files.insert_one(facts)
        except BaseException:
            await self._chunks.delete_many({"files_id": key})
            raise

    async def open(self, key: ObjectId, first: int = 0, last: int | None = None) -> AsyncIterator[bytes] | None:
        """The bytes from `first` to `last` in chunks, or None."""
        facts = await self._files.find_one({"_id": key}, {"length": 1, "chunkSize": 1})
        if facts is None:
            return None
        end = facts["length"] if last is None else min(last + 1, facts["length"])
        return self._pieces(key, first, end, facts["chunkSize"])

    async def _pieces(self, key: ObjectId, first: int, end: int, size: int) -> AsyncIterator[bytes]:
        where = {"files_id": key, "n": {"$gte": first // size, "$lte": (end - 1) // size}}
        at = first
        async with self._chunks.find(where, sort=[("n", 1)], batch_size=AT_ONCE) as found:
            async for chunk in found:
                start = chunk["n"] * size
                piece = bytes(chunk["data"][at - start : end - start])
                at += len(piece)
                yield piece
        if at != end:
            msg = "GridFS lacks a part of a file"
            raise OSError(msg)

    async def remove(self, key: ObjectId) -> None:
        """Delete it, if it is there, or what is left of it."""
        await self._files.delete_one({"_id": key})
        await self._chunks.delete_many({"files_id": key})

    async def held(self) -> AsyncIterator[Held]:
        """Every file that has a chunk; of one that lacks a chunk, or whose upload was broken off, nothing is read."""
        async for one in self._held({}):
            yield one

    async def find(self, key: ObjectId) -> Held | None:
        """The one file, if it has a chunk."""
        found = [one async for one in self._held({"files_id": key})]
        return found[0] if found else None

    async def _held(self, where: dict[str, Any]) -> AsyncIterator[Held]:
        # The chunks are counted in their index, without reading them.
        stages: list[dict[str, Any]] = [
            {"$match": where},
            {"$sort": {"files_id": 1, "n": 1}},
            {"$group": {"_id": "$files_id", "chunks": {"$sum": 1}}},
            {"$sort": {"_id": 1}},
            {"$lookup": {"from": self._files.name, "localField": "_id", "foreignField": "_id", "as": "facts"}},
        ]
        async with await self._chunks.aggregate(stages, allowDiskUse=True) as found:
            async for row in found:
                size = next((one["length"] for one in row["facts"] if _chunks_of(one) == row["chunks"]), 0)
                yield Held(row["_id"], size)

    async def prepare(self, *, create: bool) -> None:
        """Its indexes."""
        del create  # MongoDB makes collections when they are needed
        await self._chunks.create_indexes([IndexModel([("files_id", 1), ("n", 1)], unique=True)])
        await self._files.create_indexes([IndexModel([("filename", 1), ("uploadDate", 1)])])

    async def ping(self) -> bool:
        """MongoDB is looked at by itself."""
        return True

    async def close(self) -> None:
        """Nothing: the connections are the store's."""


def _chunks_of(facts: dict[str, int]) -> int:
    return math.ceil(facts["length"] / facts["chunkSize"])
