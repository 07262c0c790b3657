"""The streams and joins of the audit, and the big store that its speed is measured on."""

from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from benchmarks import many
from bson import ObjectId

from tests.conftest import empty
from truestyle.audit.joining import before, missing, side_by_side, with_theirs
from truestyle.audit.service import audit
from truestyle.infra import snapshot as streams
from truestyle.infra.snapshot import snapshot
from truestyle.kit.repository import Row
from truestyle.shop import Shop


async def stream(*keys: Any) -> AsyncIterator[Row]:
    for key in keys:
        yield {"_id": key} if not isinstance(key, tuple) else {"_id": key[0], "of": {"id": key[1]}}


def values(rows: Sequence[Row]) -> list[Any]:
    return [row["_id"] for row in rows]


async def test_side_by_side() -> None:
    found = [
        (key, one is not None, two is not None) async for key, one, two in side_by_side(stream(1, 2, 5), stream(2, 3))
    ]
    assert found == [(1, True, False), (2, True, True), (3, False, True), (5, True, False)]
    assert [key async for key, _, _ in side_by_side(stream(), stream(7))] == [7]


async def test_each_row_with_those_that_name_it() -> None:
    theirs = stream(("a", 0), ("b", 2), ("c", 2), ("d", 3), ("e", 4), ("f", 9))
    found = [(row and row["_id"], values(mine)) async for row, mine in with_theirs(stream(1, 2, 4), theirs, "of.id")]
    assert found == [(None, ["a"]), (1, []), (2, ["b", "c"]), (None, ["d"]), (4, ["e"]), (None, ["f"])]


async def test_names_of_what_is_missing() -> None:
    assert [row["_id"] async for row in missing(stream(1, 2, 3, 9), stream(2, 4))] == [1, 3, 9]
    assert [row["_id"] async for row in missing(stream(1), stream())] == [1]
    assert [row["_id"] async for row in missing(stream(), stream(1))] == []


async def test_a_column_of_several_types_is_joined_in_the_order_of_mongodb(shop: Shop) -> None:
    mixed = [None, 3, "three", {"a": 1}, b"bytes", ObjectId("65af0b12c4a1d2e3f4a5b6c7"), True]
    await shop.store.db["mixed"].insert_many([{"_id": one} for one in reversed(mixed)])
    try:
        async with snapshot(shop.client, shop.store.db) as moment:
            keys = [row["_id"] async for row in moment.rows("mixed")]
    finally:
        await shop.store.db.drop_collection("mixed")
    assert keys == mixed
    assert all(before(one, other) for one, other in pairwise(keys))


async def test_a_stream_passes_batches_and_may_be_left(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "BATCH", 7)
    await shop.store.db["many"].insert_many([{"_id": number, "half": number // 2} for number in range(50)])
    try:
        async with snapshot(shop.client, shop.store.db) as moment:
            assert [row["_id"] async for row in moment.rows("many", {"_id": {"$gte": 3}})] == list(range(3, 50))
            grouped = moment.grouped("many", {"$group": {"_id": "$half", "n": {"$sum": 1}}}, {"$sort": {"_id": 1}})
            assert [row async for row in grouped] == [{"_id": number, "n": 2} for number in range(25)]
            await shop.store.db["many"].delete_many({})
            left = moment.rows("many")
            assert (await anext(left))["_id"] == 0  # it reads what was, and is left here
        with pytest.raises(StopAsyncIteration):
            await anext(left)
    finally:
        await shop.store.db.drop_collection("many")


async def test_the_big_store_is_in_order_and_full(shop: Shop) -> None:
    """What `benchmarks.auditing` measures is a store without a breach, and one where a breach is found."""
    try:
        await many.fill(shop, 300)
        await shop.sealer.seal()
        report = await audit(shop)
        assert report.breaches == []
        assert await shop.store.orders.count({}) == 300 + 2 * len(many.WAYS)
        assert report.checked["I2 amounts add up and agree with payments"] == 300 + 2 * len(many.WAYS)
        newest = await shop.store.db["orders"].find_one(sort=[("_id", -1)]) or {}
        await shop.store.db["orders"].update_one({"_id": newest["_id"]}, {"$inc": {"total": 1}})
        assert ("I2", newest["_id"]) in {
            (one.invariant, one.documents.get("order_id")) for one in (await audit(shop)).breaches
        }
    finally:
        await empty(shop.store)
        await shop.migrate()
