"""Sealing the audit trail, and reading it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from bson import ObjectId
from fastapi import Query

from truestyle.kit.paging import Found, PageQuery
from truestyle.kit.trail import Action
from truestyle.kit.types import Id, Timestamp
from truestyle.store import Store
from truestyle.trail.chain import Key
from truestyle.trail.models import Entry, EntryAnswer

BATCH = 500  # entries that one transaction seals


@dataclass(frozen=True)
class Filters:
    """What the trail is narrowed to."""

    resource: Annotated[str | None, Query(pattern=r"^[a-z0-9_]{1,60}$", description="A collection.")] = None
    resource_id: Annotated[str | None, Query(min_length=1, max_length=100, description="One row of it.")] = None
    actor_id: Annotated[Id | None, Query(description="Who did it.")] = None
    action: Annotated[Action | None, Query(description="What was done.")] = None
    request_id: Annotated[
        str | None, Query(pattern=r"^[A-Za-z0-9._-]{1,64}$", description="In which request, by `X-Request-ID`.")
    ] = None
    changeset_id: Annotated[Id | None, Query(description="In which bulk change.")] = None
    from_: Annotated[Timestamp | None, Query(alias="from", description="Done at or after.")] = None
    to: Annotated[Timestamp | None, Query(description="Done before.")] = None


async def find(store: Store, filters: Filters, query: PageQuery) -> Found[EntryAnswer]:
    """One page of the trail."""
    named = {
        "resource": filters.resource,
        "resource_id": filters.resource_id,
        "actor.id": filters.actor_id,
        "action": filters.action,
        "request_id": filters.request_id,
        "changeset_id": filters.changeset_id,
    }
    where: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    span: dict[str, datetime] = {}
    if filters.from_ is not None:
        span["$gte"] = filters.from_
    if filters.to is not None:
        span["$lt"] = filters.to
    if span:
        where["created_at"] = span
    return (await store.trail.find(where, query)).map(Entry.answer)


async def get(store: Store, key: ObjectId) -> EntryAnswer:
    """One entry. Raises NotFound."""
    return (await store.trail.get(key)).answer()


class Sealer:
    """Puts entries into the chain, with the newest of the keys that this store has."""

    def __init__(self, store: Store, keys: Sequence[Key]) -> None:
        self._store, self.keys = store, keys

    async def seal(self) -> int:
        """Seal all that waits, oldest first; how many entries. Several may try at once."""
        done = 0
        while True:
            count = await self._some()
            done += count
            if count < BATCH:
                return done

    async def _some(self) -> int:
        if not await self._store.trail.unsealed(1):  # a look without a transaction: most often nothing waits
            return 0

        async def work(tx: Store) -> int:
            head, rows = await tx.trail_head.read(), await tx.trail.unsealed(BATCH)
            if rows:
                last = await tx.trail.seal(rows, head, self.keys[0])
                await tx.trail_head.move(head["seq"] + len(rows), last)
            return len(rows)

        return await self._store.transaction(work)
