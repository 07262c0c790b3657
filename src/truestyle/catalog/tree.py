"""The tree of categories: what creating and moving them takes beyond plain CRUD."""

from bson import ObjectId

from truestyle.catalog.lookups import CATEGORIES, Category
from truestyle.kit import resource
from truestyle.kit.errors import ValidationFailed
from truestyle.kit.resource import shortened, to_slug
from truestyle.store import Store

DEEPEST = 8


async def create(store: Store, values: dict[str, object]) -> Category:
    """A new category; below a parent its code and slug begin with the parent's. Raises Duplicate, ValidationFailed."""

    async def work(tx: Store) -> Category:
        above = await _path(tx, values.get("parent_id"))
        slug = to_slug(str(values["name"]))
        derived = shortened(f"{above[0].slug}-{slug}", 120) if above else slug
        fresh = {**values, "code": values.get("code") or shortened(derived, 60), "slug": values.get("slug") or derived}
        return await tx.of(Category).add(Category.model_validate(fresh))

    return await store.transaction(work)


async def change(store: Store, key: ObjectId, values: dict[str, object], version: int | None) -> Category:
    """Rename or move. Raises NotFound, ValidationFailed for a circle, Duplicate, InUse, VersionConflict."""

    async def work(tx: Store) -> Category:
        if values.get("parent_id") is not None:
            above = await _path(tx, values["parent_id"])
            if any(one.id == key for one in above):
                raise ValidationFailed("would put the category below itself", ("body", "parent_id"))
        return await resource.change(tx, CATEGORIES, key, dict(values), version)

    return await store.transaction(work)


async def _path(tx: Store, parent_id: object) -> list[Category]:
    """The parent and everything above it, held, so that no two moves at once can close a circle."""
    found: list[Category] = []
    repository = tx.of(Category)
    while isinstance(parent_id, ObjectId):
        parent = await repository.first({"_id": parent_id})
        if parent is None:
            raise ValidationFailed("names something that does not exist", ("body", "parent_id"))
        found.append(parent)
        if len(found) >= DEEPEST:
            raise ValidationFailed(f"is deeper than {DEEPEST} levels", ("body", "parent_id"))
        parent_id = parent.parent_id
    await repository.hold([one.id for one in found])
    return found
