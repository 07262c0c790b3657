"""Orders in MongoDB."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument

from truestyle.kit import clock, paging
from truestyle.kit.paging import Found, PageQuery
from truestyle.kit.repository import Collection, Repository, Row, holding
from truestyle.kit.trail import Watch
from truestyle.orders.flow import OrderStatus
from truestyle.orders.models import HistoryEntry, Order, OrderItem
from truestyle.payments.models import PaymentStatus


class Orders(Repository[Order]):
    """One row an order, items embedded. A cart at one version becomes one order at most."""

    document, name = Order, "orders"
    watch = Watch(outline=frozenset({"number", "status", "total", "placed_at"}), secret=frozenset({"payment.action"}))
    indexes = (
        IndexModel("number", unique=True),
        IndexModel("cart_key", unique=True),
        IndexModel([("user_id", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("status", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("payment.status", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("total", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("placed_at", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("email", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("items.product_id", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("items.sku", ASCENDING), ("_id", DESCENDING)]),
        IndexModel(
            [("items.vendor_id", ASCENDING), ("_id", DESCENDING)], partialFilterExpression=holding("items.vendor_id")
        ),
        IndexModel("items.id"),
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
        *,
        where: dict[str, Any] | None = None,
        add: dict[str, int] | None = None,
    ) -> Order | None:
        """Go to `entry.status` if the order still stands in one of `sources`; the order after, or None.

        `more` is set with it, `add` is added to amounts; `where` must hold too.
        """
        return await self.change(
            key,
            {
                "$set": {"status": entry.status, **(more or {})},
                "$push": {"status_history": entry.model_dump()},
                "$inc": add or {},
            },
            where={"status": {"$in": list(sources)}, **(where or {})},
        )

    async def give_back(self, key: ObjectId, amount: int, once: str, payment: PaymentStatus) -> Order | None:
        """Count paise as given back, under `once`; None if that was done, or if more would go back than came in."""
        return await self.change(
            key,
            {"$inc": {"amount_refunded": amount}, "$push": {"given_back": once}, "$set": {"payment.status": payment}},
            where={"given_back": {"$ne": once}, "$expr": _room(amount)},
        )

    async def hold(self, key: ObjectId) -> Order:
        """Take the write lock of an order, so that a conflict shows at once; then the order as it is.

        Only inside a transaction. Raises NotFound.
        """
        await self.unwatched.update_one(  # a lock
            {"_id": key}, {"$set": {"locked_at": clock.now()}}, session=self.session
        )
        return await self.get(key)

    async def correct_refunded(self, key: ObjectId, delta: int, payment: PaymentStatus) -> Order | None:
        """Count more or fewer paise as given back; None if that would be more than came in."""
        return await self.change(
            key,
            {"$inc": {"amount_refunded": delta}, "$set": {"payment.status": payment}},
            where={"$expr": _room(delta)},
        )

    async def count_pieces(
        self, order: Order, field: Literal["returned_quantity", "refunded_quantity"], pieces: Mapping[ObjectId, int]
    ) -> Order | None:
        """Add to a count of the lines with these ids; a count below zero takes away. Only delivered goods come back.

        The order after, or None (and nothing is changed) where a line would have more than it has pieces, or fewer
        than none.
        """
        where: dict[str, Any] = {"status": OrderStatus.DELIVERED} if field == "returned_quantity" else {}
        counted: dict[str, int] = {}
        for at, item in enumerate(order.items):
            if count := pieces.get(item.id, 0):
                where[f"items.{at}.id"] = item.id
                where[f"items.{at}.{field}"] = {"$lte": item.quantity - count} if count > 0 else {"$gte": -count}
                counted[f"items.{at}.{field}"] = count
        return await self.change(order.id, {"$inc": counted}, where=where)

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

    async def lines(self, seen: Sequence[Row], query: PageQuery) -> Found[tuple[Order, OrderItem]]:
        """One page of lines, each with its order, by the age of the orders.

        `seen`: filters of orders and of lines, any pair of which will do. Each order found has a line that counts, so
        no more orders are read than lines are wanted.
        """
        _, order = paging.direction(query.sort)
        where = {"$or": [_having(one["orders"], one["lines"]) for one in seen]}
        counts = {"$or": [_of_line(one["orders"], one["lines"]) for one in seen]}
        fingerprint = paging.fingerprint(query.sort, where)
        total, skip, part, later = None, 0, where, list[Row]()
        if query.cursor is None:
            unwound: list[Row] = [{"$unwind": "$items"}, {"$match": counts}, {"$count": "n"}]
            kept = {"user_id": 1, "items.sku": 1, "items.product_id": 1, "items.vendor_id": 1}
            counted: list[Row] = [{"$match": where}, {"$project": kept}, *unwound]
            rows = await (await self.collection.aggregate(counted, session=self.session)).to_list()
            total, skip = int(rows[0]["n"]) if rows else 0, ((query.page or 1) - 1) * query.size
        else:
            place, last = paging.decode(query.cursor, fingerprint)
            past, past_or_at = ("$gt", "$gte") if order > 0 else ("$lt", "$lte")
            part = {"$and": [{"_id": {past_or_at: last}}, where]}
            later = [{"$match": {"$or": [{"_id": {past: last}}, {"place": {"$gt": place}}]}}]
        # One order more than lines: of the one that a cursor points into, all lines may have been shown.
        stages: list[Row] = [
            {"$match": part},
            {"$sort": {"_id": order}},
            {"$limit": skip + query.size + 2},
            {"$unwind": {"path": "$items", "includeArrayIndex": "place"}},
            {"$match": counts},
            *later,
            {"$skip": skip},
            {"$limit": query.size + 1},
        ]
        rows = await (await self.collection.aggregate(stages, session=self.session)).to_list()
        following = None
        if len(rows) > query.size:
            rows = rows[: query.size]
            following = paging.encode(fingerprint, rows[-1]["place"], rows[-1]["_id"])
        found = [(Order.load({**row, "items": [row["items"]]}), OrderItem.model_validate(row["items"])) for row in rows]
        return Found(found, query, total, following)

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


def _room(amount: int) -> dict[str, Any]:
    return {"$lte": [{"$add": ["$amount_refunded", amount]}, "$amount_paid"]}


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


def _having(orders: Row, lines: Row) -> Row:
    """The filter for orders that have such a line."""
    return {**orders, "items": {"$elemMatch": lines}} if lines else orders


def _of_line(orders: Row, lines: Row) -> Row:
    """The same for an order with just one line in the place of its list."""
    return {**orders, **{f"items.{name}": value for name, value in lines.items()}}


def order_number(prefix: str, moment: datetime, number: int) -> str:
    """`TS-26-000123`: the calendar year in the store's zone, then a number."""
    return f"{prefix}-{moment:%y}-{number:06d}"
