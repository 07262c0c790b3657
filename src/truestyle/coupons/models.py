"""Coupons and offers, and their redemptions: one row an order."""

import unicodedata
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints, field_serializer

from truestyle.kit import money
from truestyle.kit.documents import Answer, Body, Document, example, optional
from truestyle.kit.money import Money, Paise
from truestyle.kit.types import Flag, Id, Line, ShortLine, Timestamp

MOST = 200  # products, categories or brands that one coupon names


class CouponType(StrEnum):
    """What a coupon does."""

    PERCENT = "percent"
    FIXED = "fixed"
    FREE_SHIPPING = "free_shipping"
    BUY_X_GET_Y = "buy_x_get_y"


class CouponStatus(StrEnum):
    """Whether it can be used at all."""

    ACTIVE = "active"
    INACTIVE = "inactive"


class Buy(Body):
    """Of each `x` + `y` pieces, the `y` cheapest cost less."""

    x: Annotated[int, Field(strict=True, ge=1, le=100)]
    y: Annotated[int, Field(strict=True, ge=1, le=100)]


class CouponFacts(Answer):
    """What the stored coupon and the one that is read share."""

    code: str | None
    description: str = ""
    type: CouponType
    value: int
    min_amount: Paise = 0
    max_discount: Paise | None = None
    usage_limit: int | None = None
    usage_limit_per_user: int | None = None
    used_count: int = 0
    starts_at: Timestamp | None = None
    ends_at: Timestamp | None = None
    status: CouponStatus = CouponStatus.ACTIVE
    automatic: bool = False
    first_order_only: bool = False
    product_ids: list[Id] = Field(default_factory=list)
    category_ids: list[Id] = Field(default_factory=list)
    brand_ids: list[Id] = Field(default_factory=list)
    buy: Buy | None = None

    @field_serializer("value", when_used="json")
    def _wire(self, value: int) -> str:
        text = money.wire(value)
        return text if self.type is CouponType.FIXED else text.removesuffix(".00")


class Coupon(Document, CouponFacts):
    """A coupon as stored. `value` is in hundredths, of a percent or of a rupee; `key` is the code as it is compared."""

    key: str | None = None

    @property
    def scoped(self) -> bool:
        """Whether it is for some goods only."""
        return bool(self.product_ids or self.category_ids or self.brand_ids)

    def answer(self) -> "CouponAnswer":
        """As staff see it."""
        return CouponAnswer.model_validate(self.model_dump(include=set(CouponAnswer.model_fields)))


class CouponAnswer(CouponFacts):
    """A coupon as staff see it."""

    id: Id
    created_at: Timestamp
    updated_at: Timestamp
    version: int


class Redemption(Document):
    """The use of a coupon by an order; `released_at` when the order was called off."""

    coupon_id: Id
    code: str | None
    order_id: Id
    user_id: Id | None
    email: str | None
    discount: Paise
    released_at: datetime | None = None


def compared(code: str) -> str:
    """A code as it is compared: however it is written, with whatever case and width of letters."""
    return unicodedata.normalize("NFKC", code).strip().casefold()


CouponCode = Annotated[ShortLine, StringConstraints(min_length=1, max_length=40)]
Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000_000)]
Ids = Annotated[list[Id], Field(max_length=MOST)]


class CouponDraft(Body):
    """What a coupon does and for whom: what is tried out, and what is stored."""

    description: Line = ""
    type: CouponType
    value: Money = Field(description="Percent (also of buy_x_get_y: off each piece; 0 is all), or rupees.")
    min_amount: Money = Field(default=0, validate_default=False, description="Least total of the goods.")
    max_discount: Money | None = Field(default=None, description="Most that it takes off.")
    usage_limit: Count | None = Field(default=None, description="Most orders in all.")
    usage_limit_per_user: Count | None = Field(default=None, description="Most orders of one person.")
    starts_at: Timestamp | None = None
    ends_at: Timestamp | None = None
    first_order_only: Flag = False
    product_ids: Ids = Field(default_factory=list, description="With categories and brands: what it is for; else all.")
    category_ids: Ids = Field(default_factory=list, description="With all below them.")
    brand_ids: Ids = Field(default_factory=list)
    buy: Buy | None = None


class CouponCreate(CouponDraft):
    """A new coupon: with a code, or automatic."""

    code: CouponCode | None = None
    status: CouponStatus = CouponStatus.ACTIVE
    automatic: Flag = Field(default=False, description="Given without a code wherever it fits best.")

    model_config = example(
        {
            "code": "DIWALI10",
            "description": "10 % off for Diwali",
            "type": "percent",
            "value": "10",
            "min_amount": "999.00",
            "max_discount": "500.00",
            "usage_limit_per_user": 1,
        }
    )


class CouponChange(Body):
    """What may be changed; what orders got stays."""

    code: CouponCode | None = None
    description: Line = optional()
    type: CouponType = optional()
    value: Money = optional()
    min_amount: Money = optional()
    max_discount: Money | None = None
    usage_limit: Count | None = None
    usage_limit_per_user: Count | None = None
    starts_at: Timestamp | None = None
    ends_at: Timestamp | None = None
    status: CouponStatus = optional()
    automatic: Flag = optional()
    first_order_only: Flag = optional()
    product_ids: Ids = optional()
    category_ids: Ids = optional()
    brand_ids: Ids = optional()
    buy: Buy | None = None


class CodeBody(Body):
    """A coupon code."""

    code: CouponCode

    model_config = example({"code": "DIWALI10"})


class CouponAsk(Body):
    """A code, and the total of the goods it would be for."""

    code: CouponCode
    amount: Money

    model_config = example({"code": "DIWALI10", "amount": "1499.00"})


class CouponVerdict(Answer):
    """What a code would take off, or why it gives nothing."""

    valid: bool
    discount_amount: Paise
    final_amount: Paise
    reason: str | None


class Rehearsal(Body):
    """A coupon to try on past orders, of these days."""

    coupon: CouponDraft
    start: Timestamp | None = Field(default=None, alias="from", description="Orders placed from then on; 90 days ago.")
    end: Timestamp | None = Field(default=None, alias="to", description="And before this; now.")

    model_config = example({"coupon": {"type": "percent", "value": "10", "max_discount": "300.00"}})


class Rehearsed(Answer):
    """What the coupon would have cost. Orders with a coupon of their own, and those called off, are left out."""

    orders: int
    applied: int
    left_out: int
    discount: Paise
    shipping: Paise = Field(description="Shipping charges that would have been waived.")
    cost: Paise
    revenue: Paise = Field(description="What the orders brought.")
    revenue_with: Paise = Field(description="What they would have brought.")
    average_discount: Paise
    buyers: int = Field(description="People who would have had it.")
    complete: bool = Field(description="Whether all orders of these days were looked at.")
