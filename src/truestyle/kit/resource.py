"""Plain CRUD, declared: one document class and one `Resource` give typed bodies, five routes and their repository.

There are no hooks. The first rule that is not data moves its route out to ordinary code; `only` keeps the rest.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, TypeVar, cast

from bson import ObjectId
from fastapi import APIRouter, Header, Query, Response
from pydantic import Field, create_model
from pymongo import ASCENDING, IndexModel, UpdateOne
from pymongo.collation import Collation
from slugify import slugify

from truestyle.kit import clock
from truestyle.kit.documents import Body, Document, optional
from truestyle.kit.errors import Duplicate, InUse, NotFound, ValidationFailed, VersionConflict, responses
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.repository import Repository
from truestyle.kit.types import Id

D = TypeVar("D", bound=Document)
IGNORING_CASE = Collation(locale="en", strength=2)
ACTS = frozenset({"create", "list", "get", "change", "remove"})
SYSTEM = frozenset({"id", "created_at", "updated_at", "version", "is_system"})
_IF_MATCH = re.compile(r'"?(\d{1,12})"?')


class Declared(Repository[D]):
    """The repository of a declared resource."""

    async def hold(self, ids: Sequence[ObjectId]) -> list[D]:
        """The rows with these ids, marked as used in this transaction; the missing are left out.

        The write is what makes a delete of a row at this very moment conflict with us.
        """
        where = {"_id": {"$in": list(ids)}}
        await self.collection.update_many(where, {"$set": {"used_at": clock.now()}}, session=self.session)
        rows = await self.collection.find(where, session=self.session).to_list()
        found = {row["_id"]: self.document.load(row) for row in rows}
        return [found[one] for one in ids if one in found]

    async def all(self, most: int = 5000) -> list[D]:
        """Every row, for tables that are small by nature."""
        rows = await self.collection.find({}, session=self.session, limit=most).to_list()
        return [self.document.load(row) for row in rows]

    async def fill(self, rows: Sequence[tuple[str, dict[str, Any]]]) -> int:
        """Add (code, fields) rows that are not there yet, leaving the others alone; how many were new."""
        moment = clock.now()
        stamp = {"created_at": moment, "updated_at": moment, "version": 1}
        writes = [
            UpdateOne({"code": code}, {"$setOnInsert": {**fields, **stamp}}, upsert=True) for code, fields in rows
        ]
        done = await self.collection.bulk_write(writes, ordered=False)
        return done.upserted_count


@dataclass(frozen=True)
class Copy:
    """Fields that another collection keeps a copy of, in an embedded `{id, …}` or a list of them."""

    collection: str
    field: str
    many: bool = False
    names: tuple[str, ...] = ("name", "slug")


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
    copies: tuple[Copy, ...] = ()
    sorts: tuple[str, ...] = ("sort_order", "name", "-created_at", "created_at")
    only: frozenset[str] = ACTS
    example: Mapping[str, Any] = field(default_factory=lambda: {"name": "Festive"})

    def repository(self) -> type[Declared[D]]:
        """The repository class: uniqueness ignores case, and each sort has its index."""
        unique = [
            IndexModel(
                [(key, ASCENDING) for key in keys],
                unique=True,
                collation=IGNORING_CASE,
                name="unique_" + "_".join(keys),
                partialFilterExpression={keys[-1]: {"$type": "string"}},
            )
            for keys in self.unique
        ]
        fields = {sort.lstrip("-") for sort in self.sorts} - {"created_at"}
        sorted_ = [IndexModel([(name, 1), ("_id", 1)]) for name in sorted(fields)]
        base: Any = Declared
        made = type(
            f"{self.document.__name__}Repository",
            (base,),
            {"document": self.document, "name": self.name, "indexes": (*unique, *sorted_)},
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
    """The version that `If-Match` makes a change conditional on. Raises ValidationFailed."""
    if header is None or header.strip() == "*":
        return None
    found = _IF_MATCH.fullmatch(header.strip().removeprefix("W/"))
    if found is None:
        raise ValidationFailed('must be a version like "7"', ("header", "If-Match"))
    return int(found[1])


async def create(store: Any, resource: Resource[D], values: dict[str, Any]) -> D:
    """Store a new one with its derived fields. Raises Duplicate."""
    for name, derive in resource.derived.items():
        if values.get(name) is None:
            values[name] = derive(values["name"])
    added: D = await store.of(resource.document).add(resource.document.model_validate(values))
    return added


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


@dataclass(frozen=True)
class _Parts:
    """What the routes of a resource are made of."""

    router: APIRouter
    db: Any
    guard: Any
    public_read: Any


def add_routes(
    router: APIRouter, resource: Resource[Any], *, db: Any, allowed: Callable[[str], Any], public_read: Any
) -> None:
    """Add the declared routes of a resource.

    `db` is the store dependency, `allowed` makes the guard of a permission, `public_read` marks cacheable answers.
    """
    parts = _Parts(router, db, allowed(resource.write), public_read)
    acts = {"create": _create, "list": _list, "get": _get, "change": _change, "remove": _remove}
    for act, declare in acts.items():
        if act in resource.only:
            declare(resource, parts)


def _create(resource: Resource[Any], parts: _Parts) -> None:
    db, body_type = parts.db, resource.body(partial=False)

    async def create_one(body: body_type, response: Response, store: db) -> Any:  # type: ignore[valid-type]
        values: Any = body
        found = await create(store, resource, values.sent())
        prefix = cast("Any", store).shop.api_v1_prefix
        response.headers["location"] = f"{prefix}{resource.path}/{found.id}"
        return found

    create_one.__doc__ = f"Add to {resource.path}."
    parts.router.add_api_route(
        resource.path,
        create_one,
        methods=["POST"],
        status_code=201,
        response_model=resource.document,
        responses=responses(Duplicate),
        dependencies=[parts.guard],
        name=f"create_{resource.name}",
    )


def _list(resource: Resource[Any], parts: _Parts) -> None:
    db, page_query = parts.db, paging(*resource.sorts)

    async def list_all(
        store: db,  # type: ignore[valid-type]
        query: Annotated[PageQuery, page_query],
        is_active: Annotated[bool | None, Query()] = None,
    ) -> Any:
        where = {} if is_active is None else {"is_active": is_active}
        return (await cast("Any", store).of(resource.document).find(where, query)).page()

    list_all.__doc__ = f"List {resource.path}."
    page: Any = Page
    parts.router.add_api_route(
        resource.path,
        list_all,
        methods=["GET"],
        response_model=page[resource.document],
        dependencies=[parts.public_read],
        name=f"list_{resource.name}",
    )


def _get(resource: Resource[Any], parts: _Parts) -> None:
    db = parts.db

    async def get_one(item_id: Id, store: db) -> Any:  # type: ignore[valid-type]
        return await cast("Any", store).of(resource.document).get(item_id)

    get_one.__doc__ = f"One of {resource.path}."
    parts.router.add_api_route(
        f"{resource.path}/{{item_id}}",
        get_one,
        methods=["GET"],
        response_model=resource.document,
        responses=responses(NotFound),
        dependencies=[parts.public_read],
        name=f"get_{resource.name}",
    )


def _change(resource: Resource[Any], parts: _Parts) -> None:
    db, body_type = parts.db, resource.body(partial=True)

    async def change_one(
        item_id: Id,
        body: body_type,  # type: ignore[valid-type]
        store: db,  # type: ignore[valid-type]
        if_match: Annotated[str | None, Header(max_length=20)] = None,
    ) -> Any:
        values: Any = body
        return await change(store, resource, item_id, values.sent(), read_version(if_match))

    change_one.__doc__ = f"Change one of {resource.path}; what is left out stays."
    for method, verb in (("PUT", "change"), ("PATCH", "patch")):
        parts.router.add_api_route(
            f"{resource.path}/{{item_id}}",
            change_one,
            methods=[method],
            response_model=resource.document,
            responses=responses(NotFound, Duplicate, InUse, VersionConflict),
            dependencies=[parts.guard],
            name=f"{verb}_{resource.name}",
        )


def _remove(resource: Resource[Any], parts: _Parts) -> None:
    db = parts.db

    async def remove_one(item_id: Id, store: db) -> None:  # type: ignore[valid-type]
        await remove(store, resource, item_id)

    remove_one.__doc__ = f"Delete one of {resource.path}."
    parts.router.add_api_route(
        f"{resource.path}/{{item_id}}",
        remove_one,
        methods=["DELETE"],
        status_code=204,
        responses=responses(NotFound, InUse),
        dependencies=[parts.guard],
        name=f"remove_{resource.name}",
    )
