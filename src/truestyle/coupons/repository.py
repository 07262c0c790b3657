"""Coupons and their redemptions in MongoDB. A use is counted with the limit in the filter of the write."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel, UpdateOne

from truestyle.coupons.models import Coupon, CouponStatus, Redemption
from truestyle.kit import clock
from truestyle.kit.errors import Duplicate
from truestyle.kit.repository import Repository, Row, holding
from truestyle.kit.trail import Watch


class Coupons(Repository[Coupon]):
    """One row a coupon. `used_count` follows from the redemptions, so its writes leave no entry in the trail."""

    document, name = Coupon, "coupons"
    watch = Watch(upkeep=frozenset({"used_count", "locked_at", "key"}))
    indexes = (
        IndexModel("key", unique=True, partialFilterExpression=holding("key", "")),
        IndexModel([("automatic", ASCENDING), ("status", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("status", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("type", ASCENDING), ("_id", DESCENDING)]),
    )

    async def add(self, document: Coupon) -> Coupon:
        """Store a new coupon. Raises Duplicate, naming the code as the wire does."""
        try:
            return await super().add(document)
        except Duplicate as error:
            raise Duplicate("code") from error

    async def change(self, key: Any, update: Mapping[str, Any], **options: Any) -> Coupon | None:
        """Change a coupon. Raises Duplicate, naming the code as the wire does, and VersionConflict."""
        try:
            return await super().change(key, update, **options)
        except Duplicate as error:
            raise Duplicate("code") from error

    async def automatic(self, most: int) -> list[Coupon]:
        """Offers that need no code, the newest first."""
        where = {"automatic": True, "status": CouponStatus.ACTIVE}
        rows = await self.collection.find(where, sort=[("_id", DESCENDING)], limit=most, session=self.session).to_list()
        return [Coupon.load(row) for row in rows]

    async def lock(self, ids: Sequence[ObjectId]) -> dict[ObjectId, Coupon]:
        """Take the write locks of these rows, in order, so that a conflict shows at once; then the rows as they are.

        Only inside a transaction.
        """
        moment = clock.now()
        await self.unwatched.bulk_write(  # a lock changes nothing that anybody did
            [UpdateOne({"_id": key}, {"$set": {"locked_at": moment}}) for key in sorted(ids)], session=self.session
        )
        rows = await self.collection.find({"_id": {"$in": list(ids)}}, session=self.session).to_list()
        return {row["_id"]: Coupon.load(row) for row in rows}

    async def use(self, counts: Mapping[ObjectId, int]) -> bool:
        """Count uses; False (and the transaction must end) where a limit would be passed."""
        done = await self.unwatched.bulk_write(  # the redemptions tell the same
            [
                UpdateOne(
                    {
                        "_id": key,
                        "$expr": {
                            "$lte": [{"$add": ["$used_count", count]}, {"$ifNull": ["$usage_limit", 2**53]}],
                        },
                    },
                    {"$inc": {"used_count": count}},
                )
                for key, count in sorted(counts.items())
            ],
            session=self.session,
        )
        return done.modified_count == len(counts)

    async def give_back(self, key: ObjectId) -> None:
        """One use less."""
        await self.unwatched.update_one(  # the redemption tells the same
            {"_id": key, "used_count": {"$gt": 0}}, {"$inc": {"used_count": -1}}, session=self.session
        )

    async def recount(self, key: ObjectId, count: int) -> None:
        """Set `used_count` to what the redemptions say."""
        await self.unwatched.update_one({"_id": key}, {"$set": {"used_count": count}}, session=self.session)


def of_person(user_id: ObjectId | None, email: str | None) -> dict[str, Any] | None:
    """The filter for what a person did, signed in or not; None for a stranger."""
    either = [{name: value} for name, value in (("user_id", user_id), ("email", email)) if value is not None]
    return {"$or": either} if either else None


class Redemptions(Repository[Redemption]):
    """One row an order with a coupon."""

    document, name = Redemption, "coupon_redemptions"
    unaudited = "each follows from an order, which is in the trail"
    indexes = (
        IndexModel("order_id", unique=True),
        IndexModel([("coupon_id", ASCENDING), ("released_at", ASCENDING)]),
        IndexModel([("user_id", ASCENDING), ("coupon_id", ASCENDING)]),
        IndexModel([("email", ASCENDING), ("coupon_id", ASCENDING)]),
    )

    async def write(self, redemptions: Sequence[Redemption]) -> None:
        """Insert new rows, inside the transaction of their orders."""
        if redemptions:
            await self.collection.insert_many([one.dump() for one in redemptions], session=self.session)

    async def uses(self, coupon_id: ObjectId, user_id: ObjectId | None, email: str | None) -> int:
        """How often a person uses the coupon."""
        person = of_person(user_id, email)
        return 0 if person is None else await self.count({"coupon_id": coupon_id, "released_at": None, **person})

    async def most_of_one(self, coupon_id: ObjectId) -> int:
        """How often the person who uses the coupon most does."""
        stages: list[Row] = [
            {"$match": {"coupon_id": coupon_id, "released_at": None}},
            {"$group": {"_id": {"$ifNull": ["$user_id", "$email"]}, "n": {"$sum": 1}}},
            {"$group": {"_id": None, "n": {"$max": "$n"}}},
        ]
        rows = await (await self.collection.aggregate(stages, session=self.session)).to_list()
        return int(rows[0]["n"]) if rows else 0

    async def release(self, order_id: ObjectId, moment: datetime) -> ObjectId | None:
        """End the redemption of an order; the coupon, once."""
        found = await self.first({"order_id": order_id})
        if found is None:
            return None
        released = await self.change(found.id, {"$set": {"released_at": moment}}, where={"released_at": None})
        return found.coupon_id if released else None

    async def renew(self, key: ObjectId) -> bool:
        """The order of a released redemption is alive again; once."""
        return await self.change(key, {"$set": {"released_at": None}}, where={"released_at": {"$ne": None}}) is not None

    async def anonymise(self, user_id: ObjectId) -> None:
        """Take a person's address out of theirs."""
        await self.collection.update_many({"user_id": user_id}, {"$set": {"email": None}}, session=self.session)
