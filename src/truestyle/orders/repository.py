"""Orders in MongoDB."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument

from truestyle.kit import clock
from truestyle.kit.repository import Collection, Repository, Row
from truestyle.kit.trail import Watch
from truestyle.orders.flow import OrderStatus
from truestyle.orders.models import HistoryEntry, Order


class Orders(Repository[Order]):
    """One row an order, items embedded. A cart at one version becomes one order at most."""

    document, name = Order, "orders"
    watch = Watch(outline=frozenset({"number", "status", "total", "placed_at"}))
    indexes = (
        IndexModel("number", unique=True),
        IndexModel("cart_key", unique=True),
        IndexModel([("user_id", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("status", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("payment.status", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("total", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("placed_at", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("email", ASCENDING), ("_id", DESCENDING)]),
        IndexModel("items.product_id"),
        IndexModel("items.sku"),
    )

    async def write(self, orders: Sequence[Order]) -> None:
        """Insert new orders, inside the transaction that took their stock."""
        await self.collection.insert_many([one.dump() for one in orders], session=self.session)

    async def move(
        self,
        key: ObjectId,
        sources: Sequence[OrderStatus],
        entry: HistoryEntry,
        more: dict[str, Any] | None = None,
    ) -> Order | None:
        """Go to `entry.status` if the order still stands in one of `sources`; the order after, or None."""
        return await self.change(
            key,
            {"$set": {"status": entry.status, **(more or {})}, "$push": {"status_history": entry.model_dump()}},
            where={"status": {"$in": list(sources)}},
        )

    async def anonymise(self, user_id: ObjectId, email: str) -> int:
        """Take a person out of their orders; what tax law wants (amounts, state, PIN code) stays. How many."""
        nobody = {"full_name": "Deleted account", "phone": "", "line1": "", "line2": None, "landmark": None}
        fields = {f"{kind}_address.{name}": value for kind in ("shipping", "billing") for name, value in nobody.items()}
        done = await self.collection.update_many(
            {"user_id": user_id},
            {
                "$set": {**fields, "email": email, "notes": None, "updated_at": clock.now()},
                "$inc": {"version": 1},
            },
            session=self.session,
        )
        return done.modified_count

    async def rows(self, ids: Sequence[ObjectId], fields: Sequence[str]) -> list[Row]:
        """Some fields of these orders; the missing are left out."""
        found = self.collection.find({"_id": {"$in": list(ids)}}, dict.fromkeys(fields, 1), session=self.session)
        return await found.to_list()

    async def placed_between(
        self, start: datetime, end: datetime, after: tuple[datetime, ObjectId] | None, limit: int, fields: Sequence[str]
    ) -> list[Row]:
        """Some fields of the orders of a time, as they were placed, beyond the one `after` names."""
        where: dict[str, Any] = {"placed_at": {"$gte": start, "$lt": end}}
        if after is not None:
            later = {"$or": [{"placed_at": {"$gt": after[0]}}, {"placed_at": after[0], "_id": {"$gt": after[1]}}]}
            where = {"$and": [{"placed_at": {"$gte": after[0], "$lt": end}}, later]}
        found = self.collection.find(
            where,
            dict.fromkeys(fields, 1),
            sort=[("placed_at", ASCENDING), ("_id", ASCENDING)],
            limit=limit,
            session=self.session,
        )
        return await found.to_list()

    async def ids(self, after: ObjectId | None, limit: int) -> list[ObjectId]:
        """The ids that follow, in their order."""
        where = {} if after is None else {"_id": {"$gt": after}}
        found = self.collection.find(where, {"_id": 1}, sort=[("_id", 1)], limit=limit, session=self.session)
        return [row["_id"] async for row in found]

    async def with_product(
        self, buyer: ObjectId, product_id: ObjectId, *, order_id: ObjectId | None = None, delivered: bool = False
    ) -> ObjectId | None:
        """An order of the buyer's (this one, if given) that has the product and, if wanted, was delivered."""
        where: dict[str, Any] = {"user_id": buyer, "items.product_id": product_id}
        if order_id is not None:
            where["_id"] = order_id
        if delivered:
            where["status"] = OrderStatus.DELIVERED
        row = await self.collection.find_one(where, {"_id": 1}, session=self.session)
        return row["_id"] if row else None

    async def has_ordered(self, user_id: ObjectId | None, email: str | None) -> bool:
        """Whether a person, signed in or not, has an order that was not called off."""
        either = [{name: value} for name, value in (("user_id", user_id), ("email", email)) if value is not None]
        return bool(either) and await self._any({"$or": either, "status": {"$ne": OrderStatus.CANCELLED}})

    async def names_product(self, product_id: ObjectId) -> bool:
        """Whether any order has this product."""
        return await self._any({"items.product_id": product_id})

    async def names_skus(self, skus: Sequence[str]) -> bool:
        """Whether any order has one of these SKUs."""
        return await self._any({"items.sku": {"$in": list(skus)}})

    async def _any(self, where: dict[str, Any]) -> bool:
        return await self.collection.find_one(where, {"_id": 1}, session=self.session) is not None


class Counters(Collection):
    """Named counters."""

    name = "counters"
    unaudited = "numbers that are drawn"

    async def take(self, counter: str, count: int = 1) -> int:
        """Reserve `count` numbers; the first of them. Outside a transaction, so gaps are possible."""
        row: Any = await self.collection.find_one_and_update(
            {"_id": counter},
            {"$inc": {"n": count}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=self.session,
        )
        return int(row["n"]) - count + 1


def order_number(prefix: str, moment: datetime, number: int) -> str:
    """`TS-26-000123`: the calendar year in the store's zone, then a number."""
    return f"{prefix}-{moment:%y}-{number:06d}"
