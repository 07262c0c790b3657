"""Tasks: ending them, making pieces in threads, and doing a few of many things at a time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable
from contextlib import suppress
from typing import Any, TypeVar, cast

T = TypeVar("T")


async def end(task: "asyncio.Task[Any] | None") -> None:
    """Cancel a task and wait until it has ended, whatever it ends with.

    Again and again, because a cancellation that arrives just as an awaited call completes can be lost
    (`asyncio.wait_for` before Python 3.12).
    """
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.5)


async def in_thread(pieces: Generator[T, None, None]) -> AsyncIterator[T]:
    """What a generator yields, each piece made in a thread, so that nobody else waits for it."""
    ended = object()
    try:
        while (piece := await asyncio.to_thread(next, pieces, ended)) is not ended:
            yield cast("T", piece)
    finally:
        with suppress(ValueError):  # cancelled while it is at work
            pieces.close()


async def a_few(things: Iterable[T], work: Callable[[T], Awaitable[None]], at_once: int) -> None:
    """Work on all of them, so many at a time. Raises what the first that fails raises; the others are ended."""
    waiting = iter(things)

    async def take() -> None:
        for one in waiting:
            await work(one)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(take())
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
