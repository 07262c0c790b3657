"""A big catalogue that is in order: the demo catalogue, many times over.

The store's own importer brings in the demo products, pictures and all. Each is loaded, given another brand, colours,
prices and stock, worked out again by the store's own rules and dumped: a cut. Products are then cuts with other ids,
names, slugs, SKUs and dates, and have the stock rows and opening movements that an import leaves (but no entries of the
audit trail). Every twentieth has a new word in its name, so that the vocabulary grows with the catalogue.
"""

import asyncio
import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bson import ObjectId
from pymongo.write_concern import WriteConcern

from truestyle.catalog.lookups import Brand
from truestyle.catalog.products.models import Product, ProductStatus, SlugRef, Variant
from truestyle.catalog.products.pricing import listing
from truestyle.infra import mongo
from truestyle.inventory.service import sizes_in_stock
from truestyle.kit import clock
from truestyle.kit.repository import Row
from truestyle.kit.resource import to_slug
from truestyle.seed import catalogue
from truestyle.shop import Shop
from truestyle.store import Store

BRANDS, CUTS, NAMED_ALIKE, SIZES, DAYS, AT_ONCE = 60, 2_000, 20, 4, 730, 1_000
SOLD_OUT, EMPTY, ARCHIVED = 0.08, 0.2, 0.04  # of products; of the SKUs of others; of products
DEAREST, CHEAPEST = 3.0, 0.5  # times the demo price
COLOURS = (
    *("Indigo", "Madder", "Turmeric", "Sage", "Ivory", "Charcoal", "Teal", "Rust", "Mustard", "Plum", "Coral"),
    *("Olive", "Navy", "Maroon", "Peach", "Mint", "Lilac", "Sand", "Wine", "Emerald", "Saffron", "Slate"),
)
SYLLABLES = ("ra", "vi", "ma", "ki", "lo", "tu", "sha", "ne", "pa", "di", "ja", "gu", "ba", "mi", "so", "che")
FAST = WriteConcern(w=1, j=False)
FILLED = ("products", "stock", "stock_movements")


@dataclass(frozen=True)
class Cut:
    """A product as the store would have it, and the pieces of each of its variants."""

    row: Row
    pieces: tuple[int, ...]


async def fill(shop: Shop, count: int, *, seed: int = 1) -> None:
    """Bring the store, which is prepared and empty or has the demo catalogue, to `count` products."""
    store, chance = shop.store, random.Random(seed)  # noqa: S311 - to be the same each time
    await catalogue.stock(shop)
    there = await store.products.count({})
    missing = count - there
    if missing <= 0:
        return
    cuts = await _cuts(store, chance, min(CUTS, missing))
    stock = await store.db["stock"].find_one({}) or {}
    movement = await store.db["stock_movements"].find_one({"reason": "opening"}) or {}
    for name in FILLED:
        await store.db[name].drop_indexes()
    copier = _Copier(chance, stock, movement)
    for first in range(0, missing, AT_ONCE):
        batch: dict[str, list[Row]] = {name: [] for name in FILLED}
        for number in range(first, min(first + AT_ONCE, missing)):
            copier.copy(cuts[number % len(cuts)], number, missing, batch)
        writes = (
            store.db[name].with_options(write_concern=FAST).insert_many(rows, ordered=False)
            for name, rows in batch.items()
        )
        await asyncio.gather(*writes)
    await mongo.ensure_indexes(store.collections())


class _Copier:
    """Makes products out of cuts."""

    def __init__(self, chance: random.Random, stock: Row, movement: Row) -> None:
        self._stock, self._movement, self._own = stock, movement, chance.randbytes(5)
        self._until, self._drawn = clock.now() - timedelta(hours=1), 0

    def copy(self, of: Cut, number: int, count: int, into: dict[str, list[Row]]) -> None:
        """The product `number` of `count`, in the order of time."""
        moment = self._until - timedelta(days=DAYS) * ((count - number) / count)
        moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        key, name = self._id(moment), f"{word(number // NAMED_ALIKE)} {of.row['name']}"
        slug = f"{to_slug(name)}-{number}"
        skus = [f"{slug[:30].strip('-')}-{number:X}-{at}".upper() for at in range(len(of.pieces))]
        into["products"].append(
            {
                **of.row,
                "_id": key,
                "name": name,
                "slug": slug,
                "slugs": [slug],
                "sort_name": name.casefold(),
                "variants": [{**one, "sku": sku} for one, sku in zip(of.row["variants"], skus, strict=True)],
                "created_at": moment,
                "updated_at": moment,
            }
        )
        for sku, pieces in zip(skus, of.pieces, strict=True):
            there = {"_id": sku, "product_id": key, "on_hand": pieces, "available": pieces, "updated_at": moment}
            into["stock"].append({**self._stock, **there})
            if pieces:
                moved = {"sku": sku, "product_id": key, "on_hand_delta": pieces}
                stamps = {"_id": self._id(moment), "created_at": moment, "updated_at": moment}
                into["stock_movements"].append({**self._movement, **moved, **stamps})

    def _id(self, moment: datetime) -> ObjectId:
        self._drawn = (self._drawn + 1) % 2**24
        return ObjectId(struct.pack(">I", int(moment.timestamp())) + self._own + self._drawn.to_bytes(3))


def word(number: int) -> str:
    """A made-up word for each number; some three thousand, then they begin again with one syllable more."""
    parts = []
    number += len(SYLLABLES) ** 2  # three syllables at least
    while number:
        number, place = divmod(number, len(SYLLABLES))
        parts.append(SYLLABLES[place])
    return "".join(parts).capitalize()


async def _cuts(store: Store, chance: random.Random, count: int) -> list[Cut]:
    templates = [Product.load(row) async for row in store.db["products"].find({}, sort=[("_id", 1)])]
    brands = await _brands(store)
    return [_cut(templates[number % len(templates)], brands, chance) for number in range(count)]


def _cut(of: Product, brands: Sequence[SlugRef], chance: random.Random) -> Cut:
    """A demo product in other colours, at another price, of another brand."""
    dearer = chance.uniform(CHEAPEST, DEAREST)
    colours = dict(zip(dict.fromkeys(one.color for one in of.variants), chance.sample(COLOURS, 12), strict=False))
    variants = [
        one.model_copy(
            update={
                "color": colours[one.color] if one.color else None,
                "base_mrp": _rupees(one.base_mrp, dearer),
                "base_price": _rupees(one.base_price, dearer),
                "barcode": None,
            }
        )
        for one in of.variants[:SIZES]
    ]
    changed = {
        "brand": chance.choice(brands),
        "base_mrp": _rupees(of.base_mrp, dearer),
        "base_price": _rupees(of.base_price, dearer),
        "discount": None,
        "variants": variants,
        "status": ProductStatus.ARCHIVED if chance.random() < ARCHIVED else ProductStatus.ACTIVE,
    }
    product = listing(of.model_copy(update=changed))
    pieces = _pieces(product.variants, chance)
    available = dict(zip((one.sku for one in product.variants), pieces, strict=True))
    flags = {"in_stock": any(pieces), "sizes_in_stock": sizes_in_stock(product, available)}
    return Cut(product.model_copy(update=flags).dump(), pieces)


def _rupees(paise: int | None, times: float) -> int | None:
    return None if paise is None else max(1, round(paise * times / 100)) * 100


def _pieces(variants: Sequence[Variant], chance: random.Random) -> tuple[int, ...]:
    if chance.random() < SOLD_OUT:
        return (0,) * len(variants)
    return tuple(0 if chance.random() < EMPTY else chance.randint(1, 60) for _ in variants)


async def _brands(store: Store) -> list[SlugRef]:
    made = [f"{word(number)} & Co" for number in range(BRANDS)]
    rows = [Brand(code=to_slug(name), name=name, slug=to_slug(name)) for name in made]
    brands = store.of(Brand)
    for row in rows:
        await brands.add(row)
    return [SlugRef(id=row.id, name=row.name, slug=row.slug) for row in rows]
