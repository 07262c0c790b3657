"""What a catalogue file says, in one form for all dialects, and what an import did with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bson import ObjectId
from pydantic import Field

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.catalog.products.models import ProductChange, VariantWrite
from truestyle.jobs.models import JobError
from truestyle.kit.documents import Answer

MOST_ERRORS = 1000  # kept; all are counted
MOST_NOTES = 100


class DialectName(StrEnum):
    """Whose kind of file it is."""

    OWN = "truestyle"
    SHOPIFY = "shopify"
    SHOPIFY_LEGACY = "shopify_legacy"
    WOOCOMMERCE = "woocommerce"


@dataclass(frozen=True, slots=True)
class Row:
    """One record: its number (the header is 1), the cells that are not blank, by our names, and what is amiss."""

    number: int
    cells: Mapping[str, str]
    amiss: str | None = None

    def get(self, name: str) -> str | None:
        """The cell, if there is anything in it."""
        return self.cells.get(name)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that a row names: an http(s) address, or `art:kind:pattern:colour`."""

    row: int
    source: str
    alt: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedVariant:
    """A variant as the file has it; `values` are for VariantWrite."""

    row: int
    values: Mapping[str, Any]
    picture: str | None = None  # the source of one of the product's pictures


@dataclass(frozen=True, slots=True)
class Names:
    """The lookup rows that a product names: found ignoring case, or made."""

    brand: str | None = None
    product_type: str | None = None
    occasions: tuple[str, ...] = ()
    categories: tuple[tuple[str, ...], ...] = ()  # each a path from the top


@dataclass(frozen=True, slots=True)
class ParsedProduct:
    """A product as the file has it, before any check; `values` are for ProductChange. Blank cells are left out."""

    rows: tuple[int, ...]
    slug: str
    values: Mapping[str, Any]
    names: Names
    variants: tuple[ParsedVariant, ...]
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class VariantDraft:
    """A variant that keeps our rules."""

    row: int
    sku: str
    write: VariantWrite
    picture: str | None


@dataclass(frozen=True, slots=True)
class Draft:
    """A product that keeps our rules as far as the file alone can show."""

    row: int
    slug: str
    change: ProductChange
    names: Names
    variants: tuple[VariantDraft, ...]
    pictures: tuple[Picture, ...]

    @property
    def skus(self) -> list[str]:
        """Its SKUs, in the file's order."""
        return [one.sku for one in self.variants]


@dataclass(frozen=True)
class Actor:
    """For whom an import runs."""

    user_id: ObjectId | None
    permissions: frozenset[str]

    @classmethod
    def of(cls, caller: Caller) -> "Actor":
        """Somebody who is signed in."""
        return cls(caller.user_id, caller.permissions)

    def may(self, permission: str) -> bool:
        """Whether they hold a permission."""
        return permission in self.permissions

    @property
    def vendor_id(self) -> ObjectId | None:
        """Whose products they are confined to; None: nobody's."""
        return None if self.may(Permission.PRODUCTS_ANY) else self.user_id


STORE = Actor(None, frozenset(Permission))  # the operator of the store: the command line and the seeding


@dataclass
class Findings:
    """What is to be told about a file. Errors name the column as the file calls it."""

    columns: Mapping[str, str] = field(default_factory=dict)
    errors: list[JobError] = field(default_factory=list)
    count: int = 0
    notes: list[str] = field(default_factory=list)
    unkept: int = 0
    left_out: int = 0  # products of a kind that is not sold here
    _bad: set[int] = field(default_factory=set)

    def error(self, row: int, name: str, message: str) -> None:
        """A row that cannot go in, and so its product."""
        self.count += 1
        self._bad.add(row)
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(JobError(row=row, field=self.columns.get(name, name), message=message))

    def note(self, text: str) -> None:
        """Something that went in differently than the file says."""
        if len(self.notes) < MOST_NOTES - 1:
            self.notes.append(text)
        else:
            self.unkept += 1

    def told(self) -> list[str]:
        """The notes, of which the last may count those that were left out."""
        return [*self.notes, f"… and {self.unkept} more notes."] if self.unkept else list(self.notes)

    def spoil(self, rows: Sequence[int]) -> bool:
        """Whether any of these rows has an error."""
        return not self._bad.isdisjoint(rows)


class ProductCounts(Answer):
    """Products of the file. `skipped` have a bad row, or are of a kind that is not sold here."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0


class VariantCounts(Answer):
    """SKUs that are new, and known ones that changed."""

    created: int = 0
    updated: int = 0


class PictureCounts(Answer):
    """Pictures that were stored (in a dry run: would be asked for), and that could not be had."""

    stored: int = 0
    skipped: int = 0


class ImportResult(Answer):
    """What an import did, or in a dry run would do."""

    dialect: DialectName
    rows: int
    products: ProductCounts = Field(default_factory=ProductCounts)
    variants: VariantCounts = Field(default_factory=VariantCounts)
    images: PictureCounts = Field(default_factory=PictureCounts)
    notes: list[str] = Field(default_factory=list)
    errors: int = 0
    dry_run: bool = False
    bad_rows: list[JobError] = Field(default_factory=list, exclude=True)  # the first of them; a job keeps them itself
