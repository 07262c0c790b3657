"""The worked examples of docs: paise by paise, from the law's formulas."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truestyle.orders import tax
from truestyle.orders.tax import Rate

OLD, NEW = datetime(2025, 9, 21, 12, tzinfo=UTC), datetime(2025, 9, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("gross", "moment", "rate", "taxable_intra", "half", "taxable_inter", "whole"),
    [
        (99900, OLD, 5, 95142, 2379, 95143, 4757),
        (99900, NEW, 5, 95142, 2379, 95143, 4757),
        (149900, OLD, 12, 133840, 8030, 133839, 16061),
        (199900, NEW, 5, 190380, 4760, 190381, 9519),
        (249900, NEW, 5, 238000, 5950, 238000, 11900),
        (262500, NEW, 5, 250000, 6250, 250000, 12500),
        (280000, OLD, 12, 250000, 15000, 250000, 30000),
        (295001, NEW, 18, 250001, 22500, 250001, 45000),
        (299900, NEW, 18, 254152, 22874, 254153, 45747),
        (499900, NEW, 18, 423644, 38128, 423644, 76256),
    ],
)
def test_the_worked_examples_hold_to_the_paisa(
    gross: int, moment: datetime, rate: int, taxable_intra: int, half: int, taxable_inter: int, whole: int
) -> None:
    percent, flagged = tax.choose(tax.rate_for("6205", moment), gross, 1)
    assert (percent, flagged) == (rate, False)
    inside = tax.split(gross, percent, intra_state=True)
    assert (inside.taxable, inside.cgst, inside.sgst, inside.igst) == (taxable_intra, half, half, 0)
    across = tax.split(gross, percent, intra_state=False)
    assert (across.taxable, across.cgst, across.sgst, across.igst) == (taxable_inter, 0, 0, whole)


def test_the_line_of_the_coupon_example() -> None:
    line = tax.split(92400, 5, intra_state=True)
    assert (line.taxable, line.cgst, line.sgst) == (88000, 2200, 2200)


@pytest.mark.parametrize(
    ("gross", "moment", "rate", "flagged"),
    [
        (262500, NEW, 5, False),
        (262501, NEW, 18, True),
        (280000, NEW, 18, True),
        (295000, NEW, 18, True),
        (295001, NEW, 18, False),
        (105000, OLD, 5, False),
        (105001, OLD, 12, True),
        (112000, OLD, 12, True),
        (112001, OLD, 12, False),
    ],
)
def test_in_the_dead_zone_the_higher_rate_is_charged_and_said(
    gross: int, moment: datetime, rate: int, flagged: bool
) -> None:
    assert tax.choose(tax.rate_for("6109", moment), gross, 1) == (rate, flagged)
    assert tax.in_dead_zone("6109", gross, 1, moment) is flagged


def test_the_new_rates_begin_at_midnight_in_india() -> None:
    last, first = datetime(2025, 9, 21, 18, 29, 59, tzinfo=UTC), datetime(2025, 9, 21, 18, 30, tzinfo=UTC)
    assert tax.rate_for("6205", last) == Rate(100000, 5, 12)
    assert tax.rate_for("6205", first) == Rate(250000, 5, 18)


@pytest.mark.parametrize(
    ("hsn", "moment", "expected"),
    [
        ("61", NEW, Rate(250000, 5, 18)),
        ("62052000", NEW, Rate(250000, 5, 18)),
        ("6301", OLD, Rate(100000, 5, 12)),
        ("6403", OLD, Rate(100000, 12, 18)),
        ("6403", datetime(2021, 12, 31, 12, tzinfo=UTC), Rate(100000, 5, 18)),
        ("6404", NEW, Rate(250000, 5, 18)),
        ("5208", NEW, Rate(None, 5, 5)),
        ("5007", OLD, Rate(None, 5, 5)),
        ("4202", NEW, Rate(None, 18, 18)),
        (None, NEW, Rate(250000, 5, 18)),
    ],
)
def test_each_chapter_has_the_rate_of_its_day(hsn: str | None, moment: datetime, expected: Rate) -> None:
    assert tax.rate_for(hsn, moment) == expected


def test_a_saree_has_no_threshold() -> None:
    assert tax.choose(tax.rate_for("5007", NEW), 2_500_000, 1) == (5, False)


def test_before_gst_there_is_no_rate() -> None:
    with pytest.raises(ValueError, match="no GST rate"):
        tax.rate_for("6205", datetime(2017, 6, 30, tzinfo=UTC))


def test_the_threshold_looks_at_one_piece_and_the_tax_at_the_line() -> None:
    assert tax.choose(tax.rate_for("6205", NEW), 3 * 262500, 3) == (5, False)
    assert tax.choose(tax.rate_for("6205", NEW), 3 * 262500 + 1, 3) == (18, True)
    assert tax.split(92308, 5, intra_state=True).cgst == 2198


@settings(deadline=None)
@given(st.integers(0, 10**10), st.sampled_from([0, 3, 5, 12, 18, 28]), st.booleans())
def test_taxes_and_taxable_value_make_the_price_and_none_is_negative(gross: int, percent: int, inside: bool) -> None:
    taxes = tax.split(gross, percent, intra_state=inside)
    assert taxes.taxable + taxes.cgst + taxes.sgst + taxes.igst == gross
    assert taxes.cgst == taxes.sgst
    assert min(taxes.taxable, taxes.cgst, taxes.sgst, taxes.igst) >= 0
    assert (taxes.igst == 0) if inside else (taxes.cgst == 0)
    assert abs(taxes.total - gross * percent / (100 + percent)) <= 1


@settings(deadline=None)
@given(st.integers(1, 10**8), st.integers(1, 50))
def test_an_unflagged_rate_agrees_with_the_value_it_gives(gross: int, quantity: int) -> None:
    rate = tax.rate_for("6205", NEW)
    percent, flagged = tax.choose(rate, gross, quantity)
    above = gross * 100 > rate.threshold * quantity * (100 + percent) if rate.threshold else False
    assert flagged is (above is not (percent == rate.above))
    assert not flagged or percent == rate.above
