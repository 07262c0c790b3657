"""Refuses requests while a backup is put back: those that write first, for a moment all but the health checks."""

from collections.abc import Callable

from pymongo.errors import PyMongoError
from starlette.types import ASGIApp, Receive, Scope, Send

from truestyle.infra.http.problems import render
from truestyle.infra.maintenance import Closed, Door, Phase
from truestyle.kit.errors import Problem, Unavailable

READS = frozenset({"GET", "HEAD", "OPTIONS"})
ALWAYS = ("/health", "/metrics")


class Doorkeeper:
    """Lets in whom the flag lets in."""

    def __init__(self, app: ASGIApp, *, door: Callable[[], Door | None]) -> None:
        self.app, self.door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and not scope["path"].startswith(ALWAYS):
            problem = await self._refusal(scope["method"])
            if problem is not None:
                await render(problem, scope["path"], scope["state"]["request_id"])(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _refusal(self, method: str) -> Problem | None:
        reads, door = method in READS, self.door()
        if door is None:  # not open at all yet
            return None
        try:
            phase = await door.phase()
        except PyMongoError:  # reads that need MongoDB will find out themselves
            return None if reads else Unavailable()
        return None if phase is Phase.OPEN or (reads and phase is Phase.LOADING) else Closed()
