"""The storage itself, the same on each backend: streaming both ways, parts, all or nothing."""

import asyncio
import io
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from bson import ObjectId

from tests.files.pictures import held
from truestyle.infra.storage import CHUNK, Held
from truestyle.shop import Shop

MB = 1024 * 1024
LARGE = 24 * MB + 5
MOST_HELD = 6 * MB


class Counting(io.RawIOBase):
    """A file of `size` bytes that is nowhere: byte n is n modulo 251. Breaks off after `good` bytes, if told."""

    pattern = bytes(range(251)) * (4 * CHUNK // 251)

    def __init__(self, size: int, good: int | None = None) -> None:
        self.size, self.good, self.at, self.largest = size, good, 0, 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = self.size if whence == 2 else offset
        return self.at

    def tell(self) -> int:
        return self.at

    def read(self, size: int = -1) -> bytes:
        if self.good is not None and self.at >= self.good:
            raise ConnectionError
        size = min(size if size >= 0 else self.size, self.size - self.at)
        self.largest = max(self.largest, size)
        start = self.at % 251
        self.at += size
        return self.pattern[start : start + size]


def counting(size: int, good: int | None = None) -> Any:
    return Counting(size, good)


async def read(pieces: AsyncIterator[bytes] | None) -> bytes:
    assert pieces is not None
    return b"".join([one async for one in pieces])


async def test_what_is_put_comes_back_whole_and_in_parts(shop: Shop) -> None:
    storage, key = shop.storage, ObjectId()
    size = 2 * CHUNK + 7
    whole = counting(size).read()
    await storage.put(key, counting(size), size, "image/png")

    assert await read(await storage.open(key)) == whole
    for first, last in ((0, 0), (5, 9), (CHUNK - 1, CHUNK), (CHUNK, 2 * CHUNK - 1), (size - 3, size - 1), (9, None)):
        assert await read(await storage.open(key, first, last)) == whole[first : None if last is None else last + 1]
    assert await storage.find(key) == Held(key, size)
    assert [one async for one in storage.held()] == [Held(key, size)]

    await storage.remove(key)
    await storage.remove(key)
    assert await storage.open(key) is None
    assert await storage.find(key) is None
    assert await held(shop) == 0


async def test_everything_held_comes_by_key(shop: Shop) -> None:
    keys = [ObjectId() for _ in range(5)]
    for key in reversed(keys):
        await shop.storage.put(key, io.BytesIO(b"bytes"), 5, "image/png")
    assert [one.key async for one in shop.storage.held()] == keys


async def test_a_large_file_is_never_held_either_way(shop: Shop) -> None:
    storage, key, source = shop.storage, ObjectId(), counting(LARGE)
    tracemalloc.start()
    try:
        await storage.put(key, source, LARGE, "image/png")
        _, up = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        pieces, seen, largest = await storage.open(key), 0, 0
        assert pieces is not None
        async for piece in pieces:
            seen, largest = seen + len(piece), max(largest, len(piece))
        _, down = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seen == LARGE
    assert source.largest <= CHUNK
    assert largest <= MB
    assert (up < MOST_HELD, down < MOST_HELD) == (True, True), (up, down)


async def test_an_upload_whose_source_breaks_off_leaves_nothing(shop: Shop) -> None:
    with pytest.raises(ConnectionError):
        await shop.storage.put(ObjectId(), counting(LARGE, good=5 * MB), LARGE, "image/png")
    assert await held(shop) == 0


async def test_an_upload_that_is_cancelled_leaves_nothing_or_all(shop: Shop) -> None:
    key, source = ObjectId(), counting(LARGE)
    task = asyncio.create_task(shop.storage.put(key, source, LARGE, "image/png"))
    while source.at < 2 * MB:  # noqa: ASYNC110 - the file has no event to wait for
        await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        assert await held(shop) == 0
    else:  # a cancellation may get lost inside PyMongo
        assert await shop.storage.find(key) == Held(key, LARGE)


async def test_who_stops_reading_lets_go(shop: Shop) -> None:
    key = ObjectId()
    await shop.storage.put(key, counting(LARGE), LARGE, "image/png")
    pieces = await shop.storage.open(key)
    assert pieces is not None
    assert len(await anext(pieces)) <= MB
    await cast("Any", pieces).aclose()  # each is a generator
    assert await shop.storage.find(key) == Held(key, LARGE)
