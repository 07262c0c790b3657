"""A card is written straight from its stored row: the same JSON, key for key, as its model would write."""

from typing import Any

import orjson
import pytest
from bson import ObjectId

from truestyle.catalog.products import cards, reading
from truestyle.catalog.search.models import ProductPage
from truestyle.kit.paging import Found, PageQuery
from truestyle.setting_groups import ShopSettings

SHOP = ShopSettings(backend_base_url="https://shop.example/")
PLAIN: dict[str, Any] = {
    "_id": ObjectId("65af0b12c4a1d2e3f4a5b6c7"),
    "name": "Kurta “Neel” — नीला",
    "slug": "kurta-neel",
    "brand": None,
    "price": 149_905,
    "mrp": 149_905,
    "discount": None,
    "images": [],
    "rating": {"average": 0, "count": 0},
    "in_stock": False,
    "sizes": [],
    "colors": [],
}
PICTURES = [
    {"id": ObjectId("65af0b12c4a1d2e3f4a5b6c9"), "alt": None, "position": 1, "source": None},
    {"id": ObjectId("65af0b12c4a1d2e3f4a5b6c8"), "alt": "front", "position": 0, "source": "https://elsewhere.example"},
    {"id": ObjectId("65af0b12c4a1d2e3f4a5b6d0"), "alt": "also first", "position": 0, "source": None},
]
ROWS: dict[str, dict[str, Any]] = {
    "plain": {},
    "in stock": {"in_stock": True, "sizes": ["S", "XL"], "colors": ["Indigo"]},
    "of a brand": {"brand": {"id": ObjectId("65af0b12c4a1d2e3f4a5b6c6"), "name": "Asha", "slug": "asha"}},
    "whole percent": {"discount": {"type": "percent", "value": 1000}},
    "part of a percent": {"discount": {"type": "percent", "value": 3333}},
    "rupees off": {"discount": {"type": "fixed", "value": 10_000}},
    "with stars": {"rating": {"average": 4.33, "count": 3}},
    "with pictures": {"images": PICTURES},
    "free": {"price": 0, "mrp": 5},
}


@pytest.mark.parametrize("words", ROWS)
def test_a_row_is_what_its_model_would_write(words: str) -> None:
    row = PLAIN | ROWS[words]
    written = orjson.dumps(cards.card(row, SHOP)).decode()
    assert written == reading.card(row, SHOP).model_dump_json()


@pytest.mark.parametrize("total", [None, 0, 41])
def test_a_page_is_what_its_model_would_write(total: int | None) -> None:
    rows = [PLAIN | one for one in ROWS.values()]
    found = Found(rows, PageQuery("price", page=2, size=20), total, "next" if total is None else None)
    model = found.map(lambda row: reading.card(row, SHOP)).page()
    assert cards.page(found, SHOP).decode() == ProductPage(**dict(model)).model_dump_json()
