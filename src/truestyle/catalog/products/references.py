"""The lookup rows that a product names: resolved from ids, and held so that they cannot vanish meanwhile."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from bson import ObjectId

from truestyle.catalog.lookups import Brand, Category, Lookup, Occasion, ProductType
from truestyle.catalog.products.models import ProductChange, SlugRef, TypeRef
from truestyle.kit.errors import ValidationFailed
from truestyle.kit.resource import SHOWN
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
    for at, variant in enumerate(body.variants or [] if "variants" in sent else []):
        await _hold_picture(tx, variant.image_id, "variants", at, "image_id")
    if "size_chart" in sent and body.size_chart is not None:
        await _hold_picture(tx, body.size_chart.thumbnail_id, "size_chart", "thumbnail_id")
    return found


async def _hold_picture(tx: Store, key: ObjectId | None, *loc: str | int) -> None:
    if key is not None and not await tx.files.hold(key, **SHOWN):
        raise ValidationFailed("names something that does not exist", ("body", *loc))


async def _hold(tx: Store, document: type[L], field: str, ids: Iterable[ObjectId]) -> list[L]:
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return []
    rows = await tx.of(document).hold(wanted)
    if len(rows) != len(wanted):
        raise ValidationFailed("names something that does not exist", ("body", field))
    return rows


def _ref(row: Lookup) -> SlugRef:
    return SlugRef(id=row.id, name=row.name, slug=row.slug)


async def descendants(store: Store, named: Sequence[str]) -> list[ObjectId]:
    """Ids of the categories named by id or slug, with everything below them."""
    rows = await store.of(Category).all()
    found = {row.id for row in rows if str(row.id) in named or row.slug in named}
    while True:
        below = {row.id for row in rows if row.parent_id in found} - found
        if not below:
            return list(found)
        found |= below
