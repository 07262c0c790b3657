"""Lists: a page by number for people, a cursor by (sort value, id) for everything else."""

import base64
import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import bson
from bson import ObjectId
from fastapi import Depends, Query
from pydantic import Field

from truestyle.kit.documents import Answer
from truestyle.kit.errors import ValidationFailed

Item = TypeVar("Item")
Other = TypeVar("Other")
MAX_PAGE, MAX_SIZE, DEFAULT_SIZE = 50, 100, 20


@dataclass(frozen=True)
class PageQuery:
    """Which part of a list is wanted. `page` is None when a cursor leads."""

    sort: str
    page: int | None = 1
    size: int = DEFAULT_SIZE
    cursor: str | None = None


class Page(Answer, Generic[Item]):
    """One page of a list. By cursor, `total`, `page` and `pages` are null."""

    items: list[Item]
    total: int | None = Field(default=None, examples=[132])
    page: int | None = Field(default=None, examples=[1])
    page_size: int = Field(examples=[20])
    pages: int | None = Field(default=None, examples=[7])
    next_cursor: str | None = None


@dataclass(frozen=True)
class Found(Generic[Item]):
    """What a query found, before it is shaped for the wire."""

    items: list[Item]
    query: PageQuery
    total: int | None = None
    next_cursor: str | None = None

    def page(self) -> Page[Item]:
        """As the list answer of every route."""
        pages = None if self.total is None else math.ceil(self.total / self.query.size)
        return Page(
            items=self.items,
            total=self.total,
            page=None if self.total is None else self.query.page,
            page_size=self.query.size,
            pages=pages,
            next_cursor=self.next_cursor,
        )

    def map(self, shape: Callable[[Item], Other]) -> "Found[Other]":
        """The same page with every item reshaped."""
        return Found([shape(item) for item in self.items], self.query, self.total, self.next_cursor)


def paging(*sorts: str) -> Any:
    """The page, page_size, cursor and sort parameters of a list. The first of `sorts` is the default."""

    async def page_query(
        page: Annotated[int | None, Query(ge=1, le=MAX_PAGE, description="1–50; not together with `cursor`.")] = None,
        page_size: Annotated[int, Query(ge=1, le=MAX_SIZE, description="Rows of one page.")] = DEFAULT_SIZE,
        cursor: Annotated[str | None, Query(max_length=600, description="`next_cursor` of the page before.")] = None,
        sort: Annotated[
            str, Query(max_length=40, json_schema_extra={"enum": list(sorts)}, description="`-` is downwards.")
        ] = sorts[0],
    ) -> PageQuery:
        if sort not in sorts:
            raise ValidationFailed("must be one of " + ", ".join(sorts), ("query", "sort"), "enum")
        if cursor is not None and page is not None:
            raise ValidationFailed("does not go together with page", ("query", "cursor"))
        return PageQuery(sort=sort, page=None if cursor else page or 1, size=page_size, cursor=cursor)

    return Depends(page_query)


def direction(sort: str) -> tuple[str, int]:
    """Split `-price` into ("price", -1)."""
    return (sort[1:], -1) if sort.startswith("-") else (sort, 1)


def fingerprint(sort: str, where: Mapping[str, Any]) -> bytes:
    """What a cursor is bound to: the sort and the filters."""
    return hashlib.sha256(bson.encode({"sort": sort, "where": where})).digest()[:8]


def encode(bound: bytes, value: Any, last: ObjectId | None) -> str:
    """An opaque cursor that continues after (value, last)."""
    return base64.urlsafe_b64encode(bson.encode({"b": bound, "v": value, "i": last})).decode().rstrip("=")


def decode(cursor: str, bound: bytes) -> tuple[Any, ObjectId | None]:
    """The (value, id) to continue after. Raises ValidationFailed for a foreign or broken cursor."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        row: dict[str, Any] = bson.decode(raw, bson.CodecOptions(tz_aware=True))
        value, last = row["v"], row["i"]
        ours = row["b"] == bound and not isinstance(value, dict | list | bson.Regex | bson.Code)
        ours = ours and (last is None or isinstance(last, ObjectId))
    except (ValueError, KeyError, bson.errors.BSONError):
        ours = False
    if not ours:
        raise ValidationFailed("is not a cursor of this list, sort and filter", ("query", "cursor"))
    return value, last


def after(field: str, order: int, value: Any, last: ObjectId | None) -> dict[str, Any]:
    """The filter for rows that come after (value, last) in `order`; its first part bounds the index scan."""
    past, past_or_at = ("$gt", "$gte") if order > 0 else ("$lt", "$lte")
    if field == "_id":
        return {"_id": {past: last}}
    return {
        "$and": [
            {field: {past_or_at: value}},
            {"$or": [{field: {past: value}}, {"_id": {past: last}}]},
        ]
    }
