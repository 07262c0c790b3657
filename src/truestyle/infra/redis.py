"""Redis: how we connect, and a breaker so that one that hangs costs its time-out once, not with every request.

Its client is imported where there is a Redis: it would weigh 7 MB in every process.
"""

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis.asyncio import Redis

TIMEOUT = 0.2  # seconds; with retries a hung Redis would hang the shop
REST = 5.0  # seconds that a Redis which failed is left alone


def failures() -> tuple[type[Exception], ...]:
    """What a Redis raises that is away or hangs."""
    from redis.exceptions import RedisError  # noqa: PLC0415 - see above

    return RedisError, OSError, TimeoutError


def connect(address: str) -> "Redis":
    """A client for REDIS_HOST (a URL, or `host:port`)."""
    from redis.asyncio import Redis  # noqa: PLC0415 - see above
    from redis.asyncio.retry import Retry  # noqa: PLC0415
    from redis.backoff import NoBackoff  # noqa: PLC0415

    url = address if "://" in address else f"redis://{address}"
    return Redis.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=Retry(NoBackoff(), 0))


class Breaker:
    """After a failure everybody goes without for REST seconds; then one caller tries, and the others still do not.

    A process has one, for all that it asks Redis: a request that needs it twice must not wait twice.
    """

    def __init__(self, rest: float = REST) -> None:
        self._rest, self._until = rest, 0.0
        self.failures = 0

    def closed(self) -> bool:
        """Whether to try. Where the last try failed, a yes also keeps everybody else away until it is known."""
        if not self._until:
            return True
        if time.monotonic() < self._until:
            return False
        self._until = time.monotonic() + self._rest
        return True

    def failed(self) -> None:
        """It did not answer."""
        self.failures += 1
        self._until = time.monotonic() + self._rest

    def answered(self) -> None:
        """It is there."""
        self._until = 0.0
