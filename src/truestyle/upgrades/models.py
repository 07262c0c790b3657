"""Migrations of what is stored in MongoDB, and how a store stands with them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from truestyle.kit.repository import Row

if TYPE_CHECKING:
    from truestyle.store import Store

Progress = Callable[[str, int, int], None]
Apply = Callable[["Store", Sequence[Row]], Awaitable[int]]
RUN = "`truestyle migrate`"


def silent(_stage: str, _done: int, _total: int) -> None:
    """No progress is shown."""


@dataclass(frozen=True)
class Migration:
    """One step from an earlier schema to this one. Once released it is never changed, only followed by another.

    `needs`: stages that leave, of the rows of `collection`, those that are not as they should be. `apply` changes some
    of those, in the transaction it is given, and says how many; a row that it changed needs it no more.
    `additive`: the release before can go on working with rows that were changed, and its own rows will be found by
    `truestyle migrate --again`. Else an earlier release stops serving as soon as this has begun.
    """

    number: int
    name: str
    says: str
    collection: str
    needs: Sequence[Mapping[str, Any]]
    apply: Apply
    additive: bool = False
    batch: int = 200


@dataclass(frozen=True)
class Plan:
    """What a migration would do: to `documents` rows, beside the `changed` that it changed already."""

    migration: Migration
    documents: int
    changed: int
    finished: bool


@dataclass(frozen=True)
class Standing:
    """How a store's data and this code's migrations go together. `fresh`: the store was never opened."""

    waiting: tuple[Migration, ...]
    newer: Row | None
    known: int
    fresh: bool

    @property
    def wrong(self) -> str | None:
        """Why this release must not serve, in a sentence with the way out; None: it may."""
        if self.newer is not None:
            return (
                f"The data was migrated by a newer release (migration {self.newer['_id']}, {self.newer['name']}), and "
                f"this one knows {self.known}: it would not understand what is there. Start the newer release, or "
                "restore a backup that was made before."
            )
        if self.waiting:
            names = ", ".join(f"{one.number} {one.name}" for one in self.waiting)
            return f"The data is of an earlier release; waiting: {names}. Run {RUN} (with `--dry-run` to look first)."
        return None


class StoreRefusedError(RuntimeError):
    """The store's data is of another release; the message says which, and the way out."""


class MigrationsLostError(RuntimeError):
    """This process gave no sign of life for too long, and another took the migrations over."""
