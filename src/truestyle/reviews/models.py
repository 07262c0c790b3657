"""Stars and words about products: one of each for a person and a product."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from truestyle.kit.documents import Answer, Body, Document, example, optional
from truestyle.kit.types import Id, Line, Timestamp, Words

MOST_PHOTOS = 6
Stars = Annotated[int, Field(strict=True, ge=1, le=5, examples=[5])]
Title = Annotated[Line, Field(max_length=120)]
Said = Annotated[Words, Field(max_length=5000)]
Photos = Annotated[list[Id], Field(max_length=MOST_PHOTOS)]
EXAMPLE_ID = "65af0b12c4a1d2e3f4a5b6c7"


class ReviewStatus(StrEnum):
    """Whether everybody may read it."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


class UserRating(Document):
    """The stars that somebody gives a product. They count at once."""

    user_id: Id
    product_id: Id
    rating: int


class Review(Document):
    """What somebody writes about a product, as stored. `author` is how they are named to everybody."""

    user_id: Id
    product_id: Id
    order_id: Id | None = None
    author: str
    title: str
    body: str
    rating: int
    image_ids: list[Id] = Field(default_factory=list)
    status: ReviewStatus = ReviewStatus.PENDING
    note: str | None = None
    moderated_at: Timestamp | None = None
    verified: bool = False
    helpful: int = 0


class Vote(Document):
    """Somebody found a review helpful."""

    review_id: Id
    user_id: Id


class ReviewPhoto(Answer):
    """A picture in a review."""

    id: Id
    url: str
    thumbnails: dict[str, str] = Field(description="Addresses of smaller copies, by width in pixels.")


class ReviewAnswer(Answer):
    """A review. `user_id`, `order_id` and `note` are told to its author and to staff only."""

    id: Id
    product_id: Id
    author: str
    title: str
    body: str
    rating: int
    images: list[ReviewPhoto]
    verified: bool = Field(description="Whether the author was delivered this product.")
    helpful: int = Field(description="How many found it helpful.")
    status: ReviewStatus
    user_id: Id | None
    order_id: Id | None
    note: str | None = Field(description="What the moderator said.")
    created_at: Timestamp
    updated_at: Timestamp
    version: int


class ReviewCreate(Body):
    """A new review. It gives the stars too."""

    product_id: Id
    title: Title
    body: Said
    rating: Stars
    order_id: Id | None = optional(description="An order of one's own that the product is in.")
    image_ids: Photos = optional(description="Pictures that one uploaded.")

    model_config = example(
        {"product_id": EXAMPLE_ID, "title": "Runs a little small", "body": "Lovely cotton, take one up.", "rating": 4}
    )


class ReviewChange(Body):
    """Changes to a review; new words or pictures wait for moderation again."""

    title: Title = optional()
    body: Said = optional()
    rating: Stars = optional()
    image_ids: Photos = optional()

    model_config = example({"body": "Lovely cotton. After three washes it fits."})


class ReviewModeration(Body):
    """Show a review to everybody, or do not."""

    status: ReviewStatus
    note: Line | None = optional()

    model_config = example({"status": "approved"})


class RatingCreate(Body):
    """Stars for a product."""

    product_id: Id
    rating: Stars

    model_config = example({"product_id": EXAMPLE_ID, "rating": 5})


class RatingChange(Body):
    """Other stars."""

    rating: Stars = optional()

    model_config = example({"rating": 3})


def author_name(full_name: str) -> str:
    """`Asha R.` of `Asha Devi Rao`: enough to be somebody, too little to be found by."""
    first, *others = full_name.split()
    return f"{first} {others[-1][0]}." if others else first
