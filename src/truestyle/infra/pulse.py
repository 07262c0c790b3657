"""How a process feels: twice a second, how late its event loop is, and the plain counts that its parts keep."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from pymongo.monitoring import (
    ConnectionCheckedInEvent,
    ConnectionCheckedOutEvent,
    ConnectionCheckOutFailedEvent,
    ConnectionCheckOutStartedEvent,
    ConnectionClosedEvent,
    ConnectionCreatedEvent,
    ConnectionPoolListener,
    ConnectionReadyEvent,
    PoolClearedEvent,
    PoolClosedEvent,
    PoolCreatedEvent,
    PoolReadyEvent,
)

from truestyle.infra import metrics
from truestyle.kit import tasks

EVERY = 0.5  # seconds


class Reads(Protocol):
    """What a cache counts itself, because that is cheapest."""

    hits: int
    misses: int


class Pool(ConnectionPoolListener):
    """Counts the connections of one client."""

    def __init__(self) -> None:
        self.open = self.in_use = self.waiting = self.failures = 0

    def connection_created(self, _: ConnectionCreatedEvent) -> None:
        """One more."""
        self.open += 1

    def connection_closed(self, _: ConnectionClosedEvent) -> None:
        """One less."""
        self.open -= 1

    def connection_check_out_started(self, _: ConnectionCheckOutStartedEvent) -> None:
        """Somebody wants one."""
        self.waiting += 1

    def connection_checked_out(self, _: ConnectionCheckedOutEvent) -> None:
        """And has it."""
        self.waiting -= 1
        self.in_use += 1

    def connection_check_out_failed(self, _: ConnectionCheckOutFailedEvent) -> None:
        """And has none."""
        self.waiting -= 1
        self.failures += 1

    def connection_checked_in(self, _: ConnectionCheckedInEvent) -> None:
        """It is back."""
        self.in_use -= 1

    def connection_ready(self, _: ConnectionReadyEvent) -> None:
        """Of no interest, as what follows."""

    def pool_created(self, _: PoolCreatedEvent) -> None:
        """Of no interest."""

    def pool_ready(self, _: PoolReadyEvent) -> None:
        """Of no interest."""

    def pool_cleared(self, _: PoolClearedEvent) -> None:
        """Of no interest."""

    def pool_closed(self, _: PoolClosedEvent) -> None:
        """Of no interest."""


class Pulse:
    """Beats until stopped. `caches`: what counts its reads, by name."""

    def __init__(self, pool: Pool, caches: Mapping[str, Reads]) -> None:
        self._pool = pool
        self._counts: dict[tuple[str, str], Callable[[], int]] = {}
        for name, cache in caches.items():
            self._counts[name, "hit"] = lambda cache=cache: cache.hits  # type: ignore[misc]
            self._counts[name, "miss"] = lambda cache=cache: cache.misses  # type: ignore[misc]
            if hasattr(cache, "passed"):
                self._counts[name, "passed"] = lambda cache=cache: cache.passed  # type: ignore[misc]
        self._before = dict.fromkeys(self._counts, 0)
        self._failures = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in the running event loop."""
        self._task = asyncio.create_task(self._serve())

    async def stop(self) -> None:
        """End, with the last counts told."""
        if self._task is not None:
            await tasks.end(self._task)
            self.beat()

    def beat(self) -> None:
        """Tell what was counted since the last time."""
        for key, count in self._counts.items():
            now = count()
            metrics.CACHE.labels(*key).inc(max(0, now - self._before[key]))
            self._before[key] = now
        pool = self._pool
        for state, value in (("open", pool.open), ("in_use", pool.in_use), ("waiting", pool.waiting)):
            metrics.CONNECTIONS.labels(state).set(value)
        metrics.NO_CONNECTION.inc(pool.failures - self._failures)
        self._failures = pool.failures

    async def _serve(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(EVERY)
            metrics.LAG.observe(max(0.0, time.perf_counter() - began - EVERY))
            self.beat()
