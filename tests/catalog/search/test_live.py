"""The index follows the store: at once for who wrote here, within a second elsewhere, anew after any doubt."""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from httpx import AsyncClient

from tests import make
from tests.catalog.products.test_writing import Staff
from tests.running import environment, running
from tests.soon import soon
from truestyle.catalog.search.live import built
from truestyle.infra import feed as feeds
from truestyle.kit import transactions
from truestyle.kit.errors import Unavailable
from truestyle.shop import Shop


@pytest.fixture
def writer(client: AsyncClient, admin: make.Person) -> Staff:
    return Staff(client, admin)


async def found(client: AsyncClient, query: str, person: make.Person | None = None) -> set[str]:
    answer = await client.get(f"/products/search?{query}", headers=person.headers if person else {})
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert page["total"] == len(page["items"])
    return {one["name"] for one in page["items"]}


async def test_what_was_just_written_is_found_at_once(writer: Staff, client: AsyncClient) -> None:
    for number in range(20):
        page = await writer.create(name=f"Marigold {number} shawl", price="100")
        assert len(await found(client, "q=marigold")) == number + 1
        await writer.put(page["id"], {"name": f"Tuberose {number} shawl"})
        assert len(await found(client, "q=tuberose")) == 1
        await writer.put(page["id"], {"name": f"Marigold {number} shawl", "price": f"{number + 1}"})
        assert len(await found(client, f"q=marigold&price_max={number + 1}&price_min={number + 1}")) == 1
    await client.delete(f"/products/{page['id']}", headers=writer.headers)
    assert len(await found(client, "q=marigold")) == 19


async def test_a_list_has_what_was_just_written(writer: Staff, client: AsyncClient, shop: Shop) -> None:
    async def listed(query: str) -> int:
        return int((await client.get(f"/products?{query}", headers={"cache-control": "no-cache"})).json()["total"])

    for number in range(20):
        page = await writer.create(name=f"Marigold {number} shawl", price="100", tags=["new"])
        assert (await listed("tag=new"), await listed("price_min=100")) == (number + 1, 1)
        await writer.put(page["id"], {"price": f"{number + 1}"})
        assert await listed(f"tag=new&price_max={number + 1}&price_min={number + 1}") == 1
        await soon(partial(up_to_date, shop))  # then it is the index that is asked
        assert (await listed("tag=new"), await listed("price_min=100")) == (number + 1, 0)
    await client.delete(f"/products/{page['id']}", headers=writer.headers)
    assert await listed("tag=new") == 19


async def up_to_date(shop: Shop) -> bool:
    return shop.search.with_all(transactions.latest()) is not None


async def test_it_follows_names_of_lookups_and_the_tree(writer: Staff, client: AsyncClient, admin: make.Person) -> None:
    async def row(path: str, **body: object) -> str:
        return str((await client.post(path, json=body, headers=admin.headers)).json()["id"])

    brand = await row("/brands", name="Neelkanth")
    top = await row("/categories", name="Footwear")
    low = await row("/categories", name="Juttis", parent_id=top)
    await writer.create(name="Phulwari", price="100", brand_id=brand, category_ids=[low])
    for query in ("q=neelkanth", "q=footwear", "q=jutti", "q=phulwari&category=footwear"):
        assert await found(client, query) == {"Phulwari"}, query
    await client.put(f"/brands/{brand}", json={"name": "Kabir"}, headers=admin.headers)
    await client.put(f"/categories/{low}", json={"parent_id": None, "name": "Mules"}, headers=admin.headers)
    assert await found(client, "q=neelkanth") == await found(client, "q=footwear") == set()
    assert await found(client, "q=kabir") == await found(client, "q=mules") == {"Phulwari"}
    facets = (await client.get("/products?facets=true")).json()["facets"]
    assert [one["label"] for one in facets["brand"]] == ["Kabir"]
    assert [one["label"] for one in facets["category"]] == ["Mules"]


async def test_a_sold_out_product_and_a_reader_s_stars_are_known_at_once(
    client: AsyncClient, shop: Shop, shopper: make.Person, admin: make.Person
) -> None:
    product = await make.product(shop, name="Last piece", stock=1)
    assert await found(client, "q=piece&in_stock=true") == {"Last piece"}
    await make.cart(shop, shopper, {product.variants[0].sku: 1})
    assert (await client.post("/checkout", json=make.COD, headers=shopper.headers)).status_code == 201
    assert await found(client, "q=piece&in_stock=true") == set()
    assert await found(client, "q=piece&in_stock=false") == {"Last piece"}
    stock = {"sku": product.variants[0].sku, "delta": 3, "reason": "received"}
    await client.put(f"/products/{product.id}/stock", json=stock, headers=admin.headers)
    assert await found(client, "q=piece&in_stock=true") == {"Last piece"}


@pytest.mark.parametrize("status", ["draft", "archived"])
async def test_what_is_hidden_shows_nowhere(
    client: AsyncClient, shop: Shop, shopper: make.Person, staff: make.Person, vendor: make.Person, status: str
) -> None:
    product = await make.product(shop, name="Secret zardozi gown", caller=vendor.caller, tags=["zardozi"])
    assert await found(client, "q=zardozi") == {"Secret zardozi gown"}
    await client.put(f"/products/{product.id}", json={"status": status}, headers=vendor.headers)
    rival = await make.person(shop, "vendor")
    for person in (None, shopper, rival):
        for query in ("q=zardozi", "q=zardosi", "q=zard", "tag=zardozi", "facets=true"):
            assert await found(client, query, person) == set()
        facets = (await client.get("/products?facets=true", headers=person.headers if person else {})).json()["facets"]
        assert (facets["tag"], facets["price"]["min"]) == ([], None)
    for typed in ("z", "zar", "zardozi", "secret g"):
        assert (await client.get("/products/suggest", params={"q": typed})).json() == {"items": []}
    for person in (vendor, staff):
        assert await found(client, "q=zardozi", person) == {"Secret zardozi gown"}


async def test_searches_at_the_same_time_as_writes_are_whole(writer: Staff, client: AsyncClient) -> None:
    async def one(number: int) -> None:
        await writer.create(name=f"Chanderi {number}", price="1")
        assert f"Chanderi {number}" in await found(client, "q=chanderi&page_size=100")

    await asyncio.gather(*(one(number) for number in range(25)))
    assert len(await found(client, "q=chanderi&page_size=100")) == 25


async def test_another_process_finds_it_within_a_second(
    client: AsyncClient, shop: Shop, writer: Staff, tmp_path: Path
) -> None:
    with running(["serve", "--workers", "1"], environment(shop.settings), tmp_path) as other:
        async with AsyncClient(base_url=f"{other.url}/api/v1") as there:

            async def finds(count: int) -> bool:
                return len(await found(there, "q=kalamkari")) == count

            assert await finds(0)
            for number in range(5):
                product = await make.product(shop, name=f"Kalamkari {number}")
                await soon(partial(finds, number + 1))
            await client.delete(f"/products/{product.id}", headers=(await make.person(shop, "admin")).headers)
            await soon(partial(finds, 4))
            for number in range(20):  # and at once where the asker says what it was told to be written
                body = {"name": f"Ajrakh {number}", "price": "1", "tags": ["new"]}
                told = await client.post("/products", json=body, headers=writer.headers)
                assert told.status_code == 201, told.text
                version = {"x-store-version": told.headers["x-store-version"]}
                assert (await there.get("/products?tag=new", headers=version)).json()["total"] == number + 1


class TestDoubt:
    @pytest.fixture
    async def doubted(self, shop: Shop) -> AsyncIterator[Shop]:
        yield shop
        shop.search.start()

    async def test_without_the_stream_search_says_so_and_the_list_goes_on(
        self, client: AsyncClient, doubted: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        product = await make.product(doubted, name="Bandhani")
        await doubted.search.stop()
        monkeypatch.setattr(feeds, "PATIENCE", 0.2)
        with pytest.raises(Unavailable):
            await doubted.search.mirror()
        for path in ("/products/search?q=bandhani", "/products?facets=true", "/products/suggest?q=b"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
            assert int(answer.headers["retry-after"]) > 0
        assert [one["id"] for one in (await client.get("/products")).json()["items"]] == [str(product.id)]

    async def test_all_is_read_anew_when_the_stream_cannot_be_followed(self, client: AsyncClient, shop: Shop) -> None:
        await make.product(shop, name="Before")
        assert await found(client, "q=before") == {"Before"}
        first = await shop.search.mirror()
        await shop.store.db["categories"].rename("categories_elsewhere")
        await shop.store.db["categories_elsewhere"].rename("categories")
        await make.product(shop, name="After")
        ends = time.monotonic() + 10
        while await shop.search.mirror() is first:
            assert time.monotonic() < ends
            await asyncio.sleep(0.05)
        assert await found(client, "q=before") == {"Before"}
        assert await found(client, "q=after") == {"After"}


async def test_a_start_waits_for_the_index_only_where_it_is_asked(shop: Shop, tmp_path: Path) -> None:
    for number in range(30):
        await make.product(shop, name=f"Ikat {number}")
    with running(["serve", "--workers", "1"], environment(shop.settings), tmp_path) as fresh:
        async with AsyncClient(base_url=f"{fresh.url}/api/v1") as there:
            answer = await there.get("/products/search?q=ikat&facets=true")
    assert (answer.status_code, answer.json()["total"]) == (200, 30)


async def test_a_row_that_is_no_product_hides_no_other(writer: Staff, client: AsyncClient, shop: Shop) -> None:
    page = await writer.create(name="Marigold shawl", price="100")
    rows = shop.store.db["products"]
    for number, strange in enumerate(({}, {"name": "Marigold", "price": "free", "rating": None})):
        await rows.insert_one({**strange, "slugs": [f"s-{number}"], "variants": [{"sku": f"S-{number}"}]})
        shop.search.distrust()
        assert await found(client, "q=marigold") == {"Marigold shawl"}
    await rows.update_one({"slug": page["slug"]}, {"$unset": {"rating": 1}})
    shop.search.distrust()
    assert await found(client, "q=marigold") == set()
    assert len((await built(shop.store)).index) == 0
    await rows.delete_many({})
