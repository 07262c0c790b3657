"""Ratings: one row a person and product; the product's average and count move in the same transaction."""

from typing import Any

from bson import ObjectId

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.kit.errors import InUse, NotFound, VersionConflict
from truestyle.kit.paging import Found, PageQuery
from truestyle.reviews.models import RatingChange, RatingCreate, UserRating
from truestyle.store import Store


def own(caller: Caller) -> dict[str, Any]:
    """The filter for ratings that the caller may see: one's own, for staff everybody's."""
    return {} if caller.may(Permission.REVIEWS_WRITE) else {"user_id": caller.user_id}


async def find(store: Store, caller: Caller, product_id: ObjectId | None, query: PageQuery) -> Found[UserRating]:
    """One page of ratings."""
    where = own(caller) | ({} if product_id is None else {"product_id": product_id})
    return await store.ratings.find(where, query)


async def create(store: Store, caller: Caller, body: RatingCreate) -> UserRating:
    """Give a product stars for the first time. Raises NotFound, Duplicate."""

    async def work(tx: Store) -> UserRating:
        await _count(tx, body.product_id, body.rating, 1, offered=True)
        return await tx.ratings.add(UserRating(user_id=caller.user_id, **body.model_dump()))

    return await store.transaction(work)


async def give(tx: Store, user_id: ObjectId, product_id: ObjectId, rating: int) -> None:
    """Give stars, or other ones than before, inside a transaction. Raises NotFound."""
    before = await tx.ratings.first({"user_id": user_id, "product_id": product_id})
    await _count(tx, product_id, rating - (before.rating if before else 0), 0 if before else 1, offered=before is None)
    if before is None:
        await tx.ratings.add(UserRating(user_id=user_id, product_id=product_id, rating=rating))
    elif before.rating != rating:
        await tx.ratings.change(before.id, {"$set": {"rating": rating}})


async def change(store: Store, caller: Caller, key: ObjectId, body: RatingChange, version: int | None) -> UserRating:
    """Other stars for one's own rating, in the review too if there is one. Raises NotFound, VersionConflict."""

    async def work(tx: Store) -> UserRating:
        before = await tx.ratings.get(key, user_id=caller.user_id)
        if version is not None and before.version != version:
            raise VersionConflict
        if "rating" not in body.model_fields_set or body.rating == before.rating:
            return before
        await give(tx, caller.user_id, before.product_id, body.rating)
        review = await tx.reviews.first({"user_id": caller.user_id, "product_id": before.product_id})
        if review is not None:
            await tx.reviews.change(review.id, {"$set": {"rating": body.rating}})
        return await tx.ratings.get(key)

    return await store.transaction(work)


async def remove(store: Store, caller: Caller, key: ObjectId) -> None:
    """Take stars back. Raises NotFound, InUse while there is a review with them."""

    async def work(tx: Store) -> None:
        rating = await tx.ratings.get(key, **own(caller))
        review = await tx.reviews.first({"user_id": rating.user_id, "product_id": rating.product_id})
        if review is not None:
            msg = "There is a review with these stars: delete it first."
            raise InUse(msg)
        await forget(tx, rating)

    await store.transaction(work)


async def forget(tx: Store, rating: UserRating) -> None:
    """Take stars back, in a transaction."""
    await tx.ratings.remove(rating.id)
    await tx.products.rate(rating.product_id, -rating.rating, -1)


async def count_again(tx: Store, product_id: ObjectId) -> None:
    """Work a product's stars out from its ratings, in a transaction."""
    given = [one.rating async for one in tx.ratings.every({"product_id": product_id})]
    await tx.products.rated(product_id, sum(given), len(given))


async def _count(tx: Store, product_id: ObjectId, stars: int, count: int, *, offered: bool) -> None:
    """Move the product's stars; the write lock of the product makes two ratings at once wait for each other."""
    if not await tx.products.rate(product_id, stars, count, offered=offered):
        msg = "There is no such product."
        raise NotFound(msg)
