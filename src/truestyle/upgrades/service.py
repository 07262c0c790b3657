"""Bringing the data of an earlier release up to this one.

A batch of rows and the cursor behind them are written in one transaction, which also holds the lock. So whoever dies
leaves nothing half done: the next run goes on behind the last batch that was committed, and each row is changed once.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import structlog
from bson import ObjectId
from pymongo.errors import PyMongoError

from truestyle.kit import tasks
from truestyle.kit.repository import Row
from truestyle.store import Store
from truestyle.upgrades.models import Migration, MigrationsLostError, Plan, Progress, Standing, silent

LEASE = timedelta(seconds=12)  # without a sign of life, after which a run counts as dead
BEAT, ASKED_EVERY = 3.0, 0.25  # seconds
BATCH_WITHIN = 60.0  # seconds that a batch is tried again for, where the store is busy
log = structlog.get_logger("migrations")


async def standing(store: Store, migrations: Sequence[Migration]) -> Standing:
    """What waits, and whether a newer release was here."""
    rows = await store.migrations.every()
    newest = max((one.number for one in migrations), default=0)
    waiting = tuple(one for one in migrations if rows.get(one.number, {}).get("finished_at") is None)
    newer = [row for number, row in rows.items() if number > newest and not row["additive"]]
    fresh = bool(waiting) and not await store.versions.was_prepared()
    return Standing(waiting, newer[-1] if newer else None, newest, fresh)


async def look_again(store: Store, migrations: Sequence[Migration], names: Collection[str]) -> None:
    """Let migrations wait again that rows of these collections need, which came out of a backup."""
    for one in migrations:
        await store.migrations.anew(one, names)


async def preview(store: Store, migrations: Sequence[Migration], *, again: bool = False) -> list[Plan]:
    """What `run` would do, and to how many rows; nothing is changed."""
    rows = await store.migrations.every()
    plans = []
    for one in migrations:
        row = rows.get(one.number, {})
        finished = row.get("finished_at") is not None
        after = None if finished or again else row.get("after")
        documents = 0 if finished and not again else await store.migrations.count_needing(one, after)
        plans.append(Plan(one, documents, row.get("changed", 0), finished))
    return plans


async def run(
    store: Store, migrations: Sequence[Migration], progress: Progress = silent, *, again: bool = False
) -> dict[str, int]:
    """Carry out what waits, in order; how many rows each changed. While another process does so, wait for it.

    `again`: finished ones too, for rows that processes of the release before have written since. May be ended at any
    moment and run again. Raises MigrationsLostError.
    """
    changed: dict[str, int] = {}
    async with _alone(store) as owner:
        rows = await store.migrations.every()
        for one in migrations:
            finished = rows.get(one.number, {}).get("finished_at") is not None
            if not finished or again:
                changed[one.name] = await _carry_out(store, one, owner, progress, anew=again)
    return changed


async def _carry_out(store: Store, one: Migration, owner: ObjectId, progress: Progress, *, anew: bool) -> int:
    row = await store.migrations.begin(one)
    after = None if anew else row["after"]
    total, done = await store.migrations.count_needing(one, after), 0
    progress(one.name, done, total)
    while ids := await store.migrations.after(one, after, one.batch):
        done += await store.transaction(_batch(one, owner, ids), deadline=BATCH_WITHIN)
        after = ids[-1]
        progress(one.name, done, max(total, done))
    await store.migrations.finish(one.number)
    log.info("migrated", migration=one.number, name=one.name, changed=done)
    return done


def _batch(one: Migration, owner: ObjectId, ids: Sequence[object]) -> Callable[[Store], Awaitable[int]]:
    async def work(tx: Store) -> int:
        if not await tx.migrations.hold(owner, LEASE):
            raise MigrationsLostError
        rows: list[Row] = await tx.migrations.needing(one, ids)
        changed = await one.apply(tx, rows) if rows else 0
        await tx.migrations.advance(one.number, ids[-1], changed)
        return changed

    return work


@asynccontextmanager
async def _alone(store: Store) -> AsyncIterator[ObjectId]:
    """Within, no other process runs migrations; waits until one that does is ready, or dead."""
    owner = ObjectId()
    while not await store.migrations.take(owner, LEASE):  # noqa: ASYNC110 - another process has it
        await asyncio.sleep(ASKED_EVERY)

    async def say() -> None:
        while True:
            await asyncio.sleep(BEAT)
            with suppress(PyMongoError):
                await store.migrations.hold(owner, LEASE)

    beating = asyncio.create_task(say())
    try:
        yield owner
    finally:
        await tasks.end(beating)
        with suppress(PyMongoError):
            await store.migrations.release(owner)
