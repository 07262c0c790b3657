"""Carts and wishlists: one document each, items embedded."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from bson import ObjectId
from pydantic import Field

from truestyle.catalog.products.models import CURRENCY
from truestyle.kit.documents import Answer, Body, Document, example, optional
from truestyle.kit.money import Paise
from truestyle.kit.types import Id, ShortLine, Sku, Timestamp


class CartItem(Answer):
    """Some pieces of one SKU. `unit_price` is what the shopper last saw."""

    id: Id = Field(default_factory=ObjectId)
    product_id: Id
    sku: str
    quantity: int
    unit_price: Paise
    added_at: Timestamp


class Cart(Document):
    """A shopper's cart: of a user, or of a guest (then `expires_at` moves with each change)."""

    user_id: Id | None = None
    items: list[CartItem] = Field(default_factory=list)
    coupon_code: str | None = None
    expires_at: datetime | None = None

    @property
    def key(self) -> str:
        """Names this content of this cart: it becomes one order at most, even if the cart is made anew."""
        return f"{self.id}:{int(self.created_at.timestamp() * 1000)}:{self.version}"


class WishlistItem(Answer):
    """A product that somebody likes, in a variant or in none yet."""

    id: Id = Field(default_factory=ObjectId)
    product_id: Id
    sku: str | None = None
    added_at: Timestamp


class Wishlist(Document):
    """A user's wishlist."""

    user_id: Id
    items: list[WishlistItem] = Field(default_factory=list)


class ItemStatus(StrEnum):
    """How a line stands against the shop now."""

    OK = "ok"
    LOW_STOCK = "low_stock"
    OUT_OF_STOCK = "out_of_stock"
    PRICE_CHANGED = "price_changed"


class CartItemAnswer(Answer):
    """One line of a cart, at today's price."""

    id: Id
    product_id: Id
    sku: str
    name: str
    size: str | None
    color: str | None
    image_url: str | None
    quantity: int
    unit_price: Paise
    mrp: Paise
    line_total: Paise
    available: int
    status: ItemStatus


class CartCoupon(Answer):
    """A coupon and what it takes off; an automatic offer may have no code."""

    code: str | None
    description: str = ""
    discount: Paise
    free_shipping: bool = False


class CartAnswer(Answer):
    """A cart with its totals. `token` is for guests: send it back as `X-Cart-Token`."""

    id: Id
    items: list[CartItemAnswer]
    coupon: CartCoupon | None = None
    notices: list[str] = Field(default_factory=list)
    subtotal: Paise
    discount: Paise
    shipping: Paise
    tax: Paise = Field(description="The taxes inside the total.")
    total: Paise
    currency: str = CURRENCY
    item_count: int = Field(description="Pieces in all.")
    token: str | None = None
    version: int
    updated_at: Timestamp


Quantity = Annotated[int, Field(strict=True, ge=1, le=1000)]


class CartAdd(Body):
    """Pieces to add: a product and its SKU, or the size and colour that name one variant."""

    product_id: Id
    sku: Sku | None = None
    size: ShortLine | None = None
    color: ShortLine | None = None
    quantity: Quantity = 1

    model_config = example({"product_id": "65af0b12c4a1d2e3f4a5b6c7", "sku": "KURTA-INDIGO-M", "quantity": 1})


class CartChange(Body):
    """The new quantity of a line; 0 removes it."""

    quantity: Annotated[int, Field(strict=True, ge=0, le=1000)] = optional()

    model_config = example({"quantity": 2})


class SyncItem(Body):
    """A line that a client kept."""

    sku: Sku
    quantity: Quantity


class CartSync(Body):
    """What a client kept while its shopper was not signed in."""

    items: Annotated[list[SyncItem], Field(max_length=200)]

    model_config = example({"items": []})


class WishAdd(Body):
    """Something to like: a product, in one of its variants or in none yet."""

    product_id: Id
    sku: Sku | None = None

    model_config = example({"product_id": "65af0b12c4a1d2e3f4a5b6c7"})


class WishChange(Body):
    """Another variant, or null for none."""

    sku: Sku | None = None


class MoveToCart(Body):
    """How many, and of which variant where the item does not say."""

    quantity: Quantity = 1
    sku: Sku | None = None
    size: ShortLine | None = None
    color: ShortLine | None = None

    model_config = example({"quantity": 1})


class WishAnswer(Answer):
    """Something on a wishlist, as it is in the shop now; null where the product is gone."""

    id: Id
    product_id: Id
    sku: str | None
    added_at: Timestamp
    name: str | None
    slug: str | None
    size: str | None
    color: str | None
    price: Paise | None
    mrp: Paise | None
    image_url: str | None
    in_stock: bool
