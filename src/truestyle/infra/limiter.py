"""Rates counted together by all processes: windows in Redis, and this process's own where there is no Redis.

What this process lets in is noted here too, with how much Redis knew of besides. So a process that loses Redis goes on
from where everybody stood (never from zero), and refuses a client that is over its limit without asking Redis at all.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import structlog

from truestyle.infra.rates import MOST_KEYS, Charge, Rate, Verdict, Windows, judge
from truestyle.infra.redis import TIMEOUT, Breaker, connect, failures
from truestyle.kit.errors import Unavailable
from truestyle.kit.groupcommit import GroupCommit

PREFIX = "truestyle:rate:"
# A list of the moments (in µs, by Redis's clock) of the hits that were let in; the keys of one request all or none.
SCRIPT = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local room, found = 1, {}
for i, key in ipairs(KEYS) do
  local most, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i]) * 1000000
  local oldest = redis.call('LINDEX', key, 0)
  while oldest and tonumber(oldest) <= now - window do
    redis.call('LPOP', key)
    oldest = redis.call('LINDEX', key, 0)
  end
  local hits = redis.call('LLEN', key)
  if hits >= most then room = 0 end
  found[i] = {hits, oldest and (tonumber(oldest) + window - now) or window}
end
if room == 1 then
  for i, key in ipairs(KEYS) do
    redis.call('RPUSH', key, string.format('%.0f', now))
    redis.call('EXPIRE', key, ARGV[2 * i])
    found[i][1] = found[i][1] + 1
  end
end
return {room, found}
"""
Asked = tuple[int, Sequence[Charge]]  # how often Redis had failed when it was asked, and for what
Told = tuple[Verdict, Sequence[int]]  # with the hits of each key by all processes
log = structlog.get_logger("limits")


class Limiter:
    """Counts for all processes."""

    def __init__(self, redis_host: str | None, breaker: Breaker | None = None) -> None:
        self.here = Windows()
        self.breaker = breaker or Breaker()
        self._elsewhere: OrderedDict[str, tuple[int, float]] = (
            OrderedDict()
        )  # hits by others, and until when they count
        self._redis = connect(redis_host) if redis_host else None
        # One connection: what arrives while Redis is asked goes to it together, next.
        self._queue: GroupCommit[Asked, Told] = GroupCommit(self._ask, most=256, deadline=2 * TIMEOUT)

    def start(self) -> None:
        """Begin to ask Redis, in the running event loop."""
        if self._redis is not None:
            self._queue.start()

    async def close(self) -> None:
        """Let go of Redis."""
        if self._redis is not None:
            await self._queue.stop()
            await self._redis.aclose()

    async def hit(self, charges: Sequence[Charge]) -> Verdict:
        """Charge all keys, or none. A Redis that is away or hangs costs at most TIMEOUT, and that not every time."""
        refused = self.here.refused(charges)
        if refused is not None:
            return refused
        if self._redis is not None and self.breaker.closed():
            try:
                verdict, hits = await self._queue.submit((self.breaker.failures, charges))
            except Unavailable:
                pass
            except failures():
                pass
            else:
                if verdict.allowed:
                    self.here.record(charges)
                self._remember(charges, hits)
                return verdict
        return self.here.hit([self._left(one) for one in charges])

    def _remember(self, charges: Sequence[Charge], hits: Sequence[int]) -> None:
        for one, all_hits in zip(charges, hits, strict=True):
            others = all_hits - self.here.count(one)
            self._elsewhere[one.key] = (others, time.monotonic() + one.rate.seconds)
            self._elsewhere.move_to_end(one.key)
        while len(self._elsewhere) > MOST_KEYS:
            self._elsewhere.popitem(last=False)

    def _left(self, charge: Charge) -> Charge:
        """What Redis last knew of the other processes' hits is taken off this process's rate."""
        others, until = self._elsewhere.get(charge.key, (0, 0.0))
        if others <= 0 or until <= time.monotonic():
            return charge
        return Charge(charge.key, Rate(max(0, charge.rate.most - others), charge.rate.seconds))

    async def _ask(self, batch: Sequence[Asked]) -> Sequence[Told | Exception]:
        if self._redis is None or any(failures != self.breaker.failures for failures, _ in batch):
            return [Unavailable()] * len(batch)  # it failed while these waited: they must not wait again
        try:
            async with asyncio.timeout(TIMEOUT), self._redis.pipeline(transaction=False) as pipeline:
                for _, charges in batch:
                    numbers = [number for one in charges for number in (one.rate.most, one.rate.seconds)]
                    pipeline.eval(SCRIPT, len(charges), *[PREFIX + one.key for one in charges], *numbers)
                answers = await pipeline.execute(raise_on_error=False)
        except failures() as error:
            self.breaker.failed()
            log.warning("limits_without_redis", error=type(error).__name__)
            return [error] * len(batch)
        self.breaker.answered()
        return [_verdict(charges, answer) for (_, charges), answer in zip(batch, answers, strict=True)]


def _verdict(charges: Sequence[Charge], answer: Any) -> Told | Exception:
    """What Redis said; an error (rubbish under a key of ours) is one key's trouble, not that of Redis."""
    if isinstance(answer, Exception):
        log.warning("limits_key_unreadable", error=type(answer).__name__)
        return Unavailable()
    room, found = answer
    standing = [(int(hits), int(left) / 1_000_000) for hits, left in found]
    return judge(charges, standing, allowed=bool(room)), [hits for hits, _ in standing]
