"""A gateway's settlement file as lines that a ledger can be held against.

Which file it is shows in its column names; `docs/guides/settlements.md` lists them. Amounts become paise; a refund's is
negative. What cannot be read is a line that says so: nothing is skipped.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from truestyle.kit.errors import ValidationFailed
from truestyle.payments.models import EntryKind, PaymentType

INDIA = ZoneInfo("Asia/Kolkata")
WHERE = ("body", "file")
RUPEES = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,8}))?")
PAISE = re.compile(r"(-?)([0-9]{1,14})(?:\.0+)?")
DAY_FIRST = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y", "%d-%m-%Y %H:%M:%S")
MINOR = 2  # decimal places that count
Cells = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Line:
    """One transaction. `reference` is what our ledger knows it by; `kind` None: nothing that we keep."""

    row: int
    kind: EntryKind | None
    reference: str
    amount: int
    currency: str
    fee: int
    tax: int
    net: int
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that is none."""

    row: int
    message: str


@dataclass(frozen=True)
class Dialect:
    """One kind of file: the columns that it cannot do without, and how to read a record."""

    name: str
    provider: PaymentType
    needs: frozenset[str]
    read: Callable[[int, Cells], Line]


def lines(text: Iterable[str], provider: PaymentType | None = None) -> tuple[Dialect, Iterator[Line | Unreadable]]:
    """What a file is, and its lines as they are read. Raises ValidationFailed for a file that is of no kind we know."""
    reader = csv.reader(text)
    try:
        header = [" ".join(cell.replace("\ufeff", "").lower().split()) for cell in next(reader, [])]
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValidationFailed("is not CSV text in UTF-8", WHERE) from error
    dialect = _of(header, provider)
    return dialect, _lines(reader, header, dialect)


def _of(header: list[str], provider: PaymentType | None) -> Dialect:
    there, meant = set(header), [one for one in DIALECTS if provider in {None, one.provider}]
    if len(there - {""}) < len([one for one in header if one]):
        raise ValidationFailed("has a column twice", WHERE)
    for one in meant:
        if one.needs <= there:
            return one
    nearest = min(meant, key=lambda one: len(one.needs - there))
    missing = ", ".join(sorted(nearest.needs - there))
    raise ValidationFailed(f"is no settlement report that we know; as {nearest.name} it lacks: {missing}", WHERE)


def _lines(reader: Iterator[list[str]], header: list[str], dialect: Dialect) -> Iterator[Line | Unreadable]:
    row = 1
    try:
        for row, cells in enumerate(reader, start=2):
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                yield Unreadable(row, f"has {len(cells)} cells where the header has {len(header)}")
                continue
            named = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
            try:
                yield dialect.read(row, named)
            except ValueError as error:
                yield Unreadable(row, str(error))
    except (csv.Error, UnicodeDecodeError) as error:
        yield Unreadable(row + 1, f"cannot be read from here on: {type(error).__name__}")


def _dashboard(row: int, cells: Cells) -> Line:
    """A record of Razorpay's "Settlement Recon" report: rupees, fees without their tax."""
    return _razorpay(
        row,
        cells,
        cells["transaction_entity"],
        _rupees,
        fee=_rupees(cells, "fee (exclusive tax)"),
        at="entity_created_at",
    )


def _recon(row: int, cells: Cells) -> Line:
    """An item of Razorpay's recon API, saved as a record: paise, fees with their tax inside."""
    fee = _paise(cells, "fee") - _paise(cells, "tax")
    return _razorpay(row, cells, cells["type"], _paise, fee=fee, at="created_at")


def _razorpay(row: int, cells: Cells, entity: str, money: Callable[[Cells, str], int], *, fee: int, at: str) -> Line:
    kind = {"payment": EntryKind.CAPTURE, "refund": EntryKind.REFUND}.get(entity.lower())
    amount, net = money(cells, "amount"), money(cells, "credit") - money(cells, "debit")
    signed = -abs(amount) if kind is EntryKind.REFUND or (kind is None and net < 0) else amount
    moment = _moment(cells.get("payment_captured_at", "") or cells.get(at, ""), INDIA)
    return Line(
        row, kind, _reference(cells, "entity_id"), signed, _currency(cells), fee, money(cells, "tax"), net, moment
    )


def _stripe(row: int, cells: Cells) -> Line:
    """A record of Stripe's itemised payout reconciliation, or of its balance report: major units."""
    category = cells["reporting_category"].lower()
    kind = {"charge": EntryKind.CAPTURE, "refund": EntryKind.REFUND}.get(category)
    column = "payment_intent_id" if kind is EntryKind.CAPTURE else "source_id"
    # A charge without an intent was not made by us; it is told by its own name.
    reference = cells[column] or cells["source_id"] or cells.get("balance_transaction_id", "")
    if kind is not None and not reference:
        raise ValueError(f"has no {column}")
    moment = _moment(cells.get("created_utc", ""), UTC) or _moment(cells.get("created", ""), UTC)
    gross, fee, net = (_rupees(cells, name) for name in ("gross", "fee", "net"))
    return Line(row, kind, reference, gross, _currency(cells), fee, 0, net, moment)


def _rupees(cells: Cells, name: str) -> int:
    """`1499.00` → 149900. Raises ValueError."""
    text = cells[name].replace(",", "") or "0"
    found = RUPEES.fullmatch(text)
    if found is None or (found[3] or "")[MINOR:].strip("0"):
        raise ValueError(f"has no amount in {name}")
    paise = int(found[2]) * 100 + int(((found[3] or "") + "00")[:MINOR])
    return -paise if found[1] else paise


def _paise(cells: Cells, name: str) -> int:
    found = PAISE.fullmatch(cells[name] or "0")
    if found is None:
        raise ValueError(f"has no whole number of paise in {name}")
    return -int(found[2]) if found[1] else int(found[2])


def _reference(cells: Cells, name: str) -> str:
    if not cells[name]:
        raise ValueError(f"has no {name}")
    return cells[name]


def _currency(cells: Cells) -> str:
    found = cells["currency"].upper()
    if not re.fullmatch("[A-Z]{3}", found):
        raise ValueError("has no currency")
    return found


def _moment(text: str, zone: ZoneInfo | type(UTC)) -> datetime | None:  # type: ignore[valid-type]
    """A time as these files write it: ISO 8601, seconds since 1970, or day first. None for none, or another."""
    if not text:
        return None
    if text.isdecimal() and text.isascii() and len(text) <= 10:  # noqa: PLR2004
        return datetime.fromtimestamp(int(text), UTC)
    for read in (datetime.fromisoformat, *(_by(pattern) for pattern in DAY_FIRST)):
        try:
            found = read(text)
        except ValueError:
            continue
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    return None


def _by(pattern: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, pattern)  # noqa: DTZ007 - whoever asks knows the zone


_COMMON = frozenset({"entity_id", "debit", "credit", "amount", "currency", "tax"})
DIALECTS = (
    Dialect(
        "Razorpay's Settlement Recon report",
        PaymentType.RAZORPAY,
        _COMMON | {"transaction_entity", "fee (exclusive tax)"},
        _dashboard,
    ),
    Dialect("Razorpay's recon API", PaymentType.RAZORPAY, _COMMON | {"type", "fee"}, _recon),
    Dialect(
        "Stripe's itemised payout reconciliation",
        PaymentType.STRIPE,
        frozenset({"reporting_category", "gross", "fee", "net", "currency", "source_id", "payment_intent_id"}),
        _stripe,
    ),
)
