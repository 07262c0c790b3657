"""ETag and 304 for answers that say `Cache-Control: public`: one place, so that no route forgets it."""

import hashlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Conditional:
    """Holds a public JSON answer back until it knows its hash; everything else passes through."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        known = Headers(scope=scope).get("if-none-match", "")
        start: Message | None = None
        body = b""

        async def hold(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                headers = Headers(raw=message["headers"])
                public = headers.get("cache-control", "").startswith("public")
                if message["status"] == 200 and public and "etag" not in headers:  # noqa: PLR2004
                    start = message
                    return
            elif start is not None:
                body += message.get("body", b"")
                if not message.get("more_body"):
                    await _finish(start, body, known, send)
                return
            await send(message)

        await self.app(scope, receive, hold)


async def _finish(start: Message, body: bytes, known: str, send: Send) -> None:
    # Weak: the same answer may be compressed on its way.
    tag = f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = MutableHeaders(scope=start)
    headers["etag"] = tag
    if tag.removeprefix("W/") in known or known.strip() == "*":
        start["status"], body = 304, b""
        for name in ("content-length", "content-type"):
            del headers[name]
    await send(start)
    await send({"type": "http.response.body", "body": body})
