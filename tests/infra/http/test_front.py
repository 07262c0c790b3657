"""The cache in front of routing: what it keeps, what it never keeps, and that nothing in it is ever old."""

import asyncio
import gzip
import time
from collections.abc import Callable
from pathlib import Path

import brotli
import pytest
import zstandard
from fastapi import FastAPI
from fastapi.routing import APIRoute
from httpx import ASGITransport, AsyncClient, Response

from tests import make
from tests.conftest import make_settings
from tests.soon import soon
from truestyle import routes
from truestyle.deps import public_read
from truestyle.infra import metrics
from truestyle.infra.http.front import canonical, negotiated
from truestyle.infra.shelf import Form, Page, Shelf
from truestyle.kit import transactions
from truestyle.main import create_app
from truestyle.shop import Shop

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def ready(shop: Shop) -> None:
    """The stream is up, and nothing is kept from another test."""
    await until(lambda: shop.shelf.sure)
    shop.shelf.clear()
    shop.shelf.hits = shop.shelf.misses = shop.shelf.passed = 0


async def until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends
        await asyncio.sleep(0.005)


async def settled(shop: Shop) -> None:
    """The stream has told of all that was written so far, so it drops nothing of what is kept from here on."""
    await until(lambda: shop.shelf.knows(transactions.latest()))
    await shop.search.mirror()


def counts(shop: Shop) -> tuple[int, int]:
    return shop.shelf.hits, shop.shelf.misses


async def test_the_same_question_is_answered_from_the_shelf(client: AsyncClient, shop: Shop) -> None:
    await make.product(shop)
    await settled(shop)
    first, second = [await client.get("/products?sort=price&page_size=5") for _ in range(2)]
    third = await client.get("/products/?page_size=5&sort=price")
    assert counts(shop) == (2, 1)
    assert first.content == second.content == third.content
    same = [name for name in first.headers if name not in {"x-request-id", "date"}]
    assert {name: first.headers[name] for name in same} == {name: second.headers[name] for name in same}
    assert len({one.headers["x-request-id"] for one in (first, second, third)}) == 3


async def test_a_kept_answer_keeps_a_sane_request_id(client: AsyncClient, shop: Shop) -> None:
    for _ in range(2):
        assert (await client.get("/brands", headers={"x-request-id": "mine-1"})).headers["x-request-id"] == "mine-1"
    odd = await client.get("/brands", headers={"x-request-id": "a b"})
    assert len(odd.headers["x-request-id"]) == 32
    assert counts(shop) == (2, 1)


async def test_whoever_writes_reads_it_at_once(client: AsyncClient, shop: Shop, admin: make.Person) -> None:
    product = await make.product(shop)
    path = f"/products/{product.id}"
    for turn in range(30):
        await asyncio.gather(*(client.get(path) for _ in range(3)))
        name = f"Kurta {turn}"
        assert (await client.put(path, json={"name": name}, headers=admin.headers)).status_code == 200
        assert (await client.get(path)).json()["name"] == name
        assert [one["name"] for one in (await client.get("/products")).json()["items"]] == [name]
    assert shop.shelf.misses > 30


async def test_a_lookup_that_changed_is_read_anew(client: AsyncClient, shop: Shop, admin: make.Person) -> None:
    made = (await client.post("/occasions", json={"name": "Diwali"}, headers=admin.headers)).json()
    assert "Diwali" in (await client.get("/occasions")).text
    await client.delete(f"/occasions/{made['id']}", headers=admin.headers)
    assert "Diwali" not in (await client.get("/occasions")).text
    assert (await client.get(f"/occasions/{made['id']}")).status_code == 404
    assert shop.shelf.hits == 0


async def test_what_another_process_writes_comes_by_the_stream(client: AsyncClient, shop: Shop) -> None:
    product = await make.product(shop)
    path = f"/products/{product.id}"
    await client.get(path)
    await shop.store.db["products"].update_one({"_id": product.id}, {"$set": {"name": "From elsewhere"}})

    async def is_new() -> bool:
        return bool((await client.get(path)).json()["name"] == "From elsewhere")

    await soon(is_new)


async def test_a_client_that_another_process_told_of_a_write_reads_it(client: AsyncClient, shop: Shop) -> None:
    """The other process answers a write with `X-Store-Version`; sent along, nothing older is answered."""
    product = await make.product(shop)
    path = f"/products/{product.id}"
    for turn in range(30):
        await client.get(path)
        async with shop.client.start_session() as session:
            await shop.store.db["products"].update_one(
                {"_id": product.id}, {"$set": {"name": f"Turn {turn}"}}, session=session
            )
            written = session.operation_time
        assert written is not None
        version = {"x-store-version": f"{written.time:x}.{written.inc:x}"}
        assert (await client.get(path, headers=version)).json()["name"] == f"Turn {turn}"


async def test_the_answer_to_a_write_says_how_new_it_is(client: AsyncClient, admin: make.Person) -> None:
    made = await client.post("/occasions", json={"name": "Holi"}, headers=admin.headers)
    latest = transactions.latest()
    assert made.headers["x-store-version"] == f"{latest.time:x}.{latest.inc:x}"
    assert "x-store-version" not in (await client.get("/occasions")).headers
    for nonsense in ("x", "1.2.3", "ffffffffffffffff.1"):
        assert (await client.get("/occasions", headers={"x-store-version": nonsense})).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"cache-control": "no-cache"}, {"cache-control": "max-age=0"}, {"pragma": "no-cache"}, {"range": "bytes=0-1"}],
)
async def test_who_asks_for_a_fresh_answer_passes(client: AsyncClient, shop: Shop, headers: dict[str, str]) -> None:
    await client.get("/brands")
    await client.get("/brands", headers=headers)
    assert counts(shop) == (0, 1)
    assert shop.shelf.passed == 1


async def test_who_is_signed_in_passes(client: AsyncClient, shop: Shop, admin: make.Person) -> None:
    draft = await make.product(shop, status="draft")
    for _ in range(2):
        assert (await client.get(f"/products/{draft.id}", headers=admin.headers)).status_code == 200
        assert (await client.get(f"/products/{draft.id}")).status_code == 404
    assert shop.shelf.hits == 0
    assert shop.shelf.size == 0


async def test_what_is_one_persons_is_never_kept(client: AsyncClient, shop: Shop) -> None:
    for path in ("/cart", "/auth/me", "/orders", "/nowhere", "/products/65af0b12c4a1d2e3f4a5b6c7"):
        for _ in range(2):
            await client.get(path)
    assert shop.shelf.hits == 0
    assert shop.shelf.size == 0


async def test_searches_are_counted_by_their_limit_and_not_kept(client: AsyncClient, shop: Shop) -> None:
    await make.product(shop)
    for path in ("/products?q=kurta", "/products/search?q=kurta", "/products/suggest?q=kur"):
        for _ in range(2):
            assert (await client.get(path)).status_code == 200
    assert shop.shelf.hits == 0


async def raw(client: AsyncClient, path: str, accepts: str) -> tuple[Response, bytes]:
    async with client.stream("GET", path, headers={"accept-encoding": accepts}) as answer:
        return answer, b"".join([part async for part in answer.aiter_raw()])


@pytest.mark.parametrize(
    ("accepts", "way", "unpack"),
    [
        ("br, gzip", "br", brotli.decompress),
        ("gzip;q=0.5, zstd", "zstd", zstandard.decompress),
        ("gzip, br;q=0", "gzip", gzip.decompress),
        ("identity", None, bytes),
        ("", None, bytes),
    ],
)
async def test_each_encoding_is_the_same_answer(
    client: AsyncClient, shop: Shop, accepts: str, way: str | None, unpack: Callable[[bytes], bytes]
) -> None:
    path = f"/products/{(await make.product(shop, description='long ' * 400)).id}"
    await settled(shop)
    plain, body = await raw(client, path, "identity")
    for _ in range(2):
        answer, packed = await raw(client, path, accepts)
        assert answer.headers.get("content-encoding") == way
        assert unpack(packed) == body
        assert int(answer.headers["content-length"]) == len(packed)
        assert answer.headers["etag"] == plain.headers["etag"]
        assert "accept-encoding" in answer.headers["vary"].lower()
    assert counts(shop) == (2, 1)


async def test_who_has_the_answer_is_told_so(client: AsyncClient, shop: Shop) -> None:
    etag = (await client.get("/brands", headers={"cache-control": "no-cache"})).headers["etag"]
    for _ in range(2):  # once made for somebody who has it already, once from the shelf
        answer = await client.get("/brands", headers={"if-none-match": etag})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
        assert "content-type" not in answer.headers
    assert (await client.get("/brands", headers={"if-none-match": '"other"'})).status_code == 200
    assert counts(shop) == (2, 1)


async def test_a_question_that_many_ask_at_once_is_worked_out_once(client: AsyncClient, shop: Shop) -> None:
    await make.product(shop)
    await settled(shop)
    answers = await asyncio.gather(*(client.get("/products?sort=name") for _ in range(40)))
    assert {one.status_code for one in answers} == {200}
    assert len({one.content for one in answers}) == 1
    assert counts(shop) == (39, 1)


async def test_an_unsure_stream_is_bypassed(client: AsyncClient, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    await client.get("/brands")
    monkeypatch.setattr(Shelf, "sure", property(lambda _: False))
    await client.get("/brands")
    assert counts(shop) == (0, 1)


async def test_a_broken_stream_forgets_everything(client: AsyncClient, shop: Shop) -> None:
    await client.get("/brands")
    assert shop.shelf.size
    await shop.store.db["occasions_gone"].insert_one({})
    await shop.store.db["occasions_gone"].drop()
    await until(lambda: shop.shelf.size == 0)


async def test_stock_changes_only_the_pages_made_of_it(client: AsyncClient, shop: Shop, admin: make.Person) -> None:
    sold, other = await make.product(shop), await make.product(shop)
    await settled(shop)
    sku = sold.variants[0].sku
    for one in (sold, other):
        await client.get(f"/products/{one.id}")
    await client.put(f"/products/{sold.id}/stock", json={"sku": sku, "delta": 3}, headers=admin.headers)
    page = (await client.get(f"/products/{sold.id}")).json()
    stock = (await shop.store.stock.of([sku]))[sku]
    assert next(one for one in page["variants"] if one["sku"] == sku)["available"] == stock.available
    await client.get(f"/products/{other.id}")
    assert counts(shop) == (1, 3)


async def test_popularity_drops_nothing(client: AsyncClient, shop: Shop) -> None:
    product = await make.product(shop)
    await settled(shop)
    await client.get("/products")
    await shop.store.products.sold({product.id: 7})
    await asyncio.sleep(0.5)  # long enough for the stream
    await client.get("/products")
    assert counts(shop) == (1, 1)


async def test_scheduled_content_shows_in_its_time(client: AsyncClient, shop: Shop) -> None:
    """Nothing is written when a banner's time comes; such answers are kept for a second at most."""
    assert {"hero-images", "faq"} <= routes.SCHEDULED
    await client.get("/faq")
    await asyncio.sleep(1.1)
    await client.get("/faq")
    assert counts(shop) == (0, 2)


async def test_the_limit_counts_kept_answers_too(mongo_uri: str, tmp_path: Path) -> None:
    settings = make_settings(
        mongo_uri, tmp_path, mongo_db="front_limits", rate_limit_enabled=True, rate_limit_read="5/minute"
    )
    app = create_app(settings, work=False)
    async with app.router.lifespan_context(app), caller(app) as client:
        await until(lambda: app.state.shop.shelf.sure)
        answers = [await client.get("/brands") for _ in range(7)]
        assert [one.status_code for one in answers] == [200] * 5 + [429] * 2
        assert [one.headers["ratelimit-remaining"] for one in answers] == ["4", "3", "2", "1", "0", "0", "0"]
        assert app.state.shop.shelf.hits == 4
        await app.state.shop.client.drop_database("front_limits")


async def test_the_shelf_can_be_switched_off(mongo_uri: str, tmp_path: Path) -> None:
    app = create_app(make_settings(mongo_uri, tmp_path, mongo_db="front_off", page_cache_bytes=0), work=False)
    async with app.router.lifespan_context(app), caller(app) as client:
        for _ in range(2):
            assert (await client.get("/brands")).status_code == 200
        assert counts(app.state.shop) == (0, 0)
        await app.state.shop.client.drop_database("front_off")


def caller(app: FastAPI) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app), base_url="http://test/api/v1")


async def test_kept_answers_are_logged_and_counted(
    client: AsyncClient, app: FastAPI, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        await client.get("/brands", headers={"x-request-id": "counted-1"})
    lines: list[str] = []

    async def told() -> bool:
        said = capsys.readouterr().err.splitlines()
        lines.extend(line for line in said if "counted-1" in line and '"kept":true' in line)
        return len(lines) >= 2

    await soon(told)
    assert len(lines) == 2
    counted = metrics.told({}).decode()
    route = lines[0].partition('"route":"')[2].partition('"')[0]
    assert route.endswith("/brands")
    assert f'method="GET",route="{route}",status="200"}}' in counted


def test_every_public_answer_has_its_place(app: FastAPI) -> None:
    def asks(dependant: object) -> bool:
        return any(one.call is public_read or asks(one) for one in dependant.dependencies)  # type: ignore[attr-defined]

    for router in routes.ROUTERS:
        for one in router.routes:
            if isinstance(one, APIRoute) and asks(one.dependant):
                assert one.path.split("/")[1] in routes.PUBLIC, one.path


# The shelf alone


@pytest.fixture
def shelf(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setattr(Shelf, "sure", property(lambda _: True))
    return Shelf(shop.store.db, ["brands"], 40_000)


def page(body: bytes = b"x", *made_of: tuple[str, str]) -> Page:
    forms, until = {"": Form(200, [], body)}, time.monotonic() + 9
    return Page(forms, Form(304, []), b'"1"', "/brands", True, frozenset(made_of), until, False)  # noqa: FBT003


async def test_what_changes_while_an_answer_is_made_keeps_it_off_the_shelf(shelf: Shelf) -> None:
    before = shelf.mark()
    shelf.wrote("brands", 1)
    assert not shelf.put(("/a", "", b""), page(), before)
    before = shelf.mark()
    shelf.wrote("stock", "S-1")
    assert not shelf.put(("/a", "", b""), page(b"x", ("stock", "S-1")), before)
    assert shelf.put(("/a", "", b""), page(b"x", ("stock", "S-2")), before)
    assert shelf.get(("/a", "", b"")) is not None
    shelf.wrote("stock", "S-2")
    assert shelf.get(("/a", "", b"")) is None


async def test_the_oldest_go_when_there_is_no_room(shelf: Shelf) -> None:
    for number in range(30):
        assert shelf.put((f"/{number}", "", b""), page(b"x" * 2000), shelf.mark())
        assert shelf.get(("/0", "", b"")) is not None  # used again and again
    assert shelf.size <= 40_000
    assert shelf.get(("/1", "", b"")) is None
    assert shelf.get(("/29", "", b"")) is not None
    assert not shelf.put(("/big", "", b""), page(b"x" * 39_000), shelf.mark())


@pytest.mark.parametrize(
    ("accepts", "way"),
    [
        (b"", ""),
        (b"*", "br"),
        (b"gzip;q=1.0, *;q=0", "gzip"),
        (b"GZIP", "gzip"),
        (b"deflate", ""),
        (b"br;q=0.1,zstd;q=0.2", "zstd"),
    ],
)
def test_encodings_are_negotiated(accepts: bytes, way: str) -> None:
    assert negotiated(accepts) == way


def test_the_order_of_parameters_makes_no_difference() -> None:
    assert canonical(b"b=2&a=1&a=0") == canonical(b"a=1&b=2&a=0") == "a=1&a=0&b=2"
    assert canonical(b"a=0&a=1") != canonical(b"a=1&a=0")
