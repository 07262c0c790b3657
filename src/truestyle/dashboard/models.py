"""What the dashboards answer. Every figure is explained in `docs/concepts/figures.md`."""

from datetime import date
from enum import StrEnum

from pydantic import Field

from truestyle.catalog.products.models import CURRENCY
from truestyle.dashboard.periods import Period
from truestyle.kit.documents import Answer
from truestyle.kit.money import Paise
from truestyle.kit.types import Id


class Overview(Answer):
    """The store at a glance. `orders` are sales: paid or to be paid on delivery, not cancelled, not gone back."""

    users: int
    products: int = Field(description="Active ones.")
    orders: int
    orders_by_status: dict[str, int]
    returns: int
    exchanges: int
    revenue: Paise
    refunded: Paise
    aov: Paise = Field(description="Revenue by orders.")
    pending_orders: int = Field(description="Placed, confirmed or packed.")
    currency: str = CURRENCY


class SalesDay(Answer):
    """What was ordered on a day, as those orders stand now."""

    date: date
    orders: int
    revenue: Paise


class Sales(Answer):
    """Day by day, the oldest first; today is the last."""

    items: list[SalesDay]
    orders: int
    revenue: Paise
    currency: str = CURRENCY
    timezone: str


class GrowthDay(Answer):
    """Accounts opened on a day."""

    date: date
    users: int


class UserGrowth(Answer):
    """Day by day, the oldest first; today is the last."""

    items: list[GrowthDay]
    new_users: int
    total_users: int
    timezone: str


class ProductRank(StrEnum):
    """What makes a product a top one."""

    QUANTITY = "quantity"
    REVENUE = "revenue"


class TopProduct(Answer):
    """What was sold of a product, less what came back."""

    product_id: Id
    name: str | None
    quantity: int
    revenue: Paise


class TopProducts(Answer):
    """The best first."""

    items: list[TopProduct]
    currency: str = CURRENCY


class LowSku(Answer):
    """A SKU of an active product that is nearly sold out, or is."""

    product_id: Id
    name: str | None
    sku: str
    size: str | None
    color: str | None
    available: int
    reserved: int
    low_stock_at: int


class LowStock(Answer):
    """The scarcest first; `total` counts all SKUs at or below the threshold."""

    items: list[LowSku]
    total: int
    threshold: int


class PaymentShare(Answer):
    """Sales paid in one way. `share` is of the orders, in percent."""

    type: str
    orders: int
    revenue: Paise
    share: str | None


class PaymentMix(Answer):
    """The most used first."""

    items: list[PaymentShare]
    currency: str = CURRENCY


class Region(Answer):
    """Sales delivered to a state (its GST code). `share` is of the revenue, in percent."""

    state_code: str
    state: str
    orders: int
    revenue: Paise
    share: str | None


class Regions(Answer):
    """The highest revenue first."""

    items: list[Region]
    currency: str = CURRENCY


class SalesSpan(Answer):
    """A day, week, month or year. `growth` is of the revenue against the span before, in percent."""

    label: str
    first: date
    last: date
    orders: int
    revenue: Paise
    aov: Paise
    growth: str | None


class SalesAnalytics(Answer):
    """Span by span, the oldest first; the last one is not over yet."""

    period: Period
    items: list[SalesSpan]
    orders: int
    revenue: Paise
    aov: Paise
    currency: str = CURRENCY
    timezone: str


class TopUser(Answer):
    """An account by what it spent. Name and address are null once it was deleted."""

    user_id: Id
    full_name: str | None
    email: str | None
    orders: int
    revenue: Paise


class Behaviour(Answer):
    """How accounts buy. Rates are in percent."""

    buyers: int
    one_time_buyers: int
    repeat_buyers: int
    repeat_rate: str | None
    guest_orders: int
    guest_revenue: Paise
    orders_per_buyer: str | None
    revenue_per_buyer: Paise


class UserAnalytics(Answer):
    """Who buys, and how."""

    users: int
    active_users: int
    top_users: list[TopUser]
    behaviour: Behaviour
    currency: str = CURRENCY


class Stats(Answer):
    """What an administrator looks at first."""

    users: int
    active_users: int = Field(description="Not suspended.")
    orders: int
    pending_orders: int
    revenue: Paise
    aov: Paise
    inventory_alerts: int = Field(description="SKUs of active products with ten pieces or fewer.")
    popular_products: list[TopProduct]
    currency: str = CURRENCY
