"""Transactions that are tried again after a conflict, until they commit or their time is up."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog
from bson import Timestamp
from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from truestyle.kit import writes
from truestyle.kit.errors import Unavailable

Result = TypeVar("Result")
Work = Callable[[AsyncClientSession], Awaitable[Result]]
DEADLINE = 5.0  # seconds a transaction may be retried for
TOOK_TOO_LONG = 290  # `transactionLifetimeLimitSeconds` is over: nothing was done, and a less busy moment may come
log = structlog.get_logger("transactions")


class _Process:
    commits = 0
    latest = Timestamp(0, 0)


def commits() -> int:
    """How many transactions this process committed: a number that tells whether something may be new."""
    return _Process.commits


def latest() -> Timestamp:
    """MongoDB's time of this process's newest commit."""
    return _Process.latest


async def run(client: AsyncMongoClient[Any], work: Work[Result], deadline: float = DEADLINE) -> Result:
    """Run `work(session)` in a transaction and commit.

    `work` may run again after a conflict. Raises Unavailable when conflicts do not end within `deadline` seconds.
    (PyMongo's own loop would try for two minutes and let late-comers overtake.)
    """
    ends, attempt = time.monotonic() + deadline, 0
    async with client.start_session() as session:
        while True:
            attempt += 1
            try:
                return await _once(session, work, ends)
            except PyMongoError as error:
                if not error.has_error_label("TransientTransactionError") and _code(error) != TOOK_TOO_LONG:
                    raise
                if time.monotonic() > ends:
                    log.warning("transaction_gave_up", attempts=attempt)
                    raise Unavailable from error
            await asyncio.sleep(_pause(attempt))


def _pause(attempt: int) -> float:
    """Seconds before the next try; long ones after many, for sixty who retry every 25 ms let nobody commit."""
    longest: float = min(0.3, 0.001 * 2.0 ** min(attempt, 9))
    return longest * random.random()  # noqa: S311 - jitter


def _code(error: PyMongoError) -> int | None:
    return error.code if isinstance(error, OperationFailure) else None


async def _once(session: AsyncClientSession, work: Work[Result], ends: float) -> Result:
    await session.start_transaction(
        read_concern=ReadConcern("snapshot"), write_concern=WriteConcern("majority", j=True)
    )
    try:
        result = await work(session)
    except BaseException:
        if session.in_transaction:
            await session.abort_transaction()
        raise
    while True:
        try:
            await session.commit_transaction()
        except PyMongoError as error:
            if not error.has_error_label("UnknownTransactionCommitResult") or time.monotonic() > ends:
                raise
            await asyncio.sleep(0.05)
        else:
            _Process.commits += 1
            if session.operation_time is not None:
                _Process.latest = max(_Process.latest, session.operation_time)
            writes.committed(session)
            return result
