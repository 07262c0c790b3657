"""The lookup rows that a file names: found ignoring case, made where they are missing."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bson import ObjectId

from truestyle.auth.permissions import Permission
from truestyle.catalog import tree
from truestyle.catalog.importing.models import Actor, Names
from truestyle.catalog.lookups import BRANDS, OCCASIONS, PRODUCT_TYPES, Brand, Category, Lookup, Occasion, ProductType
from truestyle.catalog.products.models import SlugRef, TypeRef
from truestyle.kit import resource
from truestyle.kit.errors import Duplicate
from truestyle.kit.resource import Resource, to_slug
from truestyle.store import Store

LONGEST_CODE, LONGEST_SLUG = 60, 120
RESOURCES: dict[type[Lookup], Resource[Lookup]] = {Brand: BRANDS, ProductType: PRODUCT_TYPES, Occasion: OCCASIONS}
MAKING = {
    Brand: Permission.BRANDS_WRITE,
    ProductType: Permission.LOOKUPS_WRITE,
    Occasion: Permission.LOOKUPS_WRITE,
    Category: Permission.CATEGORIES_WRITE,
}
FIELD: dict[type[Lookup], str] = {
    Brand: "brand",
    ProductType: "product_type",
    Occasion: "occasions",
    Category: "categories",
}
Wanted = tuple[type[Lookup], tuple[str, ...]]  # the path of names; only categories have more than one


def key(path: Iterable[str]) -> tuple[str, ...]:
    """How names are compared."""
    return tuple(part.strip().casefold() for part in path)


def wanted(names: Names) -> Iterator[Wanted]:
    """Every row that a product names, parents before children."""
    if names.brand:
        yield Brand, (names.brand,)
    if names.product_type:
        yield ProductType, (names.product_type,)
    for occasion in names.occasions:
        yield Occasion, (occasion,)
    for path in names.categories:
        for depth in range(1, len(path) + 1):
            yield Category, path[:depth]


@dataclass
class Shelf:
    """The lookup rows that are known, and those that would be made."""

    rows: dict[tuple[type[Lookup], tuple[str, ...]], Lookup] = field(default_factory=dict)
    invented: set[ObjectId] = field(default_factory=set)

    @classmethod
    async def load(cls, store: Store) -> "Shelf":
        """All rows that are there now."""
        shelf = cls()
        for document in RESOURCES:
            for row in await store.of(document).all():
                shelf.rows.setdefault((document, key([row.name])), row)
        known = {row.id: row for row in await store.of(Category).all()}
        for row in known.values():
            shelf.rows.setdefault((Category, key(_path(row, known))), row)
        return shelf

    def find(self, document: type[Lookup], path: tuple[str, ...]) -> Lookup | None:
        """The row of this name, or path of names."""
        return self.rows.get((document, key(path)))

    def missing(self, names: Names) -> list[Wanted]:
        """What a product names that is not there, or only invented."""
        return [one for one in wanted(names) if (found := self.find(*one)) is None or found.id in self.invented]

    def invent(self, names: Names, actor: Actor) -> None:
        """Rows that only stand for those that would be made, as far as the actor may make them."""
        for document, path in self.missing(names):
            if self.find(document, path) is None and actor.may(MAKING[document]):
                slug = to_slug(path[-1])
                row = document(code=slug[:LONGEST_CODE].strip("-") or "x", name=path[-1], slug=slug)
                self.invented.add(row.id)
                self.rows[document, key(path)] = row

    def forget_invented(self) -> None:
        """Only what really is there remains."""
        self.rows = {spot: row for spot, row in self.rows.items() if row.id not in self.invented}
        self.invented.clear()

    async def make(self, store: Store, names: Names, actor: Actor) -> None:
        """Make what a product names and is missing, as far as the actor may."""
        for document, path in self.missing(names):
            if actor.may(MAKING[document]):
                above = self.find(Category, path[:-1]) if document is Category else None
                self.rows[document, key(path)] = await _made(store, document, path[-1], above)


def brand(shelf: Shelf, names: Names) -> SlugRef | None:
    """The brand as a product keeps it."""
    row = shelf.find(Brand, (names.brand,)) if names.brand else None
    return None if row is None else _ref(row)


def product_type(shelf: Shelf, names: Names) -> TypeRef | None:
    """The product type as a product keeps it."""
    row = shelf.find(ProductType, (names.product_type,)) if names.product_type else None
    return TypeRef(**_ref(row).model_dump(), size_chart=row.size_chart) if isinstance(row, ProductType) else None


def several(shelf: Shelf, document: type[Lookup], paths: Iterable[tuple[str, ...]]) -> list[SlugRef]:
    """Occasions or categories as a product keeps them, each once."""
    rows = filter(None, (shelf.find(document, path) for path in paths))
    return [_ref(row) for row in {row.id: row for row in rows}.values()]


def _ref(row: Lookup) -> SlugRef:
    return SlugRef(id=row.id, name=row.name, slug=row.slug)


def _path(row: Category, known: dict[ObjectId, Category]) -> list[str]:
    names: list[str] = []
    at: Category | None = row
    while at is not None and len(names) <= tree.DEEPEST:
        names.insert(0, at.name)
        at = known.get(at.parent_id) if at.parent_id else None
    return names


async def _made(store: Store, document: type[Lookup], name: str, above: Lookup | None) -> Lookup:
    """A new row, or the one of this name that somebody made meanwhile; its code is told apart where it is taken."""
    derived = f"{above.slug}-{to_slug(name)}" if above else to_slug(name)
    mark = hashlib.sha256(name.encode()).hexdigest()[:6]
    for end in ("", f"-{mark}"):
        code, slug = (_fit(derived, most, mark, end) for most in (LONGEST_CODE, LONGEST_SLUG))
        values: dict[str, object] = {"name": name, "code": code, "slug": slug}
        try:
            if document is Category:
                return await tree.create(store, {**values, "parent_id": above.id if above else None})
            return await resource.create(store, RESOURCES[document], values)
        except Duplicate:
            shelf = await Shelf.load(store)
            spot = (Category, above.id) if above else (document, None)
            found = next((row for row in shelf.rows.values() if _same(row, name, spot)), None)
            if found is not None:
                return found
    raise Duplicate("code")


def _same(row: Lookup, name: str, spot: tuple[type[Lookup], ObjectId | None]) -> bool:
    if not isinstance(row, spot[0]) or row.name.casefold() != name.casefold():
        return False
    return not isinstance(row, Category) or row.parent_id == spot[1]


def _fit(derived: str, most: int, mark: str, end: str) -> str:
    """A code or slug of at most `most` characters; a cut one ends in a mark that tells it from its like."""
    if len(derived) + len(end) <= most:
        return derived + end
    return f"{derived[: most - len(mark) - 1].rstrip('-')}-{mark}"
