"""/user-reviews, /user-ratings, and the reviews of a product."""

from typing import Annotated

from fastapi import Query, Response

from truestyle.auth.errors import EmailNotVerified
from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.deps import OPTIONAL_SIGN_IN, Db, MaybeCaller, PublicRead, SignedInCaller, Version, allowed
from truestyle.infra.http.route import changing, gathered, router
from truestyle.kit.errors import Duplicate, Forbidden, InUse, NotFound, VersionConflict, responses
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.types import Id
from truestyle.reviews import service, stars
from truestyle.reviews.models import (
    RatingChange,
    RatingCreate,
    ReviewAnswer,
    ReviewChange,
    ReviewCreate,
    ReviewModeration,
    UserRating,
)
from truestyle.reviews.service import Filters

routes = router(tag="Reviews")
Moderator = Annotated[Caller, allowed(Permission.REVIEWS_WRITE)]
Sorted = Annotated[PageQuery, paging("-created_at", "created_at", "-rating", "rating", "-helpful")]
ProductId = Annotated[Id | None, Query(description="Only this product's.")]
Newest = Annotated[PageQuery, paging("-created_at", "created_at")]


@routes.get(
    "/products/{product_id}/reviews",
    dependencies=[PublicRead],
    openapi_extra=OPTIONAL_SIGN_IN,
    responses=responses(NotFound),
)
async def list_reviews_of_product(product_id: Id, store: Db, caller: MaybeCaller, query: Sorted) -> Page[ReviewAnswer]:
    """What people say about a product."""
    return (await service.of_product(store, caller, product_id, query)).page()


@routes.post("/user-reviews", status_code=201, responses=responses(EmailNotVerified, NotFound, Duplicate))
async def create_user_review(body: ReviewCreate, response: Response, store: Db, caller: SignedInCaller) -> ReviewAnswer:
    """Review a product; the stars count at once, the words wait for moderation."""
    review = await service.create(store, caller, body)
    response.headers["location"] = f"{store.shop.api_v1_prefix}/user-reviews/{review.id}"
    return review


@routes.get("/user-reviews", openapi_extra=OPTIONAL_SIGN_IN)
async def list_user_reviews(
    store: Db, caller: MaybeCaller, filters: Annotated[Filters, gathered(Filters)], query: Sorted
) -> Page[ReviewAnswer]:
    """Approved reviews and one's own; for staff all."""
    return (await service.find(store, caller, filters, query)).page()


@routes.get("/user-reviews/{review_id}", openapi_extra=OPTIONAL_SIGN_IN, responses=responses(NotFound))
async def get_user_review(review_id: Id, store: Db, caller: MaybeCaller) -> ReviewAnswer:
    """One review."""
    return await service.get(store, caller, review_id)


@changing(routes, "/user-reviews/{review_id}", responses=responses(NotFound, Forbidden, VersionConflict))
async def change_user_review(
    review_id: Id, body: ReviewChange, store: Db, caller: SignedInCaller, version: Version
) -> ReviewAnswer:
    """Change one's own review."""
    return await service.change(store, caller, review_id, body, version)


@routes.put("/user-reviews/{review_id}/status", responses=responses(NotFound))
async def moderate_user_review(review_id: Id, body: ReviewModeration, store: Db, caller: Moderator) -> ReviewAnswer:
    """Show a review to everybody, or do not."""
    return await service.moderate(store, caller, review_id, body)


@routes.post("/user-reviews/{review_id}/helpful", responses=responses(NotFound, Forbidden))
async def find_review_helpful(review_id: Id, store: Db, caller: SignedInCaller) -> ReviewAnswer:
    """Say that a review helped."""
    return await service.vote(store, caller, review_id, helpful=True)


@routes.delete("/user-reviews/{review_id}/helpful", status_code=204, responses=responses(NotFound, Forbidden))
async def take_back_helpful(review_id: Id, store: Db, caller: SignedInCaller) -> None:
    """Say so no longer."""
    await service.vote(store, caller, review_id, helpful=False)


@routes.delete("/user-reviews/{review_id}", status_code=204, responses=responses(NotFound, Forbidden))
async def remove_user_review(review_id: Id, store: Db, caller: SignedInCaller) -> None:
    """Delete one's own review, or for staff anybody's; the stars stay."""
    await service.remove(store, caller, review_id)


@routes.post("/user-ratings", status_code=201, responses=responses(NotFound, Duplicate))
async def create_user_rating(body: RatingCreate, response: Response, store: Db, caller: SignedInCaller) -> UserRating:
    """Give a product stars."""
    rating = await stars.create(store, caller, body)
    response.headers["location"] = f"{store.shop.api_v1_prefix}/user-ratings/{rating.id}"
    return rating


@routes.get("/user-ratings")
async def list_user_ratings(
    store: Db, caller: SignedInCaller, query: Newest, product_id: ProductId = None
) -> Page[UserRating]:
    """One's own ratings; for staff everybody's."""
    return (await stars.find(store, caller, product_id, query)).page()


@routes.get("/user-ratings/{rating_id}", responses=responses(NotFound))
async def get_user_rating(rating_id: Id, store: Db, caller: SignedInCaller) -> UserRating:
    """One rating."""
    return await store.ratings.get(rating_id, **stars.own(caller))


@changing(routes, "/user-ratings/{rating_id}", responses=responses(NotFound, VersionConflict))
async def change_user_rating(
    rating_id: Id, body: RatingChange, store: Db, caller: SignedInCaller, version: Version
) -> UserRating:
    """Give other stars."""
    return await stars.change(store, caller, rating_id, body, version)


@routes.delete("/user-ratings/{rating_id}", status_code=204, responses=responses(NotFound, InUse))
async def remove_user_rating(rating_id: Id, store: Db, caller: SignedInCaller) -> None:
    """Take one's stars back."""
    await stars.remove(store, caller, rating_id)
