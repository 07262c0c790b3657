"""Products in MongoDB: every filter and sort has its index."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, TEXT, IndexModel, UpdateOne
from pymongo.errors import BulkWriteError

from truestyle.catalog.products.models import Product, ProductStatus
from truestyle.kit import clock
from truestyle.kit.paging import PageQuery
from truestyle.kit.repository import Repository, Row, holding, refused
from truestyle.kit.trail import Watch

SORT_KEYS = {"rating": "rating.average", "name": "sort_name"}
CARD_FIELDS = (
    *("name", "slug", "brand", "price", "mrp", "discount"),
    *("images", "rating", "in_stock", "sizes", "colors"),
)
CARD = dict.fromkeys(CARD_FIELDS, 1)
AVERAGE = {"$round": [{"$divide": ["$rating_sum", "$rating.count"]}, 2]}


class Products(Repository[Product]):
    """One row a product, variants and images embedded."""

    document, name = Product, "products"
    public = True
    watch = Watch(
        outline=frozenset({"name", "slug", "status", "price", "mrp", "vendor_id"}),
        upkeep=frozenset(
            {
                "in_stock",
                "sizes_in_stock",
                "popularity",
                "rating",
                "rating_sum",
                "sort_name",
                "option_keys",
                "sizes",
                "colors",
                "discounted",
            }
        ),
    )
    indexes = (
        IndexModel("slugs", unique=True),
        IndexModel("variants.sku", unique=True),
        *(
            IndexModel(key, partialFilterExpression=holding(key))
            for key in ("images.id", "variants.image_id", "size_chart.thumbnail_id")
        ),
        IndexModel([("status", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("created_at", ASCENDING), ("_id", ASCENDING)]),
        *(
            IndexModel([("status", ASCENDING), (key, order), ("_id", order)])
            for key, order in (
                ("price", ASCENDING),
                ("sort_name", ASCENDING),
                ("rating.average", DESCENDING),
                ("popularity", DESCENDING),
            )
        ),
        *(
            IndexModel([(key, ASCENDING), ("status", ASCENDING), ("_id", DESCENDING)])
            for key in (
                *("brand.id", "brand.slug", "categories.id", "product_type.id", "product_type.slug"),
                *("occasions.id", "occasions.slug", "tags", "option_keys", "vendor_id"),
            )
        ),
        IndexModel(
            [(key, TEXT) for key in ("name", "brand.name", "categories.name", "tags", "description")],
            weights={"name": 10, "brand.name": 5, "categories.name": 4, "tags": 4, "description": 1},
            default_language="english",
            language_override="text_language",
            name="words",
        ),
    )

    async def by_skus(self, skus: Iterable[str]) -> list[Product]:
        """The products that these SKUs belong to."""
        rows = await self.collection.find({"variants.sku": {"$in": list(skus)}}, session=self.session).to_list()
        return [Product.load(row) for row in rows]

    async def by_ids(self, ids: Iterable[ObjectId], where: Mapping[str, Any] | None = None) -> dict[ObjectId, Product]:
        """Products by id, within `where`; the missing are left out."""
        wanted = {"_id": {"$in": list(ids)}, **(where or {})}
        rows = await self.collection.find(wanted, session=self.session).to_list()
        return {row["_id"]: Product.load(row) for row in rows}

    async def pages(self) -> AsyncIterator[tuple[str, datetime]]:
        """(slug, when it was changed) of every active product, newest first: for the sitemap."""
        shown = {"slug": 1, "updated_at": 1}
        async for row in self.collection.find({"status": "active"}, shown, sort=[("_id", -1)], batch_size=1000):
            yield row["slug"], row["updated_at"]

    async def following(self, where: Mapping[str, Any], last: ObjectId | None, most: int) -> list[Product]:
        """The oldest matching products that are younger than `last`: for going through all without a cursor."""
        part = where if last is None else {**where, "_id": {"$gt": last}}
        rows = await self.collection.find(part, sort=[("_id", 1)], limit=most, session=self.session).to_list()
        return [Product.load(row) for row in rows]

    async def by_slug(self, slug: str) -> Product | None:
        """The product that has, or had, this slug."""
        return await self.first({"slugs": slug})

    async def slugs_like(self, slug: str) -> set[str]:
        """Every slug that is taken and begins with this one."""
        rows = self.collection.find(
            {"slugs": {"$gte": slug, "$lt": slug + "\uffff"}}, {"slugs": 1}, session=self.session, limit=1000
        )
        return {one async for row in rows for one in row["slugs"]}

    async def taken_slugs(self, slugs: Iterable[str]) -> set[str]:
        """Which of these slugs a product has or had."""
        wanted = set(slugs)
        rows = self.collection.find({"slugs": {"$in": list(wanted)}}, {"slugs": 1}, session=self.session)
        return {one async for row in rows for one in row["slugs"]} & wanted

    async def add_many(self, products: Sequence[Product]) -> None:
        """Store new products. Raises Duplicate."""
        if products:
            try:
                await self.collection.insert_many([one.dump() for one in products], session=self.session)
            except BulkWriteError as error:
                raise refused(error) from error

    async def change_many(self, changes: Mapping[ObjectId, Mapping[str, Any]]) -> None:
        """Set fields of several products, inside the transaction that read them. Raises Duplicate."""
        moment = clock.now()
        writes = [
            UpdateOne({"_id": key}, {"$set": {**fields, "updated_at": moment}, "$inc": {"version": 1}})
            for key, fields in changes.items()
        ]
        if writes:
            try:
                await self.collection.bulk_write(writes, session=self.session)
            except BulkWriteError as error:
                raise refused(error) from error

    async def pictures(self, where: Mapping[str, Any], skip: int, limit: int) -> tuple[list[tuple[ObjectId, Row]], int]:
        """Some of the pictures of the matching products, as (product, picture), and how many there are in all."""
        there = [{"$match": {**where, "images.0": {"$exists": True}}}, {"$sort": {"_id": 1}}]
        counted = await self.collection.aggregate(
            [*there, {"$group": {"_id": None, "n": {"$sum": {"$size": "$images"}}}}], session=self.session
        )
        totals = await counted.to_list()
        shown = await self.collection.aggregate(
            [
                *there,
                {"$project": {"images": {"$sortArray": {"input": "$images", "sortBy": {"position": 1}}}}},
                {"$unwind": "$images"},
                {"$skip": skip},
                {"$limit": limit},
            ],
            session=self.session,
        )
        rows = [(row["_id"], row["images"]) async for row in shown]
        return rows, totals[0]["n"] if totals else 0

    async def outlines(self, fields: Iterable[str]) -> AsyncIterator[Row]:
        """These fields of every product, whoever may see it: what search is built from."""
        found = self.collection.find({}, dict.fromkeys(fields, 1), session=self.session, batch_size=500)
        async for row in found:
            yield row

    async def cards_of(self, ids: Sequence[ObjectId], where: Mapping[str, Any]) -> list[Row]:
        """The fields of a card of these products, in this order, within `where`; the missing are left out."""
        found = self.collection.find({"$and": [{"_id": {"$in": list(ids)}}, where]}, CARD, session=self.session)
        rows = {row["_id"]: row async for row in found}
        return [rows[one] for one in ids if one in rows]

    async def cards(
        self, where: Mapping[str, Any], query: PageQuery, bound: Mapping[str, Any] | None = None
    ) -> tuple[list[Row], int | None, str | None]:
        """One page of rows with the fields of a card. `bound`: what a cursor is bound to, if not to `where`."""
        return await self.find_rows(where, query, SORT_KEYS, CARD, bound=bound)

    async def set_stock_flags(self, flags: Mapping[ObjectId, tuple[bool, Sequence[str]]]) -> None:
        """(in_stock, sizes in stock) of products whose SKUs ran out or came back."""
        if flags:
            await self.unwatched.bulk_write(  # follows from the stock
                [
                    UpdateOne({"_id": key}, {"$set": {"in_stock": any_, "sizes_in_stock": list(sizes)}})
                    for key, (any_, sizes) in flags.items()
                ],
                session=self.session,
            )

    async def sold(self, pieces: Mapping[ObjectId, int]) -> None:
        """Set `popularity` to what was sold of each product in all."""
        await self.quiet.bulk_write(  # follows from orders
            [UpdateOne({"_id": key}, {"$set": {"popularity": count}}) for key, count in pieces.items()],
            session=self.session,
        )

    async def active(self) -> int:
        """How many products shoppers can see."""
        return await self.count({"status": ProductStatus.ACTIVE})

    async def not_active(self) -> list[ObjectId]:
        """The ids of drafts and archived products, from the index alone."""
        hidden = {"status": {"$in": [ProductStatus.DRAFT, ProductStatus.ARCHIVED]}}
        return [row["_id"] async for row in self.collection.find(hidden, {"_id": 1}, session=self.session)]

    async def names(self, ids: Iterable[ObjectId]) -> dict[ObjectId, str]:
        """The names of products."""
        rows = self.collection.find({"_id": {"$in": list(ids)}}, {"name": 1}, session=self.session)
        return {row["_id"]: row["name"] async for row in rows}

    async def rate(self, key: ObjectId, stars: int, count: int, *, offered: bool = False) -> bool:
        """Add to a product's stars and to how many gave some; `offered`: only if it is for sale. Whether it was there.

        In one update that MongoDB computes, so ratings at the same time add up.
        """
        where: dict[str, Any] = {"_id": key}
        if offered:
            where["status"] = ProductStatus.ACTIVE
        done = await self.unwatched.update_one(  # follows from the ratings
            where,
            [
                {"$set": {"rating_sum": {"$add": [{"$ifNull": ["$rating_sum", 0]}, stars]}}},
                {"$set": {"rating.count": {"$add": ["$rating.count", count]}}},
                {"$set": {"rating.average": {"$cond": [{"$gt": ["$rating.count", 0]}, AVERAGE, 0.0]}}},
            ],
            session=self.session,
        )
        return done.matched_count == 1

    async def rated(self, key: ObjectId, stars: int, count: int) -> None:
        """Set the stars worked out anew."""
        rating = {"average": round(stars / count, 2) if count else 0.0, "count": count}
        await self.unwatched.update_one(  # follows from the ratings
            {"_id": key}, {"$set": {"rating": rating, "rating_sum": stars}}, session=self.session
        )

    async def relist(self, key: ObjectId, fields: Mapping[str, Any]) -> None:
        """Set what lists show, worked out anew."""
        await self.unwatched.update_one({"_id": key}, {"$set": fields}, session=self.session)  # follows from variants

    async def set_fit(self, counts: Mapping[ObjectId, Mapping[str, int]]) -> None:
        """Set what came back of products for its size."""
        if counts:
            await self.unwatched.bulk_write(  # follows from returns
                [UpdateOne({"_id": key}, {"$set": {"fit": dict(found)}}) for key, found in counts.items()],
                session=self.session,
            )

    async def archive(self, key: ObjectId) -> None:
        """Hide for good; orders keep naming it."""
        await self.collection.update_one(
            {"_id": key},
            {"$set": {"status": ProductStatus.ARCHIVED, "updated_at": clock.now()}, "$inc": {"version": 1}},
            session=self.session,
        )
