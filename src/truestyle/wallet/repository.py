"""Kept cards and UPI addresses in MongoDB."""

from bson import ObjectId
from pymongo import IndexModel

from truestyle.kit.repository import Repository
from truestyle.kit.trail import Watch
from truestyle.wallet.models import Card, Upi


class Cards(Repository[Card]):
    """One row a kept card. Its number and token are in no audit entry."""

    document, name = Card, "card_details"
    watch = Watch(secret=frozenset({"number", "token"}))
    indexes = (IndexModel([("user_id", 1), ("_id", -1)]),)

    async def remove_all(self, user_id: ObjectId) -> None:
        """Every card of a user."""
        await self.collection.delete_many({"user_id": user_id}, session=self.session)


class Upis(Repository[Upi]):
    """One row a kept address. A partial unique index keeps a user from ever having two defaults."""

    document, name = Upi, "upi_details"
    indexes = (
        IndexModel([("user_id", 1), ("vpa", 1)], unique=True),
        IndexModel([("user_id", 1), ("_id", -1)]),
        IndexModel("user_id", unique=True, partialFilterExpression={"is_default": True}, name="one_default"),
    )

    async def remove_all(self, user_id: ObjectId) -> None:
        """Every address of a user."""
        await self.collection.delete_many({"user_id": user_id}, session=self.session)

    async def newest(self, user_id: ObjectId) -> Upi | None:
        """The address added last."""
        row = await self.collection.find_one({"user_id": user_id}, sort=[("_id", -1)], session=self.session)
        return None if row is None else Upi.load(row)

    async def clear_default(self, user_id: ObjectId) -> None:
        """No address of the user is the default for now."""
        await self.collection.update_many(
            {"user_id": user_id, "is_default": True}, {"$set": {"is_default": False}}, session=self.session
        )
