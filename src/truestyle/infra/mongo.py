"""MongoDB: the connection, the check that it can do transactions, and the indexes."""

import time
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass

import pymongo
from pymongo import AsyncMongoClient
from pymongo.errors import ConfigurationError, ConnectionFailure, OperationFailure
from pymongo.monitoring import _EventListener as EventListener
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from truestyle.kit.repository import Collection, Database, Row

Client = AsyncMongoClient[Row]
ANSWERS_WITHIN = 5  # seconds
BUILT_WITHIN = 3600  # seconds, for all indexes together
INDEX_OPTIONS_CONFLICT, INDEX_KEY_SPECS_CONFLICT = 85, 86


class MongoRefusedError(RuntimeError):
    """This MongoDB cannot carry a store; the message says how to mend it."""


def connect(uri: str, listeners: Sequence[EventListener] = ()) -> Client:
    """A client whose writes are acknowledged by a majority and journaled, and whose calls end within 10 s."""
    try:
        return AsyncMongoClient(
            uri,
            appname="truestyle",
            tz_aware=True,
            w="majority",
            journal=True,
            retryWrites=True,
            readConcernLevel="majority",
            timeoutMS=10_000,
            serverSelectionTimeoutMS=5_000,
            heartbeatFrequencyMS=1_000,
            maxPoolSize=64,
            event_listeners=listeners,
        )
    except ConfigurationError as error:
        msg = f"MONGO_URI cannot be read: {error}"
        raise MongoRefusedError(msg) from error


async def require_replica_set(client: Client) -> None:
    """Raises MongoRefusedError with the way out when the server is away, or is a standalone one."""
    try:
        with pymongo.timeout(ANSWERS_WITHIN):
            hello = await client.admin.command("hello")
    except ConnectionFailure as error:
        msg = "MongoDB does not answer at MONGO_URI. Is it running, and is the address right?"
        raise MongoRefusedError(msg) from error
    except OperationFailure as error:
        msg = f"MongoDB refused the connection ({error.details and error.details.get('codeName')}). See MONGO_URI."
        raise MongoRefusedError(msg) from error
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        msg = (
            "MONGO_URI names a standalone MongoDB, and orders need transactions, which only a replica set has. "
            "Start it with `mongod --replSet rs0` and run `rs.initiate()` once in mongosh "
            "(one node is enough), or leave MONGO_URI unset and let `truestyle dev` bring its own."
        )
        raise MongoRefusedError(msg)


async def ensure_indexes(collections: Iterable[Collection]) -> int:
    """Create what is missing, rebuild what has other options; safe to run again. The number of indexes."""
    with pymongo.timeout(BUILT_WITHIN):  # a new index on a large collection takes longer than calls otherwise may
        return await _ensure_indexes(collections)


async def _ensure_indexes(collections: Iterable[Collection]) -> int:
    total = 0
    for one in collections:
        if not one.indexes:
            continue
        total += len(one.indexes)
        collection = one.collection.with_options(
            write_concern=WriteConcern("majority"), read_concern=ReadConcern("local")
        )
        try:
            await collection.create_indexes(list(one.indexes))
        except OperationFailure as error:
            if error.code not in {INDEX_OPTIONS_CONFLICT, INDEX_KEY_SPECS_CONFLICT}:
                raise
            for index in one.indexes:
                try:
                    await collection.create_indexes([index])
                except OperationFailure as conflict:
                    if conflict.code not in {INDEX_OPTIONS_CONFLICT, INDEX_KEY_SPECS_CONFLICT}:
                        raise
                    await collection.drop_index(index.document["name"])
                    await collection.create_indexes([index])
    return total


@dataclass(frozen=True)
class Server:
    """What a MongoDB says of itself. None: it was not ours to ask."""

    version: tuple[int, ...]
    hosts: int
    arbiters: int
    ahead: float  # seconds that its clock is before ours; negative: behind
    transaction_seconds: int | None
    away: list[str] | None  # members that cannot be reached
    free: float | None  # part of its disk, from 0 to 1
    write_concern: str


async def examine(client: Client, db: Database) -> Server:
    """Ask it. Raises MongoRefusedError, PyMongoError."""
    await require_replica_set(client)
    admin = client.admin
    sent = time.time()
    hello = await admin.command("hello")
    middle = (sent + time.time()) / 2
    version = (await admin.command("buildInfo"))["versionArray"][:3]
    limit = await _allowed(admin.command({"getParameter": 1, "transactionLifetimeLimitSeconds": 1}))
    members = await _allowed(admin.command("replSetGetStatus"))
    disk = await _allowed(db.command("dbStats"))
    total = disk.get("fsTotalSize", 0) if disk else 0
    return Server(
        version=tuple(version),
        hosts=len(hello.get("hosts", [])),
        arbiters=len(hello.get("arbiters", [])),
        ahead=hello["localTime"].timestamp() - middle,
        transaction_seconds=int(limit["transactionLifetimeLimitSeconds"]) if limit else None,
        away=[one["name"] for one in members["members"] if one.get("health") != 1] if members else None,
        free=1 - disk["fsUsedSize"] / total if disk and total else None,
        write_concern=str(client.write_concern.document.get("w")),
    )


async def _allowed(asking: Awaitable[Row]) -> Row | None:
    try:
        return await asking
    except OperationFailure:
        return None
