"""Work that waits anyway is done together: whatever queued up while one batch ran is the next batch."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from truestyle.kit import tasks
from truestyle.kit.errors import Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")


class GroupCommit(Generic[Item, Result]):
    """Hands queued items to `run` in batches, in order, one batch at a time.

    `run` answers one result or exception for each item. If `run` itself fails, each item of a batch of several
    is tried alone, so that one bad item cannot fail its neighbours.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
        *,
        most: int = 64,
        deadline: float = 5.0,
    ) -> None:
        self._run, self._most, self._deadline = run, most, deadline
        self._waiting: asyncio.Queue[tuple[Item, asyncio.Future[Result]]] = asyncio.Queue(maxsize=most * 64)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to take batches, in the running event loop."""
        self._task = asyncio.create_task(self._serve())

    async def stop(self) -> None:
        """Finish what waits, then end."""
        if self._task is not None:
            await self._waiting.join()
            await tasks.end(self._task)

    async def submit(self, item: Item) -> Result:
        """The result for `item`. Raises what `run` answered for it, or Unavailable past the deadline.

        An item given up on before its batch began is left out; one already in a batch is completed.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait((item, future))
        except asyncio.QueueFull as error:
            raise Unavailable from error
        try:
            return await asyncio.wait_for(future, self._deadline)
        except TimeoutError as error:
            raise Unavailable from error

    async def _serve(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < self._most and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            try:
                await self._settle([(item, future) for item, future in batch if not future.done()])
            finally:
                for _ in batch:
                    self._waiting.task_done()

    async def _settle(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        if not batch:
            return
        results: Sequence[Result | Exception]
        try:
            results = await self._run([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - it is handed to whoever waits for it
            if len(batch) > 1:
                for one in batch:
                    await self._settle([one])
                return
            results = [error]
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
