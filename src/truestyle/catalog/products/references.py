"""The lookup rows that a product names: resolved from ids, and held so that they cannot vanish meanwhile."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from bson import ObjectId

from truestyle.catalog.lookups import Brand, Category, Lookup, Occasion, ProductType
from truestyle.catalog.products.models import ProductChange, SlugRef, TypeRef
from truestyle.kit import clock
from truestyle.kit.errors import ValidationFailed
from truestyle.store import Store

L = TypeVar("L", bound=Lookup)


async def resolve(tx: Store, body: ProductChange) -> dict[str, Any]:
    """Product fields for the ids that were sent. Raises ValidationFailed for an id that names nothing."""
    sent, found = body.model_fields_set, dict[str, Any]()
    if "brand_id" in sent:
        brands = await _hold(tx, Brand, "brand_id", [body.brand_id] if body.brand_id else [])
        found["brand"] = _ref(brands[0]) if brands else None
    if "product_type_id" in sent:
        types = await _hold(tx, ProductType, "product_type_id", [body.product_type_id] if body.product_type_id else [])
        found["product_type"] = (
            TypeRef(**_ref(types[0]).model_dump(), size_chart=types[0].size_chart) if types else None
        )
    if "category_ids" in sent:
        found["categories"] = [_ref(row) for row in await _hold(tx, Category, "category_ids", body.category_ids)]
    if "occasion_ids" in sent:
        found["occasions"] = [_ref(row) for row in await _hold(tx, Occasion, "occasion_ids", body.occasion_ids)]
    return found


async def _hold(tx: Store, document: type[L], field: str, ids: Iterable[ObjectId]) -> list[L]:
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return []
    repository = tx.of(document)
    # The write is what makes a delete of the row at this very moment conflict with us.
    await repository.collection.update_many(
        {"_id": {"$in": wanted}}, {"$set": {"used_at": clock.now()}}, session=tx.session
    )
    rows = await repository.collection.find({"_id": {"$in": wanted}}, session=tx.session).to_list()
    by_id = {row["_id"]: document.load(row) for row in rows}
    if len(by_id) != len(wanted):
        raise ValidationFailed("names something that does not exist", ("body", field))
    return [by_id[one] for one in wanted]


def _ref(row: Lookup) -> SlugRef:
    return SlugRef(id=row.id, name=row.name, slug=row.slug)


async def descendants(store: Store, named: Sequence[str]) -> list[ObjectId]:
    """Ids of the categories named by id or slug, with everything below them."""
    rows = await store.of(Category).collection.find({}, {"parent_id": 1, "slug": 1}, limit=5000).to_list()
    found = {row["_id"] for row in rows if str(row["_id"]) in named or row["slug"] in named}
    while True:
        below = {row["_id"] for row in rows if row["parent_id"] in found} - found
        if not below:
            return list(found)
        found |= below
