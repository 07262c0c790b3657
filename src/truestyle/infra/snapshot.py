"""Reading many collections as they were at one moment, while the store goes on."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import bson
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.cursor import AsyncRawBatchCursor

from truestyle.infra.mongo import Client
from truestyle.kit import tasks
from truestyle.kit.repository import Database, Row

BATCH = 1000
Rows = AsyncGenerator[Row, None]


class Snapshot:
    """Streams of rows, all from the same moment (MongoDB keeps it for five minutes).

    A stream holds two batches at most: the one that is being looked at, and the next, which MongoDB reads meanwhile.
    """

    def __init__(self, db: Database, session: AsyncClientSession) -> None:
        self._db, self._session = db, session
        self._open: set[Rows] = set()

    def rows(
        self,
        collection: str,
        where: Mapping[str, Any] | None = None,
        fields: Sequence[str] = (),
        sort: str = "_id",
    ) -> Rows:
        """The matching rows in the order of `sort`."""
        projection = dict.fromkeys(fields, 1) if fields else None

        async def begun() -> Any:
            return self._db[collection].find_raw_batches(
                where or {}, projection, sort=[(sort, 1)], batch_size=BATCH, session=self._session, allow_disk_use=True
            )

        return self._stream(begun)

    def grouped(self, collection: str, *stages: Mapping[str, Any]) -> Rows:
        """What an aggregation finds."""

        async def begun() -> Any:
            return await self._db[collection].aggregate_raw_batches(
                list(stages), session=self._session, allowDiskUse=True, batchSize=BATCH
            )

        return self._stream(begun)

    async def count(self, collection: str) -> int:
        """About how many rows there are, for progress only."""
        return await self._db[collection].estimated_document_count()

    async def close(self) -> None:
        """End the streams that nobody read to their end."""
        for one in list(self._open):
            with suppress(RuntimeError):  # it is being closed already
                await one.aclose()

    def _stream(self, begun: Any) -> Rows:
        async def read() -> Rows:
            self._open.add(stream)
            cursor: AsyncRawBatchCursor[Any] = await begun()
            following = asyncio.create_task(_next(cursor))
            try:
                while (batch := await following) is not None:
                    following = asyncio.create_task(_next(cursor))
                    for row in bson.decode_iter(batch, self._db.codec_options):
                        yield row
            finally:
                self._open.discard(stream)
                await tasks.end(following)
                await cursor.close()

        stream = read()
        return stream


async def _next(cursor: "AsyncRawBatchCursor[Any]") -> bytes | None:
    return await anext(cursor, None)


@asynccontextmanager
async def snapshot(client: Client, db: Database) -> AsyncIterator[Snapshot]:
    """Open a snapshot of this moment."""
    async with client.start_session(snapshot=True, causal_consistency=False) as session:
        # The first answer says which moment it is; of several first questions at once each would get its own.
        await db["versions"].find_one({}, {"_id": 1}, session=session)
        found = Snapshot(db, session)
        try:
            yield found
        finally:
            await found.close()
