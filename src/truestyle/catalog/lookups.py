"""Lookups: small tables of codes and names, all declared."""

from typing import Annotated, Any, TypeVar

from pydantic import Field

from truestyle.auth.permissions import Permission
from truestyle.kit.documents import Answer, Document, Exact
from truestyle.kit.resource import ACTS, Copy, Name, Resource, to_code, to_slug
from truestyle.kit.types import Code, Flag, Id, Int, Line, ShortLine, Slug, Text

D = TypeVar("D", bound=Document)


class Lookup(Document):
    """One row of a lookup table."""

    code: Code
    name: Line
    slug: Slug
    description: Text | None = None
    image_id: Id | None = None
    sort_order: Int = 0
    is_active: Flag = True
    is_system: Flag = False


class Brand(Lookup):
    """A label that products are sold under."""


class SizeChart(Exact, Answer):
    """Measurements by size: one row a size, in the order of `columns`."""

    unit: ShortLine = "cm"
    columns: Annotated[list[ShortLine], Field(max_length=20)]
    rows: Annotated[list[Annotated[list[ShortLine], Field(max_length=20)]], Field(max_length=60)]
    thumbnail_id: Id | None = None


class ProductType(Lookup):
    """A kind of garment, with the size chart that its products inherit."""

    size_chart: SizeChart | None = None


class Occasion(Lookup):
    """When a garment is worn."""


class Category(Lookup):
    """A place in the shop's tree."""

    parent_id: Id | None = None


class UserStatusRow(Lookup):
    """Label of an account status."""


class ReviewStatusRow(Lookup):
    """Label of a review status."""


class OrderStatusRow(Lookup):
    """Label of an order status."""


class ReturnStatusRow(Lookup):
    """Label of a return status."""


class ExchangeStatusRow(Lookup):
    """Label of an exchange status."""


class PaymentTypeRow(Lookup):
    """Label of a way to pay."""


class PaymentStatusRow(Lookup):
    """Label of a payment status."""


class CouponStatusRow(Lookup):
    """Label of a coupon status."""


def _lookup(document: type[Any], path: str, write: Permission = Permission.LOOKUPS_WRITE, **more: Any) -> Resource[Any]:
    return Resource(
        document=document,
        path=path,
        name=path.strip("/").replace("-", "_"),
        write=write,
        tag="Lookups",
        derived={"code": to_code, "slug": to_slug},
        **{"unique": (("code",), ("name",), ("slug",)), **more},
    )


BRANDS = _lookup(
    Brand,
    "/brands",
    Permission.BRANDS_WRITE,
    used_by=(("products", "brand.id"),),
    copies=(Copy("products", "brand"),),
    example={"name": "Neelkanth Looms", "description": "Handloom kurtas from Bhagalpur."},
)
CATEGORIES = _lookup(
    Category,
    "/categories",
    Permission.CATEGORIES_WRITE,
    unique=(("code",), ("parent_id", "name"), ("slug",)),
    used_by=(("products", "categories.id"), ("categories", "parent_id")),
    copies=(Copy("products", "categories", many=True),),
    only=ACTS - {"create", "change"},
    example={"name": "Kurtas"},
)
PRODUCT_TYPES = _lookup(
    ProductType,
    "/product-types",
    used_by=(("products", "product_type.id"),),
    names=(Name("image_id"), Name("size_chart.thumbnail_id")),
    copies=(Copy("products", "product_type", names=("name", "slug", "size_chart")),),
    example={"name": "Poncho", "size_chart": {"unit": "cm", "columns": ["Size", "Chest"], "rows": [["M", "102"]]}},
)
OCCASIONS = _lookup(
    Occasion,
    "/occasions",
    used_by=(("products", "occasions.id"),),
    copies=(Copy("products", "occasions", many=True),),
    example={"name": "Monsoon"},
)
RESOURCES: tuple[Resource[Any], ...] = (
    BRANDS,
    PRODUCT_TYPES,
    OCCASIONS,
    CATEGORIES,
    _lookup(UserStatusRow, "/user-status", example={"name": "Dormant"}),
    _lookup(ReviewStatusRow, "/review-status", example={"name": "Featured"}),
    _lookup(OrderStatusRow, "/order-status", example={"name": "On hold"}),
    _lookup(ReturnStatusRow, "/return-status", example={"name": "Under inspection"}),
    _lookup(ExchangeStatusRow, "/exchange-status", example={"name": "Under inspection"}),
    _lookup(PaymentTypeRow, "/payment-types", example={"name": "Gift card"}),
    _lookup(PaymentStatusRow, "/payment-status", example={"name": "Disputed"}),
    _lookup(CouponStatusRow, "/coupons-status", example={"name": "Archived"}),
)
