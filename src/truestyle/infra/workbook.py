"""An .xlsx workbook of one sheet that is written row by row and never held in memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import IO, Self

import structlog

MOST_ROWS = 1_048_576  # of a sheet, the header too
LONGEST = 32_767  # characters of a cell
USUAL_WIDTH = 14
TEXT, MONEY, MOMENT, DAY = "@", "0.00", "yyyy-mm-dd hh:mm:ss", "yyyy-mm-dd"  # number formats
PLAIN = {  # text is text, whatever it looks like
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}
Cell = str | int | Decimal | float | datetime
log = structlog.get_logger("exporting")


@dataclass(frozen=True)
class Heading:
    """A column: its name, and how its cells look (TEXT: `007` typed there stays `007`)."""

    name: str
    looks: str | None = None
    width: int = USUAL_WIDTH


class Workbook:
    """One sheet below a row of headings."""

    def __init__(self, file: IO[bytes], title: str, headings: Sequence[Heading]) -> None:
        import xlsxwriter  # noqa: PLC0415 - heavy, and only for who asks for .xlsx

        self._book = xlsxwriter.Workbook(file, PLAIN)
        self._sheet = self._book.add_worksheet(title)
        self._next, self._closed, self._headings = 1, False, headings
        bold = self._book.add_format({"bold": True})
        formats = {looks: self._book.add_format({"num_format": looks}) for looks in (TEXT, MONEY, MOMENT, DAY)}
        self._formats = [formats[one.looks] if one.looks else None for one in headings]
        for at, (one, looks) in enumerate(zip(headings, self._formats, strict=True)):
            self._sheet.set_column(at, at, one.width, looks)
        self._sheet.freeze_panes(1, 0)
        for at, one in enumerate(headings):
            self._sheet.write_string(0, at, one.name, bold)

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

    def write(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Append rows; times are as the clock of the store shows them. Text that is too long for a cell is left out."""
        for row in rows:
            for at, (cell, looks) in enumerate(zip(row, self._formats, strict=True)):
                if isinstance(cell, datetime):
                    self._sheet.write_datetime(self._next, at, cell.replace(tzinfo=None), looks)
                elif not isinstance(cell, str):
                    self._sheet.write_number(self._next, at, cell, looks)
                elif len(cell) > LONGEST:
                    log.warning("cell_left_out", row=self._next + 1, column=self._headings[at].name)
                elif cell:
                    self._sheet.write_string(self._next, at, cell)
            self._next += 1
