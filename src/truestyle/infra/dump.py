"""Whole collections of MongoDB as raw BSON: read as of one moment, written back, and put in the place of others."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import pymongo
from bson import json_util
from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from truestyle.infra.mongo import Client
from truestyle.kit.repository import Database

LONGEST = 6 * 3600.0  # seconds for all of it: MongoDB ends what takes longer
BATCH = 5000  # rows; MongoDB sends at most 16 MB at a time
FEW = 5000  # rows whose indexes are made before them: MongoDB takes a fifth of a second for those of any rows
STAGING = "restoring."  # collections that are to take others' places
GONE, SNAPSHOT_TOO_OLD, SNAPSHOT_UNAVAILABLE = 26, 239, 246


@dataclass(frozen=True)
class Batch:
    """Some rows, one after the other as BSON."""

    content: bytes
    rows: int


async def names(db: Database) -> list[str]:
    """The collections of a database, but for MongoDB's own and those that are being restored."""
    found = await db.list_collection_names(filter={"type": "collection"})
    return sorted(one for one in found if not one.startswith(("system.", STAGING)))


@asynccontextmanager
async def moment(client: Client, db: Database) -> AsyncIterator[AsyncClientSession]:
    """A session whose reads all see the moment of its first one, which is made here.

    MongoDB remembers a moment for `minSnapshotHistoryWindowInSeconds` (300 s unless set otherwise).
    """
    with pymongo.timeout(LONGEST):
        async with client.start_session(snapshot=True, causal_consistency=False) as session:
            await db["maintenance"].find_one({}, session=session)
            yield session


async def rows(db: Database, name: str, session: AsyncClientSession | None = None) -> AsyncIterator[Batch]:
    """The rows of a collection by id: as of the session's moment, or as they are now."""
    collection = db[name] if session is not None else db[name].with_options(read_concern=ReadConcern("local"))
    cursor = collection.find_raw_batches({}, sort=[("_id", 1)], batch_size=BATCH, session=session)
    async with cursor:
        async for found in cursor:
            content = cast("bytes", found)  # raw, though typed as rows
            if content:
                yield Batch(content, _count(content))


def split(content: bytes) -> list[bytes]:
    """The rows of a batch."""
    at, found = 0, list[bytes]()
    while at < len(content):
        size = int.from_bytes(content[at : at + 4], "little")
        found.append(content[at : at + size])
        at += size
    return found


def _count(content: bytes) -> int:
    at = found = 0
    while at < len(content):
        at += int.from_bytes(content[at : at + 4], "little")
        found += 1
    return found


async def indexes(db: Database, name: str) -> str:
    """The indexes of a collection but for that of `_id`, as extended JSON."""
    found = [dict(one) async for one in await db[name].list_indexes()]
    kept = [{key: value for key, value in one.items() if key not in {"v", "ns"}} for one in found]
    return json_util.dumps(sorted((one for one in kept if one["name"] != "_id_"), key=lambda one: str(one["name"])))


async def about(db: Database, name: str) -> int:
    """About how many rows there are, for progress only."""
    return await db[name].estimated_document_count()


async def write(db: Database, name: str, documents: Sequence[bytes]) -> None:
    """Add rows to a collection. Whoever needs to know that they are kept waits for a later, acknowledged write."""
    collection = db[name].with_options(write_concern=WriteConcern(w=1, j=False))
    await collection.insert_many([RawBSONDocument(one) for one in documents], ordered=False)


async def make(db: Database, name: str, told: str, rows: int) -> None:
    """An empty collection for so many rows; with the indexes that `indexes` told of, where that is quicker."""
    await db.create_collection(name)
    if _first(told, rows):
        await _index(db, name, told)


async def index(db: Database, name: str, told: str, rows: int) -> None:
    """Make the indexes that `make` has left to be made after the rows."""
    if not _first(told, rows):
        await _index(db, name, told)


def _first(told: str, rows: int) -> bool:
    """Never one that makes MongoDB drop rows which are over: they are to be compared with what they should be."""
    return rows <= FEW and "expireAfterSeconds" not in told


async def _index(db: Database, name: str, told: str) -> None:
    wanted = json_util.loads(told)
    if wanted:
        await db.command("createIndexes", name, indexes=wanted)


async def put_in_place(client: Client, db: Database, name: str) -> None:
    """Let `restoring.<name>` take the place of `<name>`, at once; harmless to repeat."""
    try:
        await client.admin.command(
            "renameCollection",
            f"{db.name}.{STAGING}{name}",
            to=f"{db.name}.{name}",
            dropTarget=True,
            writeConcern={"w": "majority"},
        )
    except OperationFailure as error:
        if error.code != GONE:
            raise


async def drop(db: Database, name: str) -> None:
    """Remove a collection, if it is there."""
    await db.drop_collection(name)


async def clear(db: Database, name: str) -> None:
    """Remove every row, so that whoever follows the collection goes on following it."""
    await db[name].delete_many({})


async def add_missing(db: Database, name: str) -> None:
    """Bring the rows of `restoring.<name>` into `<name>`, leaving those alone that are there."""
    into = {"into": name, "whenMatched": "keepExisting", "whenNotMatched": "insert"}
    async with await db[f"{STAGING}{name}"].aggregate([{"$merge": into}]) as cursor:
        await cursor.to_list()


async def staged(db: Database) -> list[str]:
    """What is being restored, without the prefix."""
    found = await db.list_collection_names(filter={"type": "collection"})
    return sorted(one.removeprefix(STAGING) for one in found if one.startswith(STAGING))


async def drop_staged(db: Database) -> None:
    """Give up what is being restored."""
    for name in await staged(db):
        await db.drop_collection(f"{STAGING}{name}")
