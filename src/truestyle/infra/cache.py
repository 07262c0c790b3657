"""A small cache of JSON values: Redis when REDIS_HOST is set, this process otherwise.

Values are JSON, never pickles, so that whoever can write to Redis cannot run code here. A cache never fails a
request: an error, a time-out or rubbish is a miss. Freshness is the caller's: put a version into the key.
"""

import asyncio
import time
from collections import OrderedDict
from typing import Any, Protocol

import orjson
import structlog

from truestyle.infra import redis
from truestyle.infra.redis import TIMEOUT, Breaker, failures

log = structlog.get_logger("cache")


class Cache(Protocol):
    """get, set and the health of a cache; `hits` and `misses` of `get`."""

    hits: int
    misses: int

    async def get(self, key: str) -> Any | None:
        """The value, or None."""

    async def set(self, key: str, value: Any, seconds: int) -> None:
        """Keep a JSON value for at most `seconds`."""

    async def ping(self) -> bool:
        """Whether it answers."""

    async def close(self) -> None:
        """Let go of connections."""


class LocalCache:
    """At most `most` values in this process; the least recently used go first."""

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._kept: OrderedDict[str, tuple[float, Any]] = OrderedDict()
        self.hits = self.misses = 0

    async def get(self, key: str) -> Any | None:
        """The value, or None."""
        ends, value = self._kept.get(key, (0.0, None))
        if ends < time.monotonic():
            self._kept.pop(key, None)
            self.misses += 1
            return None
        self.hits += 1
        self._kept.move_to_end(key)
        return value

    async def set(self, key: str, value: Any, seconds: int) -> None:
        """Keep a value for at most `seconds`."""
        self._kept[key] = (time.monotonic() + seconds, value)
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    async def ping(self) -> bool:
        """Always."""
        return True

    async def close(self) -> None:
        """Forget everything."""
        self._kept.clear()


class RedisCache:
    """Values in Redis, shared by all processes."""

    def __init__(self, url: str, breaker: Breaker | None = None) -> None:
        self._redis = redis.connect(url)
        self._breaker = breaker or Breaker()
        self.hits = self.misses = 0

    async def get(self, key: str) -> Any | None:
        """The value; None when absent, unreadable or out of reach."""
        found = await self._get(key)
        if found is None:
            self.misses += 1
        else:
            self.hits += 1
        return found

    async def _get(self, key: str) -> Any | None:
        if not self._breaker.closed():
            return None
        try:
            async with asyncio.timeout(TIMEOUT):
                raw = await self._redis.get(f"truestyle:{key}")
        except failures() as error:
            self._failed("get", error)
            return None
        self._breaker.answered()
        try:
            return None if raw is None else orjson.loads(raw)
        except orjson.JSONDecodeError:
            log.warning("cache_value_unreadable")
            return None

    async def set(self, key: str, value: Any, seconds: int) -> None:
        """Keep a value for at most `seconds`, if Redis answers."""
        if not self._breaker.closed():
            return
        try:
            async with asyncio.timeout(TIMEOUT):
                await self._redis.set(f"truestyle:{key}", orjson.dumps(value), ex=seconds)
        except failures() as error:
            self._failed("set", error)
        else:
            self._breaker.answered()

    def _failed(self, what: str, error: Exception) -> None:
        self._breaker.failed()
        log.warning("cache_failed", what=what, error=type(error).__name__)

    async def ping(self) -> bool:
        """Whether Redis answers in time."""
        try:
            async with asyncio.timeout(TIMEOUT):
                return bool(await self._redis.ping())
        except failures():
            return False

    async def version(self) -> str:
        """That of Redis. Raises RedisError, OSError, TimeoutError."""
        async with asyncio.timeout(TIMEOUT):
            return str((await self._redis.info("server"))["redis_version"])

    async def close(self) -> None:
        """Let go of the connections."""
        await self._redis.aclose()


def connect(url: str | None, breaker: Breaker | None = None) -> Cache:
    """The cache that REDIS_HOST asks for."""
    if not url:
        return LocalCache()
    return RedisCache(url, breaker)
