"""Shopify's product CSV, old exports and the current template: one row a variant, further rows for pictures."""

import re
from collections.abc import Sequence

from truestyle.catalog.importing import cleaning, grouping
from truestyle.catalog.importing.grouping import first, given, value
from truestyle.catalog.importing.models import Findings, Names, ParsedProduct, ParsedVariant, Picture, Row
from truestyle.catalog.products.models import ProductGender, ProductStatus
from truestyle.kit import money
from truestyle.kit.resource import to_slug

FIELDS = {
    "handle": "handle",
    "url handle": "handle",
    "title": "name",
    "body (html)": "description",
    "description": "description",
    "vendor": "brand",
    "product category": "category",
    "type": "product_type",
    "custom product type": "product_type",
    "tags": "tags",
    "published": "published",
    "published on online store": "published",
    "status": "status",
    "variant sku": "sku",
    "sku": "sku",
    "variant barcode": "barcode",
    "barcode": "barcode",
    **{f"option{number} {part}": f"option{number}_{part}" for number in (1, 2, 3) for part in ("name", "value")},
    "variant price": "price",
    "price": "price",
    "variant compare at price": "mrp",
    "compare-at price": "mrp",
    "variant inventory qty": "stock",
    "inventory quantity": "stock",
    "hs code": "hsn_code",
    "variant tax code": "hsn_code",
    "tax code": "hsn_code",
    "image src": "image",
    "product image url": "image",
    "image position": "image_position",
    "image alt text": "image_alt",
    "variant image": "variant_image",
    "variant image url": "variant_image",
    "seo title": "seo_title",
    "seo description": "seo_description",
    "google shopping / gender": "gender",
    "google shopping / age group": "age_group",
}
GENDER = {"female": ProductGender.WOMEN, "male": ProductGender.MEN, "unisex": ProductGender.UNISEX}
YOUNG = frozenset({"kids", "toddler", "infant", "newborn"})
VARIANT = ("sku", "price", "barcode", "option1_value", "option2_value", "option3_value")
_TAXONOMY_ID = re.compile(r"gid:.*|[a-z]{2}(?:-[0-9]+)+|[0-9]+")
LEVELS = 2  # of Shopify's long category paths, the last ones


def read(rows: Sequence[Row], findings: Findings) -> list[ParsedProduct]:
    """The products of a file."""

    def build(handle: str, numbers: tuple[int, ...], group: list[Row]) -> ParsedProduct:
        return _product(handle, numbers, group, findings)

    return grouping.products(rows, _handle, "handle", build, findings)


def _handle(row: Row) -> str | None:
    handle, title = row.get("handle"), row.get("name")
    return handle or (to_slug(title) if title else None)


def _product(handle: str, numbers: tuple[int, ...], rows: list[Row], findings: Findings) -> ParsedProduct:
    top = rows[0]
    names = [first(rows, f"option{number}_name") or f"Option{number}" for number in (1, 2, 3)]
    variants = [
        _variant(handle, row, names, findings)
        for row in rows
        if row is top or any(row.get(column) for column in VARIANT)
    ]
    description = top.get("description")
    values = given(
        name=top.get("name"),
        description=cleaning.plain(description) if description else None,
        gender=_gender(top),
        tags=grouping.tags((top.get("tags") or "").split(",")),
        status=_status(top, findings),
        hsn_code=next((code for row in rows if (code := cleaning.hsn(row.get("hsn_code")))), None),
        seo=grouping.seo(top),
    )
    category = top.get("category") or ""
    parts = () if _TAXONOMY_ID.fullmatch(category) else cleaning.path(category)
    known = Names(
        brand=top.get("brand"),
        product_type=top.get("product_type"),
        categories=(parts[-LEVELS:],) if parts else (),
    )
    return ParsedProduct(numbers, cleaning.slug(handle), values, known, tuple(variants), _pictures(rows, findings))


def _variant(handle: str, row: Row, names: Sequence[str], findings: Findings) -> ParsedVariant:
    chosen = [(name, row.get(f"option{number}_value") or "") for number, name in enumerate(names, start=1)]
    size, color, others = cleaning.options((name, text) for name, text in chosen if text)
    if row.get("price") is None:
        findings.error(row.number, "price", "is missing")
    values = given(
        sku=cleaning.code(row.get("sku") or "") or cleaning.made_sku(handle, color, size, *others.values()),
        size=size,
        color=color,
        attributes=others or None,
        mrp=_mrp(row, findings),
        price=cleaning.amount(row.get("price")),
        barcode=grouping.barcode(row, findings),
        opening_stock=grouping.stock(row, findings),
    )
    return ParsedVariant(row.number, values, row.get("variant_image"))


def _mrp(row: Row, findings: Findings) -> str | None:
    """The compare-at price; one that is not above the price says nothing, and neither does a blank one."""
    price, compared = cleaning.amount(row.get("price")), cleaning.amount(row.get("mrp"))
    if not findings.columns.get("mrp") or price is None:
        return None
    try:
        return compared if money.parse(compared or price) > money.parse(price) else price
    except ValueError:
        return compared  # one of them is no amount, which the checks tell


def _status(row: Row, findings: Findings) -> str | None:
    status = row.get("status")
    hidden = value(row, "published", cleaning.flag, findings) is False
    word = status.lower() if status else None
    if word == "unlisted" or (hidden and word in {None, ProductStatus.ACTIVE}):
        return ProductStatus.DRAFT
    return word


def _gender(row: Row) -> str | None:
    gender, age = GENDER.get((row.get("gender") or "").lower()), (row.get("age_group") or "").lower()
    return ProductGender.KIDS if age in YOUNG else gender


def _pictures(rows: Sequence[Row], findings: Findings) -> tuple[Picture, ...]:
    """Every picture once, by its position where it has one, then those that only variants name."""
    placed: list[tuple[int, Picture]] = []
    for place, row in enumerate(rows):
        source = row.get("image")
        if source:
            position = value(row, "image_position", cleaning.whole, findings)
            placed.append(
                (place + 1 if position is None else position, Picture(row.number, source, row.get("image_alt")))
            )
    ordered: dict[str, Picture] = {}
    for _, one in sorted(placed, key=lambda pair: pair[0]):
        ordered.setdefault(one.source, one)
    for row in rows:
        source = row.get("variant_image")
        if source:
            ordered.setdefault(source, Picture(row.number, source))
    return tuple(ordered.values())
