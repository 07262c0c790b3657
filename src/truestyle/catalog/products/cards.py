"""Products in a list, from their stored rows straight to JSON: what was written was validated then.

A test holds this to `ProductCard`, which the OpenAPI document tells of; by that model it takes four times as long.
"""

from typing import Any

import orjson

from truestyle.catalog.products.models import CURRENCY, DiscountType
from truestyle.kit import money
from truestyle.kit.paging import Found
from truestyle.kit.repository import Row
from truestyle.setting_groups import ShopSettings


def page(found: Found[Row], shop: ShopSettings, **more: Any) -> bytes:
    """One page of stored rows as the JSON of a page of cards, with what else belongs to the answer."""
    told = found.page().model_dump(exclude={"items"})
    return orjson.dumps({"items": [card(row, shop) for row in found.items], **told, **more})


def card(row: Row, shop: ShopSettings) -> dict[str, Any]:
    """What JSON says of a product in a list."""
    brand, discount, rating = row["brand"], row["discount"], row["rating"]
    return {
        "id": str(row["_id"]),
        "name": row["name"],
        "slug": row["slug"],
        "brand": brand and {"id": str(brand["id"]), "name": brand["name"]},
        "price": money.wire(row["price"]),
        "mrp": money.wire(row["mrp"]),
        "discount": discount and {"type": discount["type"], "value": _value(discount)},
        "currency": CURRENCY,
        "image": _image(row["images"], shop),
        "rating": {"average": float(rating["average"]), "count": rating["count"]},
        "in_stock": row["in_stock"],
        "sizes": row["sizes"],
        "colors": row["colors"],
    }


def _value(discount: Row) -> str:
    value = money.wire(discount["value"])
    return value if discount["type"] == DiscountType.FIXED else value.removesuffix(".00")


def _image(images: list[Row], shop: ShopSettings) -> dict[str, Any] | None:
    if not images:
        return None
    first = min(images, key=lambda one: one["position"])
    key = str(first["id"])
    return {
        "id": key,
        "alt": first["alt"],
        "position": first["position"],
        "url": shop.file_url(key),
        "thumbnails": shop.thumbnails(key),
    }
