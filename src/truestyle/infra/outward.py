"""Calling addresses that people gave us, which may be anybody's: nothing of ours can be reached by it.

Each name is resolved by us, once; if any of its addresses is private or otherwise special the call is refused, and the
connection is made to an address that was checked, so that no second answer of the DNS can lead elsewhere. Redirects are
not followed, and no proxy of the environment is used.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import httpx

PORTS = {"http": 80, "https": 443}
SHOWN = 300  # bytes of an answer that are kept
LOOKUPS = 4  # names looked up at a time, in threads of their own: a DNS that hangs holds up nothing else
NAT64 = ipaddress.ip_network("64:ff9b::/96")
UNICAST = ipaddress.ip_network("2000::/3")  # all of IPv6 that is anybody's; the rest is local or a way around
# Of IPv4, beside what Python calls private (which differs between its releases): shared, relayed, and the metadata
# services of clouds that are not at link-local addresses.
SPECIAL_4 = tuple(
    map(ipaddress.ip_network, ("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "240.0.0.0/4"))
)
# Of IPv6: protocol assignments with Teredo and ORCHID, 6to4, documentation.
SPECIAL_6 = tuple(map(ipaddress.ip_network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))


class NotCalledError(Exception):
    """An address that may not be called, or that gave no answer; the message says why and can be shown to staff."""


@dataclass(frozen=True)
class Reply:
    """What came back: the status, and the beginning of the body."""

    status: int
    excerpt: str


class Outward:
    """Makes such calls. `local`: addresses of this machine are allowed too, as in development."""

    def __init__(self, *, seconds: float, https_only: bool, local: bool = False) -> None:
        self._seconds, self._https_only, self._local = seconds, https_only, local
        self._threads = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="lookup")

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return httpx.create_ssl_context(trust_env=False)

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def checked(self, address: str) -> httpx.URL:
        """An address as far as it can be judged without asking the DNS. Raises NotCalledError."""
        try:
            url = httpx.URL(address)
            url.raw_host.decode("ascii")
        except (httpx.InvalidURL, UnicodeError) as error:
            raise NotCalledError("is not an address") from error
        if url.scheme not in PORTS or not url.host:
            raise NotCalledError("is not an http or https address")
        if self._https_only and url.scheme != "https":
            raise NotCalledError("must begin with https://")
        if url.userinfo or url.fragment:
            raise NotCalledError("must have neither a password nor a fragment")
        for one in _literal(_host(url)):
            self._require_allowed(one, url.host)
        return url

    async def post(self, address: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        """Send a body, and see what comes back. Raises NotCalledError."""
        url, trust = self.checked(address), self._trust  # read before the clock runs: the first time takes a while
        try:
            async with asyncio.timeout(self._seconds):
                return await self._post(url, await self._resolved(url), trust, content, headers)
        except TimeoutError as error:
            msg = f"no answer within {self._seconds:g} seconds"
            raise NotCalledError(msg) from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
            msg = f"no answer ({_why(error)})"
            raise NotCalledError(msg) from error

    async def _post(
        self, url: httpx.URL, at: str, trust: ssl.SSLContext, content: bytes, headers: Mapping[str, str]
    ) -> Reply:
        # The URL has the address that was checked; the name is in `Host` and in the TLS handshake, which checks it.
        transport = httpx.AsyncHTTPTransport(verify=trust, trust_env=False)
        async with (
            httpx.AsyncClient(
                transport=transport, timeout=self._seconds, trust_env=False, follow_redirects=False
            ) as client,
            client.stream(
                "POST",
                url.copy_with(host=at),
                content=content,
                headers={"accept-encoding": "identity", **headers, "host": url.netloc.decode("ascii")},
                extensions={"sni_hostname": _host(url)},
            ) as answer,
        ):
            return Reply(answer.status_code, await _beginning(answer))

    async def _resolved(self, url: httpx.URL) -> str:
        """The address to connect to. Raises NotCalledError: unknown, or any of its addresses is not allowed."""
        try:
            found = await self.look_up(_host(url), url.port or PORTS[url.scheme])
        except (OSError, UnicodeError) as error:
            msg = f"{url.host} is not known"
            raise NotCalledError(msg) from error
        for one in found:
            self._require_allowed(one, url.host)
        return min(found, key=lambda one: ":" in one)  # an IPv4 one before others: it is reached more often

    async def look_up(self, host: str, port: int) -> list[str]:
        """The addresses of a name, one at least. Raises OSError, UnicodeError."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return [str(one[4][0]) for one in found]

    def _require_allowed(self, address: str, host: str) -> None:
        if not public(address) and not (self._local and ipaddress.ip_address(address).is_loopback):
            msg = f"{host} is not a public address"
            raise NotCalledError(msg)


def public(address: str) -> bool:
    """Whether an IP address is anybody's on the internet: not private, local, reserved or a way around that."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in NAT64:
            return public(str(ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)))
        return ip in UNICAST and ip.is_global and not any(ip in one for one in SPECIAL_6)
    return ip.is_global and not ip.is_multicast and not any(ip in one for one in SPECIAL_4)


def _literal(host: str) -> list[str]:
    """The address that a host is in itself, in whatever way it is written, as in `127.1` or `2130706433`."""
    if host.rstrip(".").lower() == "localhost":
        return ["127.0.0.1"]
    with suppress(ValueError):
        return [str(ipaddress.ip_address(host))]
    with suppress(OSError):
        return [socket.inet_ntoa(socket.inet_aton(host))]
    return []


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii").strip("[]")


def _why(error: Exception) -> str:
    """The kind of failure, in words that name nothing of ours."""
    if isinstance(error.__cause__, ssl.SSLError) or "CERTIFICATE" in str(error):
        return "its certificate is not good"
    return type(error).__name__


async def _beginning(answer: httpx.Response) -> str:
    found = bytearray()
    async for piece in answer.aiter_raw():
        found += piece
        if len(found) >= SHOWN:
            break
    text = bytes(found[:SHOWN]).decode("utf-8", "replace")
    return "".join(one if one.isprintable() else " " for one in text)  # it is shown to people, and logged nowhere
