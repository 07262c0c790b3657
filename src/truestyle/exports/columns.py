"""The columns of an export, and what their values look like in each kind of file.

Rows are plain values: amounts are paise, times are in UTC. A column of money is two columns in CSV and .xlsx: decimal
rupees under its name, and exact paise under `<name>_paise` at the end of the row.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from zoneinfo import ZoneInfo

from truestyle.catalog.importing.table import escaped
from truestyle.infra import workbook
from truestyle.infra.workbook import Heading
from truestyle.kit import money

Value = str | int | bool | datetime | None
Values = Sequence[Value]
Cell = workbook.Cell
CUT = "…"
# Control characters but tab and line feed, what turns text around, and what XML cannot hold.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


class Kind(Enum):
    """What the values of a column are."""

    TEXT = auto()
    NUMBER = auto()
    MONEY = auto()  # paise
    FLAG = auto()
    MOMENT = auto()
    DAY = auto()  # text like 2026-11-21


LOOKS = {
    Kind.TEXT: workbook.TEXT,
    Kind.MONEY: workbook.MONEY,
    Kind.MOMENT: workbook.MOMENT,
    Kind.DAY: workbook.DAY,
}
NUMBERS = {Kind.NUMBER, Kind.MONEY}


@dataclass(frozen=True)
class Column:
    """One column. `printed`: its heading on paper, where there is room for few; None: not there."""

    name: str
    kind: Kind = Kind.TEXT
    width: int = workbook.USUAL_WIDTH
    printed: str | None = None
    share: float = 1  # of the width of the paper
    summed: bool = True  # a number: whether its sum says anything


def headings(columns: Sequence[Column]) -> list[Heading]:
    """The columns of a table."""
    plain = [Heading(one.name, LOOKS.get(one.kind), one.width) for one in columns]
    return plain + [Heading(f"{one.name}_paise") for one in columns if one.kind is Kind.MONEY]


def clean(text: str) -> str:
    """Text of which every program shows the same: without control characters, line ends as one line feed."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


class Teller:
    """Turns values into cells."""

    def __init__(self, columns: Sequence[Column], zone: ZoneInfo) -> None:
        self.columns, self.zone = columns, zone
        self._money = [at for at, one in enumerate(columns) if one.kind is Kind.MONEY]

    def csv(self, row: Values) -> list[Cell]:
        """For CSV: text that no spreadsheet takes for a formula; times with their offset from UTC."""
        return [*(self._csv(value, one.kind) for value, one in zip(row, self.columns, strict=True)), *self._paise(row)]

    def xlsx(self, row: Values) -> list[Cell]:
        """For a workbook: text is marked as such, days and times are what it sorts by."""
        return [*(self._xlsx(value, one.kind) for value, one in zip(row, self.columns, strict=True)), *self._paise(row)]

    def paper(self, row: Values) -> list[str]:
        """For paper: only the columns that are printed."""
        return [
            self._paper(value, one.kind)
            for value, one in zip(row, self.columns, strict=True)
            if one.printed is not None
        ]

    def _paise(self, row: Values) -> Iterator[Cell]:
        for at in self._money:
            value = row[at]
            yield "" if value is None else int(value)  # type: ignore[arg-type]

    def _csv(self, value: Value, kind: Kind) -> Cell:
        if isinstance(value, str):
            return value if kind is Kind.DAY else escaped(clean(value))
        return self._plain(value, kind)

    def _xlsx(self, value: Value, kind: Kind) -> Cell:
        if isinstance(value, str):
            if kind is Kind.DAY:
                return datetime.fromisoformat(value)
            text = clean(value)
            return text if len(text) <= workbook.LONGEST else text[: workbook.LONGEST - 1] + CUT
        if isinstance(value, datetime):
            return value.astimezone(self.zone)
        return value / 100 if kind is Kind.MONEY and value is not None else self._plain(value, kind)

    def _plain(self, value: bool | int | datetime | None, kind: Kind) -> Cell:
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, datetime):
            return value.astimezone(self.zone).isoformat(timespec="seconds")
        return money.wire(value) if kind is Kind.MONEY else value

    def _paper(self, value: Value, kind: Kind) -> str:
        if value is None:
            return ""
        if isinstance(value, str):
            return clean(value)
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, datetime):
            return f"{value.astimezone(self.zone):%-d %b %Y, %H:%M}"
        return money.grouped(value) if kind is Kind.MONEY else str(value)
