"""Days, weeks, months and years, and the day that a moment belongs to."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truestyle.dashboard.figures import day_of
from truestyle.dashboard.periods import MOST, Period, last, mean, percent

DAYS = st.dates(date(2001, 1, 1), date(2090, 12, 31))


@given(period=st.sampled_from(Period), count=st.integers(1, 20), today=DAYS)
def test_spans_follow_each_other_without_a_gap_and_end_with_today(period: Period, count: int, today: date) -> None:
    spans = last(period, count, today)
    assert len(spans) == count
    assert spans[-1].first <= today <= spans[-1].last
    for one, following in pairwise(spans):
        assert one.last + timedelta(days=1) == following.first
    assert len({one.label for one in spans}) == count
    assert [one.label for one in spans] == sorted(one.label for one in spans)


@pytest.mark.parametrize(
    ("period", "today", "label", "first", "end"),
    [
        (Period.DAILY, "2026-11-21", "2026-11-21", "2026-11-21", "2026-11-21"),
        (Period.WEEKLY, "2026-11-22", "2026-W47", "2026-11-16", "2026-11-22"),  # a Sunday ends its week
        (Period.WEEKLY, "2026-11-23", "2026-W48", "2026-11-23", "2026-11-29"),
        (Period.WEEKLY, "2027-01-01", "2026-W53", "2026-12-28", "2027-01-03"),  # ISO: the year of its Thursday
        (Period.MONTHLY, "2028-02-10", "2028-02", "2028-02-01", "2028-02-29"),
        (Period.MONTHLY, "2026-12-31", "2026-12", "2026-12-01", "2026-12-31"),
        (Period.YEARLY, "2026-11-21", "2026", "2026-01-01", "2026-12-31"),
    ],
)
def test_a_span_begins_and_ends_where_the_calendar_says(
    period: Period, today: str, label: str, first: str, end: str
) -> None:
    [span] = last(period, 1, date.fromisoformat(today))
    assert (span.label, span.first.isoformat(), span.last.isoformat()) == (label, first, end)


@pytest.mark.parametrize(("period", "most"), MOST.items())
def test_no_question_reads_more_than_ten_years(period: Period, most: int) -> None:
    spans = last(period, most + 1, date(2026, 11, 21))
    assert (spans[-1].last - spans[0].first).days < 11 * 366 + 7


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("Asia/Kolkata", "2026-11-20T18:29:59.999+00:00", "2026-11-20"),
        ("Asia/Kolkata", "2026-11-20T18:30:00.000+00:00", "2026-11-21"),
        ("UTC", "2026-11-20T23:59:59.999+00:00", "2026-11-20"),
        # The 25 hours of 1 November 2026 in New York, and the 23 of 8 March.
        ("America/New_York", "2026-11-01T03:59:59+00:00", "2026-10-31"),
        ("America/New_York", "2026-11-01T04:00:00+00:00", "2026-11-01"),
        ("America/New_York", "2026-11-02T04:59:59+00:00", "2026-11-01"),
        ("America/New_York", "2026-11-02T05:00:00+00:00", "2026-11-02"),
        ("America/New_York", "2026-03-08T05:00:00+00:00", "2026-03-08"),
        ("America/New_York", "2026-03-09T03:59:59+00:00", "2026-03-08"),
        ("America/New_York", "2026-03-09T04:00:00+00:00", "2026-03-09"),
    ],
)
def test_a_day_is_the_stores(zone: str, moment: str, day: str) -> None:
    assert day_of(datetime.fromisoformat(moment).astimezone(UTC), ZoneInfo(zone)) == day


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [(1, 3, "33.33"), (2, 3, "66.67"), (1, 1, "100"), (0, 5, "0"), (-1, 8, "-12.5"), (5, 0, None), (1, 800, "0.13")],
)
def test_percentages_are_rounded_half_up(part: int, whole: int, said: str | None) -> None:
    assert percent(part, whole) == said


def test_the_mean_of_nothing_is_nothing() -> None:
    assert (mean(0, 0), mean(5, 2), mean(10, 4)) == (0, 3, 3)
