"""Pictures fetched from the addresses that a file names, which may be anybody's: nothing of ours can be reached.

Each name is resolved by us, private and other special addresses are refused, and the connection is made to the address
that was checked, so that no second answer of the DNS can lead elsewhere. Redirects pass the same check.
"""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import BinaryIO
from urllib.parse import urljoin

import httpx

from truestyle.infra.outward import public

AT_ONCE = 4
TIMEOUT = 5.0  # seconds to connect, and between two pieces of an answer
DEADLINE = 20.0  # seconds for one picture altogether
FAILURES = 2  # of a host, then it is left alone
REDIRECTS = 3
MOST_BYTES = 5_242_880
PORTS = {"http": 80, "https": 443}
HEADERS = {"user-agent": "truestyle-import", "accept": "image/*", "accept-encoding": "identity"}


async def anything(content: BinaryIO) -> None:
    """Lets everything pass."""
    del content


class NotFetchedError(Exception):
    """A picture that cannot be had; the message says why."""


class HostFailedError(NotFetchedError):
    """The host does not answer, or only with failures of its own."""


@dataclass
class Fetcher:
    """Fetches for one run. `allow`: (host, port) pairs that may be private, as in tests.

    `look_at` sees everything before it is used, and raises FileRefused.
    """

    most_bytes: int = MOST_BYTES
    allow: frozenset[tuple[str, int]] = frozenset()
    timeout: float = TIMEOUT
    look_at: Callable[[BinaryIO], Awaitable[None]] = anything
    _failures: Counter[tuple[str, int]] = field(default_factory=Counter)
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return httpx.create_ssl_context(trust_env=False)

    async def fetch(self, address: str) -> bytes:
        """The bytes at an address. Raises NotFetchedError."""
        async with self._slots:
            for _ in range(REDIRECTS + 1):
                url = _url(address)
                host = (_host(url), url.port or PORTS[url.scheme])
                if self._failures[host] >= FAILURES:
                    message = f"{url.host} has failed {FAILURES} times and is not asked again"
                    raise NotFetchedError(message)
                try:
                    async with asyncio.timeout(DEADLINE):
                        found = await self._ask(url, host)
                except HostFailedError:
                    self._failures[host] += 1
                    raise
                except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                    self._failures[host] += 1
                    message = f"{url.host} does not answer ({type(error).__name__})"
                    raise HostFailedError(message) from error
                if isinstance(found, bytes):
                    return found
                address = urljoin(address, found)
        message = f"more than {REDIRECTS} redirects"
        raise NotFetchedError(message)

    async def _ask(self, url: httpx.URL, host: tuple[str, int]) -> bytes | str:
        """The body, or where it has moved to."""
        at = await self._resolve(*host)
        transport = httpx.AsyncHTTPTransport(verify=self._trust, trust_env=False)
        async with (
            httpx.AsyncClient(transport=transport, timeout=self.timeout, trust_env=False) as client,
            client.stream(
                "GET",
                url.copy_with(host=at),
                headers={**HEADERS, "host": url.netloc.decode("ascii")},
                extensions={"sni_hostname": host[0]},
            ) as answer,
        ):
            if answer.is_redirect and "location" in answer.headers:
                return str(answer.headers["location"])
            if answer.is_server_error:
                message = f"{url.host} answered {answer.status_code}"
                raise HostFailedError(message)
            if not answer.is_success:
                message = f"{url.host} answered {answer.status_code}"
                raise NotFetchedError(message)
            return await self._body(answer)

    async def _body(self, answer: httpx.Response) -> bytes:
        too_large = f"is larger than {self.most_bytes} bytes"
        declared = answer.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self.most_bytes:
            raise NotFetchedError(too_large)
        if answer.headers.get("content-encoding", "identity") != "identity":
            message = "came compressed, which was not asked for"
            raise NotFetchedError(message)
        found = bytearray()
        async for piece in answer.aiter_raw():
            found += piece
            if len(found) > self.most_bytes:
                raise NotFetchedError(too_large)
        return bytes(found)

    async def _resolve(self, host: str, port: int) -> str:
        """An address of the host that may be asked. Raises NotFetchedError."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            message = f"{host} is not known"
            raise HostFailedError(message) from error
        addresses = [str(one[4][0]) for one in found]
        if (host, port) not in self.allow and not all(public(one) for one in addresses):
            message = f"{host} is not a public address"
            raise NotFetchedError(message)
        return min(addresses, key=lambda one: ":" in one)  # an IPv4 one before others: it is reached more often


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii").strip("[]")


def _url(address: str) -> httpx.URL:
    """Raises NotFetchedError for anything but a plain http(s) address."""
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL as error:
        message = "is not an address"
        raise NotFetchedError(message) from error
    if url.scheme not in PORTS or not url.host:
        message = "is not an http or https address"
        raise NotFetchedError(message)
    if url.userinfo:
        message = "has a password in the address"
        raise NotFetchedError(message)
    return url
