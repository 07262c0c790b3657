"""The load client as a process of its own: a plan a line on stdin, what came of it a line on stdout.

    echo '{"url": "http://127.0.0.1:8000", "connections": 4, "seconds": 2, "asks": [{"method": "GET", "path": "/"}]}' \
        | python -m truestyle.bench.client

With `seconds` the requests go round until the time is over; without, each is sent once, in order. `proof` is what a
good answer has in its head or body, for servers that say no with a status of 200 or 302. It knows of HTTP what our
server says, and no more: so it is not the client that is measured.
"""

import asyncio
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any, cast
from urllib.parse import urlsplit

import uvloop

from truestyle.bench.wire import Ask

LENGTH, CLOSES = b"\r\ncontent-length: ", b"\r\nconnection: close\r\n"
REFUSED = b"400"  # and what is greater


class _Work:
    """What is left to send, and what came back."""

    def __init__(self, asks: list[bytes], seconds: float | None, proof: str) -> None:
        self.proof = proof
        self._waiting: Iterator[bytes] = iter(asks) if seconds is None else itertools.cycle(asks)
        self._ends = time.perf_counter() + (seconds or 3600)
        self.answers: Counter[str] = Counter()
        self.took: list[float] = []

    def next(self) -> bytes | None:
        """The next request, or None when all is done."""
        return None if time.perf_counter() > self._ends else next(self._waiting, None)


class _Line(asyncio.Protocol):
    """One kept connection, which sends the next request as soon as an answer is whole."""

    def __init__(self, work: _Work, first: bytes) -> None:
        self._work, self._ask = work, first
        self._got, self._whole, self._kept = bytearray(), 0, True
        self._began = 0.0
        # True: all is done; False: go on with another connection.
        self.over: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first."""
        self._transport = cast("asyncio.WriteTransport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Part of an answer."""
        got = self._got
        got += data
        if not self._whole:
            end = got.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(got[: end + 2]).lower()
            self._whole, self._kept = end + 4, CLOSES not in head
            at = head.find(LENGTH)
            if at >= 0:
                self._whole += int(head[at + len(LENGTH) : head.index(b"\r", at + 2)])
        if len(got) < self._whole:
            return
        self._work.took.append(time.perf_counter() - self._began)
        self._work.answers[_said(got, self._work.proof)] += 1
        self._got, self._whole = bytearray(), 0
        following = self._work.next() if self._kept else None
        if following is None:
            self.over.set_result(self._kept)
            self._transport.close()
            return
        self._ask = following
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        """The server let go: at once after an answer, or of a request that it was sent."""
        if not self.over.done():
            self._work.answers[type(error or EOFError()).__name__] += 1
            self.over.set_result(False)

    def _send(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(self._ask)


async def work_off(plan: dict[str, Any]) -> dict[str, Any]:
    """Send what the plan says; how many, how long, which answers, and how late."""
    parts = urlsplit(plan["url"])
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    asks = [Ask(**one).encode(f"{host}:{port}") for one in plan["asks"]]
    work = _Work(asks, plan.get("seconds"), plan.get("proof", ""))
    loop = asyncio.get_running_loop()

    async def one() -> None:
        while (first := work.next()) is not None:
            try:
                _, line = await loop.create_connection(partial(_Line, work, first), host, port)
            except OSError as error:
                work.answers[type(error).__name__] += 1
                continue
            if await line.over:
                break

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(plan["connections"])))
    elapsed, took = time.perf_counter() - began, sorted(work.took)
    found = {"p50": _at(took, 0.5), "p99": _at(took, 0.99)}
    return {"count": len(took), "seconds": elapsed, "answers": work.answers, **found}


def _said(got: bytearray, proof: str) -> str:
    """`201`, or `409 insufficient_stock`, or `200 without orderNumber`."""
    status = bytes(got[9:12])
    if status < REFUSED:
        return status.decode() if proof.encode() in got else f"{status.decode()} without {proof}"
    body = got[got.index(b"\r\n\r\n") + 4 :]
    try:
        return f"{status.decode()} {json.loads(body)['code']}"
    except (ValueError, KeyError, TypeError):
        return status.decode()


def _at(took: list[float], share: float) -> float:
    """The time within which this share of the answers came, in ms."""
    return round(took[min(len(took) - 1, int(len(took) * share))] * 1000, 4) if took else 0.0


def main() -> None:
    """Work off every plan."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for line in sys.stdin:
            print(json.dumps(runner.run(work_off(json.loads(line)))), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
