"""Days, weeks, months and years of the store: pure functions on dates."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from truestyle.kit import money


class Period(StrEnum):
    """How sales are grouped. Weeks begin on Monday (ISO 8601)."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    YEARLY = "yearly"


USUAL = {Period.DAILY: 30, Period.WEEKLY: 12, Period.MONTHLY: 12, Period.YEARLY: 5}
MOST = {Period.DAILY: 366, Period.WEEKLY: 260, Period.MONTHLY: 120, Period.YEARLY: 10}


@dataclass(frozen=True)
class Span:
    """From the first to the last day, both included."""

    label: str
    first: date
    last: date


def last(period: Period, count: int, today: date) -> list[Span]:
    """The `count` spans up to the one that `today` lies in, the oldest first."""
    spans = [_span(period, today)]
    while len(spans) < count:
        spans.append(_span(period, spans[-1].first - timedelta(days=1)))
    return spans[::-1]


def _span(period: Period, day: date) -> Span:
    if period is Period.DAILY:
        return Span(day.isoformat(), day, day)
    if period is Period.WEEKLY:
        monday = day - timedelta(days=day.weekday())
        year, week, _ = day.isocalendar()
        return Span(f"{year}-W{week:02d}", monday, monday + timedelta(days=6))
    if period is Period.MONTHLY:
        following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
        return Span(f"{day:%Y-%m}", day.replace(day=1), following - timedelta(days=1))
    return Span(f"{day:%Y}", date(day.year, 1, 1), date(day.year, 12, 31))


def percent(part: int, whole: int) -> str | None:
    """`part` of `whole` in percent, rounded half up to two places; None of nothing."""
    if whole == 0:
        return None
    return money.percent_wire((Decimal(part) * 100 / whole).quantize(Decimal("0.01"), ROUND_HALF_UP))


def mean(total: int, count: int) -> int:
    """Paise for each, rounded half up; 0 of nothing."""
    return money.half_up(total, count) if count else 0
