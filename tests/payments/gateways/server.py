"""A small HTTP server on this machine that answers as a gateway does, and can be told to misbehave."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    target: str
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))


Answer = tuple[int, bytes]
Handler = Callable[[Asked], Awaitable[Answer]]


class Fault(StrEnum):
    """What may go wrong with a request."""

    NEVER_ARRIVES = "the connection is closed before it is read"
    ANSWER_LOST = "it is done, and the connection closed without an answer"
    HANGS = "it is done, and there is no answer"
    HALF = "it is done, and half of the answer comes"
    ERROR = "500"
    HTML = "502 with a page"
    GARBAGE = "200 with what is no JSON"
    ARRAY = "200 with an array"
    EMPTY = "200 with an empty object"
    BUSY = "429"


CANNED: dict[Fault, Answer] = {
    Fault.ERROR: (500, b'{"error": {"type": "api_error", "message": "oops", "description": "oops"}}'),
    Fault.HTML: (502, b"<html><h1>Bad gateway</h1></html>"),
    Fault.GARBAGE: (200, b"\x00\xff{]"),
    Fault.ARRAY: (200, b"[]"),
    Fault.EMPTY: (200, b"{}"),
    Fault.BUSY: (429, b'{"error": {"message": "slow down", "description": "slow down"}}'),
}


@dataclass
class Server:
    """`faults`: what goes wrong with the next requests, in their order (None: nothing); `always`: with each after."""

    handler: Handler
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    faults: list[Fault | None] = field(default_factory=list)
    always: Fault | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def paths(self, method: str) -> list[str]:
        return [one.path for one in self.asked if one.method == method]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._one(reader, writer):
                pass
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        fault = self.faults.pop(0) if self.faults else self.always
        if fault is Fault.NEVER_ARRIVES:
            return False
        asked = Asked(method, target, headers, await reader.readexactly(int(headers.get("content-length", 0))))
        self.asked.append(asked)
        status, body = CANNED[fault] if fault in CANNED else await self.handler(asked)
        if fault is Fault.ANSWER_LOST:
            return False
        if fault is Fault.HANGS:
            await reader.read()  # until the other side gives up
            return False
        phrase = HTTPStatus(status).phrase
        writer.write(f"HTTP/1.1 {status} {phrase}\r\ncontent-length: {len(body)}\r\n".encode())
        writer.write(
            b"content-type: application/json\r\n\r\n" + (body[: len(body) // 2] if fault is Fault.HALF else body)
        )
        await writer.drain()
        return fault is not Fault.HALF


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[Server]:
    server, there = Server(handler), set[asyncio.Task[None]]()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        there.add(task)
        try:
            await server.serve(reader, writer)
        finally:
            there.discard(task)

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in list(there):
            task.cancel()
        await asyncio.gather(*there, return_exceptions=True)
        await listening.wait_closed()
