"""A long run that may be ended early."""

import asyncio
import signal
from collections.abc import Coroutine

from rich.console import Console


async def politely(work: Coroutine[None, None, None], console: Console) -> None:
    """Run so that a polite end (SIGTERM, Ctrl-C) stops all that was started."""
    run = asyncio.create_task(work)
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, run.cancel)
    try:
        await run
    except asyncio.CancelledError:
        console.print("Stopped.")
