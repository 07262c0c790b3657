"""Who is at the other end: the right-most address that no proxy of ours has.

Each proxy appends the address that called it, so what stands to the right was written by ours, and anything to the
left may be a stranger's invention. A request that does not come from a trusted proxy is believed nothing.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache

import structlog
from starlette.types import Scope

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MOST_HOPS = 32
log = structlog.get_logger("clients")


def networks(texts: Iterable[str]) -> list[Network]:
    """Networks from `10.0.0.0/8` or single addresses. Raises ValueError."""
    return [ipaddress.ip_network(text) for text in texts]


class Clients:
    """Finds the client of a request. `header`: the one that our proxies write; the other may be a stranger's."""

    def __init__(self, trusted: Sequence[str], header: str) -> None:
        self._trusted = networks(trusted)
        self._header = header.encode()
        self._warned = False

    def of(self, scope: Scope) -> tuple[str, int] | None:
        """The client's address and, where it is known, port."""
        peer: tuple[str, int] | None = scope.get("client")
        if peer is None:
            return None
        lines = [value for name, value in scope["headers"] if name == self._header]
        if not lines:
            return peer
        if not self._is_ours(peer[0]):
            if not self._trusted and not self._warned:
                self._warned = True
                log.warning("forwarded_header_ignored", header=self._header.decode(), hint="see TRUSTED_PROXIES")
            return peer
        found = peer[0]
        hops = ",".join(line.decode("latin-1") for line in lines).split(",")
        for hop in reversed(hops[-MOST_HOPS:]):
            address = _read(_for(hop) if self._header == b"forwarded" else hop)
            if address is None:
                break  # written by nobody we know: the proxy that passed it on is all that is certain
            found = address
            if not self._is_ours(address):
                break
        return found, 0

    def _is_ours(self, address: str) -> bool:
        return bool(self._trusted) and _within(address, tuple(self._trusted))


@lru_cache(maxsize=4096)
def _within(address: str, trusted: tuple[Network, ...]) -> bool:
    text = _read(address)
    if text is None:
        return False
    parsed = ipaddress.ip_address(text)
    return any(parsed in network for network in trusted)


def _for(element: str) -> str:
    """The `for=` of one element of a Forwarded header (RFC 7239)."""
    for pair in element.split(";"):
        name, _, value = pair.strip().partition("=")
        if name.strip().lower() == "for":
            return value.strip().strip('"')
    return ""


def _read(text: str) -> str | None:
    """An address without port, brackets and zone, IPv4 in IPv6 as IPv4; None for anything else."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address)


@lru_cache(maxsize=4096)
def key_of(address: str | None) -> str:
    """What a client is counted under: its IPv4 address, or the /64 that an IPv6 subscriber has all of."""
    text = _read(address or "")
    if text is None:
        return "unknown"
    parsed = ipaddress.ip_address(text)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    return text
