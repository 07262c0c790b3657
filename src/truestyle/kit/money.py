"""Money is an integer in the minor unit (paise); on the wire it is a decimal string."""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from truestyle.kit.types import rule

PLACES = 2
LARGEST = 10_000_000_000  # paise: ten crore rupees, far above any garment and far below 2**53
_PATTERN = r"^-?[0-9]{1,12}\.[0-9]{2}$"
_PATTERN_IN = r"^(100000000(\.0{1,2})?|[0-9]{1,8}(\.[0-9]{1,2})?)$"
_ABOVE_ZERO = r"^(?!0+(\.0+)?$)" + _PATTERN_IN[1:]
_PLAIN = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?")  # Decimal() would also take "1_000", "1e9" and "१२"


def wire(paise: int) -> str:
    """149900 → "1499.00"."""
    sign, paise = ("-", -paise) if paise < 0 else ("", paise)
    return f"{sign}{paise // 100}.{paise % 100:02d}"


def grouped(paise: int) -> str:
    """14990050 → "1,49,900.50": lakhs and crores, as in India."""
    sign = "-" if paise < 0 else ""
    whole, places = wire(abs(paise)).split(".")
    head, tail = whole[:-3], whole[-3:]
    while head:
        tail, head = f"{head[-2:]},{tail}", head[:-2]
    return f"{sign}{tail}.{places}"


def parse(value: object) -> int:
    """A decimal string or JSON number with at most two places → paise.

    Raises ValueError. Floats never come here: the JSON parser reads numbers as Decimal.
    """
    amount = _decimal(value)
    if amount is None or abs(amount) * 100 > LARGEST:
        msg = "must be an amount like 1499.00"
        raise ValueError(msg)
    if _places(amount) > PLACES:
        msg = f"must have at most {PLACES} decimal places"
        # JSON Schema cannot tell it of a number: to its readers 0.07 may be 0.07000000000000001.
        raise rule(msg) if isinstance(value, Decimal) else ValueError(msg)
    return int(amount * 100)


def _decimal(value: object) -> Decimal | None:
    """The number that a JSON string or number says plainly, of a size that can be reckoned with; else None."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    if isinstance(value, str):
        value = value.strip()
        if _PLAIN.fullmatch(value) is None:
            return None
    number = Decimal(value)
    return number if number.is_finite() and number.adjusted() < 20 else None  # noqa: PLR2004


def _places(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def half_up(numerator: int, denominator: int) -> int:
    """Divide, rounded half up, for non-negative numerators and positive denominators."""
    return (2 * numerator + denominator) // (2 * denominator)


def shares(total: int, weights: list[int]) -> list[int]:
    """Split `total` in proportion to `weights` by largest remainder, so that the parts add up exactly.

    Earlier parts win ties. With no weight at all everything goes to nobody, so `total` must be 0 then.
    """
    whole = sum(weights)
    if whole == 0:
        if total:
            msg = "cannot split an amount over nothing"
            raise ValueError(msg)
        return [0] * len(weights)
    parts = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for i in by_remainder[: total - sum(parts)]:
        parts[i] += 1
    return parts


def percent_of(amount: int, percent: Decimal) -> int:
    """`percent` of `amount` paise, rounded half up. `percent` has at most two places."""
    return half_up(amount * int(percent * 100), 10_000)


def _parse_percent(value: object) -> Decimal:
    percent = _decimal(value)
    if percent is None or not 0 <= percent <= 100 or _places(percent) > PLACES:  # noqa: PLR2004
        msg = 'must be a percentage like "5" or "33.33"'
        raise ValueError(msg)
    return percent


def percent_wire(percent: Decimal) -> str:
    """Decimal("5.00") → "5"."""
    text = f"{percent:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _schema(mode: str) -> dict[str, Any]:
    if mode == "out":
        return {"type": "string", "pattern": _PATTERN, "examples": ["1499.00"]}
    least, pattern = (0.01, _ABOVE_ZERO) if mode == "above" else (0, _PATTERN_IN)
    number = {"type": "number", "minimum": least, "maximum": LARGEST // 100, "multipleOf": 0.01}
    return {"anyOf": [{"type": "string", "pattern": pattern}, number], "examples": ["1499.00"]}


# Stored and answered: paise inside, a decimal string in JSON.
Paise = Annotated[
    int, Field(strict=True), PlainSerializer(wire, return_type=str, when_used="json"), WithJsonSchema(_schema("out"))
]
# Read from a request body or a query: a decimal string or number, paise inside.
Money = Annotated[
    int,
    BeforeValidator(parse),
    Field(ge=0, le=LARGEST),
    PlainSerializer(wire, return_type=str, when_used="json"),
    WithJsonSchema(_schema("in")),
]
# The same, and not nothing.
PositiveMoney = Annotated[Money, Field(gt=0), WithJsonSchema(_schema("above"))]
Percent = Annotated[
    Decimal,
    BeforeValidator(_parse_percent),
    PlainSerializer(percent_wire, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^(100(\.0{1,2})?|[0-9]{1,2}(\.[0-9]{1,2})?)$", "examples": ["5"]}),
]
