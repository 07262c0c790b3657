"""Where the bytes of files live. GridFS now; anything else stands behind the same four calls."""

from collections.abc import AsyncIterator
from typing import Any, Protocol

from bson import ObjectId
from gridfs.asynchronous import AsyncGridFSBucket
from gridfs.errors import NoFile

from truestyle.kit.repository import Database

CHUNK = 512 * 1024  # bytes: nearly every picture is one chunk, so one read


class Storage(Protocol):
    """Bytes by id."""

    async def put(self, key: ObjectId, content: bytes, metadata: dict[str, Any]) -> None:
        """Store `content` under a new key."""

    async def read(self, key: ObjectId) -> bytes | None:
        """The whole content, or None."""

    def stream(self, key: ObjectId) -> AsyncIterator[bytes]:
        """The content in chunks of at most CHUNK bytes."""

    async def remove(self, key: ObjectId) -> None:
        """Delete it, if it is there."""


class GridFSStorage:
    """Bytes in MongoDB, in the bucket named by GRIDFS_BUCKET."""

    def __init__(self, db: Database, bucket: str) -> None:
        self._bucket = AsyncGridFSBucket(db, bucket_name=bucket, chunk_size_bytes=CHUNK)

    async def put(self, key: ObjectId, content: bytes, metadata: dict[str, Any]) -> None:
        """Store `content` under a new key."""
        await self._bucket.upload_from_stream_with_id(key, str(key), content, metadata=metadata)

    async def read(self, key: ObjectId) -> bytes | None:
        """The whole content, or None."""
        try:
            file = await self._bucket.open_download_stream(key)
        except NoFile:
            return None
        return await file.read()

    async def stream(self, key: ObjectId) -> AsyncIterator[bytes]:
        """The content in chunks."""
        file = await self._bucket.open_download_stream(key)
        while chunk := await file.readchunk():
            yield chunk

    async def remove(self, key: ObjectId) -> None:
        """Delete it, if it is there."""
        try:
            await self._bucket.delete(key)
        except NoFile:
            return
