"""Reads of single rows that wait anyway are made together: whoever asks while one query runs is in the next."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
MOST = 100  # keys of one query


class Gather(Generic[Key, Value]):
    """Reads of rows by key; `fetch` reads many at once and leaves out what is not there.

    A query begins after everybody who shares it asked, so nobody is told less than a query of their own would tell.
    """

    def __init__(self, fetch: Callable[[Sequence[Key]], Awaitable[Mapping[Key, Value]]]) -> None:
        self._fetch = fetch
        self._asked: dict[Key, asyncio.Future[Value | None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def one(self, key: Key) -> Value | None:
        """The value, or None. Raises what the query raises."""
        future = self._asked.get(key)
        if future is None:
            future = self._asked[key] = asyncio.get_running_loop().create_future()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._serve())
        return await asyncio.shield(future)  # others may wait for the same

    async def _serve(self) -> None:
        while self._asked:
            keys = list(self._asked)[:MOST]
            waiting = {key: self._asked.pop(key) for key in keys}
            try:
                found = await self._fetch(keys)
            except BaseException as error:
                for future in waiting.values():
                    future.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())
                    future.exception()  # nobody may be left who asks
                if not isinstance(error, Exception):
                    raise
            else:
                for key, future in waiting.items():
                    future.set_result(found.get(key))
