"""What a card number tells of its card: pure functions."""

import re
from datetime import datetime

from stdnum import luhn

SHORTEST, LONGEST = 12, 19  # digits: ISO/IEC 7812
# The beginnings of numbers, as the schemes publish them; earlier rows win.
BRANDS = (
    ("rupay", r"508[5-9]|6069[89]|607|608[0-5]|652[1-9]|653[01]|81|82"),
    ("amex", r"34|37"),
    ("diners", r"36|38|39|30[0-5]"),
    ("jcb", r"35(2[89]|[3-8])"),
    ("discover", r"6011|64[4-9]|65"),
    ("mastercard", r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"),
    ("maestro", r"50|5[6-9]|6[0-9]"),
    ("visa", r"4"),
)
UNKNOWN = "other"


def plain(typed: str) -> str | None:
    """The digits of a number as people type it, or None if it is no card number (ISO/IEC 7812: Luhn)."""
    digits = re.sub(r"[ -]", "", typed)
    if re.fullmatch(rf"[0-9]{{{SHORTEST},{LONGEST}}}", digits) is None or not luhn.is_valid(digits):
        return None
    return None if len(set(digits)) == 1 else digits


def brand_of(digits: str) -> str:
    """Whose card it is."""
    return next((name for name, begins in BRANDS if re.match(begins, digits)), UNKNOWN)


def is_over(month: int, year: int, moment: datetime) -> bool:
    """Whether a card that is good through a month has run out."""
    return (year, month) < (moment.year, moment.month)
