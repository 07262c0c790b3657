"""Ratings, reviews and votes in MongoDB; unique indexes keep them to one a person."""

from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel

from truestyle.kit.repository import Repository, holding
from truestyle.reviews.models import Review, UserRating, Vote


class Ratings(Repository[UserRating]):
    """One row a person and product."""

    document, name = UserRating, "user_ratings"
    indexes = (
        IndexModel([("user_id", ASCENDING), ("product_id", ASCENDING)], unique=True),
        IndexModel([("user_id", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("product_id", ASCENDING), ("_id", DESCENDING)]),
    )


class Reviews(Repository[Review]):
    """One row a person and product."""

    document, name = Review, "user_reviews"
    public = True
    indexes = (
        IndexModel([("user_id", ASCENDING), ("product_id", ASCENDING)], unique=True),
        *(
            IndexModel([*((key, ASCENDING) for key in keys), *sort])
            for keys in (("status",), ("product_id", "status"), ("user_id", "status"))
            for sort in (
                [("_id", DESCENDING)],
                [("rating", DESCENDING), ("_id", DESCENDING)],
                [("helpful", DESCENDING), ("_id", DESCENDING)],
            )
        ),
        IndexModel("image_ids", partialFilterExpression=holding("image_ids")),
    )

    async def count_vote(self, key: ObjectId, by: int) -> None:
        """One more or fewer found it helpful."""
        # Follows from the vote, which has its own entry in the trail.
        await self.unwatched.update_one({"_id": key}, {"$inc": {"helpful": by}}, session=self.session)

    async def set_helpful(self, key: ObjectId, count: int) -> None:
        """Set how many found it helpful, counted anew."""
        await self.unwatched.update_one(  # follows from the votes
            {"_id": key}, {"$set": {"helpful": count}}, session=self.session
        )

    async def of_product(self, product_id: ObjectId) -> list[ObjectId]:
        """The ids of a product's reviews."""
        rows = await self.collection.find({"product_id": product_id}, {"_id": 1}, session=self.session).to_list()
        return [row["_id"] for row in rows]


class Votes(Repository[Vote]):
    """One row a person and review."""

    document, name = Vote, "review_votes"
    indexes = (
        IndexModel([("review_id", ASCENDING), ("user_id", ASCENDING)], unique=True),
        IndexModel("user_id"),
    )

    async def drop(self, where: dict[str, Any]) -> int:
        """Take votes back; how many there were."""
        return (await self.collection.delete_many(where, session=self.session)).deleted_count
