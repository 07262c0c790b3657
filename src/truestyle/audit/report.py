"""What an audit says."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from truestyle.infra.snapshot import Snapshot


class Mend(StrEnum):
    """What can be worked out again."""

    PRODUCT = "product"
    HELPFUL = "helpful"
    COUPON = "coupon"
    AVAILABLE = "available"
    FIT = "fit"
    FIGURES = "figures"


@dataclass(frozen=True)
class Breach:
    """Something that must never be: which invariant, what is wrong, the documents involved, and how it is mended."""

    invariant: str
    message: str
    documents: dict[str, Any]
    mend: Mend | None = None


Look = Callable[[Snapshot], AsyncIterator["Breach | int"]]


@dataclass(frozen=True)
class Check:
    """One invariant. `look` yields breaches, and the number of rows it has looked at since it last said."""

    invariant: str
    says: str
    collections: tuple[str, ...]
    look: Look


@dataclass
class Report:
    """All of it."""

    checked: dict[str, int] = field(default_factory=dict)  # rows by invariant
    breaches: list[Breach] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether everything holds."""
        return not self.breaches
