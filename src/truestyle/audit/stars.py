"""I10: a product's stars are what people gave, and a review's are its author's rating."""

from collections.abc import AsyncIterator
from typing import Any

from truestyle.audit.joining import side_by_side
from truestyle.audit.report import Breach, Mend
from truestyle.infra.snapshot import Snapshot

NEARLY = 0.0051  # averages are kept with two places
GIVEN = (
    {"$group": {"_id": "$product_id", "stars": {"$sum": "$rating"}, "count": {"$sum": 1}}},
    {"$sort": {"_id": 1}},
)
SAME = {"user_id": "user", "product_id": "product", "rating": "stars"}
EQUAL = [{"$eq": [f"${field}", f"$${name}"]} for field, name in SAME.items()]
WITHOUT_RATING: tuple[dict[str, Any], ...] = (
    {
        "$lookup": {
            "from": "user_ratings",
            "let": {name: f"${field}" for field, name in SAME.items()},
            "pipeline": [{"$match": {"$expr": {"$and": EQUAL}}}],
            "as": "found",
        }
    },
    {"$match": {"found": []}},
    {"$project": {"_id": 1}},
)


VOTES = ({"$group": {"_id": "$review_id", "n": {"$sum": 1}}}, {"$sort": {"_id": 1}})


async def averages(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """Sum, count and average of every product, against the rows."""
    given = snapshot.grouped("user_ratings", *GIVEN)
    held = await anext(given, None)
    async for row in snapshot.rows("products", fields=("rating", "rating_sum")):
        yield 1
        while held is not None and held["_id"] < row["_id"]:
            held = await anext(given, None)
        mine = held if held is not None and held["_id"] == row["_id"] else {"stars": 0, "count": 0}
        average = mine["stars"] / mine["count"] if mine["count"] else 0.0
        right = (row.get("rating_sum", 0), row["rating"]["count"]) == (mine["stars"], mine["count"])
        if not right or abs(row["rating"]["average"] - average) > NEARLY:
            yield Breach("I10", "the stars are not what people gave", {"product_id": row["_id"]}, Mend.PRODUCT)
    async for row in snapshot.grouped("user_reviews", *WITHOUT_RATING):
        yield Breach("I10", "a review has other stars than its author's rating", {"review_id": row["_id"]})
    reviews, votes = snapshot.rows("user_reviews", fields=("helpful",)), snapshot.grouped("review_votes", *VOTES)
    async for key, review, found in side_by_side(reviews, votes):
        helpful = found["n"] if found else 0
        if review is not None and review["helpful"] != helpful:
            documents = {"review_id": key, "helpful": review["helpful"], "votes": helpful}
            yield Breach("I10", "a review was not found helpful as often as it says", documents, Mend.HELPFUL)
