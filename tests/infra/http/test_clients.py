"""Whom a request comes from: the right-most address that is not a proxy of ours, and never what a stranger says."""

import pytest
from starlette.types import Scope

from truestyle.infra.http.clients import Clients, key_of

PROXIES = ["10.0.0.0/8", "192.0.2.1", "2001:db8:aa::/48"]
XFF, FORWARDED = "x-forwarded-for", "forwarded"


def found(peer: str, *lines: str, trusted: list[str] | None = None, header: str = XFF, sent_as: str = "") -> str:
    headers = [((sent_as or header).encode(), line.encode("latin-1")) for line in lines]
    scope: Scope = {"type": "http", "client": (peer, 1234), "headers": headers}
    client = Clients(PROXIES if trusted is None else trusted, header).of(scope)
    assert client is not None
    return client[0]


@pytest.mark.parametrize(
    ("peer", "lines", "expected"),
    [
        ("203.0.113.5", ["1.2.3.4"], "203.0.113.5"),  # a stranger who says so
        ("203.0.113.5", [], "203.0.113.5"),
        ("10.1.1.1", ["203.0.113.5"], "203.0.113.5"),
        ("10.1.1.1", ["1.2.3.4, 203.0.113.5"], "203.0.113.5"),  # what stands to the left is an invention
        ("10.1.1.1", ["1.2.3.4", "203.0.113.5"], "203.0.113.5"),  # in a line of its own too
        ("10.1.1.1", ["1.2.3.4, 203.0.113.5, 10.2.2.2, 192.0.2.1"], "203.0.113.5"),
        ("10.1.1.1", ["10.2.2.2, 10.3.3.3"], "10.2.2.2"),  # from inside
        ("10.1.1.1", ["203.0.113.5, nonsense"], "10.1.1.1"),  # a proxy of ours writes no nonsense
        ("10.1.1.1", ["203.0.113.5, nonsense, 10.2.2.2"], "10.2.2.2"),
        ("10.1.1.1", [""], "10.1.1.1"),
        ("10.1.1.1", ["203.0.113.5:443"], "203.0.113.5"),
        ("10.1.1.1", ["[2001:db8::5]:443"], "2001:db8::5"),
        ("10.1.1.1", ["2001:db8::5"], "2001:db8::5"),
        ("::ffff:10.1.1.1", ["::ffff:203.0.113.5"], "203.0.113.5"),
        ("2001:db8:aa::1", ["203.0.113.5"], "203.0.113.5"),
        ("2001:db8:ab::1", ["203.0.113.5"], "2001:db8:ab::1"),
        ("10.1.1.1", [", ".join(["1.2.3.4"] * 5000) + ", 203.0.113.5"], "203.0.113.5"),
    ],
)
def test_the_right_most_untrusted_address(peer: str, lines: list[str], expected: str) -> None:
    assert found(peer, *lines) == expected


def test_without_trusted_proxies_nobody_is_believed() -> None:
    assert found("127.0.0.1", "203.0.113.5", trusted=[]) == "127.0.0.1"


def test_only_the_header_that_our_proxies_write_counts() -> None:
    assert found("10.1.1.1", "for=203.0.113.5", header=XFF, sent_as=FORWARDED) == "10.1.1.1"
    assert found("10.1.1.1", "203.0.113.5", header=FORWARDED, sent_as=XFF) == "10.1.1.1"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("for=1.2.3.4, for=203.0.113.5;proto=https;by=10.1.1.1", "203.0.113.5"),
        ('for="[2001:db8::5]:4711"', "2001:db8::5"),
        ("For=203.0.113.5", "203.0.113.5"),
        ("for=_hidden", "10.1.1.1"),
        ("proto=https", "10.1.1.1"),
    ],
)
def test_the_standard_header_is_read_too(line: str, expected: str) -> None:
    assert found("10.1.1.1", line, header=FORWARDED) == expected


def test_an_ipv6_subscriber_is_one_client_however_many_addresses_they_use() -> None:
    keys = {key_of(f"2001:db8:1:2:{number:x}::{number:x}") for number in range(1, 50)}
    assert keys == {"2001:db8:1:2::/64"}
    assert key_of("2001:db8:1:3::1") not in keys
    assert key_of("::ffff:203.0.113.5") == key_of("203.0.113.5") == "203.0.113.5"
    assert key_of(None) == key_of("nonsense") == "unknown"
