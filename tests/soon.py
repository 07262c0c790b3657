"""Waiting for a state, in time. A busy machine makes every look longer, not fewer: its own slowness fails no test."""

import asyncio
from collections.abc import Awaitable, Callable

EVERY = 0.02  # seconds between two looks


async def soon(true: Callable[[], Awaitable[bool]], within: float = 1.0) -> None:
    """Look as often as fits into `within` seconds of a machine with nothing else to do."""
    for _ in range(round(within / EVERY)):
        if await true():
            return
        await asyncio.sleep(EVERY)
    assert await true(), f"not within {within} s"
