"""Bulk changes: what is asked, what it would do, and the changeset that keeps both."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from truestyle.catalog.products.models import Discount, ProductGender, ProductStatus
from truestyle.inventory.models import Reason
from truestyle.kit import money
from truestyle.kit.documents import Answer, Body, Document, example, optional
from truestyle.kit.money import LARGEST, Money, Paise
from truestyle.kit.types import Count, Flag, Id, Line, Sku, Timestamp, rule

MOST_PRODUCTS, MOST_VARIANTS = 500, 2500  # of one changeset: what a transaction of five seconds does with ease
MOST_LEFT = 200  # that a changeset names; all are counted
PIECES = Field(strict=True, ge=-1_000_000, le=1_000_000)
_AMOUNT = r"^-?(100000000(\.0{1,2})?|[0-9]{1,8}(\.[0-9]{1,2})?)$"
_PERCENT = r"^(-?(100(\.0{1,2})?|[0-9]{1,2}(\.[0-9]{1,2})?)|1000(\.0{1,2})?|[0-9]{3}(\.[0-9]{1,2})?)$"


def _in(pattern: str, least: float, most: int, shown: str) -> WithJsonSchema:
    number = {"type": "number", "minimum": least, "maximum": most, "multipleOf": 0.01}
    return WithJsonSchema({"anyOf": [{"type": "string", "pattern": pattern}, number], "examples": [shown]})


_WIRE = PlainSerializer(money.wire, return_type=str, when_used="json")
# Paise more or less, and hundredths of a percent more or less.
SignedMoney = Annotated[
    int,
    BeforeValidator(money.parse),
    Field(ge=-LARGEST, le=LARGEST),
    _WIRE,
    _in(_AMOUNT, -LARGEST // 100, LARGEST // 100, "-50.00"),
]
SignedPercent = Annotated[
    int, BeforeValidator(money.parse), Field(ge=-100_00, le=1000_00), _WIRE, _in(_PERCENT, -100, 1000, "-12.5")
]
Rounding = Annotated[
    int,
    BeforeValidator(money.parse),
    Field(ge=1, le=1000_00),
    _WIRE,
    _in(r"^(1000(\.0{1,2})?|[1-9][0-9]{0,2}(\.[0-9]{1,2})?|0\.(0[1-9]|[1-9][0-9]?))$", 0.01, 1000, "1.00"),
]


class PriceStep(Body):
    """How a price changes: exactly one of `set`, `percent` and `amount`."""

    set: Money = optional(description="The new price.")
    percent: SignedPercent = optional(description="So many percent more; fewer with a minus.")
    amount: SignedMoney = optional(description="So much more; less with a minus.")
    round_to: Rounding = optional(description="To the nearest multiple of this, half up: `1.00` gives whole rupees.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len({"set", "percent", "amount"} & self.model_fields_set) != 1:
            msg = "give exactly one of set, percent and amount"
            raise rule(msg)
        return self


class StockStep(Body):
    """How the pieces on hand change: exactly one of `set` and `delta`."""

    set: Count = optional(description="A stock-take: pieces on hand.")
    delta: Annotated[int, PIECES] = optional(description="So many pieces more; fewer with a minus.")
    reason: Line = optional(description="A reason of the movements, or words for a correction.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len({"set", "delta"} & self.model_fields_set) != 1:
            msg = "give exactly one of set and delta"
            raise rule(msg)
        return self


Names = Annotated[list[Line], Field(max_length=50)]


class BulkFilter(Body):
    """Which products: OR inside one filter, AND across them, as in the list of products. `{}` is all of them."""

    q: Line = optional()
    brand: Names = optional()
    category: Names = optional(description="Ids or slugs; with all below them.")
    occasion: Names = optional()
    product_type: Names = optional()
    gender: Annotated[list[ProductGender], Field(max_length=10)] = optional()
    tag: Names = optional()
    size: Names = optional(description="Products that have it; all their variants change.")
    color: Names = optional(description="Products that have it; all their variants change.")
    vendor: Names = optional()
    price_min: Money = optional()
    price_max: Money = optional()
    in_stock: Flag = optional()
    discounted: Flag = optional()
    status: Annotated[list[ProductStatus], Field(max_length=3)] = optional()


class BulkAsk(Body):
    """Exactly one of `ids`, `skus` and `filter`, and at least one change. Nothing but a preview comes of it."""

    ids: Annotated[list[Id], Field(min_length=1, max_length=MOST_PRODUCTS)] = optional(description="Products.")
    skus: Annotated[list[Sku], Field(min_length=1, max_length=MOST_PRODUCTS)] = optional(
        description="Single variants; `status` needs whole products."
    )
    filter: BulkFilter = optional()
    price: PriceStep = optional(description="The selling price before a product's discount.")
    mrp: PriceStep = optional()
    stock: StockStep = optional()
    status: ProductStatus = optional()
    note: Line = optional(description="What it is for; shown with the changeset.")

    model_config = example(
        {"filter": {"tag": ["cotton"]}, "price": {"percent": "-20", "round_to": "1.00"}, "note": "End of season"}
    )

    @model_validator(mode="after")
    def _says_which_and_what(self) -> Self:
        sent = self.model_fields_set
        if len({"ids", "skus", "filter"} & sent) != 1:
            msg = "give exactly one of ids, skus and filter"
            raise rule(msg)
        if not {"price", "mrp", "stock", "status"} & sent:
            msg = "give at least one of price, mrp, stock and status"
            raise rule(msg)
        if {"skus", "status"} <= sent:
            msg = "a status is of whole products: name them by ids or filter"
            raise rule(msg)
        return self


class MoneyChange(Answer):
    """A price before and after."""

    before: Paise
    after: Paise


class CountChange(Answer):
    """Pieces on hand before and after. After a `delta`, sales in between come on top."""

    before: int
    after: int


class StatusChange(Answer):
    """A product's status before and after."""

    before: ProductStatus
    after: ProductStatus


class Written(Answer):
    """Prices as they are written for a product or variant; null: as the product's."""

    mrp: Paise | None
    price: Paise | None


class VariantChange(Answer):
    """What becomes of a variant. With problems, nothing does."""

    sku: str
    size: str | None
    color: str | None
    mrp: MoneyChange | None = None
    price: MoneyChange | None = Field(default=None, description="Before the product's discount.")
    charged: MoneyChange | None = Field(default=None, description="What a shopper pays, after the discount.")
    stock: CountChange | None = None
    problems: list[str] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)


class Mark(Answer):
    """What a preview found of a variant, and what it would write: what applying and undoing go by. Not on the wire."""

    sku: str
    before: Written
    after: Written | None = None  # None: stays, because it was not chosen or has problems
    edit: Id | None = None  # the last change of its stock by hand
    on_hand: int = 0
    delta: int = 0  # pieces
    exact: bool = False  # a stock-take: sales in between count too


class Basis(Answer):
    """What a preview was made on. Not on the wire."""

    before: Written  # the product's own prices
    after: Written
    discount: Discount | None
    marks: list[Mark]  # of all variants


class Left(Answer):
    """A row that was left as it is, and why."""

    product_id: Id
    sku: str | None = Field(description="Null: the whole product.")
    field: str
    reason: str


class Item(Document):
    """One product of a changeset."""

    changeset_id: Id
    product_id: Id
    name: str
    status: StatusChange | None = None
    variants: list[VariantChange] = Field(default_factory=list)
    problem: bool = False
    applied: bool = False
    left: list[Left] = Field(default_factory=list)
    basis: Basis
    expires_at: datetime | None = None

    def answer(self) -> "ItemAnswer":
        """As the wire shows it."""
        return ItemAnswer.model_validate(self.model_dump(mode="python"))


class ItemAnswer(Answer):
    """One product of a changeset, with its variants before and after."""

    product_id: Id
    name: str
    status: StatusChange | None
    variants: list[VariantChange]
    problem: bool = Field(description="Whether some variant cannot be changed.")
    applied: bool
    left: list[Left] = Field(description="What applying or undoing left as it was.")


class ChangesetStatus(StrEnum):
    """Where a changeset stands."""

    PREVIEWED = "previewed"
    APPLIED = "applied"
    UNDONE = "undone"


class Counts(Answer):
    """How much a changeset does."""

    products: int = Field(default=0, description="Products that change.")
    variants: int = Field(default=0, description="Variants whose price, MRP or stock changes.")
    problems: int = Field(default=0, description="Variants that cannot be changed.")
    unchanged: int = Field(default=0, description="Chosen products that are as asked for already.")
    left: int = Field(default=0, description="Rows that applying or undoing left as they were.")


class Changeset(Document):
    """A bulk change: previewed, then perhaps applied, then perhaps undone."""

    owner_id: Id | None
    status: ChangesetStatus = ChangesetStatus.PREVIEWED
    note: str | None = None
    asked: dict[str, Any] = Field(description="The request.")
    counts: Counts = Field(default_factory=Counts)
    left: list[Left] = Field(default_factory=list, description=f"The first {MOST_LEFT} rows that were left.")
    applied_at: Timestamp | None = None
    applied_by: Id | None = None
    undone_at: Timestamp | None = None
    undone_by: Id | None = None
    expires_at: Timestamp | None = Field(default=None, description="When a preview that nobody applied is forgotten.")

    @property
    def stock_reason(self) -> str:
        """Why its stock moves."""
        return str((self.asked.get("stock") or {}).get("reason") or Reason.CORRECTION)


class Preview(Changeset):
    """A changeset with its first products, those with problems first."""

    items: list[ItemAnswer]
