"""I10: search finds what MongoDB finds.

An index is made of the snapshot as every process makes its own, and both are asked the same questions: each filter
alone (but for categories, whose tree MongoDB's side reads as it is now), with values that products really have. It
tells of products that the index cannot read (search would hide them, and nobody would know) and of rules that say one
thing in `reading.where` and another in `narrowing`. Not of the index that a running process holds: that one is read
anew whenever its stream breaks.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from typing import Any

from truestyle.audit.report import Breach, Look
from truestyle.catalog.products import reading
from truestyle.catalog.products.models import ProductGender, ProductStatus
from truestyle.catalog.products.reading import Filters
from truestyle.catalog.search import narrowing
from truestyle.catalog.search.index import FIELDS, Index, UnreadableError
from truestyle.infra.snapshot import Snapshot
from truestyle.kit.repository import Row
from truestyle.shop import Shop

BREATH = 20  # products after which others may run
ASKED = 3  # of each filter, the values that most products have
SHOWN = 5


def of_search(shop: Shop) -> Look:
    """The check, for a store whose filters are `reading.where`."""

    async def look(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
        index, values, count = Index(), dict[str, Counter[Any]](), 0
        async for row in snapshot.rows("products", fields=FIELDS):
            yield 1
            count += 1
            try:
                index.put(row, sort=False)
            except UnreadableError:
                yield Breach("I10", "a product that search cannot read", {"product": row["_id"]})
                continue
            if row["status"] == ProductStatus.ACTIVE:
                _note(values, row)
            if count % BREATH == 0:
                await asyncio.sleep(0)
        among = narrowing.visible(index, None)
        for filters in _questions(values):
            hits = narrowing.passing(among, narrowing.conditions(index, filters, among))
            found = {index.entry(slot).id for slot in range(hits.bit_length()) if hits >> slot & 1}
            where = await reading.where(shop.store, None, filters)
            right = {row["_id"] async for row in snapshot.rows("products", where, ("_id",))}
            if found != right:
                asked = {name: value for name, value in asdict(filters).items() if value not in ((), None)}
                differ = sorted(found ^ right)[:SHOWN]
                yield Breach("I10", "search finds other products than MongoDB", {"asked": asked, "differ": differ})

    return look


def _note(values: dict[str, Counter[Any]], row: Row) -> None:
    """The values that a product has, by filter."""
    brand, kind = row.get("brand") or {}, row.get("product_type") or {}
    has: dict[str, list[Any]] = {
        "brand": [brand.get("slug")],
        "product_type": [kind.get("slug")],
        "occasion": [one.get("slug") for one in row.get("occasions") or ()],
        "gender": [ProductGender(one) for one in [row.get("gender")] if one],
        "tag": row.get("tags") or [],
        "size": row.get("sizes") or [],
        "color": row.get("colors") or [],
        "price_min": [row["price"]],
    }
    for name, found in has.items():
        values.setdefault(name, Counter()).update(one for one in found if one is not None)


def _questions(values: dict[str, Counter[Any]]) -> Iterator[Filters]:
    yield Filters()
    yield Filters(in_stock=True)
    yield Filters(discounted=True)
    yield Filters(rating_min=3.5)
    for name, counted in values.items():
        for value, _ in counted.most_common(ASKED):
            chosen: dict[str, Any] = {name: value if name == "price_min" else [value]}
            yield Filters(**chosen)
