"""What the doctor finds."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How it is. Only `wrong` makes the store ill; a `note` is worth a thought."""

    GOOD = "good"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `says`: a sentence, with how to mend it where it is not good."""

    part: str
    verdict: Verdict
    says: str


def good(part: str, says: str) -> Finding:
    """It is as it should be."""
    return Finding(part, Verdict.GOOD, says)


def note(part: str, says: str) -> Finding:
    """It works, and could be better."""
    return Finding(part, Verdict.NOTE, says)


def wrong(part: str, says: str) -> Finding:
    """It must be mended."""
    return Finding(part, Verdict.WRONG, says)


def healthy(findings: list[Finding]) -> bool:
    """Whether nothing is wrong."""
    return all(one.verdict is not Verdict.WRONG for one in findings)
