from datetime import UTC, date, datetime

import pytest

from truestyle.invoices import series


@pytest.mark.parametrize(
    ("moment", "name", "year"),
    [
        (datetime(2026, 3, 31, 18, 29, 59, 999000, tzinfo=UTC), "TS/2526", "2025-26"),
        (datetime(2026, 3, 31, 18, 30, tzinfo=UTC), "TS/2627", "2026-27"),
        (datetime(2026, 4, 1, tzinfo=UTC), "TS/2627", "2026-27"),
        (datetime(2026, 12, 31, 23, tzinfo=UTC), "TS/2627", "2026-27"),
        (datetime(2027, 1, 1, tzinfo=UTC), "TS/2627", "2026-27"),
        (datetime(2099, 12, 31, tzinfo=UTC), "TS/9900", "2099-00"),
    ],
)
def test_a_series_is_of_a_financial_year_in_india(moment: datetime, name: str, year: str) -> None:
    assert series.series_of("TS", moment) == name
    assert series.year_text(series.year_of(moment)) == year


def test_numbers_have_sixteen_characters_at_most() -> None:
    assert series.number_in("TS/2627", 1) == "TS/2627/000001"
    assert series.number_in("ABC/2627", 9_999_999) == "ABC/2627/9999999"
    with pytest.raises(ValueError, match="is full"):
        series.number_in("ABC/2627", 10_000_000)


@pytest.mark.parametrize(
    ("invoiced", "last"),
    [
        (datetime(2026, 3, 31, 18, 29, tzinfo=UTC), date(2026, 11, 30)),
        (datetime(2026, 3, 31, 18, 30, tzinfo=UTC), date(2027, 11, 30)),
        (datetime(2026, 11, 21, tzinfo=UTC), date(2027, 11, 30)),
    ],
)
def test_tax_can_be_taken_back_until_november_after_the_year(invoiced: datetime, last: date) -> None:
    assert series.last_credit_day(invoiced) == last
