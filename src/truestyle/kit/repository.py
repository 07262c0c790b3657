"""A repository owns every query of one collection. Six verbs; anything else is a named method on `collection`."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Generic, TypeVar

from bson import ObjectId
from pymongo import IndexModel, ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, DuplicateKeyError

from truestyle.kit import clock, paging
from truestyle.kit.documents import Document
from truestyle.kit.errors import Duplicate, NotFound, VersionConflict
from truestyle.kit.paging import Found, PageQuery
from truestyle.kit.trail import Watch, Watched
from truestyle.kit.writes import Noted

DUPLICATE_KEY = 11000
NO_ID = ObjectId("0" * 24)
Row = dict[str, Any]
Database = AsyncDatabase[Row]
D = TypeVar("D", bound=Document)


def holding(field: str, least: Any = NO_ID) -> Row:
    """The partial filter of an index on the rows whose `field` holds an id, or what else is of the kind of `least`.

    Not `$type`: of an index with that, MongoDB's planner makes no use when a value is looked for.
    """
    return {field: {"$gte": least}}


class Collection:
    """One MongoDB collection, inside a transaction when there is a session.

    Its writes are in the audit trail, unless `unaudited` says why not. `public`: answers that anybody may have are made
    of its rows, so they are kept by the page cache until a row changes.
    """

    name: ClassVar[str]
    indexes: ClassVar[Sequence[IndexModel]] = ()
    unaudited: ClassVar[str | None] = None
    public: ClassVar[bool] = False
    watch: ClassVar[Watch] = Watch()

    def __init__(self, db: Database, session: AsyncClientSession | None = None) -> None:
        self.collection: AsyncCollection[Row] = (
            Noted(db, self.name) if self.unaudited else Watched(db, self.name, self.watch)
        )
        self.session = session

    @property
    def unwatched(self) -> AsyncCollection[Row]:
        """The collection without the trail, for writes that change nothing anybody did; each says why."""
        return Noted(self.collection.database, self.name)

    @property
    def quiet(self) -> AsyncCollection[Row]:
        """The collection without the trail and without word to keepers of copies, for locks and for `writes.SILENT`."""
        return self.collection.database[self.name]

    async def missing_indexes(self) -> list[str]:
        """The names of its indexes that are not there."""
        there = await self.collection.index_information() if self.indexes else {}
        return [name for one in self.indexes if (name := str(one.document["name"])) not in there]

    async def unique_indexes(self) -> dict[str, Row]:
        """The fields of the unique indexes that are there, by name."""
        found = await self.collection.index_information()
        return {name: dict(one["key"]) for name, one in found.items() if one.get("unique")}

    async def count(self, where: Mapping[str, Any], most: int = 0) -> int:
        """How many rows match; no more than `most` are counted, if it is given."""
        more = {"limit": most} if most else {}
        return await self.collection.count_documents(where, session=self.session, **more)


class Repository(Collection, Generic[D]):
    """The documents of one collection."""

    document: type[D]

    def __init_subclass__(cls, **options: Any) -> None:
        """The trail tells rows as their document class shows them."""
        super().__init_subclass__(**options)
        if "document" in vars(cls):
            cls.watch = replace(cls.watch, document=cls.document)

    async def get(self, key: ObjectId, **where: Any) -> D:
        """The document, if it is within `where` (say the owner). Raises NotFound."""
        found = await self.first({"_id": key, **where})
        if found is None:
            raise NotFound
        return found

    async def first(self, where: Mapping[str, Any]) -> D | None:
        """The first match, or None."""
        row = await self.collection.find_one(where, session=self.session)
        return None if row is None else self.document.load(row)

    async def find(
        self,
        where: Mapping[str, Any],
        query: PageQuery,
        sort_keys: Mapping[str, str] | None = None,
        also: Mapping[str, Any] | None = None,
    ) -> Found[D]:
        """One page of the matches. `sort_keys` maps wire names to stored ones where they differ.

        `also` narrows further by what moves with time (say a schedule), so a cursor is not bound to it.
        """
        rows, total, cursor = await self.find_rows(where, query, sort_keys, also=also)
        return Found([self.document.load(row) for row in rows], query, total, cursor)

    async def find_rows(
        self,
        where: Mapping[str, Any],
        query: PageQuery,
        sort_keys: Mapping[str, str] | None = None,
        projection: Mapping[str, Any] | None = None,
        also: Mapping[str, Any] | None = None,
        bound: Mapping[str, Any] | None = None,
    ) -> tuple[list[Row], int | None, str | None]:
        """One page of raw rows, the total (None by cursor) and the next cursor.

        A cursor is bound to `where`, or to `bound` where that says better what was asked.
        """
        wire, order = paging.direction(query.sort)
        field = (sort_keys or {}).get(wire, "_id" if wire == "created_at" else wire)
        fingerprint = paging.fingerprint(query.sort, where if bound is None else bound)
        if projection and field.partition(".")[0] not in projection:
            projection = {**projection, field: 1}  # the cursor is made of it
        where = {"$and": [where, also]} if also else where
        total, part, skip = None, where, 0
        if query.cursor is not None:
            part = {"$and": [where, paging.after(field, order, *paging.decode(query.cursor, fingerprint))]}
        else:
            total = await self.count(where)
            skip = ((query.page or 1) - 1) * query.size
        keys = [(field, order)] if field == "_id" else [(field, order), ("_id", order)]
        found = self.collection.find(part, projection, sort=keys, skip=skip, limit=query.size + 1, session=self.session)
        rows = await found.to_list()
        following = None
        if len(rows) > query.size:
            rows = rows[: query.size]
            following = paging.encode(fingerprint, _at(rows[-1], field), rows[-1]["_id"])
        return rows, total, following

    async def every(self, where: Mapping[str, Any]) -> AsyncIterator[D]:
        """All matches by id, one after the other: for work that must see everything, never for a list."""
        async for row in self.collection.find(where, sort=[("_id", 1)], session=self.session, batch_size=200):
            yield self.document.load(row)

    async def add(self, document: D) -> D:
        """Store a new document. Raises Duplicate."""
        try:
            await self.collection.insert_one(document.dump(), session=self.session)
        except DuplicateKeyError as error:
            raise Duplicate(duplicate_field(error)) from error
        return document

    async def change(
        self,
        key: Any,
        update: Mapping[str, Any],
        *,
        where: Mapping[str, Any] | None = None,
        version: int | None = None,
        **options: Any,
    ) -> D | None:
        """Apply `update` to one document if it still matches `where`; the document after, or None.

        Keeps `updated_at` and `version`. Raises Duplicate, and VersionConflict where only `version` did not match.
        """
        matching = {"_id": key, **(where or {})}
        stamped = {
            **update,
            "$set": {**update.get("$set", {}), "updated_at": clock.now()},
            "$inc": {**update.get("$inc", {}), "version": 1},
        }
        try:
            row = await self.collection.find_one_and_update(
                matching if version is None else {**matching, "version": version},
                stamped,
                return_document=ReturnDocument.AFTER,
                session=self.session,
                **options,
            )
        except DuplicateKeyError as error:
            raise Duplicate(duplicate_field(error)) from error
        if row is None and version is not None and await self.first(matching) is not None:
            raise VersionConflict
        return None if row is None else self.document.load(row)

    async def remove(self, key: Any, *, where: Mapping[str, Any] | None = None) -> bool:
        """Delete one document if it matches `where`; whether there was one."""
        result = await self.collection.delete_one({"_id": key, **(where or {})}, session=self.session)
        return result.deleted_count == 1


def duplicate_field(error: DuplicateKeyError) -> str:
    """The field whose unique index refused a write, without collection or value."""
    pattern = (error.details or {}).get("keyPattern") or {}
    names = [str(name) for name in pattern if name != "_id"] or ["id"]
    return names[-1].rsplit(".", 1)[-1]


def refused(error: BulkWriteError, field: str | None = None) -> Exception:
    """The Duplicate that a refused bulk write means, or the error itself where it means something else."""
    first = (error.details.get("writeErrors") or [{}])[0]
    if first.get("code") != DUPLICATE_KEY:
        return error
    names = [str(name) for name in first.get("keyPattern") or {}] or ["id"]
    return Duplicate(field or names[-1].rsplit(".", 1)[-1])


def _at(row: Row, field: str) -> Any:
    value: Any = row
    for part in field.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
