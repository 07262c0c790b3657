"""Pictures fetched from a real HTTP server, some of it unpleasant."""

import io
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO

import pytest
from PIL import Image

from tests import make
from tests.catalog import rows
from tests.catalog.rows import CURRENT, bring, ours, product, shirt, told
from truestyle.catalog.importing import fetch
from truestyle.catalog.importing.fetch import Fetcher, NotFetchedError
from truestyle.catalog.products import service as products
from truestyle.catalog.products.models import Product, ProductChange
from truestyle.catalog.products.repository import Products
from truestyle.files import service as files
from truestyle.files.models import FileRefused
from truestyle.shop import Shop


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 50), **more: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 40)).save(out, kind, **more)
    return out.getvalue()


def with_metadata() -> bytes:
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    exif[0x0112] = 6  # lies on its side
    return picture("JPEG", (60, 40), exif=exif, comment=b"secret")


def bomb() -> bytes:
    """A small PNG of 100 megapixels."""
    out = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(out, "PNG")
    return out.getvalue()


class Host(ThreadingHTTPServer):
    """What it was asked for is counted; how many at once, too."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.asked: Counter[str] = Counter()
        self.bodies: dict[str, bytes] = {"/a.png": picture(), "/b.jpg": with_metadata(), "/c.webp": picture("WEBP")}
        self.lock, self.now, self.most = threading.Lock(), 0, 0

    @property
    def allowed(self) -> frozenset[tuple[str, int]]:
        return frozenset({("127.0.0.1", self.server_port)})

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def fetcher(self, **more: Any) -> Fetcher:
        return Fetcher(allow=self.allowed, **more)


class Answers(BaseHTTPRequestHandler):
    server: Host

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        with self.server.lock:
            self.server.asked[path] += 1
            self.server.now += 1
            self.server.most = max(self.server.most, self.server.now)
        try:
            self._answer(path)
        finally:
            with self.server.lock:
                self.server.now -= 1

    def _answer(self, path: str) -> None:
        if path in self.server.bodies:
            time.sleep(0.02)
            self._send(200, self.server.bodies[path])
        elif path == "/moved":
            self._send(302, b"", location="/a.png")
        elif path == "/inside":
            self._send(302, b"", location="http://127.0.0.1:1/a.png")
        elif path == "/circle":
            self._send(302, b"", location="/circle")
        elif path == "/broken":
            self._send(500, b"")
        elif path == "/endless":
            self.send_response(200)
            self.end_headers()
            for _ in range(200):
                self.wfile.write(b"\x89PNG" * 4096)
        elif path == "/silent":
            time.sleep(1.5)
        elif path == "/packed":
            self._send(200, b"\x1f\x8b", **{"content-encoding": "gzip"})
        else:
            self._send(404, b"")

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def test_pictures_are_stored_without_metadata(shop: Shop, host: Host) -> None:
    file: list[dict[str, object]] = [
        {
            "Title": "A",
            "URL handle": "a",
            "SKU": "A-1",
            "Price": "10",
            "Option1 name": "Color",
            "Option1 value": "Red",
            "Product image URL": host.url("/b.jpg"),
            "Image position": 2,
            "Image alt text": "On a hanger",
            "Variant image URL": host.url("/c.webp"),
        },
        {"URL handle": "a", "SKU": "A-2", "Price": "10", "Option1 value": "Blue"},
        {"URL handle": "a", "Product image URL": host.url("/a.png"), "Image position": 1},
        {"URL handle": "a", "Product image URL": host.url("/a.png"), "Image position": 3},
    ]

    result = await bring(shop, rows.text(CURRENT, file), fetcher=host.fetcher())

    assert told(result) == []
    assert (result.images.stored, result.images.skipped) == (3, 0)
    found = await product(shop.store, "a")
    assert [one.source for one in found.images] == [host.url(path) for path in ("/a.png", "/b.jpg", "/c.webp")]
    assert [(one.position, one.alt) for one in found.images] == [(0, None), (1, "On a hanger"), (2, None)]
    assert [one.image_id for one in found.variants] == [found.images[2].id, None]
    kept = await shop.store.files.get(found.images[1].id, public=True)
    assert (kept.content_type, kept.width, kept.height) == ("image/jpeg", 40, 60)  # upright
    content = await files.content(shop.storage, kept)
    opened = Image.open(io.BytesIO(content))
    assert not opened.getexif()
    assert b"secret" not in content
    assert b"taken at home" not in content


async def test_a_second_import_does_not_ask_again(shop: Shop, host: Host) -> None:
    file = ours(shirt(image=f"{host.url('/a.png')}|{host.url('/c.webp')}", image_alt="Front|Back"))
    await bring(shop, file, fetcher=host.fetcher())
    before = await rows.dump(shop.store)

    again = await bring(shop, file, fetcher=host.fetcher())
    export = await bring(shop, await rows.exported(shop.store), fetcher=host.fetcher())

    assert (again.products.unchanged, again.images.stored) == (1, 0)
    assert (export.products.unchanged, export.images.stored) == (1, 0)
    assert await rows.dump(shop.store) == before
    assert host.asked == {"/a.png": 1, "/c.webp": 1}
    renamed = await bring(shop, file.replace("Front", "From the front"), fetcher=host.fetcher())
    assert renamed.products.updated == 1
    assert [one.alt for one in (await product(shop.store, "indigo-shirt")).images] == ["From the front", "Back"]
    answer = (await product(shop.store, "indigo-shirt")).images[0].model_dump()
    assert answer["source"] == host.url("/a.png")


async def test_the_source_is_not_told_to_shoppers(shop: Shop, host: Host, client: Any) -> None:
    await bring(shop, ours(shirt(image=host.url("/a.png"))), fetcher=host.fetcher())
    found = await product(shop.store, "indigo-shirt")

    page = await client.get(f"/products/{found.id}")
    cards = await client.get("/products")

    assert set(page.json()["images"][0]) == {"id", "alt", "position", "url", "thumbnails"}
    assert host.url("") not in page.text + cards.text


async def test_what_cannot_be_had_is_noted_and_the_product_goes_in(shop: Shop, host: Host) -> None:
    host.bodies |= {
        "/bomb.png": bomb(),
        "/text.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "/cut.png": picture(size=(400, 400))[:-200],
        "/gif.gif": picture("GIF"),
        "/big.png": b"\x89PNG" * 30_000,
    }
    bad = {
        host.url("/bomb.png"): "has more than 25 megapixels",
        host.url("/text.png"): "is not a readable JPEG, PNG or WebP picture",
        host.url("/cut.png"): "is not a readable JPEG, PNG or WebP picture",
        host.url("/gif.gif"): "is not a readable JPEG, PNG or WebP picture",
        host.url("/big.png"): "is larger than 100000 bytes",
        host.url("/endless"): "is larger than 100000 bytes",
        host.url("/nowhere"): "127.0.0.1 answered 404",
        host.url("/packed"): "came compressed, which was not asked for",
        host.url("/circle"): "more than 3 redirects",
        host.url("/inside"): "127.0.0.1 is not a public address",
        "http://localhost/a.png": "localhost is not a public address",
        "http://169.254.169.254/latest": "169.254.169.254 is not a public address",
        "http://[::1]/a.png": "::1 is not a public address",
        "http://2130706433/a.png": "2130706433 is not a public address",
        "file:///etc/passwd": "is not an http or https address",
        "/a.png": "is not an http or https address",
        "https://me:secret@example.com/a.png": "has a password in the address",
        "art:kurta:plain": "only the seeding draws pictures",
    }
    many = ours(shirt(image="|".join([*bad, host.url("/moved")])))

    result = await bring(shop, many, fetcher=host.fetcher(most_bytes=100_000))

    assert told(result) == []
    assert result.products.created == 1
    assert (result.images.stored, result.images.skipped) == (1, len(bad))
    expected = [
        f"Row 2: picture {source if ':kurta' not in source else source + ':Indigo'} left out: {why}."
        for source, why in bad.items()
    ]
    assert result.notes == expected
    (image,) = (await product(shop.store, "indigo-shirt")).images
    assert image.source == host.url("/moved")
    assert await shop.store.files.count({}) == 1


async def test_what_the_program_that_looks_at_files_refuses_is_left_out(shop: Shop, host: Host) -> None:
    seen = []

    async def look(content: BinaryIO) -> None:
        seen.append(content.read())
        if len(seen) == 1:
            raise FileRefused

    many = ours(shirt(image=f"{host.url('/a.png')}|{host.url('/b.jpg')}"))
    result = await bring(shop, many, fetcher=host.fetcher(look_at=look))

    assert seen == [host.bodies["/a.png"], host.bodies["/b.jpg"]]
    assert (result.images.stored, result.images.skipped) == (1, 1)
    assert result.notes == [f"Row 2: picture {host.url('/a.png')} left out: it is refused as unsafe."]
    (image,) = (await product(shop.store, "indigo-shirt")).images
    assert image.source == host.url("/b.jpg")
    assert await shop.store.files.count({}) == 1


async def test_a_host_that_fails_is_left_alone(shop: Shop, host: Host) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        dead = probe.getsockname()[1]
    fetcher = Fetcher(allow=host.allowed | {("127.0.0.1", dead)}, timeout=0.3)
    silent, broken = (
        ours(*(shirt(slug=f"{path}{n}", sku=f"{path}{n}", image=host.url(f"/{path}?{n}")) for n in range(30)))
        for path in ("silent", "broken")
    )

    began = time.monotonic()
    result = await bring(shop, silent, fetcher=fetcher)
    again = await bring(shop, broken, fetcher=host.fetcher())
    gone = await bring(shop, ours(shirt(image=f"http://127.0.0.1:{dead}/a.png")), fetcher=fetcher)

    assert time.monotonic() - began < 10
    assert (result.products.created, result.images.skipped) == (30, 30)
    assert 2 <= host.asked["/silent"] <= fetch.AT_ONCE + 1
    assert sum(note.endswith("127.0.0.1 has failed 2 times and is not asked again.") for note in result.notes) >= 25
    assert again.images.skipped == 30
    assert 2 <= host.asked["/broken"] <= fetch.AT_ONCE + 1
    assert gone.notes[0].endswith("127.0.0.1 does not answer (ConnectError).")


async def test_never_more_than_four_at_once_and_each_address_once(shop: Shop, host: Host) -> None:
    host.bodies |= {f"/{n}.png": picture(size=(10 + n, 10)) for n in range(24)}
    file = ours(
        *(
            shirt(
                slug=f"s{n}", sku=f"S{n}", image=f"{host.url(f'/{n}.png')}|{host.url('/a.png')}", image_alt=f"no. {n}"
            )
            for n in range(24)
        )
    )

    result = await bring(shop, file, fetcher=host.fetcher())

    assert result.images.stored == 48
    assert 2 <= host.most <= fetch.AT_ONCE
    assert max(count for path, count in host.asked.items() if path != "/a.png") == 1
    assert host.asked["/a.png"] <= fetch.AT_ONCE
    assert [one.alt for one in (await product(shop.store, "s7")).images] == ["no. 7", None]


async def test_an_edit_while_pictures_are_hung_is_kept(
    shop: Shop, host: Host, admin: make.Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, edited = Products.first, False

    async def first(self: Products, where: Any) -> Product | None:
        nonlocal edited
        found = await real(self, where)
        if found is not None and not edited:
            edited = True
            await products.change(shop.store, admin.caller, found.id, ProductChange(name="Edited by hand"))
        return found

    monkeypatch.setattr(Products, "first", first)

    result = await bring(shop, ours(shirt(image=host.url("/a.png"))), fetcher=host.fetcher())

    assert edited
    assert result.images.stored == 1
    found = await product(shop.store, "indigo-shirt")
    assert (found.name, len(found.images), found.version) == ("Edited by hand", 1, 3)
    assert found.variants[0].image_id == found.images[0].id


async def test_a_name_that_nobody_knows(host: Host) -> None:
    with pytest.raises(NotFetchedError, match="is not known"):
        await host.fetcher().fetch("http://no-such-host.invalid/a.png")


async def test_trusted_files_have_pictures_drawn(shop: Shop) -> None:
    file = ours(
        shirt(image="art:shirt:plain", image_alt="Drawn"),
        {"slug": "indigo-shirt", "sku": "SH-L", "size": "L", "color": "Indigo", "mrp": "1999", "price": "1499"},
        shirt(slug="b", sku="B", image="art:teapot:plain"),
    )
    result = await bring(shop, file, trusted=True)
    before = await rows.dump(shop.store)

    again = await bring(shop, file)

    assert (result.images.stored, result.images.skipped) == (1, 1)
    assert "unknown artwork 'teapot'" in result.notes[0]
    found = await product(shop.store, "indigo-shirt")
    (image,) = found.images
    assert (image.source, image.alt) == ("art:shirt:plain:Indigo", "Drawn")
    assert {one.image_id for one in found.variants} == {image.id}
    assert (again.products.unchanged, again.images.skipped) == (2, 1)
    assert await rows.dump(shop.store) == before
