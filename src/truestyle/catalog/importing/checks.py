"""Our rules, held against what a file says: products that keep them go on as drafts, each bad row is told."""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from truestyle.catalog.importing.models import Draft, Findings, Names, ParsedProduct, ParsedVariant, VariantDraft
from truestyle.catalog.products.models import ProductChange, VariantWrite
from truestyle.catalog.tree import DEEPEST
from truestyle.kit import money
from truestyle.kit.types import Line

MOST_VARIANTS = 250
MOST_REFERENCES = 20
MOST_PICTURES = 50
LONGEST_SOURCE = 2000  # characters
PATTERNS = {
    "sku": "must be 1 to 64 printable ASCII characters",
    "barcode": "must be 4 to 32 letters, digits or hyphens",
    "hsn_code": "must be 4, 6 or 8 digits",
}
WORDS = {
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must not be blank",
    "too_long": "must be at most {max_length} values",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "enum": "must be one of {expected}",
}
COLUMN = {"opening_stock": "stock", ("seo", "title"): "seo_title", ("seo", "description"): "seo_description"}
_LINE: TypeAdapter[str] = TypeAdapter(Line)


def check(products: Sequence[ParsedProduct], findings: Findings) -> list[Draft]:
    """The products without a bad row."""
    seen: dict[str, int] = {}
    drafts: list[Draft] = []
    for product in products:
        draft = _draft(product, seen, findings)
        if draft is not None and not findings.spoil(product.rows):
            drafts.append(draft)
    return drafts


def _draft(product: ParsedProduct, seen: dict[str, int], findings: Findings) -> Draft | None:
    row = product.rows[0]
    change = _valid(ProductChange, product.values, row, findings)
    names = _names(product.names, row, findings)
    if len(product.variants) > MOST_VARIANTS:
        findings.error(row, "sku", f"has more than {MOST_VARIANTS} variants")
    pictures = tuple(one for one in product.pictures if len(one.source) <= LONGEST_SOURCE)[:MOST_PICTURES]
    if len(pictures) < len(product.pictures):
        findings.note(f"Row {row}: {len(product.pictures) - len(pictures)} pictures too many were left out.")
    variants = [_variant(one, seen, findings) for one in product.variants]
    if change is None or not variants:
        return None
    options: dict[tuple[Any, ...], int] = {}
    for found in filter(None, variants):
        option = (found.write.size, found.write.color, tuple(sorted(found.write.attributes.items())))
        first = options.setdefault(option, found.row)
        if first != found.row:
            findings.error(found.row, "options", f"has the same options as row {first}")
    return Draft(row, product.slug, change, names, tuple(filter(None, variants)), pictures)


def _variant(variant: ParsedVariant, seen: dict[str, int], findings: Findings) -> VariantDraft | None:
    write = _valid(VariantWrite, variant.values, variant.row, findings)
    if write is None or write.sku is None:
        return None
    first = seen.setdefault(write.sku, variant.row)
    if first != variant.row:
        findings.error(variant.row, "sku", f"stands in row {first} already")
    if write.price is not None and write.mrp is not None and write.price > write.mrp:
        findings.error(variant.row, "price", f"must not be above the MRP of {money.wire(write.mrp)}")
    return VariantDraft(variant.row, write.sku, write, variant.picture)


def _names(names: Names, row: int, findings: Findings) -> Names:
    for field, given in (
        ("brand", [names.brand] if names.brand else []),
        ("product_type", [names.product_type] if names.product_type else []),
        ("occasions", names.occasions),
        ("categories", [part for path in names.categories for part in path]),
    ):
        for name in given:
            try:
                _LINE.validate_python(name)
            except ValidationError as error:
                findings.error(row, field, _said(dict(error.errors()[0]), field))
    for field, several in (("occasions", names.occasions), ("categories", names.categories)):
        if len(several) > MOST_REFERENCES:
            findings.error(row, field, f"must be at most {MOST_REFERENCES} values")
    if any(len(path) > DEEPEST for path in names.categories):
        findings.error(row, "categories", f"must be at most {DEEPEST} levels deep")
    return names


def _valid(model: Any, values: Any, row: int, findings: Findings) -> Any:
    try:
        return model.model_validate(values)
    except ValidationError as failed:
        for error in failed.errors(include_url=False, include_input=False):
            spot = tuple(part for part in error["loc"] if isinstance(part, str))
            field = COLUMN.get(spot[:2]) or COLUMN.get(spot[0], spot[0])
            findings.error(row, field, _said(dict(error), field))
        return None


def _said(error: dict[str, Any], field: str) -> str:
    """The message in the words of a person, without the refused value."""
    kind = error["type"]
    if kind == "string_pattern_mismatch":
        return PATTERNS.get(field, "is not of the right form")
    if kind in WORDS:
        return WORDS[kind].format(**error.get("ctx", {}))
    return str(error["msg"]).removeprefix("Value error, ")
