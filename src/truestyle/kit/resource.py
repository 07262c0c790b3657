"""Plain CRUD, declared: one document class and one `Resource` give typed bodies, five routes and their repository.

There are no hooks. The first rule that is not data moves its route out to ordinary code; `only` keeps the rest.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar, cast

from bson import ObjectId
from fastapi import Header
from pydantic import Field, create_model
from pymongo import ASCENDING, IndexModel, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.collation import Collation
from slugify import slugify

from truestyle.kit import clock
from truestyle.kit.documents import Body, Document, optional
from truestyle.kit.errors import InUse, NotFound, ValidationFailed, VersionConflict
from truestyle.kit.repository import Database, Repository, holding

D = TypeVar("D", bound=Document)
STEP = 10  # between neighbours of a list, so that one can be put in between by hand
IGNORING_CASE = Collation(locale="en", strength=2)
ACTS = frozenset({"create", "list", "get", "change", "remove", "reorder"})
SYSTEM = frozenset({"id", "created_at", "updated_at", "version", "is_system"})
# Pictures that the catalogue and content may name: what somebody has for themselves would be shown to nobody.
SHOWN: Mapping[str, Any] = {"source_id": None, "public": True, "content_type": {"$regex": "^image/"}}
_VERSION = r'^(\*|(W/)?"?[0-9]{1,12}"?)$'
IfMatch = Annotated[
    str | None,
    Header(max_length=20, pattern=_VERSION, description='Only if this is still the `version`, like `"7"`; else 412.'),
]


class Declared(Repository[D]):
    """The repository of a declared resource."""

    public = True

    async def hold(self, ids: Sequence[ObjectId]) -> list[D]:
        """The rows with these ids, locked by a mark in this transaction; the missing are left out.

        The write is what makes a delete of a row at this very moment conflict with us.
        """
        where = {"_id": {"$in": list(ids)}}
        await self.quiet.update_many(where, {"$set": {"used_at": clock.now()}}, session=self.session)
        rows = await self.collection.find(where, session=self.session).to_list()
        found = {row["_id"]: self.document.load(row) for row in rows}
        return [found[one] for one in ids if one in found]

    async def all(self, most: int = 5000) -> list[D]:
        """Every row, for tables that are small by nature."""
        rows = await self.collection.find({}, session=self.session, limit=most).to_list()
        return [self.document.load(row) for row in rows]

    async def order(self, ids: Sequence[ObjectId]) -> None:
        """Give these rows the order of `ids`, and put all others after them as they stood."""
        by_order = [("sort_order", 1), ("_id", 1)]
        rows = await self.collection.find({}, {"_id": 1}, sort=by_order, session=self.session).to_list()
        named = set(ids)
        wanted = [*ids, *(row["_id"] for row in rows if row["_id"] not in named)]
        moment = clock.now()
        await self.collection.bulk_write(
            [
                UpdateOne(
                    {"_id": one, "sort_order": {"$ne": place * STEP}},
                    {"$set": {"sort_order": place * STEP, "updated_at": moment}, "$inc": {"version": 1}},
                )
                for place, one in enumerate(wanted)
            ],
            session=self.session,
        )

    async def fill(self, rows: Sequence[tuple[str, dict[str, Any]]]) -> int:
        """Add (code, fields) rows that are not there yet, leaving the others alone; how many were new."""
        moment = clock.now()
        stamp = {"created_at": moment, "updated_at": moment, "version": 1}
        writes = [
            UpdateOne({"code": code}, {"$setOnInsert": {**fields, **stamp}}, upsert=True) for code, fields in rows
        ]
        done = await self.unwatched.bulk_write(writes, ordered=False)  # what a release brings, nobody did
        return done.upserted_count


@dataclass(frozen=True)
class Copy:
    """Fields that another collection keeps a copy of, in an embedded `{id, …}` or a list of them."""

    collection: str
    field: str
    many: bool = False
    names: tuple[str, ...] = ("name", "slug")


@dataclass(frozen=True)
class Name:
    """A field that holds the id of a row of another collection: of a picture that everybody may see, if not told."""

    spot: str
    collection: str = "files"
    where: Mapping[str, Any] = field(default_factory=lambda: SHOWN)


@dataclass(frozen=True)
class Resource(Generic[D]):
    """What is special about a declared resource."""

    document: type[D]
    path: str
    name: str
    write: str
    tag: str
    unique: tuple[tuple[str, ...], ...] = ()
    derived: Mapping[str, Callable[[str], str]] = field(default_factory=dict)  # from `name`, when absent
    used_by: tuple[tuple[str, str], ...] = ()
    names: tuple[Name, ...] = (Name("image_id"),)
    copies: tuple[Copy, ...] = ()
    sorts: tuple[str, ...] = ("sort_order", "name", "-created_at", "created_at")
    only: frozenset[str] = ACTS
    scheduled: bool = False  # shown only while active and between `starts_at` and `ends_at`, but to who may write
    example: Mapping[str, Any] = field(default_factory=lambda: {"name": "Festive"})

    def repository(self) -> type[Declared[D]]:
        """The repository class: uniqueness ignores case, and each sort has its index."""
        unique = [
            IndexModel(
                [(key, ASCENDING) for key in keys],
                unique=True,
                collation=IGNORING_CASE,
                name="unique_" + "_".join(keys),
                partialFilterExpression=holding(keys[-1], ""),
            )
            for keys in self.unique
        ]
        fields = {sort.lstrip("-") for sort in self.sorts} - {"created_at"}
        sorted_ = [IndexModel([(name, 1), ("_id", 1)]) for name in sorted(fields)]
        naming = [
            IndexModel(one.spot, partialFilterExpression=holding(one.spot))
            for one in self.names
            if one.spot.partition(".")[0] in self.document.model_fields
        ]
        base: Any = Declared
        made = type(
            f"{self.document.__name__}Repository",
            (base,),
            {"document": self.document, "name": self.name, "indexes": (*unique, *sorted_, *naming)},
        )
        return cast("type[Declared[D]]", made)

    def body(self, *, partial: bool) -> type[Body]:
        """The create or change body: the document's fields without those that are ours to set."""
        fields: dict[str, Any] = {}
        for name, info in self.document.model_fields.items():
            if name in SYSTEM:
                continue
            absent = partial or name in self.derived or not info.is_required()
            fields[name] = (info.rebuild_annotation(), optional(description=info.description) if absent else Field(...))
        made = create_model(f"{self.document.__name__}{'Change' if partial else 'Create'}", __base__=Body, **fields)
        made.__doc__ = f"{'Changes to' if partial else 'A new'} {self.document.__name__}."
        if not partial:
            made.model_config["json_schema_extra"] = {"example": dict(self.example)}
        return made


class DeclaredTables:
    """The repositories of declared resources, made when asked for."""

    def __init__(
        self, db: Database, session: AsyncClientSession | None, tables: Mapping[type[Any], type[Declared[Any]]]
    ) -> None:
        self._db, self._session, self._tables = db, session, tables

    def of(self, document: type[D]) -> Declared[D]:
        """The repository of a document class. Raises KeyError for one that is not declared."""
        return self._tables[document](self._db, self._session)

    def collections(self) -> list[Declared[Any]]:
        """All of them."""
        return [table(self._db, self._session) for table in self._tables.values()]


def to_slug(text: str) -> str:
    """Make `bottle-green-and-gold` of "Bottle Green & Gold". Never empty."""
    return slugify(text, max_length=100, replacements=[("&", " and ")]) or "item"


def to_code(text: str) -> str:
    """As `to_slug`, short enough for a code."""
    return shortened(to_slug(text), 60)


def shortened(slug: str, most: int) -> str:
    """At most `most` characters; where it must be cut, a hash keeps it apart from others that begin the same."""
    if len(slug) <= most:
        return slug
    return f"{slug[: most - 9].strip('-')}-{hashlib.blake2b(slug.encode(), digest_size=4).hexdigest()}"


def read_version(header: str | None) -> int | None:
    """The version that an `IfMatch` header makes a change conditional on; None for none, and for `*`."""
    found = re.search("[0-9]+", header or "")
    return int(found[0]) if found else None


async def create(store: Any, resource: Resource[D], values: dict[str, Any]) -> D:
    """Store a new one with its derived fields. Raises Duplicate."""
    for name, derive in resource.derived.items():
        if values.get(name) is None:
            values[name] = derive(values["name"])
    document = resource.document.model_validate(values)

    async def work(tx: Any) -> D:
        await _hold_named(tx, resource, values)
        added: D = await tx.of(resource.document).add(document)
        return added

    # One document is atomic by itself: only what names another needs a transaction.
    if any(_named(values, one) is not None for one in resource.names):
        return cast("D", await store.transaction(work))
    return await work(store)


async def _hold_named(tx: Any, resource: Resource[D], values: Mapping[str, Any]) -> None:
    """Keep what is named from vanishing meanwhile. Raises ValidationFailed where it is not there."""
    for one in resource.names:
        key = _named(values, one)
        if key is not None:
            done = await tx.db[one.collection].update_one(
                {"_id": key, **one.where}, {"$set": {"used_at": clock.now()}}, session=tx.session
            )
            if not done.matched_count:
                raise ValidationFailed("names something that does not exist", ("body", *one.spot.split(".")))


def _named(values: Mapping[str, Any], one: Name) -> Any:
    found: Any = values
    for part in one.spot.split("."):
        found = found.get(part) if isinstance(found, Mapping) else getattr(found, part, None)
    return found


async def change(
    store: Any, resource: Resource[D], key: ObjectId, values: dict[str, Any], version: int | None = None
) -> D:
    """Change what was sent, and the copies of it. Raises NotFound, Duplicate, InUse, VersionConflict."""

    async def work(tx: Any) -> D:
        repository: Repository[D] = tx.of(resource.document)
        before = await repository.get(key)
        if version is not None and before.version != version:
            raise VersionConflict
        old, new = before.dump(), before.model_copy(update=values).dump()
        fresh = {name: new[name] for name in values if new[name] != old[name]}
        if not fresh:
            return before
        if "code" in fresh and getattr(before, "is_system", False):
            msg = "The code of a built-in row cannot be changed."
            raise InUse(msg)
        await _hold_named(tx, resource, fresh)
        after = await repository.change(key, {"$set": fresh})
        if after is None:
            raise NotFound
        for copy in resource.copies:
            copied = {name: fresh[name] for name in copy.names if name in fresh}
            if copied:
                await _copy(tx, copy, key, copied)
        return after

    changed: D = await store.transaction(work)
    return changed


async def _copy(tx: Any, copy: Copy, key: ObjectId, values: dict[str, Any]) -> None:
    spot = f"{copy.field}.$[one]" if copy.many else copy.field
    await tx.db[copy.collection].update_many(
        {f"{copy.field}.id": key},
        {"$set": {f"{spot}.{name}": value for name, value in values.items()}},
        array_filters=[{"one.id": key}] if copy.many else None,
        session=tx.session,
    )


async def reorder(store: Any, resource: Resource[D], ids: Sequence[ObjectId]) -> list[D]:
    """Put these rows first, in this order; the whole list as it then is. Raises ValidationFailed."""

    async def work(tx: Any) -> list[D]:
        repository: Declared[D] = tx.of(resource.document)
        if len(set(ids)) != len(ids):
            raise ValidationFailed("names a row twice", ("body", "ids"), "unique")
        if len(await repository.hold(ids)) != len(ids):
            raise ValidationFailed("names something that does not exist", ("body", "ids"))
        await repository.order(ids)
        return sorted(await repository.all(), key=lambda row: (getattr(row, "sort_order", 0), row.id))

    ordered: list[D] = await store.transaction(work)
    return ordered


def live(moment: datetime) -> dict[str, Any]:
    """The filter for rows of a scheduled resource that are shown at a moment."""
    return {
        "is_active": True,
        "$and": [
            {"$or": [{"starts_at": None}, {"starts_at": {"$lte": moment}}]},
            {"$or": [{"ends_at": None}, {"ends_at": {"$gt": moment}}]},
        ],
    }


async def remove(store: Any, resource: Resource[D], key: ObjectId) -> None:
    """Delete, unless it is built in or something refers to it. Raises NotFound, InUse.

    Whoever begins to refer to a row writes `used_at` to it in the same transaction, so a reference made while we
    look conflicts with our delete, and one of the two is retried.
    """

    async def work(tx: Any) -> None:
        repository: Repository[D] = tx.of(resource.document)
        found = await repository.get(key)
        if getattr(found, "is_system", False):
            msg = "A built-in row cannot be deleted."
            raise InUse(msg)
        await repository.remove(key)
        for collection, spot in resource.used_by:
            if await tx.db[collection].find_one({spot: key}, {"_id": 1}, session=tx.session) is not None:
                raise InUse

    await store.transaction(work)
