"""The outermost ASGI layer: request id, one log line a request, security headers, both slash forms, HEAD.

Pure ASGI: BaseHTTPMiddleware would cost a task and a queue on every request.
"""

import asyncio
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from truestyle.infra.http.clients import Clients
from truestyle.infra.http.problems import render
from truestyle.kit import transactions
from truestyle.kit.errors import BodyTooLarge, Problem, Unavailable
from truestyle.kit.trail import Actor, ActorKind, act_as

SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
TOKEN = re.compile(r"/(?=[^/]*[A-Z])[^/]{32,}")  # names of ours are shorter, or in small letters
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
SAFE = frozenset({"GET", "OPTIONS"})
REFUSED = 400  # and above
NOTED = ("problem", "replayed")  # told where they are: the code of an error, and that an answer was given before
GONE = 499  # in the log only: the client left, or was cut off
CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'"
log = structlog.get_logger("request")


Observe = Callable[[dict[str, Any]], None]


class Edge:
    """Everything that holds for each request, whatever route answers it."""

    def __init__(self, app: ASGIApp, *, secure: bool, clients: Clients, observe: Observe | None = None) -> None:
        self.app, self.clients, self.observe = app, clients, observe
        self.headers = dict(HEADERS)
        if secure:
            self.headers["strict-transport-security"] = "max-age=63072000; includeSubDomains"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        offered = Headers(scope=scope).get("x-request-id", "")
        request_id = offered if SANE_ID.fullmatch(offered) else uuid.uuid4().hex
        act_as(Actor(ActorKind.GUEST, request_id=request_id))  # until somebody is known
        head = scope["method"] == "HEAD"
        scope = {**scope, "method": "GET" if head else scope["method"], "state": dict(scope.get("state") or {})}
        scope["state"] |= {"request_id": request_id, "head": head}
        scope["client"] = self.clients.of(scope)  # from here on, for whoever records an address
        if len(scope["path"]) > 1:
            scope["path"] = scope["path"].rstrip("/") or "/"
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                headers.update(scope["state"].get("headers", {}))
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("content-security-policy", CONTENT_POLICY)
                headers.setdefault("cache-control", "no-store")
                if scope["method"] not in SAFE and status < REFUSED:
                    if "idempotency-replayed" in headers:
                        scope["state"]["replayed"] = True
                    headers["x-store-version"] = "{0.time:x}.{0.inc:x}".format(transactions.latest())
            elif head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        try:
            await self.app(scope, receive, answer)
        except ClientDisconnect:
            status = GONE  # nobody is left to be told
        finally:
            self._tell(scope, "HEAD" if head else scope["method"], status, (time.perf_counter() - began) * 1000)

    def _tell(self, scope: Scope, method: str, status: int, ms: float) -> None:
        facts = {
            "route": _route(scope),
            "method": method,
            "path": _path(scope),
            "status": status,
            "ms": round(ms, 2),
            "request_id": scope["state"]["request_id"],
            "client": (scope.get("client") or ("", 0))[0],
            "caller": scope["state"].get("caller"),
            **{name: scope["state"][name] for name in NOTED if name in scope["state"]},
        }
        log.info("request", **facts)
        if self.observe is not None:
            self.observe(facts)


def _route(scope: Scope) -> str | None:
    return getattr(scope.get("route"), "path_format", None)


def _path(scope: Scope) -> str:
    """The path as it may be logged: a token in it may not, even where the path leads nowhere."""
    token = scope.get("path_params", {}).get("token")
    return scope["path"].replace(token, "{token}") if token else TOKEN.sub("/…", scope["path"])


class Failures:
    """What nobody foresaw becomes an answer here: inside CORS, so that a page of ours may read it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except ClientDisconnect:
            raise
        except asyncio.CancelledError:  # the server is to end, and this took longer than it may wait
            if not started:
                await render(Unavailable(), scope["path"], scope["state"]["request_id"])(scope, receive, send)
            raise
        except Exception:
            request_id = scope["state"]["request_id"]
            log.exception("request_failed", request_id=request_id, method=scope["method"], path=_path(scope))
            scope["state"]["problem"] = Problem.code
            if started:  # too late for another answer: the server closes the connection
                raise
            await render(Problem(), scope["path"], request_id)(scope, receive, send)


class BodyLimit:
    """Refuses a body over the limit of its path before it is parsed, and never holds more than that."""

    def __init__(self, app: ASGIApp, *, default: int, larger: dict[str, int], multipart: int) -> None:
        self.app, self.default, self.multipart = app, default, multipart
        self.larger = sorted(larger.items(), key=lambda rule: -len(rule[0]))

    def _limit(self, path: str, content_type: str) -> int:
        for prefix, limit in self.larger:
            if path == prefix or path.startswith(prefix + "/"):
                return max(limit, self.multipart) if content_type.startswith("multipart/") else limit
        return self.multipart if content_type.startswith("multipart/") else self.default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a counting `receive`."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit = self._limit(scope["path"], headers.get("content-type", ""))
        declared = headers.get("content-length", "0")
        if not declared.isdecimal() or int(declared) > limit:
            await render(BodyTooLarge(), scope["path"], scope["state"]["request_id"])(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise HTTPException(413)  # the one kind that FastAPI's body reading lets through
            return message

        await self.app(scope, counted, send)
