r"""Our own CSV: one row a variant, the product's fields on the first row of its slug.

`|` stands between several values and `\|` for the character itself; `Women > Kurtas` is a place in the tree. Exports
write the same columns with `joined` and `attributes_text`, so what they write comes back as it was.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from truestyle.catalog.importing import cleaning, grouping
from truestyle.catalog.importing.grouping import given, value
from truestyle.catalog.importing.models import Findings, Names, ParsedProduct, ParsedVariant, Picture, Row

COLUMNS = (
    *("slug", "name", "description", "brand", "categories", "product_type", "occasions", "gender", "tags", "status"),
    *("hsn_code", "country_of_origin", "manufacturer", "net_quantity", "max_per_order", "returnable"),
    *("seo_title", "seo_description"),
    *("sku", "size", "color", "attributes", "mrp", "price", "barcode", "stock", "image", "image_alt"),
)
FIELDS = {name: name for name in COLUMNS}
NEEDED = ("slug", "sku", "price")
PLAIN = (*("name", "description", "gender", "status", "hsn_code", "country_of_origin", "manufacturer", "net_quantity"),)
VARIANT = ("sku", "size", "color", "mrp", "price", "barcode")  # a row with none of these only adds pictures
ART, ART_PARTS = "art:", 3


def listed(text: str) -> list[str]:
    r"""The values between `|`."""
    found = (one.replace("\\|", "|").strip() for one in re.split(r"(?<!\\)\|", text))
    return [one for one in found if one]


def joined(values: Iterable[str]) -> str:
    """The opposite of `listed`."""
    return "|".join(one.replace("|", "\\|") for one in values)


def attributes(text: str) -> dict[str, str]:
    """`fit=slim|sleeve=long`. Raises ValueError."""
    found: dict[str, str] = {}
    for one in listed(text):
        name, between, chosen = one.partition("=")
        if not between or not name.strip() or not chosen.strip():
            message = "must be like fit=slim|sleeve=long"
            raise ValueError(message)
        found[name.strip()] = chosen.strip()
    return found


def attributes_text(pairs: Mapping[str, str]) -> str:
    """The opposite of `attributes`."""
    return joined(f"{name}={chosen}" for name, chosen in pairs.items())


def read(rows: Sequence[Row], findings: Findings) -> list[ParsedProduct]:
    """The products of a file."""

    def build(slug: str, numbers: tuple[int, ...], group: list[Row]) -> ParsedProduct:
        return _product(slug, numbers, group, findings)

    return grouping.products(rows, lambda row: row.get("slug"), "slug", build, findings)


def _product(slug: str, numbers: tuple[int, ...], rows: list[Row], findings: Findings) -> ParsedProduct:
    top = rows[0]
    pictures: dict[str, Picture] = {}
    by_color: dict[str | None, str] = {}
    for row in rows:
        shown = _pictures(row)
        for one in shown:
            pictures.setdefault(one.source, one)
        if shown:
            by_color.setdefault(row.get("color"), shown[0].source)
    variants = [
        _variant(slug, row, by_color, findings) for row in rows if row is top or any(row.get(name) for name in VARIANT)
    ]
    values = given(
        **{name: top.get(name) for name in PLAIN},
        tags=grouping.tags(listed(top.get("tags") or "")),
        max_per_order=value(top, "max_per_order", cleaning.whole, findings),
        returnable=value(top, "returnable", cleaning.flag, findings),
        seo=grouping.seo(top),
    )
    names = Names(
        brand=top.get("brand"),
        product_type=top.get("product_type"),
        occasions=tuple(listed(top.get("occasions") or "")),
        categories=tuple(filter(None, (cleaning.path(one) for one in listed(top.get("categories") or "")))),
    )
    return ParsedProduct(numbers, cleaning.slug(slug), values, names, tuple(variants), tuple(pictures.values()))


def _variant(slug: str, row: Row, by_color: Mapping[str | None, str], findings: Findings) -> ParsedVariant:
    others = value(row, "attributes", attributes, findings)
    size, color = row.get("size"), row.get("color")
    values = given(
        sku=cleaning.code(row.get("sku") or "") or cleaning.made_sku(slug, color, size, *(others or {}).values()),
        size=size,
        color=color,
        attributes=others,
        mrp=cleaning.amount(row.get("mrp")),
        price=cleaning.amount(row.get("price")),
        barcode=grouping.barcode(row, findings),
        opening_stock=grouping.stock(row, findings),
    )
    shown = _pictures(row)
    return ParsedVariant(row.number, values, shown[0].source if shown else by_color.get(color))


def _pictures(row: Row) -> list[Picture]:
    alts = listed(row.get("image_alt") or "")
    found = []
    for at, source in enumerate(listed(row.get("image") or "")):
        drawn = source.startswith(ART) and len(source.split(":")) == ART_PARTS
        full = f"{source}:{row.get('color') or ''}" if drawn else source
        found.append(Picture(row.number, full, alts[at] if at < len(alts) else None))
    return found
