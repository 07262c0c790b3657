"""GST inside the price: pure functions on paise. The law and its sources: `docs/reference/gst.md`.

Prices include tax (CGST Rules, rule 35): tax = value × rate ÷ (100 + rates). Intra-state CGST and SGST are each rounded
half up and kept equal; inter-state there is one IGST.
"""

import json
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

from truestyle.kit.money import half_up

INDIA = ZoneInfo("Asia/Kolkata")


@dataclass(frozen=True)
class Tax:
    """The taxes inside an amount, in paise; `rate` in percent. `flagged`: no rate was self-consistent."""

    rate: int
    taxable: int
    cgst: int
    sgst: int
    igst: int
    flagged: bool = False

    @property
    def total(self) -> int:
        """All taxes together."""
        return self.cgst + self.sgst + self.igst


@dataclass(frozen=True)
class Rate:
    """What holds for some goods from a day on: `up_to` the threshold per piece (tax excluded), `above` beyond it."""

    threshold: int | None
    up_to: int
    above: int


@cache
def _table() -> list[dict[str, Any]]:
    text = resources.files("truestyle.orders").joinpath("gst_rates.json").read_text()
    rows: list[dict[str, Any]] = json.loads(text)["rates"]
    return rows


@cache
def _rate_on(hsn: str, day: date) -> Rate:
    fitting = [
        (len(prefix), row["from"], row)
        for row in _table()
        for prefix in row["hsn"]
        if hsn.startswith(prefix) and date.fromisoformat(row["from"]) <= day
    ]
    if not fitting:
        msg = f"no GST rate is known for {day}"
        raise ValueError(msg)
    row = max(fitting, key=lambda one: one[:2])[2]
    return Rate(row["threshold"], row["up_to"], row["above"])


def rate_for(hsn: str | None, moment: datetime) -> Rate:
    """The rate of goods at a time of supply; goods without an HSN are taken for apparel (chapter 62)."""
    return _rate_on(hsn or "62", moment.astimezone(INDIA).date())


def choose(rate: Rate, gross: int, quantity: int) -> tuple[int, bool]:
    """(percent, flagged) for a line of `quantity` pieces at `gross` paise after discount, tax included.

    The test is the value of a piece without tax (CBIC FAQ 33 of 27-07-2017: transaction value, not MRP). Where the
    lower rate gives a value above the threshold and the higher one a value at or under it, the higher is charged.
    """
    if rate.threshold is None or gross * 100 <= rate.threshold * (100 + rate.up_to) * quantity:
        return rate.up_to, False
    return rate.above, gross * 100 <= rate.threshold * (100 + rate.above) * quantity


def in_dead_zone(hsn: str | None, gross: int, quantity: int, moment: datetime) -> bool:
    """Whether no rate fits this price."""
    return choose(rate_for(hsn, moment), gross, quantity)[1]


def split(gross: int, percent: int, *, intra_state: bool, flagged: bool = False) -> Tax:
    """The taxes inside `gross` paise at `percent`."""
    if intra_state:
        half = half_up(gross * percent, 2 * (100 + percent))
        return Tax(percent, gross - 2 * half, half, half, 0, flagged)
    whole = half_up(gross * percent, 100 + percent)
    return Tax(percent, gross - whole, 0, 0, whole, flagged)
