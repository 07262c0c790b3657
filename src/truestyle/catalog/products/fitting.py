"""Whether a product runs small or large: a pure rule on what came back for its size."""

from enum import StrEnum

from pydantic import Field

from truestyle.kit.documents import Answer

ENOUGH_BACK = 5  # pieces sent back for their size from which on they say something
ENOUGH_SOLD = 20  # pieces sold from which on it says something that they stayed
SHARE = 10  # of so many pieces sold at least one came back for its size, or the product is true to size
CLEARLY = 2  # times as many of one kind as of the other


class Runs(StrEnum):
    """How a product's sizes turn out."""

    SMALL = "small"
    LARGE = "large"
    TRUE = "true"


class FitCounts(Answer):
    """Pieces that came back, or are on their way, because they were too small or too large."""

    too_small: int = 0
    too_large: int = 0


class Fit(FitCounts):
    """What that says about the product."""

    runs: Runs | None = Field(description="Null while too little is known.")


def runs(counts: FitCounts, kept: int) -> Runs | None:
    """How sizes turn out, of what came back for its size and what was sold and kept; None: too little is known."""
    small, large = counts.too_small, counts.too_large
    back = small + large
    sold = max(kept, 0) + back
    if back >= ENOUGH_BACK and back * SHARE >= sold:
        if small >= CLEARLY * large:
            return Runs.SMALL
        if large >= CLEARLY * small:
            return Runs.LARGE
        return Runs.TRUE
    return Runs.TRUE if sold >= ENOUGH_SOLD else None
