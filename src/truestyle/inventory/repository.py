"""Stock in MongoDB. Every change is guarded by its own filter and leaves a movement."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError

from truestyle.inventory.models import Movement, Stock
from truestyle.kit import clock, writes
from truestyle.kit.errors import NotFound, Problem
from truestyle.kit.repository import Collection, Repository, holding, refused

LOW = 5  # pieces: at this many a SKU counts as low, unless it is told otherwise


class InsufficientStock(Problem):
    """There is not as much as was asked for."""

    status, code, detail = 409, "insufficient_stock", "There is not enough stock."

    def __init__(self, items: Iterable[tuple[str, int, int]]) -> None:
        """`items`: (sku, requested, available)."""
        super().__init__(items=[{"sku": sku, "requested": asked, "available": there} for sku, asked, there in items])


class Stocks(Collection):
    """`{_id: sku, product_id, on_hand, reserved, available, low_stock_at}`."""

    name = "stock"
    unaudited = "every change leaves a movement, which says who and why"
    indexes = (
        IndexModel([("product_id", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("available", ASCENDING), ("_id", ASCENDING), ("product_id", ASCENDING)]),
        IndexModel([("product_id", ASCENDING), ("available", ASCENDING)]),
    )

    async def of(self, skus: Iterable[str]) -> dict[str, Stock]:
        """Rows by SKU; the missing are left out."""
        rows = await self.collection.find({"_id": {"$in": list(skus)}}, session=self.session).to_list()
        return {row["_id"]: _load(row) for row in rows}

    async def available(self, skus: Iterable[str]) -> dict[str, int]:
        """Pieces that can be bought, by SKU."""
        skus = list(skus)
        writes.consulted(self.name, skus)
        rows = self.collection.find({"_id": {"$in": skus}}, {"available": 1}, session=self.session)
        return {row["_id"]: row["available"] async for row in rows}

    async def of_products(self, ids: Sequence[ObjectId]) -> list[Stock]:
        """Rows of all SKUs of these products."""
        rows = await self.collection.find({"product_id": {"$in": list(ids)}}, session=self.session).to_list()
        return [_load(row) for row in rows]

    async def low(self, threshold: int, limit: int, hidden: Sequence[ObjectId] = ()) -> list[Stock]:
        """The SKUs with `threshold` available pieces or fewer, the scarcest first, but for `hidden` products."""
        found = self.collection.find(
            {"available": {"$lte": threshold}, "product_id": {"$nin": list(hidden)}},
            sort=[("available", ASCENDING), ("_id", ASCENDING)],
            limit=limit,
            session=self.session,
        )
        return [_load(row) async for row in found]

    async def count_low(self, threshold: int, hidden: Sequence[ObjectId] = ()) -> int:
        """How many SKUs that would be."""
        low: dict[str, Any] = {"available": {"$lte": threshold}}
        among = await self.count({**low, "product_id": {"$in": list(hidden)}}) if hidden else 0
        return await self.count(low) - among

    async def open(self, opening: Sequence[tuple[str, ObjectId, int]]) -> None:
        """Rows for new SKUs: (sku, product, pieces on hand). Raises Duplicate."""
        moment = clock.now()
        rows = [
            {
                "_id": sku,
                "product_id": product_id,
                "on_hand": pieces,
                "reserved": 0,
                "available": pieces,
                "low_stock_at": LOW,
                "updated_at": moment,
            }
            for sku, product_id, pieces in opening
        ]
        try:
            await self.collection.insert_many(rows, session=self.session)
        except BulkWriteError as error:
            raise refused(error, "sku") from error

    async def lock(self, skus: Sequence[str]) -> dict[str, int]:
        """Take the write locks of these rows first, so that a conflict shows at once; then what is available.

        In sorted order, as everybody does. Only inside a transaction.
        """
        moment = clock.now()
        await self.quiet.bulk_write(
            [UpdateOne({"_id": sku}, {"$set": {"locked_at": moment}}) for sku in sorted(skus)],
            session=self.session,
        )
        return await self.available(skus)

    async def follow(self, sku: str, on_hand: int, reserved: int) -> bool:
        """Change what is there as movements that come back say; False where there are too few, or no such SKU."""
        free = on_hand - reserved
        done = await self.collection.update_one(
            {"_id": sku, "available": {"$gte": -free}, "on_hand": {"$gte": -on_hand}, "reserved": {"$gte": -reserved}},
            {
                "$inc": {"on_hand": on_hand, "reserved": reserved, "available": free},
                "$set": {"updated_at": clock.now()},
            },
            session=self.session,
        )
        return done.matched_count == 1

    async def take(self, demand: Mapping[str, int], moment: datetime) -> bool:
        """Sell pieces, in SKU order; False (and the transaction must end) if any SKU has too few."""
        return await self._shift(demand, {"on_hand": -1, "available": -1}, "available", moment)

    async def reserve(self, demand: Mapping[str, int], moment: datetime) -> bool:
        """Set pieces aside, in SKU order; False (and the transaction must end) if any SKU has too few."""
        return await self._shift(demand, {"reserved": 1, "available": -1}, "available", moment)

    async def release(self, pieces: Mapping[str, int], moment: datetime) -> bool:
        """Offer again what was set aside; False (and the transaction must end) if that was less."""
        return await self._shift(pieces, {"reserved": -1, "available": 1}, "reserved", moment)

    async def sell_reserved(self, pieces: Mapping[str, int], moment: datetime) -> bool:
        """What was set aside is sold; False (and the transaction must end) if that was less."""
        return await self._shift(pieces, {"reserved": -1, "on_hand": -1}, "reserved", moment)

    async def _shift(self, pieces: Mapping[str, int], signs: Mapping[str, int], enough: str, moment: datetime) -> bool:
        done = await self.collection.bulk_write(
            [
                UpdateOne(
                    {"_id": sku, enough: {"$gte": count}},
                    {
                        "$inc": {name: sign * count for name, sign in signs.items()},
                        "$set": {"updated_at": moment},
                    },
                )
                for sku, count in sorted(pieces.items())
            ],
            session=self.session,
        )
        return done.modified_count == len(pieces)

    async def put_back(self, pieces: Mapping[str, int], moment: datetime) -> None:
        """Undo a sale."""
        await self.collection.bulk_write(
            [
                UpdateOne(
                    {"_id": sku},
                    {"$inc": {"on_hand": count, "available": count}, "$set": {"updated_at": moment}},
                )
                for sku, count in sorted(pieces.items())
            ],
            session=self.session,
        )

    async def adjust(self, sku: str, delta: int, *, expected: int | None = None) -> Stock | None:
        """Add `delta` pieces on hand, if none is missed by it and (when given) `expected` are on hand."""
        where: dict[str, Any] = {"_id": sku, "available": {"$gte": -delta}}
        if expected is not None:
            where["on_hand"] = expected
        row = await self.collection.find_one_and_update(
            where,
            {
                "$inc": {"on_hand": delta, "available": delta},
                "$set": {"updated_at": clock.now(), "last_edit": ObjectId()},
            },
            return_document=ReturnDocument.AFTER,
            session=self.session,
        )
        return None if row is None else _load(row)

    async def adjust_many(self, changes: Mapping[str, tuple[ObjectId, int]]) -> bool:
        """Add pieces on hand: (mark, pieces) by SKU. False (and the transaction must end) if any SKU has too few."""
        moment = clock.now()
        done = await self.collection.bulk_write(
            [
                UpdateOne(
                    {"_id": sku, "available": {"$gte": -delta}},
                    {
                        "$inc": {"on_hand": delta, "available": delta},
                        "$set": {"updated_at": moment, "last_edit": mark},
                    },
                )
                for sku, (mark, delta) in sorted(changes.items())
            ],
            session=self.session,
        )
        return done.matched_count == len(changes)

    async def edits(self, skus: Sequence[str]) -> dict[str, ObjectId | None]:
        """The mark of the last change by hand of each of these SKUs: sales and returns leave it as it is."""
        rows = self.collection.find({"_id": {"$in": list(skus)}}, {"last_edit": 1}, session=self.session)
        return {row["_id"]: row.get("last_edit") async for row in rows}

    async def set_threshold(self, sku: str, pieces: int) -> Stock:
        """From how many available pieces on the SKU counts as low. Raises NotFound."""
        row = await self.collection.find_one_and_update(
            {"_id": sku},
            {"$set": {"low_stock_at": pieces, "updated_at": clock.now()}},
            return_document=ReturnDocument.AFTER,
            session=self.session,
        )
        if row is None:
            raise NotFound
        return _load(row)

    async def mend_available(self, sku: str) -> bool:
        """Work out again what can be bought; False if that is right, or would be below zero."""
        right = {"$subtract": ["$on_hand", "$reserved"]}
        wrong = {"$and": [{"$ne": ["$available", right]}, {"$gte": [right, 0]}]}
        done = await self.collection.update_one(
            {"_id": sku, "$expr": wrong}, [{"$set": {"available": right}}], session=self.session
        )
        return done.modified_count == 1

    async def close(self, skus: Sequence[str]) -> int:
        """Delete the rows of SKUs that have nothing on hand and nothing reserved; how many were."""
        done = await self.collection.delete_many(
            {"_id": {"$in": list(skus)}, "on_hand": 0, "reserved": 0}, session=self.session
        )
        return done.deleted_count


class Movements(Repository[Movement]):
    """The append-only history of stock."""

    document, name = Movement, "stock_movements"
    unaudited = "append-only: it is the trail of the stock"
    indexes = (
        IndexModel([("product_id", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("sku", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("order_id", ASCENDING)], partialFilterExpression=holding("order_id")),
        IndexModel([("return_id", ASCENDING)], partialFilterExpression=holding("return_id")),
    )

    async def write(self, movements: Sequence[Movement]) -> None:
        """Append, inside the transaction that moved the stock."""
        if movements:
            await self.collection.insert_many([one.dump() for one in movements], session=self.session)


def _load(row: Mapping[str, Any]) -> Stock:
    return Stock.model_validate({**row, "sku": row["_id"]})
