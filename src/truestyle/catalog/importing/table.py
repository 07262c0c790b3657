"""A CSV file as records, whatever encoding, delimiter and line ends it was saved with; a workbook becomes one first.

Rows are counted as records from 1, the header being 1: what a spreadsheet shows, also where a cell has several lines.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from truestyle.catalog.importing import sheet
from truestyle.kit.errors import ValidationFailed

MOST_RECORDS = 200_000
MOST_COLUMNS = 1000
LONGEST_NAME = 100  # characters of a column's name
DELIMITERS = (",", ";")
WHERE = ("body", "file")
# What makes a spreadsheet take text for a formula (OWASP, "CSV Injection"), behind apostrophes that keep it from it.
_FORMULA = re.compile("'*[=+\\-@\\t\\r\\n\uff1d\uff0b\uff0d\uff20]")


@dataclass(frozen=True, slots=True)
class Record:
    """One record: the cells that are not blank, by column in lower case."""

    number: int
    cells: Mapping[str, str]
    amiss: str | None = None


@dataclass(frozen=True)
class Header:
    """The first record of a file: the columns in lower case and as they are written, and how the rest is to be read."""

    columns: tuple[str, ...]
    written: tuple[str, ...]
    text: str
    delimiter: str
    note: str | None = None

    def twice(self) -> set[str]:
        """Columns that are there more than once."""
        return {name for name in self.columns if name and self.columns.count(name) > 1}


def refused(message: str) -> ValidationFailed:
    """The file as a whole cannot be read."""
    return ValidationFailed(message, WHERE)


def header(content: bytes) -> Header:
    """Read the header. Raises ValidationFailed for what is neither CSV text nor a workbook."""
    if sheet.is_archive(content):
        content = as_csv(content)
    text, note = _decoded(content)
    found = [(_first(text, one), one) for one in DELIMITERS]
    cells, delimiter = max(found, key=lambda one: len(one[0]))
    if not any(cell.strip() for cell in cells):
        message = "is empty, or does not begin with a line of column names"
        raise refused(message)
    if len(cells) > MOST_COLUMNS:
        message = f"has more than {MOST_COLUMNS} columns"
        raise refused(message)
    written = tuple(cell.strip() for cell in cells)
    return Header(tuple(" ".join(cell.lower().split()) for cell in written), written, text, delimiter, note)


def as_csv(workbook: bytes) -> bytes:
    """The first sheet of a workbook as CSV. Raises ValidationFailed."""
    try:
        return sheet.to_csv(workbook)
    except sheet.UnreadableSheetError as error:
        raise refused(str(error)) from error


def records(head: Header) -> list[Record]:
    """Everything below the header but blank lines. Raises ValidationFailed."""
    reader = csv.reader(io.StringIO(head.text, newline=""), delimiter=head.delimiter)
    found: list[Record] = []
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            if number == 1 or not any(cells):
                continue
            found.append(_record(number, cells, head.columns))
            if len(found) > MOST_RECORDS:
                message = f"has more than {MOST_RECORDS} rows; split it"
                raise refused(message)
    except csv.Error as error:
        message = f"cannot be read after row {number}: {error}. Is a quotation mark not closed?"
        raise refused(message) from error
    return found


def _record(number: int, cells: list[str], columns: tuple[str, ...]) -> Record:
    amiss = None
    if len(cells) != len(columns):
        amiss = f"has {len(cells)} cells where the header has {len(columns)}"
    kept: dict[str, str] = {}
    for name, cell in zip(columns, cells, strict=False):
        text = _cell(cell)
        if text and name:
            kept.setdefault(name, text)
    return Record(number, kept, amiss)


def _cell(text: str) -> str:
    text = text.strip()
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return unescaped(text)


def escaped(text: str) -> str:
    """Text that no spreadsheet runs as a formula: `=1+1` is written `'=1+1`, as shops do; and `'=1+1`, `''=1+1`."""
    return f"'{text}" if _FORMULA.match(text) else text


def unescaped(text: str) -> str:
    """The opposite of `escaped`."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _decoded(content: bytes) -> tuple[str, str | None]:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        message = "is UTF-16 text; save it as CSV (UTF-8)"
        raise refused(message)
    if b"\x00" in content:
        message = "is not text"
        raise refused(message)
    try:
        return content.decode("utf-8-sig"), None
    except UnicodeDecodeError:
        pass
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError as error:
        message = "is not text in UTF-8 or Windows-1252"
        raise refused(message) from error
    return text, "The file is not UTF-8; it was read as Windows-1252. Check names with accents or other scripts."


def _first(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    except csv.Error as error:
        message = f"has a header that cannot be read: {error}"
        raise refused(message) from error
