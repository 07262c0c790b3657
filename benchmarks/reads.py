"""Reading: the catalogue, pictures, one's cart; and a cart that is filled."""

import itertools
from functools import partial

from benchmarks import stock
from benchmarks.case import Bench, Case, Reading
from benchmarks.processes import PREFIX
from truestyle.bench import load
from truestyle.bench.load import CONNECTIONS
from truestyle.bench.wire import Ask, Connection

WARM = "≥ 0.8 Y"
_numbers = itertools.count(10_000_000, 10_000_000)  # each measurement counts on from a place of its own


async def _get(path: str, bench: Bench) -> Reading:
    return Reading.of(await load.get(bench.url, PREFIX + path, bench.pace.seconds))


async def _alive(bench: Bench) -> Reading:
    return Reading.of(await load.get(bench.url, "/health/live", bench.pace.seconds))


async def _list_cold(bench: Bench) -> Reading:
    # A price nobody reaches: always another query, always the same answer.
    path = f"{PREFIX}/products?price_max="
    return Reading.of(await load.get(bench.url, path, bench.pace.seconds, distinct_from=next(_numbers) % 90_000_000))


async def _detail(bench: Bench) -> Reading:
    return await _get(f"/products/{bench.stocked.products[0].id}", bench)


async def _picture(bench: Bench) -> Reading:
    return await _get(f"/files/{bench.stocked.picture}", bench)


async def _picture_known(bench: Bench) -> Reading:
    path = f"{PREFIX}/files/{bench.stocked.picture}"
    connection = Connection(bench.url)
    got = await connection.send(Ask("GET", path))
    await connection.close()
    known = {"if-none-match": got.headers["etag"]}
    return Reading.of(await load.get(bench.url, path, bench.pace.seconds, headers=known, expected=304))


async def _token(bench: Bench) -> Reading:
    """CPU time of a request with a token, less that of the same without; a guest's would come from the page cache."""
    [buyer] = await stock.buyers(bench.shop, [[]])
    path, spent = f"{PREFIX}/occasions", list[float]()
    for headers in ({}, buyer.headers):
        asked = {"cache-control": "no-cache", **headers}
        before = bench.cpu()
        found = await load.get(bench.url, path, bench.pace.seconds, headers=asked)
        spent.append((bench.cpu() - before) / found.count)
    without, with_token = spent
    return Reading(None, {"µs": (with_token - without) * 1e6, "µs without": without * 1e6})


async def _cart(bench: Bench) -> Reading:
    [buyer] = await stock.buyers(bench.shop, [bench.stocked.skus[:12:4]])
    return Reading.of(await load.get(bench.url, f"{PREFIX}/cart", bench.pace.seconds, headers=buyer.headers))


async def _add(bench: Bench) -> Reading:
    skus = bench.stocked.skus
    people = await stock.buyers(bench.shop, [[]] * max(CONNECTIONS, bench.pace.orders // 20))
    asks = [
        Ask("POST", f"{PREFIX}/cart/add", one.headers, {"product_id": str(product.id), "sku": sku, "quantity": 1})
        for number in range(5)
        for at, one in enumerate(people)
        for product, sku in [skus[(at + number * 7) % len(skus)]]
    ]
    return Reading.of(await load.send(bench.url, asks, CONNECTIONS))


CASES = (
    Case("live", "GET /health/live", _alive),
    Case("list", "20 cards, the same query", partial(_get, "/products"), budget=WARM),
    Case("list-cold", "20 cards, another query each time", _list_cold, budget="≥ 0.08 Y"),
    Case("search", "20 cards, q=cotton kurta", partial(_get, "/products?q=cotton%20kurta")),
    Case("detail", "a product page", _detail, budget=WARM),
    Case("lookups", "20 occasions", partial(_get, "/occasions"), budget=WARM),
    Case("picture", "300 kB picture", _picture, budget="≥ 0.25 Y"),
    Case("picture-304", "the same, known already", _picture_known, budget="≥ 0.4 Y"),
    Case("token", "what a token costs: CPU of a request", _token, budget="≤ 120 µs"),
    Case("cart", "one's own cart of 3 lines", _cart),
    Case("cart-add", "put a piece into a cart", _add),
)
