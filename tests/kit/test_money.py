from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from truestyle.kit import money
from truestyle.kit.money import LARGEST, Money, Percent

PAISE = st.integers(min_value=0, max_value=LARGEST)
money_type, percent_type = TypeAdapter[int](Money), TypeAdapter[Decimal](Percent)


@pytest.mark.parametrize(
    ("text", "paise"),
    [
        ("1499.00", 149900),
        ("1499", 149900),
        ("0.5", 50),
        (" 12.30 ", 1230),
        (0, 0),
        (1499, 149900),
        (Decimal("1499.9"), 149990),
        (Decimal("1E+3"), 100000),
        ("100000000.00", LARGEST),
    ],
)
def test_an_amount_is_read_as_paise(text: object, paise: int) -> None:
    assert money.parse(text) == paise


@pytest.mark.parametrize(
    "refused",
    [
        "",
        "twelve",
        "1,499.00",
        "1_000",
        "١٢",
        "1e3",
        "1e999999",
        ".5",
        "5.",
        "+5",
        "NaN",
        "Infinity",
        "0x10",
        "9" * 60,
        "100000000.01",
        True,
        None,
        14.99,
        ["1"],
        Decimal("NaN"),
        Decimal("1E+999999"),
        Decimal("0E+999999"),
    ],
)
def test_what_is_no_amount_is_refused(refused: object) -> None:
    with pytest.raises(ValueError, match="must be an amount"):
        money.parse(refused)


@pytest.mark.parametrize("refused", ["1.999", "1499.000", Decimal("0.001"), Decimal("1E-999999"), Decimal("1499.000")])
def test_an_amount_has_no_more_than_two_places(refused: object) -> None:
    with pytest.raises(ValueError, match="at most 2 decimal places"):
        money.parse(refused)


@pytest.mark.parametrize("refused", ["-0.01", -1, "100000000.01"])
def test_money_in_a_request_is_neither_negative_nor_endless(refused: object) -> None:
    with pytest.raises(ValidationError):
        money_type.validate_python(refused)


@settings(deadline=None)
@given(PAISE)
def test_what_is_written_reads_back_as_the_same(paise: int) -> None:
    assert money.parse(money.wire(paise)) == paise
    assert money_type.dump_json(paise) == b'"%s"' % money.wire(paise).encode()


def test_a_negative_amount_keeps_its_sign_before_the_rupees() -> None:
    assert money.wire(-5) == "-0.05"
    assert money.wire(-149900) == "-1499.00"


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"), [(0, 3, 0), (1, 2, 1), (1, 3, 0), (2, 3, 1), (5, 2, 3), (249, 100, 2)]
)
def test_a_half_is_rounded_up(numerator: int, denominator: int, rounded: int) -> None:
    assert money.half_up(numerator, denominator) == rounded


def test_a_coupon_is_shared_as_in_the_worked_example() -> None:
    assert money.shares(30000, [99900, 199900, 99800]) == [7500, 15008, 7492]


def test_the_earlier_part_wins_a_tie() -> None:
    assert money.shares(1, [1, 1, 1]) == [1, 0, 0]
    assert money.shares(2, [1, 1, 1]) == [1, 1, 0]


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=20).filter(any), st.data())
def test_shares_add_up_and_none_passes_its_weight(weights: list[int], data: st.DataObject) -> None:
    total = data.draw(st.integers(0, sum(weights)))
    parts = money.shares(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        exact = total * weight / sum(weights)
        assert 0 <= part <= weight
        assert abs(part - exact) < 1.001


def test_nothing_can_be_shared_over_nothing() -> None:
    assert money.shares(0, [0, 0]) == [0, 0]
    with pytest.raises(ValueError, match="over nothing"):
        money.shares(1, [0, 0])


@pytest.mark.parametrize(
    ("amount", "percent", "share"),
    [(99900, "10", 9990), (101, "50", 51), (100, "33.33", 33), (0, "100", 0), (99999, "100", 99999)],
)
def test_a_percentage_is_rounded_half_up(amount: int, percent: str, share: int) -> None:
    assert money.percent_of(amount, Decimal(percent)) == share


@pytest.mark.parametrize(("sent", "shown"), [("5", "5"), ("33.33", "33.33"), (Decimal("5.00"), "5"), (100, "100")])
def test_a_percentage_is_shown_without_idle_zeros(sent: object, shown: str) -> None:
    assert percent_type.dump_json(percent_type.validate_python(sent)) == f'"{shown}"'.encode()


@pytest.mark.parametrize("refused", ["-1", "100.01", "1e2", "5 %", "3.333", True, None, Decimal("1E+999999"), "NaN"])
def test_what_is_no_percentage_is_refused(refused: object) -> None:
    with pytest.raises(ValidationError):
        percent_type.validate_python(refused)
