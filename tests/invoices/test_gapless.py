"""Two hundred at once: consecutive numbers, none missing."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId

from truestyle.invoices import service
from truestyle.orders.models import Order
from truestyle.orders.repository import Counters
from truestyle.shop import Shop
from truestyle.store import Store

pytestmark = pytest.mark.usefixtures("packed")
MOMENT = datetime(2030, 5, 1, tzinfo=UTC)


async def orders_like(shop: Shop, count: int) -> list[Order]:
    found = await shop.store.orders.first({})
    assert found is not None
    return [found.model_copy(update={"id": ObjectId(), "number": f"TS-30-{n}"}) for n in range(count)]


class StoppedError(Exception):
    """Something else in the transaction went wrong."""


async def issue_all(shop: Shop, count: int, processes: int) -> list[str]:
    """All at once; every fifth is rolled back after its number was drawn. Those of one process wait for each other."""
    turns = [asyncio.Lock() for _ in range(processes)]

    async def one(order: Order, turn: asyncio.Lock, *, fails: bool) -> Any:
        async def work(tx: Store) -> str:
            invoice = await service.issue(tx, order, MOMENT)
            if fails:
                raise StoppedError
            return invoice.number

        async with turn:
            return await shop.store.transaction(work, deadline=60)

    orders = await orders_like(shop, count)
    results = await asyncio.gather(
        *(one(order, turns[at % processes], fails=at % 5 == 0) for at, order in enumerate(orders)),
        return_exceptions=True,
    )
    assert not [one for one in results if isinstance(one, Exception) and not isinstance(one, StoppedError)]
    assert len([one for one in results if isinstance(one, StoppedError)]) == count // 5
    return [one for one in results if isinstance(one, str)]


async def test_two_hundred_at_once_are_consecutive_and_none_is_missing(shop: Shop) -> None:
    numbers = await issue_all(shop, 250, 4)
    assert len(numbers) == 200
    assert sorted(numbers) == [f"TS/3031/{n:06d}" for n in range(1, 201)]
    stored = await shop.store.invoices.collection.distinct("number", {"series": "TS/3031"})
    assert sorted(stored) == sorted(numbers)


async def test_without_the_counter_in_the_transaction_there_are_gaps(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard off: that the test above can fail."""
    outside = Counters(shop.store.db)
    drawn = Counters.take

    async def take(_: Counters, name: str, count: int = 1) -> int:
        return await drawn(outside, name, count)

    monkeypatch.setattr(Counters, "take", take)
    numbers = await issue_all(shop, 50, 4)
    assert sorted(numbers) != [f"TS/3031/{n:06d}" for n in range(1, 41)]
