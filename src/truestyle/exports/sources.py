"""What an export is made of: columns, which rows of which collection, and how they are told."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from truestyle.exports.columns import Column, Values
from truestyle.exports.models import Ask
from truestyle.infra.snapshot import Snapshot
from truestyle.kit.repository import Collection, Row
from truestyle.store import Store

BATCH = 500  # rows told at once
Batches = AsyncIterator[tuple[int, list[Values]]]  # rows of the store that were read, and rows of the file


@dataclass(frozen=True)
class Plan:
    """The rows of the store that an export is made of, in the order of `sort`; an index has both."""

    of: Collection
    where: Row
    sort: str = "_id"


@dataclass(frozen=True)
class Source:
    """One export."""

    title: str
    columns: tuple[Column, ...]
    plan: Callable[[Store, Any], Awaitable[Plan]]
    batches: Callable[[Store, Snapshot, Any, Plan], Batches]


def between(ask: Ask, store: Store) -> dict[str, datetime]:
    """`from` and `to` as MongoDB has them. Raises ValidationFailed."""
    start, end = ask.span(store.shop.zone)
    bounds = {"$gte": start, "$lt": end}
    return {operator: moment for operator, moment in bounds.items() if moment is not None}


def given(**fields: object) -> Row:
    """The filters that were given, by field (`payment__status` is `payment.status`)."""
    return {name.replace("__", "."): value for name, value in fields.items() if value is not None}


async def some(rows: AsyncIterator[Row], size: int = BATCH) -> AsyncIterator[list[Row]]:
    """Rows, `size` at a time."""
    batch: list[Row] = []
    async for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


async def read(snapshot: Snapshot, plan: Plan, fields: tuple[str, ...] = ()) -> AsyncIterator[list[Row]]:
    """The rows of a plan, some at a time."""
    async for batch in some(snapshot.rows(plan.of.name, plan.where, fields, plan.sort)):
        yield batch
