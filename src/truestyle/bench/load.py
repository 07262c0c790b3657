"""Load on a URL. Plain GETs come from `wrk` when it is on PATH (`apt install wrk`), all else from our own client.

Both are processes of their own, so that the one who measures does not slow down what is measured.
"""

import asyncio
import json
import re
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from truestyle.bench.wire import Ask, Connection

CONNECTIONS = 16
WRK = shutil.which("wrk")
OWN = "truestyle.bench.client"
GENERATOR = "wrk" if WRK else OWN
MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


class LoadFailedError(RuntimeError):
    """What was to be measured does not answer as it should."""


@dataclass(frozen=True)
class Load:
    """What came of a load; `unexpected` counts all answers but the expected one, times are in ms."""

    count: int
    seconds: float
    p50: float
    p99: float
    unexpected: dict[str, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Expected answers a second."""
        return (self.count - sum(self.unexpected.values())) / self.seconds

    def told(self) -> dict[str, Any]:
        """For the JSON."""
        return {**asdict(self), "rate": round(self.rate, 1)}


class Client:
    """Our own client: a process that is started once for many loads."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        """Start it."""
        command = (sys.executable, "-m", "truestyle.bench.client")
        self._process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
        return self

    async def __aexit__(self, *_: object) -> None:
        """It ends when it is told no more."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            await self._process.wait()

    async def send(
        self,
        url: str,
        asks: Sequence[Ask],
        connections: int,
        *,
        expected: int = 200,
        seconds: float | None = None,
        proof: str = "",
    ) -> Load:
        """Send each request once, or go round for some seconds, over so many connections at once.

        `proof`: what an answer must have in its head or body to count as expected.
        """
        plan = {"url": url, "connections": connections, "seconds": seconds, "proof": proof}
        plan["asks"] = [asdict(ask) for ask in asks]
        if self._process is None or self._process.stdin is None or self._process.stdout is None:
            msg = "the client is not started"
            raise RuntimeError(msg)
        self._process.stdin.write(json.dumps(plan).encode() + b"\n")
        await self._process.stdin.drain()
        found = json.loads(await self._process.stdout.readline())
        unexpected = {said: count for said, count in found["answers"].items() if said != str(expected)}
        return Load(found["count"], found["seconds"], found["p50"], found["p99"], unexpected)


async def send(
    url: str,
    asks: Sequence[Ask],
    connections: int,
    *,
    expected: int = 200,
    seconds: float | None = None,
    proof: str = "",
) -> Load:
    """As Client.send, by a client for this load alone."""
    async with Client() as client:
        return await client.send(url, asks, connections, expected=expected, seconds=seconds, proof=proof)


async def get(
    url: str,
    path: str,
    seconds: float,
    *,
    headers: Mapping[str, str] | None = None,
    expected: int = 200,
    distinct_from: int | None = None,
    client: Client | None = None,
) -> Load:
    """GET the path for some seconds over CONNECTIONS; `distinct_from`: with a number after it that no two share.

    `wrk` takes whole seconds: a part of one is our own client's (`client`, if it is started). Raises LoadFailedError
    when the first answer is not the expected one.
    """
    ask = Ask("GET", path if distinct_from is None else f"{path}{distinct_from}", headers)
    await _require(url, ask, expected)
    if WRK is None or seconds < 1:
        asks = [ask]
        if distinct_from is not None:
            asks = [Ask("GET", f"{path}{distinct_from + step}", headers) for step in range(1, 20_000)]
        sending = send if client is None else client.send
        return await sending(url, asks, CONNECTIONS, expected=expected, seconds=seconds)
    options = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "--latency"]
    options += [word for name, value in (headers or {}).items() for word in ("-H", f"{name}: {value}")]
    if distinct_from is not None:
        options += ["-s", str(Path(__file__).with_name("distinct.lua"))]
        process = await asyncio.create_subprocess_exec(
            WRK, *options, url, "--", path, str(distinct_from), stdout=PIPE, stderr=DEVNULL
        )
    else:
        process = await asyncio.create_subprocess_exec(WRK, *options, url + path, stdout=PIPE, stderr=DEVNULL)
    output, _ = await process.communicate()
    return _read_wrk(output.decode())


async def _require(url: str, ask: Ask, expected: int) -> None:
    connection = Connection(url)
    try:
        got = await connection.send(ask)
    finally:
        await connection.close()
    if got.status != expected:
        msg = f"{ask.method} {ask.path}: {got.status} instead of {expected}: {got.content[:300]!r}"
        raise LoadFailedError(msg)


def _read_wrk(output: str) -> Load:
    total = re.search(r"(\d+) requests in ([\d.]+)(\w+)", output)
    if total is None:
        msg = f"wrk said: {output[:500]}"
        raise LoadFailedError(msg)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    unexpected = {
        "not 2xx or 3xx": int(refused[1]) if refused else 0,
        "socket errors": sum(map(int, broken.groups())) if broken else 0,
    }
    return Load(
        int(total[1]),
        float(total[2]) * MILLISECONDS[total[3]] / 1000,
        _percentile(output, "50%"),
        _percentile(output, "99%"),
        {what: count for what, count in unexpected.items() if count},
    )


def _percentile(output: str, share: str) -> float:
    found = re.search(rf"{share}\s+([\d.]+)(us|ms|s|m)\b", output)
    return round(float(found[1]) * MILLISECONDS[found[2]], 2) if found else 0.0
