"""The cache in front of routing: public GETs are answered from the shelf, without the layers behind.

It does for a kept answer what those layers would have done: request id, client, rate limit, log line, count. Whoever
is signed in, asks for a part, or says `Cache-Control: no-cache`, passes through.
"""

import asyncio
import gzip
import re
import time
from collections.abc import Callable
from functools import lru_cache
from itertools import count
from secrets import token_hex
from typing import Any, Protocol

import brotli
import zstandard
from bson import Timestamp
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from truestyle.infra import tracing
from truestyle.infra.feed import NEVER
from truestyle.infra.http.clients import Clients
from truestyle.infra.http.limits import Limit
from truestyle.infra.http.patience import at_once
from truestyle.infra.shelf import LIFE, Form, Headers, Key, Page, Shelf, lines
from truestyle.kit import writes
from truestyle.kit.writes import Told

SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
WRITTEN = re.compile(rb"([0-9a-f]{1,8})\.([0-9a-f]{1,8})")
LONGEST = 2000  # bytes of a path and query that is worth keeping
PACKED_FROM, LARGEST = 1000, 1_200_000  # bytes
OK, NOT_MODIFIED = 200, 304
FILES = "files"
BRIEFLY = 1.0  # seconds that an answer is kept which time alone can change
WEIGHT = re.compile(rb"q=([01](?:\.[0-9]{0,3})?)")
TOLD_EVERY = 0.25  # seconds between two writings of log lines
# Of the one request, or written anew for each encoding.
OWN = frozenset({b"x-request-id", b"content-length", b"content-encoding", b"date", b"server"})
PACKABLE = re.compile(rb"^(application/(json|problem\+json|xml)|text/)")
PERSONAL = frozenset({b"authorization", b"range", b"content-length", b"transfer-encoding"})
FRESH, FRESHER = frozenset({b"cache-control", b"pragma"}), re.compile(rb"no-cache|no-store|max-age=0", re.IGNORECASE)


class Slip:
    """What the layers behind say of an answer that may be kept."""

    __slots__ = ("limit", "made_of", "route")

    def __init__(self) -> None:
        self.limit: Limit | None = None
        self.route: str | None = None
        self.made_of: set[Told] = set()


class Gate(Protocol):
    """Counts a reader's request: whether it may pass, and the headers that say how it stands."""

    def __call__(self, client: str | None) -> tuple[bool, Headers]:
        """Count a request of this client."""
        ...


class Asked:
    """What the headers of a request say that matters here."""

    __slots__ = ("accepts", "id", "known", "origin", "passes", "written")

    def __init__(self, headers: Headers) -> None:
        self.accepts = self.known = self.id = self.origin = self.written = b""
        self.passes = False
        for name, value in headers:
            if name == b"accept-encoding":
                self.accepts = value
            elif name == b"if-none-match":
                self.known = value
            elif name == b"x-request-id":
                self.id = value
            elif name == b"origin":
                self.origin = value
            elif name == b"x-store-version":
                self.written = value
            elif name in PERSONAL or (name in FRESH and FRESHER.search(value)):
                self.passes = True


class Front:
    """Answers from the shelf, or has the answer made and puts it there."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        shelf: Callable[[], Shelf | None],
        certain: Callable[[], bool],
        prefix: str,
        places: frozenset[str],
        brief: frozenset[str],
        origins: frozenset[bytes],
        clients: Clients,
        gate: Callable[[], Gate | None],
        tell: Callable[[list[dict[str, Any]]], None],
    ) -> None:
        """`certain`: that nobody is kept out; `places`: public, by first segment; `brief`: told anew with time."""
        self.app, self._shelf, self._certain, self._clients = app, shelf, certain, clients
        self._gate, self._tell = gate, tell
        self._prefix, self._places, self._brief, self._origins = prefix + "/", places, brief, origins
        self._making: dict[Key, asyncio.Future[None]] = {}
        self._ids, self._me = count(), token_hex(8).encode()
        self._told: list[dict[str, Any]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        path: str = scope["path"]
        shelf = self._shelf()
        kept = _place(path, self._prefix) in self._places and len(path) + len(scope["query_string"]) <= LONGEST
        if shelf is None or not kept:
            await self.app(scope, receive, send)
            return
        asked = Asked(scope["headers"])
        if (
            asked.passes
            or not shelf.sure
            or not self._certain()
            or (asked.written and not shelf.knows(time_of(asked.written)))
        ):
            shelf.passed += 1
            await self.app(scope, receive, send)
            return
        key = (path.rstrip("/"), canonical(scope["query_string"]), self._origin(asked.origin))
        page = shelf.get(key)
        if page is None and key in self._making:
            await self._making[key]  # somebody is at it
            page = shelf.get(key)
        if page is not None:
            shelf.hits += 1
            await self._answer(shelf, page, asked, scope, receive, send)
            return
        shelf.misses += 1
        await self._make(shelf, key, asked, scope, receive, send)

    async def _make(self, shelf: Shelf, key: Key, asked: Asked, scope: Scope, receive: Receive, send: Send) -> None:
        done = None
        if key not in self._making:
            done = self._making[key] = asyncio.get_running_loop().create_future()
        slip, since, kept = Slip(), shelf.mark(), Keeping(send, asked)
        writes.consulting(slip.made_of)
        # Compressed here, once a way; and made for whoever knows nothing yet, but for files: to say that one is as it
        # was needs none of its bytes, wherever they are.
        mine = {b"accept-encoding"} if _place(key[0], self._prefix) == FILES else {b"accept-encoding", b"if-none-match"}
        headers = [one for one in scope["headers"] if one[0] not in mine]
        try:
            await self.app({**scope, "headers": headers, "slip": slip}, receive, kept)
            page = kept.page(slip, brief=_place(key[0], self._prefix) in self._brief)
            if page is not None and slip.limit in {Limit.READ, Limit.NONE}:
                shelf.put(key, page, since)
        finally:
            if done is not None:
                del self._making[key]
                done.set_result(None)
        if page is not None:
            await kept.finish(page)

    def _origin(self, origin: bytes) -> bytes:
        """What of an `Origin` makes a difference."""
        if not origin:
            return b""
        return origin if origin in self._origins else b"*" if b"*" in self._origins else b""

    async def _answer(self, shelf: Shelf, page: Page, asked: Asked, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        request_id = asked.id if SANE_ID.fullmatch(asked.id) else b"%s%016x" % (self._me, next(self._ids))
        peer = self._clients.of(scope)
        client = peer[0] if peer else None
        own: Headers = [(b"x-request-id", request_id)]
        gate = self._gate() if page.limited else None
        if gate is not None:
            allowed, standing = gate(client)
            if not allowed:
                shelf.hits -= 1
                await self.app(scope, receive, send)  # which counts no refused request either, and words the refusal
                return
            own += standing
        ways = len(page.forms)
        form = chosen(page, asked)
        if len(page.forms) != ways:
            shelf.grew(len(form.body))
        if not at_once(scope, form.status, form.head + lines(own), form.body):
            await send({"type": "http.response.start", "status": form.status, "headers": form.headers + own})
            await send({"type": "http.response.body", "body": form.body})
        self._note(page.route, scope["path"], form.status, began, request_id, client)
        tracing.tell(self._told[-1])

    def _note(self, route: str, path: str, status: int, began: float, request_id: bytes, client: str | None) -> None:
        now = time.perf_counter()
        if not self._told:
            asyncio.get_running_loop().call_later(TOLD_EVERY, self.flush)
        self._told.append(
            {
                "route": route,
                "method": "GET",
                "path": path,
                "status": status,
                "ms": round((now - began) * 1000, 3),
                "request_id": request_id.decode(),
                "client": client or "",
                "caller": None,
                "kept": True,
                "at": time.time(),
            }
        )

    def flush(self) -> None:
        """Log and count what was answered since the last time."""
        told, self._told = self._told, []
        if told:
            self._tell(told)


class Keeping:
    """Holds an answer back while it may be one to keep; what may not goes on at once."""

    def __init__(self, send: Send, asked: Asked) -> None:
        self._send, self._asked = send, asked
        self._start: Message | None = None
        self._parts: list[bytes] = []
        self._whole = self._dropped = False

    async def __call__(self, message: Message) -> None:
        """As ASGI's `send`."""
        if message["type"] == "http.response.start":
            found = {name.lower(): value for name, value in message["headers"]}
            if _may_be_kept(message["status"], found):
                self._start = message
                return
            if message["status"] == OK and same(found.get(b"etag", b""), self._asked.known):
                self._dropped = True
                headers = [
                    one for one in message["headers"] if one[0].lower() not in {b"content-length", b"content-type"}
                ]
                await self._send({**message, "status": NOT_MODIFIED, "headers": headers})
                return
        elif self._start is not None:
            self._parts.append(message.get("body", b""))
            self._whole = not message.get("more_body")
            return
        await self._send({**message, "body": b""} if self._dropped else message)

    def page(self, slip: Slip, *, brief: bool) -> Page | None:
        """The answer as it is kept; None where it went on."""
        if self._start is None or not self._whole:
            return None
        headers: Headers = [(name.lower(), value) for name, value in self._start["headers"]]
        body, found = b"".join(self._parts), dict(headers)
        packed = len(body) >= PACKED_FROM and PACKABLE.match(found.get(b"content-type", b"")) is not None
        kept = [one for one in headers if one[0] not in OWN and not one[0].startswith(b"ratelimit-")]
        if packed and b"accept-encoding" not in found.get(b"vary", b"").lower():
            kept.append((b"vary", b"Accept-Encoding"))
        return Page(
            forms={"": Form(OK, [*kept, (b"content-length", b"%d" % len(body))], body)},
            unchanged=Form(NOT_MODIFIED, [one for one in kept if one[0] != b"content-type"]),
            etag=found.get(b"etag", b""),
            route=slip.route or "",
            limited=slip.limit is Limit.READ,
            made_of=frozenset(slip.made_of),
            until=time.monotonic() + (BRIEFLY if brief else LIFE),
            packed=packed,
        )

    async def finish(self, page: Page) -> None:
        """Send the answer, as this request wants it."""
        start = self._start or {}
        own = [one for one in start["headers"] if one[0] == b"x-request-id" or one[0].lower().startswith(b"ratelimit-")]
        form = chosen(page, self._asked)
        await self._send({**start, "status": form.status, "headers": form.headers + own})
        await self._send({"type": "http.response.body", "body": form.body})


def _may_be_kept(status: int, headers: dict[bytes, bytes]) -> bool:
    length = headers.get(b"content-length", b"")
    return (
        status == OK
        and headers.get(b"cache-control", b"").startswith(b"public")
        and b"set-cookie" not in headers
        and b"content-encoding" not in headers
        and length.isdigit()
        and int(length) <= LARGEST
    )


def chosen(page: Page, asked: Asked) -> Form:
    """What this request is sent."""
    if asked.known and same(page.etag, asked.known):
        return page.unchanged
    way = negotiated(asked.accepts) if page.packed and asked.accepts else ""
    found = page.forms.get(way)
    if found is None:
        plain = page.forms[""]
        body = WAYS[way](plain.body)
        kept = [one for one in plain.headers if one[0] != b"content-length"]
        sized = [(b"content-encoding", way.encode()), (b"content-length", b"%d" % len(body))]
        found = page.forms[way] = Form(OK, [*kept, *sized], body)
    return found


def same(etag: bytes, known: bytes) -> bool:
    """Whether an `If-None-Match` names this answer (compared weakly, RFC 9110 13.1.2)."""
    return bool(etag) and (etag.removeprefix(b"W/") in known or known.strip() == b"*")


def time_of(written: bytes) -> Timestamp:
    """MongoDB's time in an `X-Store-Version`, which a client was told with a write; nonsense asks for nothing."""
    found = WRITTEN.fullmatch(written)
    return NEVER if found is None else Timestamp(int(found[1], 16), int(found[2], 16))


@lru_cache(maxsize=256)
def negotiated(accepts: bytes) -> str:
    """The best encoding of ours that an `Accept-Encoding` allows; empty for none."""
    weights = {}
    for part in accepts.lower().split(b","):
        name, _, weight = part.partition(b";")
        found = WEIGHT.search(weight)
        weights[name.strip().decode("latin-1")] = float(found[1]) if found else 1.0
    others = weights.get("*", 0.0)
    best = max(WAYS, key=lambda way: weights.get(way, others))
    return best if weights.get(best, others) > 0 else ""


@lru_cache(maxsize=4096)
def canonical(query: bytes) -> str:
    """A query with its parameters in order of their names."""
    pairs = [one for one in query.decode("latin-1").split("&") if one]
    return "&".join(sorted(pairs, key=lambda one: one.partition("=")[0]))


def _place(path: str, prefix: str) -> str | None:
    return path[len(prefix) :].partition("/")[0] if path.startswith(prefix) else None


WAYS: dict[str, Callable[[bytes], bytes]] = {
    "br": lambda body: brotli.compress(body, quality=5),
    "zstd": lambda body: zstandard.compress(body, 6),
    "gzip": lambda body: gzip.compress(body, 6, mtime=0),
}
