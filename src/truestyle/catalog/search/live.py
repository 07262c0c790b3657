"""The index of a running process: read from MongoDB, kept by a change stream of products and categories."""

import asyncio
from typing import Any

import structlog
from bson import ObjectId

from truestyle.catalog.lookups import Category
from truestyle.catalog.search.index import FIELDS, Index, UnreadableError
from truestyle.infra.feed import Feed
from truestyle.kit import memory
from truestyle.kit.repository import Row
from truestyle.store import Store

PRODUCTS, CATEGORIES = "products", "categories"
BREATH = 20  # products after which others may run
log = structlog.get_logger("search")
WATCHED = {PRODUCTS: FIELDS, CATEGORIES: ("name", "slug", "parent_id")}


class Catalogue:
    """The index as a mirror of the two collections."""

    def __init__(self) -> None:
        self.index = Index()

    def put(self, collection: str, row: Row) -> None:
        """A row that is new or changed."""
        if collection == PRODUCTS:
            self.add(row)
        else:
            self.index.tree.put(row)

    def add(self, row: Row, *, sort: bool = True) -> None:
        """A product; one that cannot be read is left out, and hides no other."""
        try:
            self.index.put(row, sort=sort)
        except UnreadableError:
            log.exception("product_unreadable", product_id=str(row["_id"]))
            self.index.drop(row["_id"])

    def drop(self, collection: str, key: ObjectId) -> None:
        """A row that is gone."""
        if collection == PRODUCTS:
            self.index.drop(key)
        else:
            self.index.tree.drop(key)


def feed_of(store: Store, *, marked: bool = True) -> Feed[Catalogue]:
    """The feed that keeps the index of this process; `marked`: with every write that this process committed."""

    async def read() -> Catalogue:
        return await built(store)

    return Feed(store.db, store.marks if marked else None, WATCHED, read)


async def built(store: Store) -> Catalogue:
    """The index of what is in MongoDB now. Others may run meanwhile."""
    catalogue = Catalogue()
    for category in await store.of(Category).all():
        catalogue.index.tree.put(_row(category))
    count = 0
    async for row in store.products.outlines(FIELDS):
        catalogue.add(row, sort=False)
        count += 1
        if count % BREATH == 0:
            await asyncio.sleep(0)
    for _ in catalogue.index.sort_all():
        await asyncio.sleep(0)
    memory.stays_too()
    return catalogue


def _row(category: Category) -> dict[str, Any]:
    return {"_id": category.id, **category.model_dump(include={"name", "slug", "parent_id"})}
