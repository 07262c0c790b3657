r"""Our own CSV: one row a variant, the product's fields on the first row of its slug.

`|` stands between several values; `Women > Kurtas` is a place in the tree. A backslash makes a character of `|`, `>`,
`=` and itself. Exports write the same columns with the opposites of what reads them here, so what they write comes back
as it was.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from truestyle.catalog.importing import cleaning, grouping
from truestyle.catalog.importing.grouping import given, value
from truestyle.catalog.importing.models import Findings, Names, ParsedProduct, ParsedVariant, Picture, Row
from truestyle.catalog.products.models import DiscountType

COLUMNS = (
    *("slug", "name", "description", "brand", "categories", "product_type", "occasions", "gender", "tags", "status"),
    *("hsn_code", "country_of_origin", "manufacturer", "importer", "net_quantity"),
    *("max_per_order", "returnable"),
    *("discount", "seo_title", "seo_description"),
    *("sku", "size", "color", "attributes", "mrp", "price", "barcode", "stock", "image", "image_alt"),
)
FIELDS = {name: name for name in COLUMNS}
NEEDED = ("slug", "sku", "price")
PLAIN = (
    *("name", "description", "gender", "status", "hsn_code"),
    *("country_of_origin", "manufacturer", "importer", "net_quantity"),
)
VARIANT = ("sku", "size", "color", "mrp", "price", "barcode")  # a row with none of these only adds pictures
ART, ART_PARTS = "art:", 3
GUARD, GUARDED = "\\", "\\|>="
_GUARDS = re.compile(r"\\([\\|>=])")


def listed(text: str) -> list[str]:
    r"""The values between `|`."""
    return [one for one in aligned(text) if one]


def aligned(text: str) -> list[str]:
    """As `listed`, with the blank ones: for columns that go side by side."""
    return [_bare(one) for one in _split(text, "|")]


def joined(values: Iterable[str]) -> str:
    """The opposite of `listed` and `aligned`."""
    return "|".join(_guarded(one, "|") for one in values)


def paths(text: str) -> list[tuple[str, ...]]:
    """`Women > Kurtas|Sale` as places in the tree."""
    found = (tuple(filter(None, map(_bare, _split(one, ">")))) for one in _split(text, "|"))
    return [one for one in found if one]


def paths_text(found: Iterable[Iterable[str]]) -> str:
    """The opposite of `paths`."""
    return "|".join(" > ".join(_guarded(name, "|>") for name in one) for one in found)


def attributes(text: str) -> dict[str, str]:
    """`fit=slim|sleeve=long`. Raises ValueError."""
    found: dict[str, str] = {}
    for one in filter(str.strip, _split(text, "|")):
        name, chosen = map(_bare, [*_split(one, "=", most=1), ""][:2])
        if not name or not chosen:
            message = "must be like fit=slim|sleeve=long"
            raise ValueError(message)
        found[name] = chosen
    return found


def attributes_text(pairs: Mapping[str, str]) -> str:
    """The opposite of `attributes`."""
    return "|".join(f"{_guarded(name, '|=')}={_guarded(chosen, '|')}" for name, chosen in pairs.items())


def discount(text: str) -> dict[str, str]:
    """`percent:10` or `fixed:100.00`, which no spreadsheet takes for a number. Raises ValueError."""
    kind, _, figure = (part.strip() for part in text.partition(":"))
    if kind not in set(DiscountType) or not figure:
        message = "must be like percent:10 or fixed:100.00"
        raise ValueError(message)
    return {"type": kind, "value": figure}


def code_text(text: str) -> str:
    """The opposite of `cleaning.code`, which takes one apostrophe away."""
    return f"'{text}" if text.startswith("'") else text


def _split(text: str, mark: str, most: int = -1) -> list[str]:
    """The parts between marks that no backslash guards, at most `most` cuts; guards stay in."""
    parts, begin, at = list[str](), 0, 0
    while at < len(text) and most:
        if text[at] == GUARD and at + 1 < len(text) and text[at + 1] in GUARDED:
            at += 1
        elif text[at] == mark:
            parts.append(text[begin:at])
            begin, most = at + 1, most - 1
        at += 1
    return [*parts, text[begin:]]


def _bare(text: str) -> str:
    return _GUARDS.sub(r"\1", text).strip()


def _guarded(text: str, marks: str) -> str:
    return "".join(GUARD + one if one in marks or one == GUARD else one for one in text)


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
        discount=value(top, "discount", discount, findings),
        seo=grouping.seo(top),
    )
    names = Names(
        brand=top.get("brand"),
        product_type=top.get("product_type"),
        occasions=tuple(listed(top.get("occasions") or "")),
        categories=tuple(paths(top.get("categories") or "")),
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
    alts = aligned(row.get("image_alt") or "")
    found = []
    for at, source in enumerate(listed(row.get("image") or "")):
        drawn = source.startswith(ART) and len(source.split(":")) == ART_PARTS
        full = f"{source}:{row.get('color') or ''}" if drawn else source
        found.append(Picture(row.number, full, (alts[at] if at < len(alts) else None) or None))
    return found
