"""What an audit says."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from truestyle.infra.snapshot import Snapshot


@dataclass(frozen=True)
class Breach:
    """Something that must never be: which invariant, what is wrong, and the documents involved."""

    invariant: str
    message: str
    documents: dict[str, Any]


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
