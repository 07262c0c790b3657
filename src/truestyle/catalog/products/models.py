"""Products: stored whole with their variants, read as a page or as a card."""

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, StringConstraints, field_serializer, model_validator

from truestyle.catalog.lookups import SizeChart
from truestyle.catalog.products.fitting import Fit, FitCounts
from truestyle.kit import money
from truestyle.kit.documents import Answer, Body, Document, example, optional
from truestyle.kit.money import Money, Paise
from truestyle.kit.types import Count, Flag, Id, Line, ShortLine, Sku, Text, Timestamp, rule, shown

CURRENCY = "INR"
ALL = 100_00  # hundredths of a percent
LONGEST_TAG = 60  # characters


def _tag(text: str) -> str:
    lower = text.lower()
    if len(lower) > LONGEST_TAG:  # İ is two characters in lower case
        msg = f"must have at most {LONGEST_TAG} characters in lower case"
        raise rule(msg)
    return lower


HsnCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}([0-9]{2}){0,2}$"), Field(examples=["6206"])]
Tag = Annotated[ShortLine, AfterValidator(_tag)]
Barcode = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]{4,32}$"), Field(examples=["8901234567894"])]


class ProductStatus(StrEnum):
    """Who sees a product: shoppers see only active ones."""

    DRAFT = "draft"
    ACTIVE = "active"
    ARCHIVED = "archived"


class ProductGender(StrEnum):
    """Whom it is made for."""

    WOMEN = "women"
    MEN = "men"
    UNISEX = "unisex"
    GIRLS = "girls"
    BOYS = "boys"
    KIDS = "kids"


class DiscountType(StrEnum):
    """How a discount is reckoned."""

    PERCENT = "percent"
    FIXED = "fixed"


class Discount(Answer):
    """Off the selling price. `value` is in hundredths inside: of a percent, or of a rupee."""

    type: DiscountType
    value: int

    @field_serializer("value", when_used="json")
    def _wire(self, value: int) -> str:
        return money.wire(value) if self.type is DiscountType.FIXED else money.wire(value).removesuffix(".00")


class DiscountWrite(Body):
    """A discount as it is sent: `"10"` percent, or `"100.00"` off."""

    type: DiscountType
    value: Money

    @model_validator(mode="after")
    def _at_most_all(self) -> Self:
        if self.type is DiscountType.PERCENT and self.value > ALL:
            msg = "must be at most 100 percent"
            raise rule(msg)
        return self

    def stored(self) -> Discount:
        """As the product keeps it."""
        return Discount(type=self.type, value=self.value)


class Ref(Answer):
    """A lookup row that a product names."""

    id: Id
    name: str


class SlugRef(Ref):
    """A lookup row with its slug."""

    slug: str


class TypeRef(SlugRef):
    """A product type with the size chart that is inherited from it."""

    size_chart: SizeChart | None = None


class Seo(Answer):
    """What search engines are told."""

    title: str | None = None
    description: str | None = None


class SeoWrite(Body):
    """What search engines shall be told."""

    title: Line | None = None
    description: Annotated[Text, Field(max_length=400)] | None = None


class Image(Answer):
    """A picture of the product. `source` is where an import had it from."""

    id: Id
    alt: str | None = None
    position: int = 0
    source: str | None = None


class ImageAnswer(Answer):
    """A picture with its addresses."""

    id: Id
    alt: str | None = None
    position: int = 0
    url: str
    thumbnails: dict[str, str] = Field(default_factory=dict)


class Variant(Answer):
    """One SKU. `base_*` is what was written for it; `price` and `mrp` are what holds now."""

    sku: str
    size: str | None = None
    color: str | None = None
    attributes: dict[str, str] = Field(default_factory=dict)
    base_mrp: Paise | None = None
    base_price: Paise | None = None
    mrp: Paise
    price: Paise
    barcode: str | None = None
    image_id: Id | None = None

    def option(self) -> tuple[Any, ...]:
        """What tells variants of a product apart."""
        return (self.size, self.color, tuple(sorted(self.attributes.items())))


class Rating(Answer):
    """The stars."""

    average: float = 0.0
    count: int = 0


class Product(Document):
    """A product as stored: everything that a list needs is in it, so listing never joins."""

    name: str
    slug: str
    slugs: list[str]
    sort_name: str
    description: str = ""
    brand: SlugRef | None = None
    categories: list[SlugRef] = Field(default_factory=list)
    product_type: TypeRef | None = None
    occasions: list[SlugRef] = Field(default_factory=list)
    gender: ProductGender | None = None
    tags: list[str] = Field(default_factory=list)
    status: ProductStatus = ProductStatus.ACTIVE
    seo: Seo = Field(default_factory=Seo)
    hsn_code: str | None = None
    country_of_origin: str | None = None
    manufacturer: str | None = None
    importer: str | None = None
    net_quantity: str | None = None
    max_per_order: int | None = None
    returnable: bool = True
    size_chart: SizeChart | None = None
    vendor_id: Id | None = None
    base_mrp: Paise
    base_price: Paise
    discount: Discount | None = None
    mrp: Paise
    price: Paise
    discounted: bool = False
    variants: list[Variant]
    images: list[Image] = Field(default_factory=list)
    sizes: list[str] = Field(default_factory=list)
    colors: list[str] = Field(default_factory=list)
    option_keys: list[str] = Field(default_factory=list)  # "size:m", "color:indigo", lower case, for filters
    sizes_in_stock: list[str] = Field(default_factory=list)
    in_stock: bool = False
    rating: Rating = Field(default_factory=Rating)
    rating_sum: int = 0  # of all stars: what the average is made of
    popularity: int = 0
    fit: FitCounts = Field(default_factory=FitCounts)

    def variant(self, sku: str) -> Variant | None:
        """The variant with this SKU."""
        return next((one for one in self.variants if one.sku == sku), None)


class VariantAnswer(Answer):
    """One SKU as shoppers see it."""

    sku: str
    size: str | None
    color: str | None
    attributes: dict[str, str]
    price: Paise
    mrp: Paise
    available: int
    barcode: str | None
    image_id: Id | None


class ProductAnswer(Answer):
    """A product page."""

    id: Id
    name: str
    slug: str
    description: str
    brand: Ref | None
    categories: list[SlugRef]
    product_type: SlugRef | None
    occasions: list[SlugRef]
    gender: ProductGender | None
    tags: list[str]
    status: ProductStatus
    seo: Seo
    hsn_code: str | None
    country_of_origin: str | None
    manufacturer: str | None
    importer: str | None
    net_quantity: str | None
    mrp: Paise
    price: Paise = Field(description="What is charged now, tax included: the lowest of the variants.")
    list_price: Paise = Field(description="The selling price before `discount`.")
    discount: Discount | None
    currency: str = CURRENCY
    max_per_order: int | None
    options: list[str]
    variants: list[VariantAnswer]
    images: list[ImageAnswer]
    size_chart: SizeChart | None
    rating: Rating
    fit: Fit
    in_stock: bool
    returnable: bool
    vendor_id: Id | None
    warnings: list[str] = Field(default_factory=list, description="For the store's staff: prices to think about.")
    created_at: Timestamp
    updated_at: Timestamp
    version: int


class ProductCard(Answer):
    """A product in a list."""

    id: Id
    name: str
    slug: str
    brand: Ref | None
    price: Paise
    mrp: Paise
    discount: Discount | None
    currency: str = CURRENCY
    image: ImageAnswer | None
    rating: Rating
    in_stock: bool
    sizes: list[str]
    colors: list[str]


Attributes = Annotated[dict[ShortLine, ShortLine], Field(max_length=10), shown(additionalProperties=False)]


class VariantWrite(Body):
    """One SKU as it is sent. Without `sku`, one is made."""

    sku: Sku | None = None
    size: ShortLine | None = None
    color: ShortLine | None = None
    attributes: Attributes = Field(default_factory=dict)
    mrp: Money | None = None
    price: Money | None = None
    barcode: Barcode | None = None
    image_id: Id | None = None
    opening_stock: Count | None = Field(default=None, description="Pieces on hand at first; only for a new SKU.")


class ProductChange(Body):
    """Changes to a product; what is left out stays, `variants` replaces the whole set by SKU."""

    name: Line = optional()
    description: Text = optional()
    brand_id: Id | None = None
    category_ids: Annotated[list[Id], Field(max_length=20)] = optional()
    product_type_id: Id | None = None
    occasion_ids: Annotated[list[Id], Field(max_length=20)] = optional()
    gender: ProductGender | None = None
    tags: Annotated[list[Tag], Field(max_length=50)] = optional()
    status: ProductStatus = optional()
    seo: SeoWrite | None = None
    hsn_code: HsnCode | None = None
    country_of_origin: Line | None = None
    manufacturer: Line | None = None
    importer: Line | None = Field(
        default=None, description="Name and address of who brought it in, for goods from abroad (Legal Metrology)."
    )
    net_quantity: ShortLine | None = None
    max_per_order: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = None
    returnable: Flag = optional()
    size_chart: SizeChart | None = None
    mrp: Money = optional()
    price: Money = optional()
    discount: DiscountWrite | None = None
    variants: Annotated[list[VariantWrite], Field(min_length=1, max_length=250)] = optional()


class ProductCreate(ProductChange):
    """A new product. At least one of `mrp` and `price` must be given; the other is then the same."""

    name: Line

    model_config = example(
        {
            "name": "Indigo block-print kurta",
            "description": "Hand-block-printed cotton, straight cut.",
            "gender": "women",
            "tags": ["cotton", "block print"],
            "hsn_code": "6211",
            "country_of_origin": "India",
            "mrp": "1999.00",
            "price": "1499.00",
            "variants": [
                {"size": "M", "color": "Indigo", "opening_stock": 20},
                {"size": "L", "color": "Indigo", "opening_stock": 12},
            ],
        }
    )
