"""Slow clients on a real socket: who dawdles with head, body or reading is cut off; who is merely slow is served."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Self

import pytest
import uvicorn
from fastapi import FastAPI

from tests.conftest import make_settings
from tests.running import free_port
from truestyle.cli.serving import UVICORN
from truestyle.infra.http import patience
from truestyle.main import create_app
from truestyle.shop import Shop

HEAD, BODY, MOST = 1.0, 1.0, 20
SLACK = 5.0  # seconds that a busy machine may add
LOGIN = b'{"email": "nobody@example.com", "password": "not this one, surely"}'
POST = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
async def port(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory, app: FastAPI) -> AsyncIterator[int]:
    """A server on the database of `app`, which has prepared it."""
    data = tmp_path_factory.mktemp("patience")
    settings = make_settings(
        mongo_uri, data, header_timeout_seconds=HEAD, body_timeout_seconds=BODY, max_connections=MOST
    )
    port = free_port()
    patient = create_app(settings, work=False, prepared=True)
    server = uvicorn.Server(uvicorn.Config(patient, host="127.0.0.1", port=port, **UVICORN))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    yield port
    server.should_exit = True
    await task


class Wire:
    """A bare connection."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.began = time.monotonic()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()

    async def trickle(self, data: bytes, every: float) -> None:
        """A byte now and then, until cut off."""
        for at in range(len(data)):
            if self.writer.is_closing() or self.reader.at_eof():
                return
            with suppress(ConnectionError):
                self.writer.write(data[at : at + 1])
                await self.writer.drain()
            await asyncio.sleep(every)

    async def until_closed(self) -> tuple[bytes, float]:
        """All that was answered until the server hung up, and after how many seconds that was."""
        answered = b""
        with suppress(ConnectionError):  # we may have gone on sending when it had hung up
            async with asyncio.timeout(HEAD + BODY + SLACK):
                while part := await self.reader.read(65_536):
                    answered += part
        return answered, time.monotonic() - self.began


def told(answered: bytes) -> tuple[int, str]:
    head, _, body = answered.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert b"connection: close" in head.lower()
    return int(head.split()[1]), json.loads(body)["code"]


async def test_a_head_that_trickles_in_is_cut_off(port: int) -> None:
    async with Wire(port) as wire:
        sending = asyncio.create_task(wire.trickle(b"GET /health/live HTTP/1.1\r\nX: " + b"x" * 1000, 0.05))
        answered, seconds = await wire.until_closed()
        await sending
    assert told(answered) == (408, "request_timeout")
    assert HEAD <= seconds < HEAD + SLACK


async def test_a_connection_that_asks_nothing_is_closed(port: int) -> None:
    async with Wire(port) as wire:
        answered, seconds = await wire.until_closed()
    assert answered == b""
    assert HEAD <= seconds < HEAD + SLACK


async def test_a_body_that_trickles_in_is_cut_off_and_does_nothing(port: int, shop: Shop) -> None:
    async with Wire(port) as wire:
        wire.writer.write(POST + b"Content-Length: 1000\r\n\r\n")
        sending = asyncio.create_task(wire.trickle(LOGIN + b" " * 1000, 0.05))
        answered, seconds = await wire.until_closed()
        await sending
    assert told(answered) == (408, "request_timeout")
    assert BODY <= seconds < BODY + SLACK
    assert await shop.store.failures.count({}) == 0


async def test_a_chunked_body_without_end_is_cut_off(port: int) -> None:
    async with Wire(port) as wire:
        wire.writer.write(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        sending = asyncio.create_task(wire.trickle(b"1\r\n \r\n" * 200, 0.02))
        answered, seconds = await wire.until_closed()
        await sending
    assert told(answered) == (408, "request_timeout")
    assert seconds < BODY + SLACK


async def test_a_body_that_nobody_waits_for_does_not_keep_the_connection(port: int) -> None:
    """The answer, 413, is given without reading: what is announced must come all the same, or the line is cut."""
    async with Wire(port) as wire:
        wire.writer.write(POST + b"Content-Length: 100000\r\n\r\n")
        sending = asyncio.create_task(wire.trickle(b" " * 1000, 0.05))
        answered, seconds = await wire.until_closed()
        await sending
    assert answered.startswith(b"HTTP/1.1 413 ")
    assert answered.count(b"HTTP/1.1") == 1
    assert seconds < BODY + SLACK


async def test_a_body_at_a_modest_pace_is_read_to_its_end(port: int) -> None:
    """Longer under way than the deadline, but at more than 500 bytes a second."""
    body = LOGIN.ljust(3000)
    async with Wire(port) as wire:
        wire.writer.write(POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
        for at in range(0, len(body), 200):
            wire.writer.write(body[at : at + 200])
            await asyncio.sleep(0.13)
        answered, seconds = await wire.until_closed()
    assert seconds > BODY
    assert answered.startswith(b"HTTP/1.1 401 ")


async def test_a_second_request_on_a_kept_connection_has_a_deadline_too(port: int) -> None:
    async with Wire(port) as wire:
        wire.writer.write(b"GET /health/live HTTP/1.1\r\nHost: t\r\n\r\n")
        assert (await wire.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        wire.writer.write(b"GET /health/live HT")
        answered, seconds = await wire.until_closed()
    assert b"HTTP/1.1 408 " in answered
    assert HEAD <= seconds < HEAD + SLACK


async def test_connections_are_bounded_and_room_comes_back(port: int) -> None:
    idle = [Wire(port) for _ in range(MOST)]
    for one in idle:
        await one.__aenter__()
    async with Wire(port) as late:
        answered, _ = await late.until_closed()
    assert told(answered) == (503, "service_unavailable")
    assert b"Retry-After: " in answered
    for one in idle:
        await one.until_closed()
        await one.__aexit__()
    async with Wire(port) as again:
        again.writer.write(b"GET /health/live HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
        assert (await again.until_closed())[0].startswith(b"HTTP/1.1 200 ")


async def test_slow_connections_keep_nobody_else_waiting(port: int) -> None:
    slow = [Wire(port) for _ in range(MOST - 5)]
    for one in slow:
        await one.__aenter__()
        one.writer.write(POST + b"Content-Length: 1000\r\n\r\n{")
    async with Wire(port) as quick:
        quick.writer.write(b"GET /health/live HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
        answered, seconds = await quick.until_closed()
    assert answered.startswith(b"HTTP/1.1 200 ")
    assert seconds < BODY
    for one in slow:
        assert (await one.until_closed())[0].startswith(b"HTTP/1.1 408 ")
        await one.__aexit__()


async def test_an_answer_that_is_not_read_is_given_up(port: int, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "UNREAD", 0.5)
    async with Wire(port) as wire:
        ask = b"GET /openapi.json HTTP/1.1\r\nHost: t\r\n\r\n"
        ends = time.monotonic() + 20
        with suppress(ConnectionError):  # which is what this waits for: nothing is read here
            while time.monotonic() < ends:
                wire.writer.write(ask * 20)
                await asyncio.wait_for(wire.writer.drain(), 1)
                await asyncio.sleep(0.05)
        assert time.monotonic() < ends


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /\xff\xfe HTTP/1.1\r\nHost: t\r\n\r\n",
        b"GET /api/v1/products/%ff%fe HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n",
        b"GET /api/v1/products?q=%ff%00 HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n",
        b"GET " + b"/x" * 40_000 + b" HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: t\r\n" + b"X: y\r\n" * 20_000 + b"Connection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: upgrade, close\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=lambda sent: repr(sent[:40]),
)
async def test_what_is_hardly_http_gets_no_failure(port: int, sent: bytes) -> None:
    async with Wire(port) as wire:
        wire.writer.write(sent)
        answered, seconds = await wire.until_closed()
        assert not answered.startswith(b"HTTP/1.1 5")
        assert seconds < HEAD + SLACK
    async with Wire(port) as again:
        again.writer.write(b"GET /health/live HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
        assert (await again.until_closed())[0].startswith(b"HTTP/1.1 200 ")


# Answers that are kept, written at once


async def asked(port: int, more: str = "", version: str = "1.1") -> tuple[bytes, dict[bytes, bytes], bytes]:
    """Status line, headers and body of the list of brands on a connection of its own."""
    head = f"GET /api/v1/brands HTTP/{version}\r\nHost: t\r\n{more}Connection: close\r\n\r\n"
    async with Wire(port) as wire:
        wire.writer.write(head.encode())
        answer, _ = await wire.until_closed()
    top, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = top.split(b"\r\n")
    headers = [line.split(b": ", 1) for line in lines]
    assert len({name.lower() for name, _ in headers}) == len(headers), "a header came twice"
    return status, {name.lower(): value for name, value in headers}, body


@pytest.fixture
async def kept(port: int) -> None:
    """The page cache of the server has the brands."""
    async with asyncio.timeout(10):
        before = await hits(port)
        while await hits(port) == before:
            await asked(port)


async def hits(port: int) -> float:
    """How many answers came from the page cache."""
    async with Wire(port) as wire:
        wire.writer.write(b"GET /metrics HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
        told, _ = await wire.until_closed()
    return sum(float(line.split()[-1]) for line in told.decode().splitlines() if line.startswith(HITS))


HITS = 'truestyle_cache_reads_total{cache="pages",result="hit"}'
OF_THE_REQUEST = {b"x-request-id", b"ratelimit-remaining", b"ratelimit-reset", b"date"}


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("more", ["", "Accept-Encoding: br\r\n", "Accept-Encoding: gzip\r\n"])
async def test_a_kept_answer_is_the_one_that_was_made(port: int, more: str) -> None:
    made = await asked(port, f"{more}Cache-Control: no-cache\r\n")
    for _ in range(2):  # the first of an encoding has it compressed
        before = await hits(port)
        found = await asked(port, more)
        assert await hits(port) == before + 1
    assert found[0] == made[0] == b"HTTP/1.1 200 OK"
    assert found[1].keys() == made[1].keys()
    own = OF_THE_REQUEST | ({b"content-length", b"etag"} if more else set())
    assert {name: value for name, value in found[1].items() if name not in own} == {
        name: value for name, value in made[1].items() if name not in own
    }
    assert len(found[2]) == int(found[1][b"content-length"])
    assert more or found[2] == made[2]


@pytest.mark.usefixtures("kept")
async def test_a_kept_answer_that_is_known_has_no_body(port: int) -> None:
    _, headers, _ = await asked(port)
    status, again, body = await asked(port, f"If-None-Match: {headers[b'etag'].decode()}\r\n")
    assert (status, body) == (b"HTTP/1.1 304 Not Modified", b"")
    assert again[b"etag"] == headers[b"etag"]
    assert b"content-length" not in again
    assert b"transfer-encoding" not in again


@pytest.mark.usefixtures("kept")
async def test_an_old_client_is_hung_up_on(port: int) -> None:
    async with Wire(port) as wire:
        wire.writer.write(b"GET /api/v1/brands HTTP/1.0\r\nHost: t\r\n\r\n")
        answer, _ = await wire.until_closed()
    assert b"\r\nconnection: close\r\n" in answer


@pytest.mark.usefixtures("kept")
async def test_many_requests_at_once_on_one_connection_are_answered_in_order(port: int) -> None:
    ids = [f"request-{number}" for number in range(50)]
    async with Wire(port) as wire:
        for at, one in enumerate(ids):  # some are kept, some are made
            path = "/api/v1/brands" if at % 3 else "/health/live"
            last = "Connection: close\r\n" if one is ids[-1] else ""
            wire.writer.write(f"GET {path} HTTP/1.1\r\nHost: t\r\nX-Request-ID: {one}\r\n{last}\r\n".encode())
        answer, _ = await wire.until_closed()
    found = [line.split(b": ")[1].decode() for line in answer.split(b"\r\n") if line.startswith(b"x-request-id: ")]
    assert found == ids
