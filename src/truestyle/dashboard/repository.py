"""Figures in MongoDB: sums by day, by product and by buyer, and what each order and account was counted as."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, DeleteOne, IndexModel, ReplaceOne, UpdateOne

from truestyle.dashboard.figures import ALL, present
from truestyle.kit.repository import Collection, Row, holding

WHY = "sums that follow from orders and accounts"


class Sums(Collection):
    """A collection of sums."""

    unaudited = WHY

    async def _add(self, changes: Mapping[Any, tuple[Mapping[str, int], Row]]) -> None:
        """Add amounts to rows; a new row begins with the fields given."""
        writes = [
            UpdateOne({"_id": key}, {"$inc": wanted, **({"$setOnInsert": new} if new else {})}, upsert=True)
            for key, (fields, new) in sorted(changes.items(), key=lambda one: str(one[0]))
            if (wanted := present(fields))
        ]
        if writes:
            await self.collection.bulk_write(writes, session=self.session)

    async def put(self, key: Any, fields: Row) -> None:
        """Write a row anew."""
        await self.collection.replace_one({"_id": key}, fields, upsert=True, session=self.session)


class Figures(Sums):
    """One row a day of the store, `{_id: "2026-11-21", orders, revenue, payments: {cod: …}, …}`, and one for all days.

    Whoever changes figures locks that one row first, so that two never do at once.
    """

    name = "figures"

    async def lock(self, moment: datetime) -> None:
        """Let nobody else change figures in this transaction: a conflict shows here, at the first statement."""
        await self.collection.update_one(
            {"_id": ALL}, {"$set": {"counted_at": moment}}, upsert=True, session=self.session
        )

    async def add(self, changes: Mapping[str, Mapping[str, int]]) -> None:
        """Add amounts to days."""
        await self._add({day: (fields, {}) for day, fields in changes.items()})

    async def total(self) -> Row:
        """The sums over every day."""
        return await self.collection.find_one({"_id": ALL}, session=self.session) or {}

    async def between(self, first: str, last: str, fields: Sequence[str] = ()) -> dict[str, Row]:
        """The rows of the days from `first` to `last`; days on which nothing happened are left out."""
        found = self.collection.find(
            {"_id": {"$gte": first, "$lte": last}}, dict.fromkeys(fields, 1) if fields else None, session=self.session
        )
        return {row["_id"]: row async for row in found}

    async def every_day(self) -> list[Row]:
        """The rows of all days."""
        return await self.collection.find({"_id": {"$ne": ALL}}, session=self.session).to_list()

    async def made_for(self, rules: str) -> bool:
        """Whether days were counted by these rules; from now on they are. Inside the transaction that sees to it."""
        before = await self.collection.find_one_and_update(
            {"_id": ALL}, {"$set": {"rules": rules}}, upsert=True, session=self.session
        )
        return before is not None and before.get("rules") == rules


class FigureProducts(Sums):
    """One row a product and day, and one a product over all days (`day: "all"`)."""

    name = "figure_products"
    indexes = (
        IndexModel([("day", ASCENDING), ("quantity", DESCENDING), ("product_id", ASCENDING), ("revenue", ASCENDING)]),
        IndexModel([("day", ASCENDING), ("revenue", DESCENDING), ("product_id", ASCENDING), ("quantity", ASCENDING)]),
    )

    async def add(self, changes: Mapping[tuple[str, ObjectId], Mapping[str, int]]) -> None:
        """Add amounts to products of days."""
        await self._add(
            {
                f"{day}:{product_id}": (fields, {"day": day, "product_id": product_id})
                for (day, product_id), fields in changes.items()
            }
        )

    async def sold(self, ids: Iterable[ObjectId]) -> dict[ObjectId, int]:
        """Pieces sold over all days."""
        keys = [f"{ALL}:{one}" for one in ids]
        rows = self.collection.find({"_id": {"$in": keys}}, {"product_id": 1, "quantity": 1}, session=self.session)
        return {row["product_id"]: row.get("quantity", 0) async for row in rows}

    async def best(self, by: str, limit: int) -> list[Row]:
        """The products with most of `by` over all days."""
        found = self.collection.find(
            {"day": ALL, by: {"$gt": 0}},
            {"_id": 0, "product_id": 1, "quantity": 1, "revenue": 1},
            sort=[(by, DESCENDING), ("product_id", ASCENDING)],
            limit=limit,
            session=self.session,
        )
        return await found.to_list()

    async def best_between(self, first: str, last: str, by: str, limit: int) -> list[Row]:
        """The products with most of `by` in the days from `first` to `last`."""
        sums = {name: {"$sum": f"${name}"} for name in ("quantity", "revenue")}
        found = await self.collection.aggregate(
            [
                {"$match": {"day": {"$gte": first, "$lte": last}}},
                {"$project": {"_id": 0, "product_id": 1, "quantity": 1, "revenue": 1}},
                {"$group": {"_id": "$product_id", **sums}},
                {"$match": {by: {"$gt": 0}}},
                {"$sort": {by: -1, "_id": 1}},
                {"$limit": limit},
            ],
            session=self.session,
        )
        return [{**row, "product_id": row["_id"]} async for row in found]

    async def days_of(self, product_id: ObjectId) -> list[Row]:
        """The rows of a product on every day. Reads the whole collection: only to mend it."""
        where = {"product_id": product_id, "day": {"$ne": ALL}}
        return await self.collection.find(where, session=self.session).to_list()


class FigureBuyers(Sums):
    """One row an account that ever bought: `{_id: user_id, orders, revenue}`."""

    name = "figure_buyers"
    indexes = (IndexModel([("revenue", DESCENDING), ("_id", ASCENDING)]),)

    async def add(self, changes: Mapping[ObjectId, Mapping[str, int]]) -> None:
        """Add amounts to buyers."""
        await self._add({key: (fields, {}) for key, fields in changes.items()})

    async def orders(self, ids: Iterable[ObjectId]) -> dict[ObjectId, int]:
        """How often these have bought."""
        rows = self.collection.find({"_id": {"$in": list(ids)}}, {"orders": 1}, session=self.session)
        return {row["_id"]: row.get("orders", 0) async for row in rows}

    async def best(self, limit: int) -> list[Row]:
        """Who spent most."""
        found = self.collection.find(
            {"revenue": {"$gt": 0}}, sort=[("revenue", DESCENDING), ("_id", ASCENDING)], limit=limit
        )
        return await found.to_list()

    async def more_often_than(self, orders: int) -> int:
        """How many bought more often. Reads the whole collection: only to mend figures."""
        return await self.count({"orders": {"$gt": orders}})


class Counted(Collection):
    """What each order and account was counted as, under its own id: whoever counts again adds the difference."""

    name = "counted"
    unaudited = WHY
    indexes = (
        IndexModel("day"),
        IndexModel("sale.user_id", partialFilterExpression=holding("sale.user_id")),
    )

    async def of(self, ids: Sequence[ObjectId]) -> dict[ObjectId, Row]:
        """The facts of these, without their ids; the missing are left out."""
        rows = self.collection.find({"_id": {"$in": list(ids)}}, session=self.session)
        return {row.pop("_id"): row async for row in rows}

    async def write(self, facts: Mapping[ObjectId, Row | None]) -> None:
        """Set the facts of these; None takes them out."""
        if facts:
            await self.collection.bulk_write(
                [
                    DeleteOne({"_id": key}) if one is None else ReplaceOne({"_id": key}, one, upsert=True)
                    for key, one in sorted(facts.items())
                ],
                session=self.session,
            )

    async def where(self, **fields: Any) -> list[Row]:
        """The facts with these values (`day`, or `sale__user_id`)."""
        wanted = {name.replace("__", "."): value for name, value in fields.items()}
        return await self.collection.find(wanted, session=self.session).to_list()
