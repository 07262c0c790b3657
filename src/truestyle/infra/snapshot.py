"""Reading many collections as they were at one moment, while the store goes on."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession

from truestyle.infra.mongo import Client
from truestyle.kit.repository import Database, Row

BATCH = 1000


class Snapshot:
    """Streams of rows, all from the same moment (MongoDB keeps it for five minutes)."""

    def __init__(self, db: Database, session: AsyncClientSession) -> None:
        self._db, self._session = db, session

    async def rows(
        self,
        collection: str,
        where: Mapping[str, Any] | None = None,
        fields: Sequence[str] = (),
        sort: str = "_id",
    ) -> AsyncIterator[Row]:
        """The matching rows in the order of `sort`."""
        projection = dict.fromkeys(fields, 1) if fields else None
        cursor = self._db[collection].find(
            where or {}, projection, sort=[(sort, 1)], batch_size=BATCH, session=self._session, allow_disk_use=True
        )
        async with cursor:
            async for row in cursor:
                yield row

    async def grouped(self, collection: str, *stages: Mapping[str, Any]) -> AsyncIterator[Row]:
        """What an aggregation finds."""
        cursor = await self._db[collection].aggregate(
            list(stages), session=self._session, allowDiskUse=True, batchSize=BATCH
        )
        async with cursor:
            async for row in cursor:
                yield row

    async def count(self, collection: str) -> int:
        """About how many rows there are, for progress only."""
        return await self._db[collection].estimated_document_count()


@asynccontextmanager
async def snapshot(client: Client, db: Database) -> AsyncIterator[Snapshot]:
    """Open a snapshot."""
    async with client.start_session(snapshot=True, causal_consistency=False) as session:
        yield Snapshot(db, session)
