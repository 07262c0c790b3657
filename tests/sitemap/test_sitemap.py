"""The sitemap: what is in it, and when it is made again."""

import re
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest
import time_machine
from fastapi import FastAPI

from tests import make
from truestyle.kit import clock
from truestyle.shop import Shop
from truestyle.sitemap import service
from truestyle.sitemap.models import SPACE


@pytest.fixture
async def root(app: FastAPI, shop: Shop) -> Any:
    assert shop
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


async def addresses(root: httpx.AsyncClient) -> list[str]:
    """All that the index leads to, without the host."""
    index = await root.get("/sitemap.xml")
    assert (index.status_code, index.headers["content-type"]) == (200, "application/xml")
    found: list[str] = []
    for place in locations(index.text):
        part = await root.get(place)
        assert part.status_code == 200
        found += locations(part.text)
    return found


def locations(xml: str) -> list[str]:
    tree = ET.fromstring(xml)  # noqa: S314 - ours
    assert tree.tag in {f"{{{SPACE}}}sitemapindex", f"{{{SPACE}}}urlset"}
    return [(one.text or "").removeprefix("http://test") for one in tree.iter(f"{{{SPACE}}}loc")]


async def test_it_names_what_is_there_to_be_seen(
    root: httpx.AsyncClient, shop: Shop, client: httpx.AsyncClient, staff: make.Person
) -> None:
    assert (await root.get("/sitemap.xml")).status_code == 503
    shown, hidden = await make.product(shop), await make.product(shop, status="draft")
    for body in ({"name": "Sarees & more"}, {"name": "Not yet", "is_active": False}):
        assert (await client.post("/categories", json=body, headers=staff.headers)).status_code == 201
    question = {"question": "Where are you?", "answer": "In Bengaluru."}
    assert (await client.post("/faq", json=question, headers=staff.headers)).status_code == 201
    policy = {"title": "Returns", "body": "Within 7 days.", "is_active": False}
    assert (await client.post("/policies", json=policy, headers=staff.headers)).status_code == 201
    assert await service.build(shop) == {"built": True, "addresses": 4}
    found = await addresses(root)
    assert found == ["/", "/faq", "/categories/sarees-and-more", f"/products/{shown.slug}"]
    assert hidden.slug not in str(found)
    first = await root.get("/sitemap.xml")
    again = await root.get("/sitemap.xml", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    assert re.fullmatch(r"public, max-age=\d+", first.headers["cache-control"])
    assert [(await root.get(f"/sitemap-{one}.xml")).status_code for one in ("2", "0", "x")] == [404] * 3


async def test_it_is_made_again_when_something_changes_and_only_then(shop: Shop, root: httpx.AsyncClient) -> None:
    first = await make.product(shop)
    assert (await service.build(shop))["built"] is True
    assert await service.build(shop) == {"built": False}
    second = await make.product(shop)
    assert (await service.build(shop))["built"] is True
    assert {f"/products/{one.slug}" for one in (first, second)} < set(await addresses(root))
    with time_machine.travel(clock.now() + timedelta(hours=6, minutes=1)):
        assert (await service.build(shop))["built"] is True


async def test_content_that_comes_due_is_in_it_when_it_is(
    shop: Shop, root: httpx.AsyncClient, client: httpx.AsyncClient, staff: make.Person
) -> None:
    moment = clock.now()
    times = {"starts_at": clock.wire(moment + timedelta(hours=1)), "ends_at": clock.wire(moment + timedelta(hours=3))}
    body = {"title": "Our looms", "body": "Two looms.", **times}
    assert (await client.post("/about", json=body, headers=staff.headers)).status_code == 201
    seen: list[tuple[bool, bool]] = []
    for minutes in (0, 30, 61, 90, 181, 200):
        with time_machine.travel(moment + timedelta(minutes=minutes)):
            built = (await service.build(shop))["built"]
            seen.append((built, "/about" in await addresses(root)))
    assert seen == [(True, False), (False, False), (True, True), (False, True), (True, False), (False, False)]


async def test_a_large_shop_has_several_files_and_a_smaller_one_fewer(
    shop: Shop, root: httpx.AsyncClient, client: httpx.AsyncClient, admin: make.Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST", 3)
    products = [await make.product(shop) for _ in range(6)]
    assert await service.build(shop) == {"built": True, "addresses": 7}
    found = await addresses(root)
    assert len(found) == len(set(found)) == 7
    assert len(locations((await root.get("/sitemap.xml")).text)) == 3
    for one in products[:4]:
        assert (await client.delete(f"/products/{one.id}", headers=admin.headers)).status_code == 204
    await service.build(shop)
    assert sorted(await addresses(root)) == sorted(["/", *(f"/products/{one.slug}" for one in products[4:])])
    assert (await root.get("/sitemap-2.xml")).status_code == 404
