"""The filters of the list as bitmaps, and what each facet would leave. `reading.where` says the same to MongoDB."""

from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any

from bson import ObjectId

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.catalog.products.models import ProductStatus
from truestyle.catalog.products.reading import Filters
from truestyle.catalog.search.index import EDGES, MOST_STARS, Index
from truestyle.catalog.search.models import Facets, FacetValue, PriceBucket, PriceFacet

MOST_VALUES = 100  # of one facet
LISTED = ("brand", "product_type", "occasion", "gender", "tag", "size", "color")


def visible(index: Index, caller: Caller | None) -> int:
    """What the caller may see, as `products.service.visible`."""
    if caller is not None and caller.may(Permission.PRODUCTS_ANY):
        return index.having("status", ProductStatus)
    shown = index.having("status", (ProductStatus.ACTIVE,))
    if caller is not None and caller.may(Permission.PRODUCTS_WRITE):
        shown |= index.having("vendor", (caller.user_id,))
    return shown


def conditions(index: Index, filters: Filters, among: int) -> dict[str, int]:
    """For each filter that is set, by the name of its facet, those `among` which pass it."""
    found: dict[str, int] = {}
    for kind, names in (
        ("brand", filters.brand),
        ("product_type", filters.product_type),
        ("occasion", filters.occasion),
    ):
        if names:
            ids = (ObjectId(one) for one in names if ObjectId.is_valid(one))
            found[kind] = index.having(kind, (one.lower() for one in names)) | index.having(f"{kind} id", ids)
    if filters.category:
        found["category"] = index.having("category", index.tree.below(index.tree.named(filters.category)))
    if filters.vendor:
        found["vendor"] = index.having("vendor", (ObjectId(one) for one in filters.vendor if ObjectId.is_valid(one)))
    listed: tuple[tuple[str, list[Any]], ...] = (
        ("gender", [one.value for one in filters.gender]),
        ("tag", [one.lower() for one in filters.tag]),
        ("size", [one.casefold() for one in filters.size]),
        ("color", [one.casefold() for one in filters.color]),
        *((kind, [] if wanted is None else [wanted]) for kind, wanted in _flags(filters)),
    )
    for kind, values in listed:
        if values:
            found[kind] = index.having(kind, values)
    if filters.price_min is not None or filters.price_max is not None:
        found["price"] = index.price.between(filters.price_min, filters.price_max, among)
    if filters.rating_min is not None:
        least = (Decimal(str(filters.rating_min)) * 100).to_integral_value(ROUND_CEILING)
        found["rating"] = index.rating.between(int(least), None, among)
    return found


def _flags(filters: Filters) -> tuple[tuple[str, bool | None], ...]:
    return ("in_stock", filters.in_stock), ("discounted", filters.discounted)


def passing(among: int, conditions: Mapping[str, int], but: str = "") -> int:
    """Those `among` which pass every condition but one."""
    for name, rows in conditions.items():
        if name != but:
            among &= rows
    return among


def facets(index: Index, among: int, conditions: Mapping[str, int]) -> Facets:
    """What narrowing further would leave, each facet counted without its own filter."""
    whole = passing(among, conditions)
    left = {
        name: passing(among, conditions, name) if name in conditions else whole
        for name in (*LISTED, "category", "rating", "price")
    }
    return Facets(
        **{name: _values(index, name, left[name]) for name in LISTED},
        category=_categories(index, left["category"]),
        rating=_ratings(index, left["rating"]),
        price=_prices(index, left["price"]),
    )


def _ratings(index: Index, rows: int) -> list[FacetValue]:
    found, count = list[FacetValue](), 0
    stars = index.counts("stars", rows)
    for least in range(MOST_STARS, 0, -1):
        count += stars.get(least, 0)
        if count:
            found.append(FacetValue(value=str(least), label=f"{least} and up", count=count))
    return found


def _values(index: Index, kind: str, rows: int) -> list[FacetValue]:
    there = index.kinds.get(kind, {})
    return _first((count, there[value].label, value) for value, count in index.counts(kind, rows).items())


def _categories(index: Index, rows: int) -> list[FacetValue]:
    """Each with everything below it, as the filter counts."""
    own = {key: int(one) & rows for key, one in index.kinds.get("category", {}).items()}
    total = dict(own)
    branches = index.tree.branches
    for key, theirs in own.items():
        seen = {key}
        above = branches[key].parent_id if key in branches else None
        while theirs and above in branches and above not in seen:
            total[above] = total.get(above, 0) | theirs
            seen.add(above)
            above = branches[above].parent_id
    return _first(
        (theirs.bit_count(), branches[key].name, branches[key].slug) for key, theirs in total.items() if key in branches
    )


def _first(counted: Iterable[tuple[int, str, str]]) -> list[FacetValue]:
    """The fullest of (count, label, value); the empty are left out."""
    ordered = sorted((-count, label, value) for count, label, value in counted if count)
    return [FacetValue(value=value, label=label, count=-count) for count, label, value in ordered[:MOST_VALUES]]


def _prices(index: Index, rows: int) -> PriceFacet:
    span = index.price.span(rows)
    if span is None:
        return PriceFacet(min=None, max=None, buckets=[])
    there = index.counts("band", rows)
    buckets = [
        PriceBucket(min=edge, max=None if following is None else following - 1, count=there[edge])
        for edge, following in zip(EDGES, (*EDGES[1:], None), strict=True)
        if there.get(edge)
    ]
    return PriceFacet(min=span[0], max=span[1], buckets=buckets)
