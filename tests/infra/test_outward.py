"""Calling addresses that people gave us: nothing of ours can be reached by it. Each guard is also seen missing."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.hooks.receiver import OK, Receiver, answer
from truestyle.infra import outward
from truestyle.infra.outward import NotCalledError, Outward, public


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def way() -> AsyncIterator[Outward]:
    """A way out by which loopback may be reached."""
    way = Outward(seconds=2, https_only=False, local=True)
    yield way
    way.close()


@pytest.fixture
async def strict() -> AsyncIterator[Outward]:
    """A way out as in production, but without TLS."""
    way = Outward(seconds=2, https_only=False)
    yield way
    way.close()


def answers(monkeypatch: pytest.MonkeyPatch, way: Outward, *turns: list[str]) -> list[str]:
    """What the DNS says, one turn after the other; gives who was asked for."""
    asked: list[str] = []

    async def look_up(host: str, _: int) -> list[str]:
        asked.append(host)
        return turns[min(len(asked), len(turns)) - 1]

    monkeypatch.setattr(way, "look_up", look_up)
    return asked


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("127.0.0.53", False),
        ("0.0.0.0", False),  # noqa: S104 - an example
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::808:808", True),
    ],
)
def test_which_addresses_are_public(address: str, expected: bool) -> None:
    assert public(address) is expected


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://LOCALHOST.:{port}/",
        "http://127.1:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f.0.0.1:{port}/",
        "http://0177.0.0.1:{port}/",
        "http://0.0.0.0:{port}/",
        "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://[::127.0.0.1]:{port}/",
        "http://[64:ff9b::7f00:1]:{port}/",
        "http://\u2460\u2461\u2466.0.0.1:{port}/",
    ],
)
async def test_this_machine_is_not_reached_however_it_is_written(
    address: str, receiver: Receiver, strict: Outward
) -> None:
    with pytest.raises(NotCalledError):
        await strict.post(address.format(port=receiver.port), b"{}", {})
    assert receiver.connections == 0


@pytest.mark.parametrize(
    "found",
    [
        ["127.0.0.1"],
        ["10.1.2.3"],
        ["169.254.169.254"],
        ["168.63.129.16"],
        ["100.100.100.200"],
        ["fd00:ec2::254"],
        ["::ffff:169.254.169.254"],
        ["8.8.8.8", "127.0.0.1"],
        ["2606:4700::1111", "fe80::1%eth0"],
    ],
    ids=" ".join,
)
async def test_a_name_with_any_address_of_ours_is_refused(
    found: list[str], strict: Outward, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, strict, found)
    with pytest.raises(NotCalledError, match=r"evil\.example is not a public address"):
        await strict.post("http://evil.example/x", b"{}", {})


async def test_without_the_check_the_name_leads_to_this_machine(
    receiver: Receiver, strict: Outward, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, strict, ["127.0.0.1"])
    monkeypatch.setattr(outward, "public", lambda _: True)
    assert (await strict.post(receiver.url(host="evil.example"), b"{}", {})).status == 200
    assert receiver.connections == 1


async def test_a_second_answer_of_the_dns_leads_nowhere(way: Outward, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rebinding: what was checked is what is connected to; the name is asked for once."""
    async with Receiver(host="127.0.0.2") as checked, Receiver(host="127.0.0.1", port=checked.port) as inside:
        asked = answers(monkeypatch, way, ["127.0.0.2"], ["127.0.0.1"])
        await way.post(checked.url(host="rebind.example"), b"{}", {})
        assert (asked, checked.connections, inside.connections) == (["rebind.example"], 1, 0)
        assert checked.got[0].headers["host"] == f"rebind.example:{checked.port}"


async def test_where_the_name_is_asked_for_again_it_leads_inside(way: Outward, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard off: the connection is made to what the DNS says when it is made."""
    async with Receiver(host="127.0.0.2") as checked, Receiver(host="127.0.0.1", port=checked.port) as inside:
        answers(monkeypatch, way, ["127.0.0.2"], ["127.0.0.1"])
        pinned = Outward._post  # noqa: SLF001

        async def unpinned(self: Outward, url: httpx.URL, _: str, *rest: Any) -> Any:
            return await pinned(self, url, (await self.look_up(url.host, 0))[0], *rest)

        monkeypatch.setattr(Outward, "_post", unpinned)
        await way.post(checked.url(host="rebind.example"), b"{}", {})
        assert (checked.connections, inside.connections) == (0, 1)


async def test_redirects_are_not_followed(receiver: Receiver, way: Outward, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Receiver() as inside:
        receiver.always = answer(307, location=inside.url("/secret"))
        reply = await way.post(receiver.url(), b"{}", {})
        assert (reply.status, inside.connections) == (307, 0)
        plain = httpx.AsyncClient
        monkeypatch.setattr(httpx, "AsyncClient", lambda **more: plain(**more | {"follow_redirects": True}))
        await way.post(receiver.url(), b"{}", {})
        assert inside.connections == 1  # the guard off


async def test_no_proxy_of_the_environment_is_used(
    receiver: Receiver, way: Outward, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url(""))
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        await way.post(receiver.url(), b"{}", {})
        assert (receiver.connections, proxy.connections) == (1, 0)
        plain = httpx.AsyncClient

        def trusting(**more: Any) -> httpx.AsyncClient:
            return plain(timeout=more["timeout"], trust_env=True)

        monkeypatch.setattr(httpx, "AsyncClient", trusting)
        await way.post(receiver.url(), b"{}", {})
        assert (receiver.connections, proxy.connections) == (1, 1)  # the guard off


async def test_an_answer_without_end_is_cut_off(receiver: Receiver, way: Outward) -> None:
    async def for_ever(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"A" * 65_536)
            await writer.drain()

    receiver.stream = for_ever
    reply = await asyncio.wait_for(way.post(receiver.url(), b"{}", {}), 5)
    assert reply == outward.Reply(200, "A" * 300)


async def test_an_answer_drop_by_drop_ends_at_the_deadline(receiver: Receiver, way: Outward) -> None:
    async def drop_by_drop(writer: asyncio.StreamWriter) -> None:
        for one in b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n" + b"x" * 1000:
            writer.write(bytes([one]))
            await writer.drain()
            await asyncio.sleep(0.2)

    receiver.stream = drop_by_drop
    with pytest.raises(NotCalledError, match="no answer within 2 seconds"):
        await asyncio.wait_for(way.post(receiver.url(), b"{}", {}), 5)


async def test_a_dns_that_hangs_ends_at_the_deadline(way: Outward, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: str, __: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    monkeypatch.setattr(way, "look_up", never)
    with pytest.raises(NotCalledError, match="no answer within"):
        await asyncio.wait_for(way.post("http://slow.example/", b"{}", {}), 5)


@pytest.mark.parametrize(
    "said", [b"garbage\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 60_000], ids=["garbage", "nothing", "long"]
)
async def test_what_is_no_answer_is_a_failure_like_any(said: bytes, receiver: Receiver, way: Outward) -> None:
    receiver.always = said
    with pytest.raises(NotCalledError, match="no answer"):
        await way.post(receiver.url(), b"{}", {})


async def test_nobody_there_and_nobody_known(way: Outward) -> None:
    async with Receiver() as gone:
        pass
    with pytest.raises(NotCalledError, match=r"no answer \(ConnectError\)"):
        await way.post(gone.url(), b"{}", {})
    with pytest.raises(NotCalledError, match="is not known"):
        await way.post("http://no-such-host.invalid/", b"{}", {})


@pytest.mark.parametrize(
    "address", ["http://example.com/", "ftp://example.com/", "https://a:b@example.com/", "https:///x", "nonsense", ""]
)
def test_in_production_it_is_https_and_nothing_else(address: str) -> None:
    way = Outward(seconds=1, https_only=True)
    with pytest.raises(NotCalledError):
        way.checked(address)
    assert way.checked("https://example.com/x").host == "example.com"
    way.close()


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(of a server that is called `name`, of a client that trusts it)."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=made.public_bytes(serialization.Encoding.PEM).decode())


async def test_the_certificate_must_be_of_the_name_and_not_of_the_address(
    tmp_path: Path, way: Outward, monkeypatch: pytest.MonkeyPatch
) -> None:
    server_side, trust = certificate(tmp_path, "erp.example")
    seen: list[str | None] = []
    server_side.sni_callback = lambda _, name, __: seen.append(name)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_side)
    port = server.sockets[0].getsockname()[1]
    answers(monkeypatch, way, ["127.0.0.1"])
    with pytest.raises(NotCalledError, match="certificate is not good"):
        await way.post(f"https://erp.example:{port}/", b"", {})  # nobody we trust made it
    monkeypatch.setattr(way, "_trust", trust)
    assert (await way.post(f"https://erp.example:{port}/", b"", {})).status == 200
    with pytest.raises(NotCalledError, match="certificate is not good"):
        await way.post(f"https://other.example:{port}/", b"", {})
    assert seen == ["erp.example", "erp.example", "other.example"]
    server.close()


def test_every_special_network_is_refused() -> None:
    """The first and the last address of each, whatever this release of Python thinks of it."""
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        *("224.0.0.0/4", "240.0.0.0/4", "::/96", "::ffff:0:0/96", "64:ff9b:1::/48", "100::/64", "2001::/23"),
        *("2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
    ):
        network = ipaddress.ip_network(text)
        assert not public(str(network[0])), text
        assert not public(str(network[-1])), text
