"""What goes with a review, with a person, or with a product; and who may see the pictures."""

from bson import ObjectId

from truestyle.files import service as files
from truestyle.reviews import stars
from truestyle.reviews.models import Review
from truestyle.store import Store


async def show_photos(tx: Store, review: Review, *, shown: bool) -> None:
    """Everybody may see the pictures of an approved review; what the shop shows elsewhere stays as it is."""
    elsewhere = tuple(place for place in files.NAMED_BY if place[0] != tx.reviews.name)
    for key in review.image_ids:
        if shown or not await tx.files.is_named(key, elsewhere):
            await tx.files.change(key, {"$set": {"public": shown}})


async def forget(tx: Store, review: Review) -> None:
    """Delete a review with its votes, in a transaction; its pictures are their owner's again."""
    await show_photos(tx, review, shown=False)
    await tx.votes.drop({"review_id": review.id})
    await tx.reviews.remove(review.id)


async def forget_person(tx: Store, user_id: ObjectId) -> None:
    """Everything that somebody wrote, rated and voted for, with the figures of the products, in a transaction."""
    mine = {"user_id": user_id}
    async for voted in tx.votes.every(mine):
        await tx.reviews.count_vote(voted.review_id, -1)
    await tx.votes.drop(mine)
    async for review in tx.reviews.every(mine):
        await forget(tx, review)
    async for rating in tx.ratings.every(mine):
        await stars.forget(tx, rating)


async def forget_product(tx: Store, product_id: ObjectId) -> None:
    """Everything about a product that goes, in a transaction."""
    of_it = {"product_id": product_id}
    async for review in tx.reviews.every(of_it):
        await forget(tx, review)
    async for rating in tx.ratings.every(of_it):
        await tx.ratings.remove(rating.id)
