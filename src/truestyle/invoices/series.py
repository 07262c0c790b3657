"""Series and days of invoices and credit notes: pure. The law and its sources: `docs/reference/gst.md`."""

from datetime import date, datetime

from truestyle.orders.tax import INDIA

LONGEST = 16  # characters of a number (CGST Rules, rules 46(b) and 53(1A)(c))
APRIL, NOVEMBER = 4, 11


def day_of(moment: datetime) -> date:
    """The day in India, whatever zone the store keeps its books in: tax law knows one."""
    return moment.astimezone(INDIA).date()


def year_of(moment: datetime) -> int:
    """The year in which the financial year (1 April to 31 March) began."""
    day = day_of(moment)
    return day.year if day.month >= APRIL else day.year - 1


def year_text(start: int) -> str:
    """2026 → "2026-27"."""
    return f"{start}-{(start + 1) % 100:02d}"


def series_of(prefix: str, moment: datetime) -> str:
    """`TS/2627`: the series of a financial year."""
    start = year_of(moment)
    return f"{prefix}/{start % 100:02d}{(start + 1) % 100:02d}"


def number_in(series: str, sequence: int) -> str:
    """`TS/2627/000001`. Raises ValueError when it would be longer than the law allows."""
    number = f"{series}/{sequence:06d}"
    if len(number) > LONGEST:
        msg = f"the series {series} is full"
        raise ValueError(msg)
    return number


def last_credit_day(invoiced: datetime) -> date:
    """Until when a credit note can take tax back: 30 November after the financial year of the supply (s. 34(2)).

    The annual return, where it is filed earlier, ends it earlier; nobody tells us of that.
    """
    return date(year_of(invoiced) + 1, NOVEMBER, 30)
