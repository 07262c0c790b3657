"""Kept cards and UPI addresses in MongoDB."""

from bson import ObjectId
from pymongo import IndexModel

from truestyle.kit import defaults
from truestyle.kit.defaults import Book
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


class Upis(Book[Upi]):
    """The UPI addresses of everybody."""

    document, name = Upi, "upi_details"
    indexes = (IndexModel([("user_id", 1), ("vpa", 1)], unique=True), *defaults.INDEXES)
