"""Work that waits anyway is done together: whatever queued up while one batch ran is the next batch."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, Generic, Protocol, TypeVar

from truestyle.kit import tasks
from truestyle.kit.errors import Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")


class Around(Protocol):
    """Who wants to know what is done together."""

    def note(self) -> Any:
        """Taken down of each item, where it is handed in."""

    def batch(self, notes: Sequence[Any]) -> AbstractContextManager[None]:
        """Entered while the items of these notes are done."""
        ...


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
        patience: float = 0.02,
    ) -> None:
        """`patience`: seconds that a batch which could begin waits for items that are about to be handed in."""
        self.around: Around | None = None
        self._run, self._most, self._deadline, self._patience = run, most, deadline, patience
        self._coming = 0
        self._waiting: asyncio.Queue[tuple[Item, asyncio.Future[Result], Any]] = asyncio.Queue(maxsize=most * 64)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to take batches, in the running event loop."""
        self._task = asyncio.create_task(self._serve())

    async def stop(self) -> None:
        """Finish what waits, but not for longer than anybody waits for it; then end."""
        if self._task is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._waiting.join(), self._deadline)
            await tasks.end(self._task)

    def announce(self) -> Callable[[], None]:
        """Say that an item is about to be handed in; call what is given back when it is, or will not be."""
        self._coming += 1
        open_ = True

        def arrive() -> None:
            nonlocal open_
            self._coming -= open_
            open_ = False

        return arrive

    async def submit(self, item: Item) -> Result:
        """The result for `item`. Raises what `run` answered for it, or Unavailable past the deadline.

        An item given up on before its batch began is left out; one already in a batch is completed.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait((item, future, self.around and self.around.note()))
        except asyncio.QueueFull as error:
            raise Unavailable from error
        try:
            return await asyncio.wait_for(future, self._deadline)
        except TimeoutError as error:
            raise Unavailable from error

    async def _serve(self) -> None:
        while True:
            batch = await self._gathered()
            try:
                await self._settle(batch)
            finally:
                for _ in batch:
                    self._waiting.task_done()

    async def _gathered(self) -> list[tuple[Item, asyncio.Future[Result], Any]]:
        batch = [await self._waiting.get()]
        ends = time.monotonic() + self._patience
        while len(batch) < self._most:
            if not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
                continue
            left = ends - time.monotonic()
            if not self._coming or left <= 0:
                break
            with suppress(TimeoutError):
                batch.append(await asyncio.wait_for(self._waiting.get(), left))
        return batch

    async def _settle(self, batch: list[tuple[Item, asyncio.Future[Result], Any]]) -> None:
        batch = [one for one in batch if not one[1].done()]  # the others are gone
        if not batch:
            return
        results: Sequence[Result | Exception]
        try:
            with nullcontext() if self.around is None else self.around.batch([note for _, _, note in batch]):
                results = await self._run([item for item, _, _ in batch])
        except Exception as error:  # noqa: BLE001 - it is handed to whoever waits for it
            if len(batch) > 1:
                for one in batch:
                    await self._settle([one])
                return
            results = [error]
        for (_, future, _), result in zip(batch, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
