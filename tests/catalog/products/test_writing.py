"""Creating and changing products: what is derived, what is refused, and that repeating changes nothing."""

import asyncio
from typing import Any

import httpx
import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from truestyle.shop import Shop

WRITABLE = {
    *("name", "description", "gender", "tags", "status", "seo", "hsn_code", "country_of_origin", "manufacturer"),
    "importer",
    *("net_quantity", "max_per_order", "returnable", "size_chart", "mrp", "price", "discount"),
}
OPTION = {"sku", "size", "color", "attributes", "mrp", "price", "barcode", "image_id"}


class Staff:
    """Somebody who writes products over HTTP."""

    def __init__(self, client: AsyncClient, person: make.Person) -> None:
        self.client, self.headers = client, person.headers

    async def create(self, **body: Any) -> dict[str, Any]:
        answer = await self.client.post("/products", json={"name": "Kurta", **body}, headers=self.headers)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def refused(self, **body: Any) -> dict[str, Any]:
        answer = await self.client.post("/products", json={"name": "Kurta", **body}, headers=self.headers)
        assert (answer.status_code, answer.json().get("code")) == (422, "validation_error"), answer.text
        found: dict[str, Any] = answer.json()["errors"][0]
        return found

    async def put(self, key: str, body: dict[str, Any]) -> httpx.Response:
        return await self.client.put(f"/products/{key}", json=body, headers=self.headers)


@pytest.fixture
def writer(client: AsyncClient, admin: make.Person) -> Staff:
    return Staff(client, admin)


def copied(page: dict[str, Any]) -> dict[str, Any]:
    """What a client sends back of what it read."""
    body = {name: value for name, value in page.items() if name in WRITABLE}
    body["variants"] = [{name: value for name, value in one.items() if name in OPTION} for one in page["variants"]]
    return body


async def test_a_name_and_a_price_are_enough(writer: Staff, client: AsyncClient, shop: Shop) -> None:
    page = await writer.create(price="999.00")
    assert (page["price"], page["mrp"], page["list_price"], page["currency"]) == ("999.00", "999.00", "999.00", "INR")
    assert (page["status"], page["returnable"], page["in_stock"], page["slug"]) == ("active", True, False, "kurta")
    assert page["rating"] == {"average": 0.0, "count": 0}
    assert (page["brand"], page["categories"], page["tags"], page["images"]) == (None, [], [], [])
    assert (page["discount"], page["vendor_id"], page["options"], page["warnings"]) == (None, None, [], [])
    [variant] = page["variants"]
    assert variant["sku"].startswith("KURTA-")
    assert (variant["price"], variant["available"], variant["size"]) == ("999.00", 0, None)
    assert (await client.get(f"/products/{page['id']}")).json() == page
    assert await shop.store.stock.available([variant["sku"]]) == {variant["sku"]: 0}
    assert await shop.store.movements.count({}) == 0


async def test_the_location_is_where_it_can_be_read(writer: Staff, client: AsyncClient) -> None:
    answer = await client.post("/products", json={"name": "K", "mrp": 1}, headers=writer.headers)
    assert answer.headers["location"] == f"/api/v1/products/{answer.json()['id']}"
    assert (await client.get(f"http://test{answer.headers['location']}")).json() == answer.json()


@pytest.mark.parametrize(
    ("body", "price", "mrp"),
    [
        ({"mrp": "1999.00", "price": "1499"}, "1499.00", "1999.00"),
        ({"mrp": "1999.00"}, "1999.00", "1999.00"),
        ({"price": 1499.5}, "1499.50", "1499.50"),
        ({"variants": [{"size": "M", "price": "900"}, {"size": "L", "price": "1100"}]}, "900.00", "1100.00"),
        ({"variants": [{"size": "M", "mrp": "900", "price": "800"}]}, "800.00", "900.00"),
        ({"price": "1000", "discount": {"type": "percent", "value": "12.5"}}, "875.00", "1000.00"),
        ({"price": "1000", "discount": {"type": "fixed", "value": "100"}}, "900.00", "1000.00"),
        ({"price": "1000", "discount": {"type": "percent", "value": "100"}}, "0.00", "1000.00"),
        ({"price": "0"}, "0.00", "0.00"),
    ],
)
async def test_price_and_mrp_follow_from_what_is_given(
    writer: Staff, body: dict[str, Any], price: str, mrp: str
) -> None:
    page = await writer.create(**body)
    assert (page["price"], page["mrp"]) == (price, mrp)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"price": "1000", "mrp": "999.99"},
        {"price": "-1"},
        {"price": "1.999"},
        {"price": "1e3"},
        {"price": None},
        {"price": "1000", "discount": {"type": "percent", "value": "100.01"}},
        {"price": "1000", "discount": {"type": "fixed", "value": "1000.01"}},
        {"price": "1000", "discount": {"type": "bogus", "value": "1"}},
        {"price": "1", "variants": []},
        {"price": "1", "variants": [{"size": "M"}, {"size": "M"}]},
        {"price": "1", "variants": [{"sku": "A", "size": "M"}, {"sku": "A", "size": "L"}]},
        {"price": "1", "variants": [{"opening_stock": -1}]},
        {"price": "1", "variants": [{"opening_stock": "5"}]},
        {"price": "1", "variants": [{"price": "2"}]},
        {"price": "1", "brand_id": str(ObjectId())},
        {"price": "1", "category_ids": [str(ObjectId())]},
        {"price": "1", "occasion_ids": ["x"]},
        {"price": "1", "hsn_code": "620"},
        {"price": "1", "gender": "robot"},
        {"price": "1", "status": "sold"},
        {"price": "1", "max_per_order": 0},
        {"price": "1", "vendor_id": str(ObjectId())},
        {"price": "1", "slug": "mine"},
        {"price": "1", "rating": {"average": 5}},
        {"price": "1", "popularity": 100},
        {"price": "1", "in_stock": True},
    ],
)
async def test_a_malformed_product_leaves_nothing_behind(writer: Staff, shop: Shop, body: dict[str, Any]) -> None:
    await writer.refused(**body)
    assert await shop.store.products.count({}) == 0
    assert await shop.store.stock.count({}) == 0
    assert await shop.store.movements.count({}) == 0


async def test_opening_stock_is_a_movement_of_its_own(writer: Staff, shop: Shop) -> None:
    page = await writer.create(price="1", variants=[{"sku": "A", "size": "M", "opening_stock": 7}, {"sku": "B"}])
    assert [one["available"] for one in page["variants"]] == [7, 0]
    assert page["in_stock"] is True
    rows = await shop.store.movements.collection.find({}).to_list()
    assert [(row["sku"], row["on_hand_delta"], row["reason"]) for row in rows] == [("A", 7, "opening")]


async def test_a_price_in_the_dead_zone_of_gst_is_warned_of(writer: Staff) -> None:
    page = await writer.create(price="2800", hsn_code="6211", variants=[{"sku": "A"}])
    assert page["warnings"] == ["A: no GST rate fits this price (the dead zone); the higher rate will be charged."]
    assert (await writer.create(name="Saree", price="2800", hsn_code="5007"))["warnings"] == []


RICH: dict[str, Any] = {
    "description": "Hand-block-printed",
    "gender": "women",
    "tags": ["Cotton", "block print"],
    "seo": {"title": "Kurta", "description": None},
    "hsn_code": "6211",
    "country_of_origin": "India",
    "mrp": "1999.00",
    "price": "1499.00",
    "discount": {"type": "percent", "value": "33.33"},
    "max_per_order": 3,
    "size_chart": {"unit": "cm", "columns": ["Size"], "rows": [["M"]], "thumbnail_id": None},
    "variants": [
        {"sku": "A", "size": "M", "color": "Indigo", "attributes": {"sleeve": "long"}, "barcode": "8901234567894"},
        {"sku": "B", "size": "L", "color": "Indigo", "price": "1599.00", "mrp": "1799.00", "opening_stock": 4},
    ],
}


@pytest.mark.parametrize("times", [1, 3])
async def test_putting_back_what_was_read_changes_nothing(writer: Staff, client: AsyncClient, times: int) -> None:
    page = await writer.create(**RICH)
    assert page["tags"] == ["cotton", "block print"]
    for _ in range(times):
        answer = await writer.put(page["id"], copied(page))
        assert (answer.status_code, answer.json()) == (200, page), answer.text
    assert (await client.get(f"/products/{page['id']}")).json() == page


async def test_an_empty_change_is_200_and_changes_nothing(writer: Staff, client: AsyncClient) -> None:
    page = await writer.create(**RICH)
    for method in ("PUT", "PATCH"):
        answer = await client.request(method, f"/products/{page['id']}", json={}, headers=writer.headers)
        assert (answer.status_code, answer.json()) == (200, page)


async def test_a_new_price_is_the_price_before_the_discount(writer: Staff) -> None:
    key = (await writer.create(mrp="2000", price="1000", discount={"type": "percent", "value": "10"}))["id"]
    assert (await writer.put(key, {"price": "1200"})).json()["price"] == "1080.00"
    assert (await writer.put(key, {"discount": None})).json()["price"] == "1200.00"
    assert (await writer.put(key, {"discount": {"type": "fixed", "value": "200"}})).json()["price"] == "1000.00"
    refused = await writer.put(key, {"price": "2000.01"})
    assert refused.status_code == 422
    lowered = await writer.put(key, {"mrp": "1199.99"})
    assert lowered.status_code == 422
    assert (await writer.put(key, {})).json()["price"] == "1000.00"


async def test_null_clears_what_may_be_null_and_is_refused_elsewhere(writer: Staff) -> None:
    key = (await writer.create(**RICH))["id"]
    nullable = ("gender", "seo", "hsn_code", "country_of_origin", "max_per_order", "discount", "size_chart")
    cleared = (await writer.put(key, dict.fromkeys(nullable))).json()
    assert [cleared[name] for name in nullable if name != "seo"] == [None] * 6
    assert cleared["seo"] == {"title": None, "description": None}
    for name in ("name", "description", "tags", "status", "price", "mrp", "variants", "category_ids", "returnable"):
        assert (await writer.put(key, {name: None})).status_code == 422
    assert (await writer.put(key, {})).json() == cleared


async def test_a_stale_version_changes_nothing(writer: Staff, client: AsyncClient) -> None:
    page = await writer.create(price="100")
    path, headers = f"/products/{page['id']}", writer.headers | {"if-match": '"1"'}
    answers = await asyncio.gather(
        *(client.put(path, json={"price": f"{at}"}, headers=headers) for at in range(50, 56))
    )
    assert sorted(one.status_code for one in answers) == [200] + [412] * 5
    winner = next(one for one in answers if one.status_code == 200)
    assert (await client.get(path)).json() == winner.json()


async def test_changes_to_different_fields_at_once_all_hold(writer: Staff) -> None:
    key = (await writer.create(mrp="200", price="100"))["id"]
    bodies: list[dict[str, Any]] = [{"price": "90"}, {"description": "words"}, {"tags": ["new"]}, {"gender": "men"}]
    answers = await asyncio.gather(*(writer.put(key, body) for body in bodies))
    assert [one.status_code for one in answers] == [200] * 4
    page = (await writer.put(key, {})).json()
    held = (page["price"], page["description"], page["tags"], page["gender"], page["version"])
    assert held == ("90.00", "words", ["new"], "men", 5)
