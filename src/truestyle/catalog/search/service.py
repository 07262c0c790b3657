"""Searching, counting facets, and suggesting, with the index; MongoDB gives the cards."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from bson import ObjectId, Timestamp

from truestyle.auth.models import Caller
from truestyle.catalog.products import cards, reading
from truestyle.catalog.products.reading import Filters
from truestyle.catalog.products.service import visible
from truestyle.catalog.search import narrowing, suggesting
from truestyle.catalog.search.index import Index
from truestyle.catalog.search.live import Catalogue
from truestyle.catalog.search.matching import Match, match
from truestyle.catalog.search.models import Facets, Suggestions
from truestyle.infra.feed import NEVER, Feed
from truestyle.kit import paging, transactions
from truestyle.kit.errors import ValidationFailed
from truestyle.kit.paging import Found, PageQuery
from truestyle.kit.repository import Row
from truestyle.setting_groups import ShopSettings
from truestyle.store import Store

SCORED = 40  # bits below the score in a cursor by relevance: room for the popularity
Slots = Iterator[int]


@dataclass(frozen=True)
class Listed:
    """One page of rows with what a card tells, and the facets if they were asked for."""

    found: Found[Row]
    facets: Facets | None = None

    def written(self, shop: ShopSettings) -> bytes:
        """As the JSON of a ProductPage."""
        told = {} if self.facets is None else {"facets": self.facets.model_dump(mode="json")}
        return cards.page(self.found, shop, **told)


async def find(
    store: Store,
    feed: Feed[Catalogue],
    caller: Caller | None,
    filters: Filters,
    query: PageQuery,
    *,
    facets: bool,
    written: Timestamp = NEVER,
) -> Listed:
    """One page, found by the index; by MongoDB where nothing is searched or counted and the index may be behind.

    `written`: what the asker was told to have been written, by whichever process. Raises Unavailable.
    """
    if query.sort == "relevance" and not filters.q:
        query = PageQuery("-popularity", query.page, query.size, query.cursor)
    if filters.q or facets:
        index = (await feed.mirror()).index
    else:
        catalogue = feed.with_all(max(written, transactions.latest()))
        if catalogue is None:
            return Listed(await reading.find(store, caller, filters, query))
        index = catalogue.index
    shown = narrowing.visible(index, caller)
    matched = match(index, filters.q, shown) if filters.q else Match(shown, ((0, shown),))
    conditions = narrowing.conditions(index, filters, shown)
    hits = narrowing.passing(matched.rows, conditions)
    fingerprint = paging.fingerprint(query.sort, reading.bound(caller, filters))
    slots, following = _page(index, matched, hits, query, fingerprint)
    total = None if query.cursor else hits.bit_count()
    told = narrowing.facets(index, matched.rows, conditions) if facets else None
    ids = [index.entry(slot).id for slot in slots]  # before others may run and the index change
    rows = await store.products.cards_of(ids, visible(caller))
    if total is not None:
        total -= len(ids) - len(rows)  # gone or hidden since the index was told
    return Listed(Found(rows, query, total, following), told)


async def suggest(feed: Feed[Catalogue], question: str, most: int) -> Suggestions:
    """What may be meant by what is typed so far, of what everybody may see. Raises Unavailable."""
    index = (await feed.mirror()).index
    return Suggestions(items=suggesting.suggestions(index, question, narrowing.visible(index, None), most))


def _page(
    index: Index, matched: Match, hits: int, query: PageQuery, fingerprint: bytes
) -> tuple[list[int], str | None]:
    """The slots of one page, and the cursor to the next."""
    after = None if query.cursor is None else paging.decode(query.cursor, fingerprint)
    skip = 0 if after else ((query.page or 1) - 1) * query.size
    if query.sort == "relevance":
        walked = _by_score(index, matched, hits, after)
    else:
        walked = ((0, slot) for slot in _by_sort(index, hits, query.sort, after))
    page = list(islice(walked, skip, skip + query.size + 1))
    following = None
    if len(page) > query.size:
        page = page[: query.size]
        score, slot = page[-1]
        entry = index.entry(slot)
        values = {
            "relevance": score << SCORED | entry.popularity,
            "price": entry.price,
            "rating": entry.rating / 100,
            "popularity": entry.popularity,
            "name": entry.keys[3][0],
            "created_at": entry.id,
        }
        following = paging.encode(fingerprint, values[paging.direction(query.sort)[0]], entry.id)
    return [slot for _, slot in page], following


def _by_sort(index: Index, hits: int, sort: str, after: tuple[Any, ObjectId | None] | None) -> Slots:
    field, order = paging.direction(sort)
    start = None
    if after is not None:
        value, last = after
        if last is None or isinstance(value, bool) or not isinstance(value, _TYPES[field]):
            raise _no_cursor()
        if field == "rating":
            if not math.isfinite(value):
                raise _no_cursor()
            value = round(value * 100)
        start = (0 if field == "created_at" else value, last.binary)
    return index.take(hits, field, down=order < 0, after=start)


_TYPES: dict[str, Any] = {
    "price": int,
    "rating": (int, float),
    "popularity": int,
    "name": str,
    "created_at": ObjectId,
}


def _by_score(
    index: Index, matched: Match, hits: int, after: tuple[Any, ObjectId | None] | None
) -> Iterator[tuple[int, int]]:
    """(score, slot), best first; of one score the most popular first."""
    least: tuple[int, tuple[int, bytes]] | None = None
    if after is not None:
        value, last = after
        if last is None or isinstance(value, bool) or not isinstance(value, int):
            raise _no_cursor()
        least = value >> SCORED, (value & (1 << SCORED) - 1, last.binary)
    for score, rows in matched.levels:
        if least is None or score <= least[0]:
            start = least[1] if least is not None and score == least[0] else None
            for slot in index.take(hits & rows, "popularity", down=True, after=start):
                yield score, slot


def _no_cursor() -> ValidationFailed:
    return ValidationFailed("is not a cursor of this list, sort and filter", ("query", "cursor"))
