"""What only an import asks of MongoDB: many rows at once. Products' own bulk queries are in their repository."""

from collections.abc import Sequence
from typing import TypeVar

from bson import ObjectId
from pymongo.errors import BulkWriteError

from truestyle.catalog.lookups import Lookup
from truestyle.catalog.products.repository import taken
from truestyle.inventory.repository import Stocks
from truestyle.kit import clock
from truestyle.kit.errors import ValidationFailed
from truestyle.store import Store

L = TypeVar("L", bound=Lookup)
LOW = 5  # pieces


async def all_rows(store: Store, document: type[L]) -> list[L]:
    """Every row of a lookup: there are hundreds at most."""
    rows = await store.of(document).collection.find({}, session=store.session).to_list()
    return [document.load(row) for row in rows]


async def hold(tx: Store, document: type[Lookup], ids: Sequence[ObjectId]) -> None:
    """Keep lookup rows from vanishing while products begin to name them: see catalog.products.references.

    Raises ValidationFailed when one is gone already.
    """
    if not ids:
        return
    done = await tx.of(document).collection.update_many(
        {"_id": {"$in": list(ids)}}, {"$set": {"used_at": clock.now()}}, session=tx.session
    )
    if done.matched_count != len(ids):
        raise ValidationFailed("names something that does not exist")


async def open_stock(stock: Stocks, rows: Sequence[tuple[str, ObjectId, int]]) -> None:
    """Stock rows for new SKUs: (sku, product, pieces). Raises Duplicate."""
    if not rows:
        return
    moment = clock.now()
    documents = [
        {
            "_id": sku,
            "product_id": product_id,
            "on_hand": pieces,
            "reserved": 0,
            "available": pieces,
            "low_stock_at": LOW,
            "updated_at": moment,
        }
        for sku, product_id, pieces in rows
    ]
    try:
        await stock.collection.insert_many(documents, session=stock.session)
    except BulkWriteError as error:
        raise taken(error, "sku") from error
