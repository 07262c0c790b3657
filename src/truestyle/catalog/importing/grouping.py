"""Rows of one product brought together, and their cells turned into values."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from truestyle.catalog.importing import cleaning
from truestyle.catalog.importing.models import Findings, Names, ParsedProduct, Row

Build = Callable[[str, tuple[int, ...], list[Row]], ParsedProduct]


def products(
    rows: Iterable[Row], key_of: Callable[[Row], str | None], missing: str, build: Build, findings: Findings
) -> list[ParsedProduct]:
    """Products of the rows that share a key, in the order in which the keys come; each row that is amiss is told.

    A row without a key cannot go anywhere, so it counts against the product above it: that might be where it belongs.
    """
    numbers: dict[str, list[int]] = {}
    sound: dict[str, list[Row]] = {}
    above: str | None = None
    for row in rows:
        key = key_of(row)
        if row.amiss:
            findings.error(row.number, "row", row.amiss)
        elif key is None:
            findings.error(row.number, missing, "is missing")
        above = key or above
        if above is None:
            continue
        numbers.setdefault(above, []).append(row.number)
        if not row.amiss and key is not None:
            sound.setdefault(above, []).append(row)
    return [
        build(key, tuple(all_), sound[key]) if key in sound else ParsedProduct(tuple(all_), key, {}, Names(), ())
        for key, all_ in numbers.items()
    ]


def value(row: Row, name: str, read: Callable[[str], Any], findings: Findings) -> Any:
    """What `read` makes of a cell; None where it is blank, or where it is wrong, which is told."""
    text = row.get(name)
    if text is None:
        return None
    try:
        return read(text)
    except ValueError as error:
        findings.error(row.number, name, str(error))
        return None


def given(**values: Any) -> dict[str, Any]:
    """Only what there is."""
    return {name: one for name, one in values.items() if one is not None}


def first(rows: Sequence[Row], name: str) -> str | None:
    """The first cell of a column with anything in it."""
    return next((found for row in rows if (found := row.get(name))), None)


def seo(row: Row) -> dict[str, str] | None:
    """What search engines are told, if the row says anything."""
    found = given(title=row.get("seo_title"), description=row.get("seo_description"))
    return found or None


def barcode(row: Row, findings: Findings) -> str | None:
    """The barcode; what a spreadsheet has mangled is left out with a note."""
    text = row.get("barcode")
    if text is None:
        return None
    found = cleaning.barcode(text)
    if cleaning.mangled(found):
        findings.note(f"Row {row.number}: a spreadsheet has mangled the barcode {found[:20]}; it was left out.")
        return None
    return found or None


def stock(row: Row, findings: Findings) -> int | None:
    """Pieces on hand; fewer than none become none, with a note."""
    count = value(row, "stock", cleaning.whole, findings)
    if count is not None and count < 0:
        findings.note(f"Row {row.number}: a stock of {count} was read as 0.")
        return 0
    return None if count is None else int(count)


def tags(words: Iterable[str]) -> list[str] | None:
    """Tags in lower case, each once."""
    return list(dict.fromkeys(word.strip().lower() for word in words if word.strip())) or None
