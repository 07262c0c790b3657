"""Whoever waits anyway is read for together, and nobody is told less than a query of their own would tell."""

import asyncio
from collections.abc import Sequence

import pytest

from truestyle.kit.gathering import MOST, Gather


class Table:
    """Rows behind a query that takes a while, and which queries there were."""

    def __init__(self) -> None:
        self.rows = {number: f"row {number}" for number in range(1000)}
        self.asked: list[list[int]] = []
        self.go = asyncio.Event()
        self.go.set()

    async def fetch(self, keys: Sequence[int]) -> dict[int, str]:
        self.asked.append(list(keys))
        found = {key: self.rows[key] for key in keys if key in self.rows}
        await self.go.wait()
        if 666 in keys:
            raise LookupError
        return found


async def test_alone_it_is_a_query_of_ones_own() -> None:
    table = Table()
    gather = Gather(table.fetch)
    assert await gather.one(1) == "row 1"
    assert await gather.one(5000) is None
    assert table.asked == [[1], [5000]]


async def test_who_asks_at_once_is_read_for_together() -> None:
    table = Table()
    gather = Gather(table.fetch)
    assert await asyncio.gather(*(gather.one(number) for number in (3, 1, 3, 7000))) == [
        "row 3",
        "row 1",
        "row 3",
        None,
    ]
    assert table.asked == [[3, 1, 7000]]


async def test_a_query_is_never_larger_than_so_much() -> None:
    table = Table()
    gather = Gather(table.fetch)
    found = await asyncio.gather(*(gather.one(number) for number in range(2 * MOST + 1)))
    assert found == [table.rows[number] for number in range(2 * MOST + 1)]
    assert [len(keys) for keys in table.asked] == [MOST, MOST, 1]


async def test_what_was_written_before_one_asked_is_seen_by_them() -> None:
    table = Table()
    gather = Gather(table.fetch)
    table.go.clear()
    early = asyncio.create_task(gather.one(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert table.asked == [[1]]
    table.rows[1] = "changed"
    late = asyncio.create_task(gather.one(1))  # not the answer of the query that is under way
    await asyncio.sleep(0)
    table.go.set()
    assert (await early, await late) == ("row 1", "changed")


async def test_an_error_reaches_all_who_share_it_and_nobody_else() -> None:
    table = Table()
    gather = Gather(table.fetch)
    shared = await asyncio.gather(gather.one(1), gather.one(666), return_exceptions=True)
    assert [type(one) for one in shared] == [LookupError, LookupError]
    assert await gather.one(1) == "row 1"


async def test_one_who_leaves_takes_nobody_along() -> None:
    table = Table()
    gather = Gather(table.fetch)
    table.go.clear()
    leaving, staying = asyncio.create_task(gather.one(1)), asyncio.create_task(gather.one(1))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    table.go.set()
    assert await staying == "row 1"
    assert table.asked == [[1]]
