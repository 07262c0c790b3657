"""I1 and I10: stock is the sum of its movements, and lists say what is true of it."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from truestyle.audit.report import Breach
from truestyle.catalog.products.models import Product
from truestyle.catalog.products.pricing import listing
from truestyle.infra.snapshot import Snapshot
from truestyle.inventory.service import sizes_in_stock

SUMS = (
    {"$group": {"_id": "$sku", "on_hand": {"$sum": "$on_hand_delta"}, "reserved": {"$sum": "$reserved_delta"}}},
    {"$sort": {"_id": 1}},
)
LISTED = ("mrp", "price", "discounted", "sizes", "colors", "option_keys", "sort_name")


async def sums(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """I1: per SKU, `on_hand` and `reserved` equal their movements' sums; nothing is below zero."""
    async for sku, row, moved in side_by_side(snapshot.rows("stock"), snapshot.grouped("stock_movements", *SUMS)):
        yield 1
        on_hand, reserved = (moved or {}).get("on_hand", 0), (moved or {}).get("reserved", 0)
        if row is None:
            if on_hand or reserved:
                yield Breach("I1", "movements of a SKU that has no stock row do not cancel out", {"sku": sku})
            continue
        documents = {"sku": sku, "stock": _plain(row), "movements": {"on_hand": on_hand, "reserved": reserved}}
        if (row["on_hand"], row["reserved"]) != (on_hand, reserved):
            yield Breach("I1", "stock is not the sum of its movements", documents)
        if row["available"] != row["on_hand"] - row["reserved"]:
            yield Breach("I1", "available is not on_hand − reserved", documents)
        if min(row["on_hand"], row["reserved"], row["available"]) < 0:
            yield Breach("I1", "stock is below zero", documents)


async def listings(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """I10: what a list shows of a product equals its variants and their stock."""
    by_product = snapshot.rows("stock", fields=("product_id", "available"), sort="product_id")
    stock = _grouped(by_product)
    held = await anext(stock, None)
    async for row in snapshot.rows("products"):
        yield 1
        product = Product.load(row)
        while held is not None and held[0] < product.id:
            held = await anext(stock, None)
        available = held[1] if held is not None and held[0] == product.id else {}
        right = listing(product)
        wrong = [name for name in LISTED if getattr(product, name) != getattr(right, name)]
        if product.in_stock != any(available.get(one.sku, 0) > 0 for one in product.variants):
            wrong.append("in_stock")
        if product.sizes_in_stock != sizes_in_stock(product, available):
            wrong.append("sizes_in_stock")
        if wrong:
            yield Breach("I10", f"{', '.join(wrong)} differ from the variants", {"product_id": product.id})


async def _grouped(rows: AsyncIterable[dict[str, Any]]) -> AsyncIterator[tuple[Any, dict[str, int]]]:
    """(product id, available by SKU), from rows in the order of product ids."""
    key, found = None, dict[str, int]()
    async for row in rows:
        if row["product_id"] != key:
            if key is not None:
                yield key, found
            key, found = row["product_id"], {}
        found[row["_id"]] = row["available"]
    if key is not None:
        yield key, found


async def side_by_side(
    left: AsyncIterator[dict[str, Any]], right: AsyncIterator[dict[str, Any]]
) -> AsyncIterator[tuple[Any, dict[str, Any] | None, dict[str, Any] | None]]:
    """Two streams in the order of `_id`, joined: (id, left or None, right or None)."""
    one, other = await anext(left, None), await anext(right, None)
    while one is not None or other is not None:
        keys = [row["_id"] for row in (one, other) if row is not None]
        key = min(keys)
        mine = one if one is not None and one["_id"] == key else None
        theirs = other if other is not None and other["_id"] == key else None
        yield key, mine, theirs
        if mine is not None:
            one = await anext(left, None)
        if theirs is not None:
            other = await anext(right, None)


def _plain(row: dict[str, Any]) -> dict[str, int]:
    return {name: row[name] for name in ("on_hand", "reserved", "available")}
