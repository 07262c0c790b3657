"""What search answers."""

from enum import StrEnum

from pydantic import Field

from truestyle.catalog.products.models import ProductCard
from truestyle.kit.documents import Answer
from truestyle.kit.money import Paise
from truestyle.kit.paging import Page


class FacetValue(Answer):
    """One way to narrow a list: what to send, what to show, how many products it would leave."""

    value: str
    label: str
    count: int


class PriceBucket(Answer):
    """How many products cost from `min` to `max`; null: there is no upper end."""

    min: Paise
    max: Paise | None
    count: int


class PriceFacet(Answer):
    """The cheapest and the dearest price, and how many cost how much."""

    min: Paise | None
    max: Paise | None
    buckets: list[PriceBucket]


class Facets(Answer):
    """Ways to narrow a list, the fullest first; each is counted without its own filter, at most 100 values of each."""

    brand: list[FacetValue]
    category: list[FacetValue] = Field(description="Each with everything below it.")
    product_type: list[FacetValue]
    occasion: list[FacetValue]
    gender: list[FacetValue]
    tag: list[FacetValue]
    size: list[FacetValue]
    color: list[FacetValue]
    rating: list[FacetValue] = Field(description="At least so many stars: for `rating_min`.")
    price: PriceFacet


class ProductPage(Page[ProductCard]):
    """One page of products; `facets` only when asked for."""

    facets: Facets | None = Field(default=None, exclude_if=lambda facets: facets is None)


class Kind(StrEnum):
    """What a suggestion is."""

    WORDS = "words"
    CATEGORY = "category"
    BRAND = "brand"
    PRODUCT_TYPE = "product_type"
    PRODUCT = "product"


class Suggestion(Answer):
    """Something that may be meant: words to search for, or a row to go to."""

    kind: Kind
    text: str
    slug: str | None = Field(description="Of the category, brand, product type or product; null for words.")
    count: int = Field(description="Products that it leads to.")


class Suggestions(Answer):
    """What may be meant, the likeliest of each kind first."""

    items: list[Suggestion]
