"""Writing, moderating and finding reviews. The product's stars move in the same transaction as the rows."""

from dataclasses import dataclass
from typing import Annotated, Any

from bson import ObjectId
from fastapi import Query

from truestyle.auth.errors import EmailNotVerified
from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.catalog.products import service as products
from truestyle.files import service as files
from truestyle.kit import clock
from truestyle.kit.errors import Forbidden, NotFound, ValidationFailed, VersionConflict
from truestyle.kit.paging import Found, PageQuery
from truestyle.kit.types import Id
from truestyle.reviews import leaving, stars
from truestyle.reviews.models import (
    Review,
    ReviewAnswer,
    ReviewChange,
    ReviewCreate,
    ReviewModeration,
    ReviewPhoto,
    ReviewStatus,
    Vote,
    author_name,
)
from truestyle.setting_groups import ShopSettings
from truestyle.store import Store


@dataclass(frozen=True)
class Filters:
    """What a list of reviews is narrowed to."""

    product_id: Annotated[Id | None, Query(description="Only this product's.")] = None
    status: Annotated[ReviewStatus | None, Query(description="Others than `approved`: one's own, or for staff.")] = None
    user_id: Annotated[Id | None, Query(description="For staff; for others their own.")] = None
    rating: Annotated[int | None, Query(ge=1, le=5, description="With just so many stars.")] = None
    verified: Annotated[bool | None, Query(description="Of somebody who bought it here, or not.")] = None


def moderates(caller: Caller | None) -> bool:
    """Whether the caller sees and decides about everybody's."""
    return caller is not None and caller.may(Permission.REVIEWS_WRITE)


def visible(caller: Caller | None) -> dict[str, Any]:
    """The filter for reviews that the caller may read: the approved, and one's own."""
    if moderates(caller):
        return {"status": {"$in": list(ReviewStatus)}}  # all, said so that the indexes of the list serve
    if caller is None:
        return {"status": ReviewStatus.APPROVED}
    return {"$or": [{"status": ReviewStatus.APPROVED}, {"user_id": caller.user_id}]}


def own(caller: Caller) -> dict[str, Any]:
    """The filter for reviews that the caller may take away."""
    return {} if moderates(caller) else {"user_id": caller.user_id}


async def find(store: Store, caller: Caller | None, filters: Filters, query: PageQuery) -> Found[ReviewAnswer]:
    """One page of reviews."""
    named = {
        "product_id": filters.product_id,
        "status": filters.status,
        "user_id": filters.user_id,
        "rating": filters.rating,
        "verified": filters.verified,
    }
    where: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    if filters.user_id is not None and not moderates(caller):
        where["$and"] = [{"user_id": caller.user_id if caller else None}]
    where = {"$and": [where, visible(caller)]} if where else visible(caller)
    return (await store.reviews.find(where, query)).map(lambda one: answer(one, caller, store.shop))


async def of_product(store: Store, caller: Caller | None, key: ObjectId, query: PageQuery) -> Found[ReviewAnswer]:
    """One page of what everybody may read about a product. Raises NotFound."""
    await store.products.get(key, **products.visible(caller))
    where = {"product_id": key, "status": ReviewStatus.APPROVED}
    return (await store.reviews.find(where, query)).map(lambda one: answer(one, caller, store.shop))


async def get(store: Store, caller: Caller | None, key: ObjectId) -> ReviewAnswer:
    """One review. Raises NotFound."""
    return answer(await store.reviews.get(key, **visible(caller)), caller, store.shop)


async def create(store: Store, caller: Caller, body: ReviewCreate) -> ReviewAnswer:
    """A new review, and its stars; of people who confirmed their address, or to whom the product was delivered.

    Raises EmailNotVerified, NotFound, Duplicate, ValidationFailed.
    """
    user = await store.users.get(caller.user_id)

    async def work(tx: Store) -> Review:
        order_id, verified = await _bought(tx, caller, body.product_id, body.order_id)
        if not (verified or user.email_verified):
            raise EmailNotVerified
        photos = body.image_ids or []
        await _hold_photos(tx, caller, photos)
        review = Review(
            user_id=caller.user_id,
            product_id=body.product_id,
            order_id=order_id,
            author=author_name(user.full_name),
            title=body.title,
            body=body.body,
            rating=body.rating,
            image_ids=photos,
            verified=verified,
        )
        await tx.reviews.add(review)
        await stars.give(tx, caller.user_id, body.product_id, body.rating)
        return review

    return answer(await store.transaction(work), caller, store.shop)


async def _bought(
    tx: Store, caller: Caller, product_id: ObjectId, order_id: ObjectId | None
) -> tuple[ObjectId | None, bool]:
    """(order, whether it was delivered): the one named, or one that was delivered. Raises ValidationFailed."""
    if order_id is None:
        delivered = await tx.orders.with_product(caller.user_id, product_id, delivered=True)
        return delivered, delivered is not None
    if await tx.orders.with_product(caller.user_id, product_id, order_id=order_id) is None:
        raise ValidationFailed("names no order of yours with this product", ("body", "order_id"))
    return order_id, await tx.orders.with_product(
        caller.user_id, product_id, order_id=order_id, delivered=True
    ) is not None


async def _hold_photos(tx: Store, caller: Caller, photos: list[ObjectId]) -> None:
    if len(set(photos)) != len(photos):
        raise ValidationFailed("names a picture twice", ("body", "image_ids"))
    for at, key in enumerate(photos):
        mine = await tx.files.first({"_id": key, "owner_id": caller.user_id, **files.PICTURE})
        if mine is None or not await tx.files.hold(key):
            raise ValidationFailed("names something that does not exist", ("body", "image_ids", at))


async def change(
    store: Store, caller: Caller, key: ObjectId, body: ReviewChange, version: int | None = None
) -> ReviewAnswer:
    """Change one's own review; new words or pictures are moderated again.

    Raises NotFound, Forbidden for somebody else's that one can read, ValidationFailed, VersionConflict.
    """

    async def work(tx: Store) -> Review:
        before = await tx.reviews.get(key, **visible(caller))
        if before.user_id != caller.user_id:
            raise Forbidden
        if version is not None and before.version != version:
            raise VersionConflict
        fresh = {name: value for name, value in body.sent().items() if getattr(before, name) != value}
        if not fresh:
            return before
        if "image_ids" in fresh:
            await _hold_photos(tx, caller, fresh["image_ids"])
        if fresh.keys() - {"rating"}:
            fresh |= {"status": ReviewStatus.PENDING, "note": None, "moderated_at": None}
            await leaving.show_photos(tx, before, shown=False)
        if "rating" in fresh:
            await stars.give(tx, caller.user_id, before.product_id, fresh["rating"])
        changed = await tx.reviews.change(key, {"$set": fresh})
        if changed is None:
            raise NotFound
        return changed

    return answer(await store.transaction(work), caller, store.shop)


async def moderate(store: Store, caller: Caller, key: ObjectId, body: ReviewModeration) -> ReviewAnswer:
    """Show a review to everybody, or do not. Raises NotFound."""

    async def work(tx: Store) -> Review:
        before = await tx.reviews.get(key)
        values = {"status": body.status, "note": body.note, "moderated_at": clock.now()}
        changed = await tx.reviews.change(key, {"$set": values})
        if changed is None:
            raise NotFound
        await leaving.show_photos(tx, before, shown=body.status is ReviewStatus.APPROVED)
        return changed

    return answer(await store.transaction(work), caller, store.shop)


async def remove(store: Store, caller: Caller, key: ObjectId) -> None:
    """Delete a review with its votes; the stars stay. Raises NotFound, Forbidden."""

    async def work(tx: Store) -> None:
        review = await tx.reviews.get(key, **visible(caller))
        if review.user_id != caller.user_id and not moderates(caller):
            raise Forbidden
        await leaving.forget(tx, review)

    await store.transaction(work)


async def vote(store: Store, caller: Caller, key: ObjectId, *, helpful: bool) -> ReviewAnswer:
    """Find somebody else's review helpful, or no longer; again changes nothing. Raises NotFound, Forbidden."""

    async def work(tx: Store) -> Review:
        review = await tx.reviews.get(key, status=ReviewStatus.APPROVED)
        if review.user_id == caller.user_id:
            msg = "Everybody finds their own review helpful."
            raise Forbidden(msg)
        mine = {"review_id": key, "user_id": caller.user_id}
        if helpful and await tx.votes.first(mine) is None:
            await tx.votes.add(Vote(**mine))
            await tx.reviews.count_vote(key, 1)
        elif not helpful and await tx.votes.drop(mine):
            await tx.reviews.count_vote(key, -1)
        return await tx.reviews.get(key)

    return answer(await store.transaction(work), caller, store.shop)


def answer(review: Review, caller: Caller | None, shop: ShopSettings) -> ReviewAnswer:
    """A review as the caller may see it."""
    inside = moderates(caller) or (caller is not None and caller.user_id == review.user_id)
    photos = [ReviewPhoto(id=one, url=shop.file_url(one), thumbnails=shop.thumbnails(one)) for one in review.image_ids]
    hidden = {} if inside else {"user_id": None, "order_id": None, "note": None}
    return ReviewAnswer(**{**review.model_dump(exclude={"image_ids"}), **hidden}, images=photos)
