"""A line to a real server that tests can cut, let hang and mend."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import Enum

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class State(Enum):
    """What becomes of bytes."""

    UP = "up"
    DEAD = "dead"
    HUNG = "hung"


class Line:
    """Listens on a port of this machine and passes bytes on to what `dial` opens."""

    def __init__(self, dial: Callable[[], Awaitable[Streams]]) -> None:
        self._dial = dial
        self._server: asyncio.Server | None = None
        self._state = State.UP
        self._pairs: set[asyncio.Task[None]] = set()
        self.port = 0

    async def open(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def become(self, state: State) -> None:
        """From now on."""
        self._state = state
        if state is not State.HUNG:
            await self._hang_up()

    async def close(self) -> None:
        """Hang up, and listen no more."""
        assert self._server is not None
        self._server.close()
        await self._hang_up()
        await self._server.wait_closed()

    async def _hang_up(self) -> None:
        for pair in list(self._pairs):
            pair.cancel()
        await asyncio.gather(*self._pairs, return_exceptions=True)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pairs.add(task)
        far: asyncio.StreamWriter | None = None
        try:
            if self._state is State.DEAD:
                return
            there, far = await self._dial()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, far))
                group.create_task(self._pass(there, writer))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            for one in (writer, far):
                if one is not None:
                    one.close()
                    with suppress(OSError):
                        await one.wait_closed()
            self._pairs.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while content := await reader.read(65536):
            while self._state is State.HUNG:  # noqa: ASYNC110 - hung is hung
                await asyncio.sleep(0.02)
            writer.write(content)
            await writer.drain()
        writer.close()
