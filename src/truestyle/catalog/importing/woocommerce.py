r"""WooCommerce's product CSV: simple products, and variable ones whose variations name them as their parent.

The columns are those of its exporter (class-wc-product-csv-exporter.php): lists stand between commas, with `\,` for a
comma inside, descriptions have `\n` for line breaks, and `Published` is 1 public, 0 private, -1 draft, 2 pending.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from truestyle.catalog.importing import cleaning, grouping
from truestyle.catalog.importing.grouping import given
from truestyle.catalog.importing.models import Findings, Names, ParsedProduct, ParsedVariant, Picture, Row
from truestyle.catalog.products.models import ProductStatus
from truestyle.kit import clock
from truestyle.kit.resource import to_slug

FIELDS = {
    "id": "id",
    "type": "type",
    "sku": "sku",
    "gtin, upc, ean, or isbn": "barcode",
    "name": "name",
    "published": "published",
    "short description": "short_description",
    "description": "description",
    "date sale price starts": "sale_from",
    "date sale price ends": "sale_to",
    "in stock?": "in_stock",
    "stock": "stock",
    "regular price": "mrp",
    "sale price": "price",
    "categories": "categories",
    "tags": "tags",
    "brands": "brand",
    "brand": "brand",
    "images": "images",
    "parent": "parent",
}
ATTRIBUTE = re.compile(r"attribute ([1-9][0-9]{0,2}) (name|value)(?:\(s\))?")
SIMPLE, VARIABLE, VARIATION = "simple", "variable", "variation"
PUBLIC = "1"
LONGEST_VALUE = 60  # characters of an attribute


def fields(columns: Iterable[str]) -> dict[str, str]:
    """What each of a file's columns is to us; there may be any number of attributes."""
    found = {name: FIELDS[name] for name in columns if name in FIELDS}
    for name in columns:
        attribute = ATTRIBUTE.fullmatch(name)
        if attribute:
            found[name] = f"attribute{attribute[1]}_{attribute[2]}"
    return found


def read(rows: Sequence[Row], findings: Findings) -> list[ParsedProduct]:
    """The products of a file."""
    parents = _parents(rows)
    kinds = {row.number: _kind(row) for row in rows}

    def key_of(row: Row) -> str | None:
        if kinds[row.number] != VARIATION:
            return _key(row)
        parent = row.get("parent")
        return parents.get(parent.casefold(), f"parent:{parent}") if parent else None

    def build(_: str, numbers: tuple[int, ...], group: list[Row]) -> ParsedProduct:
        return _product(numbers, group, kinds, findings)

    sold = [row for row in rows if kinds[row.number] or row.amiss]
    for row in rows:
        if not kinds[row.number] and not row.amiss:
            findings.note(f"Row {row.number}: products of type {row.get('type') or '(none)'} are left out.")
            findings.left_out += 1
    return grouping.products(sold, key_of, "parent", build, findings)


def _kind(row: Row) -> str | None:
    words = {word.strip().lower() for word in (row.get("type") or SIMPLE).split(",")}
    return next((kind for kind in (VARIATION, VARIABLE, SIMPLE) if kind in words), None)


def _parents(rows: Iterable[Row]) -> dict[str, str]:
    """The key of each product by everything that a variation may call it."""
    found: dict[str, str] = {}
    for row in rows:
        key = _key(row)
        if _kind(row) == VARIABLE and key is not None:
            found |= {name.casefold(): key for name in (row.get("sku"), _by_id(row)) if name}
    return found


def _by_id(row: Row) -> str | None:
    ident = row.get("id")
    return f"id:{ident}" if ident else None


def _key(row: Row) -> str | None:
    return _by_id(row) or row.get("sku") or row.get("name")


def _product(
    numbers: tuple[int, ...], rows: list[Row], kinds: Mapping[int, str | None], findings: Findings
) -> ParsedProduct:
    top = next((row for row in rows if kinds[row.number] != VARIATION), rows[0])
    if kinds[top.number] == VARIATION:
        for row in rows:
            findings.error(row.number, "parent", "names no variable product of this file")
    variable = kinds[top.number] == VARIABLE
    sold = [row for row in rows if kinds[row.number] == VARIATION] if variable else [top]
    shown = [row for row in sold if row is top or row.get("published") in {None, PUBLIC}]
    if len(shown) < len(sold):
        findings.note(f"Row {top.number}: {len(sold) - len(shown)} variations that are not published were left out.")
    if not shown:
        findings.error(top.number, "type", "is variable, but has no variations")
    pictures: dict[str, Picture] = {}
    for row in (top, *shown):
        for source in cleaning.commas(row.get("images") or ""):
            pictures.setdefault(source, Picture(row.number, source))
    name = cleaning.plain(top.get("name") or "")
    slug = to_slug(name or top.get("sku") or "")
    handle = top.get("sku") or _key(top) or slug
    return ParsedProduct(
        numbers,
        slug,
        given(
            name=name or None,
            description=_description(top),
            tags=grouping.tags(cleaning.plain(one) for one in cleaning.commas(top.get("tags") or "")),
            status=_status(top),
        ),
        _names(top),
        tuple(_variant(handle, row, findings) for row in shown),
        tuple(pictures.values()),
    )


def _names(top: Row) -> Names:
    brands = [cleaning.path(one) for one in cleaning.commas(cleaning.plain(top.get("brand") or ""))]
    paths = (cleaning.path(cleaning.entities(one)) for one in cleaning.commas(top.get("categories") or ""))
    return Names(
        brand=next((one[-1] for one in brands if one), None),
        categories=tuple(dict.fromkeys(one for one in paths if one)),
    )


def _variant(handle: str, row: Row, findings: Findings) -> ParsedVariant:
    size, color, others = cleaning.options(_attributes(row))
    mrp = cleaning.amount(row.get("mrp"))
    price = cleaning.amount(row.get("price")) if _on_sale(row) else None
    if mrp is None and price is None:
        findings.error(row.number, "mrp", "is missing")
    values = given(
        sku=cleaning.code(row.get("sku") or "") or cleaning.made_sku(handle, color, size, *others.values()),
        size=size,
        color=color,
        attributes=others or None,
        mrp=mrp or price,
        price=price or mrp,
        barcode=grouping.barcode(row, findings),
        opening_stock=_stock(row, findings),
    )
    images = cleaning.commas(row.get("images") or "")
    return ParsedVariant(row.number, values, images[0] if images else None)


def _attributes(row: Row) -> list[tuple[str, str]]:
    """The options of a variation, or what is told of a simple product: several values are one text."""
    found = []
    for field in sorted(row.cells):
        if field.startswith("attribute") and field.endswith("_name"):
            text = row.get(f"{field.removesuffix('_name')}_value")
            values = cleaning.commas(cleaning.entities(text or ""))
            if values:
                found.append((row.cells[field], ", ".join(values)[:LONGEST_VALUE].strip()))
    return found


def _on_sale(row: Row) -> bool:
    today = clock.now().date().isoformat()
    return (row.get("sale_from") or today)[:10] <= today <= (row.get("sale_to") or today)[:10]


def _stock(row: Row, findings: Findings) -> int | None:
    if (row.get("stock") or "parent").lower() != "parent":
        return grouping.stock(row, findings)
    if row.get("in_stock") == PUBLIC:
        findings.note(f"Row {row.number}: WooCommerce does not count its stock; a new SKU opens with 0.")
    return None


def _status(row: Row) -> str | None:
    published = row.get("published")
    return ProductStatus.DRAFT if published is not None and published != PUBLIC else None


def _description(row: Row) -> str | None:
    text = row.get("description") or row.get("short_description")
    if text is None:
        return None
    lines = re.sub(r"(?<!\\)\\n", "\n", text).replace("\\\\n", "\\n")
    return cleaning.plain(lines) or None
