"""Slow clients: how long a connection may take to ask, to send a body and to read an answer, and how many there may be.

uvicorn itself waits without end for the rest of a request, so a few hundred connections that send a byte now and then
would keep everybody else out. Here each has deadlines; who misses one is told 408 and loses the connection.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import orjson
import structlog
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from truestyle.kit.errors import Problem, RequestTimeout, Unavailable, title

CYCLE = "truestyle.cycle"  # what of uvicorn answers a request, in its scope, for `at_once`
SLOWEST = 500  # bytes a second that a body must come with, or an answer be read with
UNREAD = 120.0  # seconds for what the kernel and we have buffered of an answer: about 60 kB at SLOWEST
log = structlog.get_logger("connections")


@dataclass(frozen=True)
class Patience:
    """The limits of a process. The lifespan hands them to its connections under the key `patience`."""

    head_seconds: float = 10
    body_seconds: float = 20
    connections: int = 1000


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol with deadlines."""

    # One clock for a connection, which looks what is due when it rings: setting one for each request costs more than
    # reading the request.
    _clock: asyncio.TimerHandle | None = None
    _late: Callable[[], None] | None = None  # what to do when it is due; None: nothing is
    _due = 0.0
    _unread: asyncio.TimerHandle | None = None
    _asking = False  # whether some of a request has come, and not yet all of it
    _began, _came = 0.0, 0  # when the body began, and its bytes so far

    @property
    def _patience(self) -> Patience:
        found: Patience = self.app_state.get("patience") or Patience()
        return found

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request, unless there are too many who do."""
        super().connection_made(transport)
        if len(self.connections) > self._patience.connections:
            log.warning("too_many_connections", most=self._patience.connections)
            self._refuse(Unavailable())
        else:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks."""
        self._late = None
        for one in (self._clock, self._unread):
            if one is not None:
                one.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """The first byte of a request: the others must follow."""
        super().on_message_begin()
        self._asking = True
        self._wait_for_head()

    def on_headers_complete(self) -> None:
        """Now the body."""
        self._began, self._came = self.loop.time(), 0
        self._set(self._patience.body_seconds, self._body_is_late)
        super().on_headers_complete()
        self.scope[CYCLE] = self.cycle  # type: ignore[literal-required]

    def on_body(self, body: bytes) -> None:
        """Some of it."""
        self._came += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """All of it: from here on it is we who are waited for."""
        self._asking = False
        self._late = None
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The client does not read as fast as we answer."""
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD, self._answer_is_not_read)

    def resume_writing(self) -> None:
        """It did."""
        if self._unread is not None:
            self._unread.cancel()
        super().resume_writing()

    def _wait_for_head(self) -> None:
        self._set(self._patience.head_seconds, self._head_is_late)

    def _set(self, seconds: float, late: Callable[[], None]) -> None:
        self._late, self._due = late, self.loop.time() + seconds
        if self._clock is None:
            self._clock = self.loop.call_at(self._due, self._rings)
        elif self._clock.when() > self._due:
            self._clock.cancel()
            self._clock = self.loop.call_at(self._due, self._rings)

    def _rings(self) -> None:
        self._clock, late = None, self._late
        if late is None:
            return
        if self.loop.time() < self._due:
            self._clock = self.loop.call_at(self._due, self._rings)
        else:
            self._late = None
            late()

    def _head_is_late(self) -> None:
        if self._asking and (self.cycle is None or self.cycle.response_complete):
            self._refuse(RequestTimeout())
        else:
            self._close("idle")

    def _body_is_late(self) -> None:
        left = self._began + self._patience.body_seconds + self._came / SLOWEST - self.loop.time()
        if self.flow.read_paused:  # it is we who do not read: a large upload is being stored
            self._began = self.loop.time()
            left = self._patience.body_seconds
        if left > 0:
            self._set(left, self._body_is_late)
        elif self.cycle.response_started:  # answered already, say with 401
            self._close("body")
        else:
            self._refuse(RequestTimeout())

    def _answer_is_not_read(self) -> None:
        log.info("slow_client", late="reading", client=self.client and self.client[0])
        self.transport.abort()

    def _refuse(self, problem: Problem) -> None:
        """Answer in the place of the app, which has not begun to, and hang up."""
        if self.transport.is_closing():
            return
        body = orjson.dumps(
            {
                "type": "about:blank",
                "title": title(problem.status),
                "status": problem.status,
                "detail": problem.text,
                "code": problem.code,
            }
        )
        headers = {**problem.headers, "Content-Type": "application/problem+json", "Content-Length": str(len(body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(STATUS_LINE[problem.status] + lines.encode() + b"Connection: close\r\n\r\n" + body)
        self._close(problem.code)

    def _close(self, late: str) -> None:
        log.info("slow_client", late=late, client=self.client and self.client[0])
        self.transport.close()


def at_once(scope: Scope, status: int, head: bytes, body: bytes) -> bool:
    """Answer as two messages of ASGI would, but with headers that are written already; whether it could be.

    uvicorn looks at each header of each answer, which takes longer than all else about one that is kept in memory.
    """
    cycle: RequestResponseCycle | None = scope.get(CYCLE)
    if cycle is None or cycle.response_started or cycle.disconnected or cycle.flow.write_paused:
        return False
    fixed = b"".join([b"%s: %s\r\n" % one for one in cycle.default_headers])
    last = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
    cycle.transport.write(b"".join((STATUS_LINE[status], fixed, head, last, body)))
    cycle.response_started = cycle.response_complete = True
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True
