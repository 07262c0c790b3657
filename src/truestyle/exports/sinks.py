"""Writing rows to a file: CSV, a workbook, or paper. It happens in threads; a sink is closed whatever happens."""

import csv
import io
import pickle
import tempfile
from collections.abc import Sequence
from datetime import datetime
from typing import IO, Any, Protocol

from truestyle.exports.columns import NUMBERS, Column, Kind, Teller, Values, headings
from truestyle.exports.models import FileFormat
from truestyle.exports.printing import TooMuchToPrintError, printed
from truestyle.infra.typesetting import shown
from truestyle.infra.workbook import MOST_ROWS, Workbook
from truestyle.kit import money
from truestyle.kit.errors import ValidationFailed

FORMAT = ("body", "format")


class Sink(Protocol):
    """A file that is being written."""

    def write(self, rows: Sequence[Values]) -> None:
        """Append rows. Raises ValidationFailed for more than such a file holds."""

    def finish(self) -> None:
        """Write what is left."""

    def close(self) -> None:
        """Let go of everything but the file itself, which then may be half-written."""


class CsvSink:
    """UTF-8 with the mark by which spreadsheets know it."""

    def __init__(self, file: IO[bytes], teller: Teller) -> None:
        self._text = io.TextIOWrapper(file, "utf-8-sig", newline="")
        self._writer, self._teller = csv.writer(self._text), teller
        self._writer.writerow([one.name for one in headings(teller.columns)])

    def write(self, rows: Sequence[Values]) -> None:
        """Append rows."""
        self._writer.writerows(map(self._teller.csv, rows))

    def finish(self) -> None:
        """Write what is left."""
        self._text.flush()

    def close(self) -> None:
        """The file stays open."""
        self._text.detach()


class WorkbookSink:
    """One sheet, made at the end of rows that were laid down in a file without a name.

    Writing it takes several times as long as reading the rows, and MongoDB does not keep their moment for ever.
    """

    def __init__(self, file: IO[bytes], teller: Teller, title: str) -> None:
        self._file, self._teller, self._title, self._rows = file, teller, title, 1
        self._laid_down = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it

    def write(self, rows: Sequence[Values]) -> None:
        """Append rows. Raises ValidationFailed for more than a sheet has."""
        self._rows += len(rows)
        if self._rows > MOST_ROWS:
            raise ValidationFailed(f"a sheet has at most {MOST_ROWS - 1:,} rows; narrow it, or export as csv", FORMAT)
        pickle.dump(rows, self._laid_down, pickle.HIGHEST_PROTOCOL)

    def finish(self) -> None:
        """Write the file."""
        end = self._laid_down.tell()
        self._laid_down.seek(0)
        with Workbook(self._file, self._title, headings(self._teller.columns)) as book:
            while self._laid_down.tell() < end:
                rows = pickle.load(self._laid_down)  # noqa: S301 - nobody else can have written it
                book.write(map(self._teller.xlsx, rows))

    def close(self) -> None:
        """Let go of the rows that were laid down."""
        self._laid_down.close()


class PaperSink:
    """Paper: few rows, so they are held; set at the end, in the pool of `printing`."""

    def __init__(self, file: IO[bytes], teller: Teller, about: dict[str, Any], moment: datetime, most: int) -> None:
        self._file, self._teller, self._about, self._moment, self._most = file, teller, about, moment, most
        self._rows: list[list[str]] = []
        self._sums = [0] * len(teller.columns)

    def write(self, rows: Sequence[Values]) -> None:
        """Append rows. Raises ValidationFailed for more than the setting allows."""
        for row in rows:
            if len(self._rows) == self._most:
                raise too_many_for_paper(self._most)
            self._rows.append([shown(cell) for cell in self._teller.paper(row)])
            for at, column in enumerate(self._teller.columns):
                value = row[at]
                if column.kind in NUMBERS and isinstance(value, int):
                    self._sums[at] += value

    def finish(self) -> None:
        """Set it. Raises ValidationFailed where that takes too long."""
        shown_columns = [one for one in self._teller.columns if one.printed is not None]
        data = {
            **self._about,
            "columns": [
                {"name": one.printed, "share": one.share, "right": one.kind in NUMBERS, "nowrap": one.kind in _SHORT}
                for one in shown_columns
            ],
            "rows": self._rows,
            "count": f"{len(self._rows):,} rows" if len(self._rows) != 1 else "1 row",
            "sums": [self._sum(one, self._sums[at]) for at, one in enumerate(self._teller.columns) if one.printed],
        }
        try:
            self._file.write(printed(data, self._moment))
        except TooMuchToPrintError as error:
            raise ValidationFailed("takes too long to set as PDF; narrow it", FORMAT) from error

    def _sum(self, column: Column, value: int) -> str:
        if not self._rows or column.kind not in NUMBERS or not column.summed:
            return ""
        return money.grouped(value) if column.kind is Kind.MONEY else str(value)

    def close(self) -> None:
        """Nothing is open."""


_SHORT = {*NUMBERS, Kind.DAY, Kind.FLAG}


def too_many_for_paper(most: int) -> ValidationFailed:
    """What is told about a PDF of more rows than EXPORT_PDF_ROWS."""
    return ValidationFailed(f"a PDF has at most {most:,} rows; narrow it, or export as csv or xlsx", FORMAT)


def sink(
    format_: FileFormat, file: IO[bytes], columns: Sequence[Column], about: dict[str, Any], moment: datetime, most: int
) -> Sink:
    """The one for a kind of file. `about` is what paper says above the table, `most` how many rows it has."""
    teller = Teller(columns, about["zone"])
    if format_ is FileFormat.CSV:
        return CsvSink(file, teller)
    if format_ is FileFormat.XLSX:
        return WorkbookSink(file, teller, about["title"])
    return PaperSink(file, teller, {name: about[name] for name in ("title", "store", "facts", "made")}, moment, most)
