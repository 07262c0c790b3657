"""The tables of GSTR-1 for a month, as CSV in the columns of the GST offline tool (sources: `docs/reference/gst.md`).

Credit notes of unregistered buyers are netted in B2CS, those against large inter-state invoices are in CDNUR.
Commercial notes, which take no tax back, are in none.
"""

import csv
import io
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum

from bson import ObjectId

from truestyle.catalog.importing.table import escaped
from truestyle.invoices.models import CreditNote, Invoice, PaperLine
from truestyle.invoices.series import day_of
from truestyle.kit import money
from truestyle.kit.errors import ValidationFailed
from truestyle.orders.tax import INDIA
from truestyle.store import Store

MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")
BATCH = 200
UNITS = {"PCS": "PCS-PIECES", "PRS": "PRS-PAIRS", "OTH": "OTH-OTHERS"}
# From when an inter-state invoice above which value (paise) is told by itself (table 5; 12/2024-Central Tax).
LARGE = ((date(2024, 8, 1), 1_00_000_00), (date(2017, 7, 1), 2_50_000_00))


class Table(StrEnum):
    """A table of the return."""

    B2B = "b2b"
    B2CL = "b2cl"
    B2CS = "b2cs"
    CDNR = "cdnr"
    CDNUR = "cdnur"
    HSN_B2B = "hsn_b2b"
    HSN_B2C = "hsn_b2c"
    DOCS = "docs"


_HSN = (
    *("HSN", "Description", "UQC", "Total Quantity", "Total Value", "Rate", "Taxable Value", "Integrated Tax Amount"),
    *("Central Tax Amount", "State/UT Tax Amount", "Cess Amount"),
)
_RATE = ("Applicable % of Tax Rate", "Rate", "Taxable Value", "Cess Amount")
COLUMNS: dict[Table, Sequence[str]] = {
    Table.B2B: (
        *("GSTIN/UIN of Recipient", "Receiver Name", "Invoice Number", "Invoice date", "Invoice Value"),
        *("Place Of Supply", "Reverse Charge", "Applicable % of Tax Rate", "Invoice Type", "E-Commerce GSTIN"),
        *("Rate", "Taxable Value", "Cess Amount"),
    ),
    Table.B2CL: ("Invoice Number", "Invoice date", "Invoice Value", "Place Of Supply", *_RATE, "E-Commerce GSTIN"),
    Table.B2CS: ("Type", "Place Of Supply", *_RATE, "E-Commerce GSTIN"),
    Table.CDNR: (
        *("GSTIN/UIN of Recipient", "Receiver Name", "Note Number", "Note Date", "Note Type", "Place Of Supply"),
        *("Reverse Charge", "Note Supply Type", "Note Value", *_RATE),
    ),
    Table.CDNUR: ("UR Type", "Note Number", "Note Date", "Note Type", "Place Of Supply", "Note Value", *_RATE),
    Table.HSN_B2B: _HSN,
    Table.HSN_B2C: _HSN,
    Table.DOCS: ("Nature of Document", "Sr. No. From", "Sr. No. To", "Total Number", "Cancelled"),
}
Paper = Invoice | CreditNote
Cell = str | int | Decimal


def month_of(text: str) -> tuple[datetime, datetime]:
    """`2026-11` → its first moment in India, and that of the next month. Raises ValidationFailed."""
    found = MONTH.fullmatch(text)
    if found is None:
        raise ValidationFailed("must be a month like 2026-11", ("query", "month"), "value_error")
    year, month = int(found[1]), int(found[2])
    following = (year + 1, 1) if month == 12 else (year, month + 1)  # noqa: PLR2004 - months
    first, after = (datetime(*one, 1, tzinfo=INDIA) for one in ((year, month), following))
    return first.astimezone(UTC), after.astimezone(UTC)


async def export(store: Store, table: Table, month: tuple[datetime, datetime]) -> AsyncIterator[bytes]:
    """A table in parts. In memory are a few invoices at a time, and sums by state, rate and HSN code."""
    yield _text([COLUMNS[table]])
    if table in ONE_BY_ONE:
        async for papers in _batches(store, table, month):
            yield _text(row for paper in papers for row in _rows_of(table, paper))
        return
    sums = _Sums(table)
    async for papers in _batches(store, table, month):
        for paper in papers:
            sums.add(paper)
    yield _text(sums.rows())


ONE_BY_ONE = {Table.B2B, Table.B2CL, Table.CDNR, Table.CDNUR}


async def _batches(store: Store, table: Table, month: tuple[datetime, datetime]) -> AsyncIterator[Sequence[Paper]]:
    if table not in {Table.CDNR, Table.CDNUR}:
        after: ObjectId | None = None
        moment = month[0]
        while invoices := await store.invoices.issued(moment, month[1], after, BATCH):
            moment, after = invoices[-1].issued_at, invoices[-1].id
            yield invoices
    if table not in {Table.B2B, Table.B2CL}:
        after, moment = None, month[0]
        while notes := await store.credit_notes.issued(moment, month[1], after, BATCH):
            moment, after = notes[-1].issued_at, notes[-1].id
            yield [one for one in notes if not one.commercial]


def _text(rows: Iterable[Sequence[Cell]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([escaped(one) if isinstance(one, str) else one for one in row] for row in rows)
    return out.getvalue().encode()


def is_large(paper: Paper) -> bool:
    """Whether the invoice (that a note is of) is told by itself: inter-state, to somebody unregistered, and large."""
    if not paper.inter_state or paper.buyer.gstin:
        return False
    if isinstance(paper, CreditNote):
        return paper.invoice_total > _limit(paper.invoiced_at)
    return paper.totals.total > _limit(paper.issued_at)


def _limit(moment: datetime) -> int:
    return next(limit for since, limit in LARGE if since <= day_of(moment))


def _rows_of(table: Table, paper: Paper) -> list[Sequence[Cell]]:
    registered, note = bool(paper.buyer.gstin), isinstance(paper, CreditNote)
    wanted = {
        Table.B2B: registered and not note,
        Table.B2CL: not note and is_large(paper),
        Table.CDNR: registered and note,
        Table.CDNUR: note and is_large(paper),
    }[table]
    return [_row(table, paper, rate, taxable) for rate, taxable in _by_rate(paper)] if wanted else []


def _row(table: Table, paper: Paper, rate: int, taxable: int) -> Sequence[Cell]:
    facts: dict[str, Cell] = {
        "GSTIN/UIN of Recipient": paper.buyer.gstin or "",
        "Receiver Name": paper.buyer.name,
        "UR Type": "B2CL",
        "Place Of Supply": place(paper),
        "Reverse Charge": "Y" if paper.reverse_charge else "N",
        "Invoice Type": "Regular B2B",
        "Note Supply Type": "Regular B2B",
        "Note Type": "C",
        "Rate": rate,
        "Taxable Value": rupees(taxable),
        "Cess Amount": rupees(0),
    }
    for kind in ("Invoice", "Note"):
        facts |= {f"{kind} Number": paper.number or "", f"{kind} Value": rupees(paper.totals.total)}
        facts |= {f"{kind} date": said(paper.issued_at), f"{kind} Date": said(paper.issued_at)}
    return [facts.get(name, "") for name in COLUMNS[table]]


def place(paper: Paper) -> str:
    """`29-Karnataka`."""
    supply = paper.place_of_supply
    return f"{supply.state_code}-{supply.state}" if supply.state_code else supply.state


def said(moment: datetime) -> str:
    """`21-Nov-2026`."""
    return f"{day_of(moment):%d-%b-%Y}"


def rupees(paise: int) -> Decimal:
    """149900 → 1499.00."""
    return Decimal(money.wire(paise))


def _lines(paper: Paper) -> list[PaperLine]:
    return [*paper.lines, paper.shipping] if paper.shipping else list(paper.lines)


def _by_rate(paper: Paper) -> list[tuple[int, int]]:
    sums: dict[int, int] = {}
    for line in _lines(paper):
        rate = int(line.tax.rate)
        sums[rate] = sums.get(rate, 0) + line.taxable_value
    return sorted(sums.items())


class _Sums:
    """What is summed up over a month: B2CS, HSN, documents."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._sums: dict[tuple[Cell, ...], list[int]] = {}
        self._series: dict[str, tuple[str, int, int, int]] = {}

    def add(self, paper: Paper) -> None:
        """Count an invoice, or take a note off."""
        sign = -1 if isinstance(paper, CreditNote) else 1
        if self._table is Table.DOCS:
            self._count(paper)
        elif self._table is Table.B2CS:
            if not paper.buyer.gstin and not is_large(paper):
                for rate, taxable in _by_rate(paper):
                    self._sums.setdefault((place(paper), rate), [0])[0] += sign * taxable
        elif bool(paper.buyer.gstin) is (self._table is Table.HSN_B2B):
            for line in _lines(paper):
                self._add_line(line, sign)

    def _add_line(self, line: PaperLine, sign: int) -> None:
        # Delivery is part of the goods it brings: their code and unit, without pieces.
        unit = ("PRS" if (line.hsn_code or "").startswith(("64", "6115")) else "PCS") if not line.item_id else line.uqc
        sums = self._sums.setdefault((line.hsn_code or "", UNITS[unit], int(line.tax.rate)), [0] * 6)
        tax = line.tax
        amounts = (line.quantity, line.line_total, line.taxable_value, tax.igst, tax.cgst, tax.sgst)
        for at, amount in enumerate(amounts):
            sums[at] += sign * amount

    def _count(self, paper: Paper) -> None:
        if paper.series is None or paper.sequence is None:
            return
        nature = "Credit Note" if isinstance(paper, CreditNote) else "Invoices for outward supply"
        at = paper.sequence
        _, first, last, count = self._series.get(paper.series, (nature, at, at, 0))
        self._series[paper.series] = (nature, min(first, at), max(last, at), count + 1)

    def rows(self) -> list[Sequence[Cell]]:
        """The rows, in order."""
        if self._table is Table.DOCS:
            return [
                (nature, f"{name}/{first:06d}", f"{name}/{last:06d}", count, 0)
                for name, (nature, first, last, count) in sorted(self._series.items())
            ]
        if self._table is Table.B2CS:
            return [
                ("OE", state, "", rate, rupees(taxable), rupees(0), "")
                for (state, rate), (taxable,) in sorted(self._sums.items())
            ]
        return [
            (
                *(hsn, "", unit, sums[0], rupees(sums[1]), rate, rupees(sums[2])),
                *(rupees(sums[3]), rupees(sums[4]), rupees(sums[5]), rupees(0)),
            )
            for (hsn, unit, rate), sums in sorted(self._sums.items())
        ]
