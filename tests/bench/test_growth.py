"""The big catalogue that growth is measured on, and the picture of its curves."""

from random import Random
from typing import Any
from xml.etree import ElementTree as ET

from benchmarks import asked, curves, wares

from truestyle.audit.service import audit
from truestyle.catalog.products.reading import Filters
from truestyle.catalog.search import live, narrowing
from truestyle.shop import Shop

SVG = "{http://www.w3.org/2000/svg}"


async def test_the_big_catalogue_is_in_order_and_varied(shop: Shop) -> None:
    await wares.fill(shop, 300)

    report = await audit(shop)
    assert report.breaches == []
    assert await shop.store.products.count({}) == 300
    index = (await live.built(shop.store)).index
    shown = narrowing.visible(index, None)
    facets = narrowing.facets(index, shown, narrowing.conditions(index, Filters(), shown))
    for name, least in {"brand": 40, "category": 20, "size": 15, "color": 20, "gender": 3, "occasion": 4}.items():
        assert len(getattr(facets, name)) >= least, name
    assert len(facets.price.buckets) > 5
    flagged = {flag: await shop.store.products.count({"in_stock": flag}) for flag in (True, False)}
    assert min(flagged.values()) > 10


def test_words_differ() -> None:
    words = [wares.word(number) for number in range(5000)]
    assert len(set(words)) == 5000
    assert all(one.isalpha() for one in words)


def test_a_mistyped_word_is_another_of_the_same_letters() -> None:
    mistyped = {asked.mistyped("kurti", Random(seed)) for seed in range(20)}  # noqa: S311 - no secret
    assert mistyped == {"kruti", "kutri", "kurit"}


def told(times: float) -> dict[str, Any]:
    case = {"group": "Lists", "Y": [times, times * 1.1, times], "CPU": [times], "ms": [times], "commands": [2.0]}
    return {"cases": {"list <all>": case}, "start": {"read_in": times, "resident": 120.0}, "load": [0.1, 0.2]}


def test_the_curves_are_drawn_and_tabled() -> None:
    found = curves.joined([{"sizes": {"1000": told(2)}}, {"sizes": {"10000": told(4), "100000": told(30)}}])

    drawn = ET.fromstring(curves.svg(found))  # noqa: S314 - our own
    lines = [one for one in drawn.iter(f"{SVG}polyline") if len(str(one.get("points")).split()) == 3]
    assert len(lines) == 3  # the list, the index, the memory
    words = [one.text for one in drawn.iter(f"{SVG}text")]
    assert "list <all> (30.0)" in words
    assert {"1,000", "10,000", "100,000"} <= set(words)

    assert "| list <all> | 2.00 | 4.00 | 30.0 | 2.00 | 4.00 | 30.0 | 30.0 | 2.00 |" in curves.markdown(found)
