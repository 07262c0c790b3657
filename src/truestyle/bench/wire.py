"""A load client: HTTP/1.1 over kept connections, a few dozen lines so that the client is not what is measured."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Ask:
    """A request. A `body` of text is sent as it is, with its type among the headers; any other as JSON."""

    method: str
    path: str
    headers: Mapping[str, str] | None = None
    body: Any = None

    def encode(self, host: str) -> bytes:
        """The bytes to send."""
        written = self.body if self.body is None or isinstance(self.body, str) else json.dumps(self.body)
        content = (written or "").encode()
        lines = [f"{self.method} {self.path} HTTP/1.1", f"host: {host}", f"content-length: {len(content)}"]
        if content and not isinstance(self.body, str):
            lines.append("content-type: application/json")
        lines += [f"{name}: {value}" for name, value in (self.headers or {}).items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


@dataclass(frozen=True)
class Got:
    """An answer; `seconds` from sending to the last byte."""

    status: int
    headers: dict[str, str]
    content: bytes
    seconds: float

    def json(self) -> Any:
        """The body."""
        return json.loads(self.content)


class Connection:
    """One kept connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, ask: Ask) -> Got:
        """Send and wait for the whole answer. Raises OSError, EOFError when the server is gone."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        began = asyncio.get_running_loop().time()
        try:
            writer.write(ask.encode(f"{self._host}:{self._port}"))
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
            content = await reader.readexactly(int(headers.get("content-length", "0")))
        except (OSError, EOFError):
            await self.close()
            raise
        if headers.get("connection") == "close":
            await self.close()
        return Got(int(head[0].split()[1]), headers, content, asyncio.get_running_loop().time() - began)

    async def close(self) -> None:
        """Let go, and wait until it is gone."""
        if self._streams is not None:
            streams, self._streams = self._streams, None
            streams[1].close()
            with suppress(OSError, EOFError):
                await streams[1].wait_closed()


async def send_all(url: str, asks: Sequence[Ask], connections: int) -> list[Got | OSError | EOFError]:
    """Send everything over so many connections at once; the answers in the order of the requests."""
    answers: list[Got | OSError | EOFError] = [EOFError()] * len(asks)
    waiting = iter(range(len(asks)))

    async def work() -> None:
        connection = Connection(url)
        for number in waiting:
            try:
                answers[number] = await connection.send(asks[number])
            except (OSError, EOFError) as error:
                answers[number] = error
        await connection.close()

    await asyncio.gather(*(work() for _ in range(connections)))
    return answers
