"""An .xlsx workbook that is written row by row and never held in memory."""

from collections.abc import Iterable
from types import TracebackType
from typing import IO, Self

import structlog
import xlsxwriter

from truestyle.catalog.exporting.rows import COLUMNS, Row

MOST_ROWS = 1_048_576  # of a sheet, the header too
LONGEST = 32_767  # characters of a cell
AS_TEXT = frozenset({"slug", "hsn_code", "sku", "size", "color", "barcode"})  # `007` typed there stays `007`
MONEY = frozenset({"mrp", "price"})
WIDTHS = {"name": 32, "description": 40, "categories": 32, "sku": 24, "slug": 24, "image": 32}
USUAL_WIDTH = 14
PLAIN = {  # text is text, whatever it looks like
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}
log = structlog.get_logger("exporting")


class Workbook:
    """One sheet with our columns."""

    def __init__(self, file: IO[bytes]) -> None:
        self._book = xlsxwriter.Workbook(file, PLAIN)
        self._sheet = self._book.add_worksheet("Products")
        self._next, self._closed = 1, False
        bold, text = self._book.add_format({"bold": True}), self._book.add_format({"num_format": "@"})
        self._money = self._book.add_format({"num_format": "0.00"})
        for at, name in enumerate(COLUMNS):
            style = self._money if name in MONEY else text if name in AS_TEXT else None
            self._sheet.set_column(at, at, WIDTHS.get(name, USUAL_WIDTH), style)
        self._sheet.freeze_panes(1, 0)
        for at, name in enumerate(COLUMNS):
            self._sheet.write_string(0, at, name, bold)

    def __enter__(self) -> Self:
        """Nothing to open."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Let go of the temporary files, whatever happened."""
        self.close()

    def close(self) -> None:
        """Write the file. Doing it twice does nothing."""
        if not self._closed:
            self._closed = True
            self._book.close()

    def write(self, rows: Iterable[Row]) -> None:
        """Append rows. Text that is too long for a cell is left out: a blank cell changes nothing when imported."""
        for row in rows:
            for at, cell in enumerate(row):
                if not isinstance(cell, str):
                    self._sheet.write_number(self._next, at, cell, self._money if COLUMNS[at] in MONEY else None)
                elif len(cell) > LONGEST:
                    log.warning("cell_left_out", row=self._next + 1, column=COLUMNS[at])
                elif cell:
                    self._sheet.write_string(self._next, at, cell)
            self._next += 1
