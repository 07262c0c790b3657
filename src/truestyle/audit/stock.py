"""I1 and I10: stock is the sum of its movements, and lists say what is true of it."""

from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from pydantic import ValidationError

from truestyle.audit.joining import side_by_side
from truestyle.audit.repairing import LISTED
from truestyle.audit.report import Breach, Mend
from truestyle.catalog.products.models import Product
from truestyle.catalog.products.pricing import listing
from truestyle.infra.snapshot import Snapshot
from truestyle.inventory.service import sizes_in_stock
from truestyle.orders.flow import OrderStatus

SUMS = (
    {"$group": {"_id": "$sku", "on_hand": {"$sum": "$on_hand_delta"}, "reserved": {"$sum": "$reserved_delta"}}},
    {"$sort": {"_id": 1}},
)


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
            yield Breach("I1", "available is not on_hand − reserved", documents, Mend.AVAILABLE)
        if min(row["on_hand"], row["reserved"], row["available"]) < 0:
            yield Breach("I1", "stock is below zero", documents)


async def reservations(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """I1: what is set aside for an order is its goods while it waits for its payment, and nothing once it is over."""
    stages: tuple[dict[str, Any], ...] = (
        {"$match": {"status": {"$in": [OrderStatus.PLACED, OrderStatus.CANCELLED]}}},
        {"$project": {"status": 1, "items.sku": 1, "items.quantity": 1}},
        {
            "$lookup": {
                "from": "stock_movements",
                "localField": "_id",
                "foreignField": "order_id",
                "pipeline": [{"$project": {"sku": 1, "reserved_delta": 1}}],
                "as": "moved",
            }
        },
    )
    async for row in snapshot.grouped("orders", *stages):
        yield 1
        wanted, held = Counter[str](), Counter[str]()
        for item in row["items"] if row["status"] == OrderStatus.PLACED else ():
            wanted[item["sku"]] += item["quantity"]
        for one in row["moved"]:
            held[one["sku"]] += one["reserved_delta"]
        if +held != wanted or -held:
            documents = {"order_id": row["_id"], "reserved": dict(held), "should": dict(wanted)}
            yield Breach("I1", "what is set aside for an order is not its goods", documents)


async def listings(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """I10: what a list shows of a product equals its variants and their stock."""
    by_product = snapshot.rows("stock", fields=("product_id", "available"), sort="product_id")
    stock = _grouped(by_product)
    held = await anext(stock, None)
    async for row in snapshot.rows("products"):
        yield 1
        try:
            product = Product.load(row)
        except ValidationError:
            yield Breach("I10", "a row of the catalogue that is no product", {"product": row["_id"]})
            continue
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
            yield Breach(
                "I10", f"{', '.join(wrong)} differ from the variants", {"product_id": product.id}, Mend.PRODUCT
            )


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


def _plain(row: dict[str, Any]) -> dict[str, int]:
    return {name: row[name] for name in ("on_hand", "reserved", "available")}
