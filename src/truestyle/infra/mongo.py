"""MongoDB: the connection, the check that it can do transactions, and the indexes."""

from collections.abc import Iterable

import pymongo
from pymongo import AsyncMongoClient
from pymongo.errors import ConfigurationError, ConnectionFailure, OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from truestyle.kit.repository import Collection, Row

Client = AsyncMongoClient[Row]
ANSWERS_WITHIN = 5  # seconds
INDEX_OPTIONS_CONFLICT, INDEX_KEY_SPECS_CONFLICT = 85, 86


class MongoRefusedError(RuntimeError):
    """This MongoDB cannot carry a store; the message says how to mend it."""


def connect(uri: str) -> Client:
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
