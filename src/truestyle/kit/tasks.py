"""Ending background tasks."""

import asyncio
from typing import Any


async def end(task: "asyncio.Task[Any] | None") -> None:
    """Cancel a task and wait until it has ended, whatever it ends with.

    Again and again, because a cancellation that arrives just as an awaited call completes can be lost
    (`asyncio.wait_for` before Python 3.12).
    """
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.5)
