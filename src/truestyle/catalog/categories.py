"""Categories: a tree, so creating and moving them is ordinary code; the rest is declared."""

from bson import ObjectId
from fastapi import Response

from truestyle.auth.permissions import Permission
from truestyle.catalog.lookups import CATEGORIES, Category
from truestyle.deps import Db, Version, allowed
from truestyle.infra.http.route import router
from truestyle.kit import resource
from truestyle.kit.errors import Duplicate, InUse, NotFound, ValidationFailed, VersionConflict, responses
from truestyle.kit.resource import to_slug
from truestyle.kit.types import Id
from truestyle.store import Store

routes = router(tag="Lookups")
DEEPEST = 8
CategoryCreate = CATEGORIES.body(partial=False)
CategoryChange = CATEGORIES.body(partial=True)
Writer = allowed(Permission.CATEGORIES_WRITE)


async def create(store: Store, values: dict[str, object]) -> Category:
    """A new category; below a parent its code and slug begin with the parent's. Raises Duplicate, ValidationFailed."""

    async def work(tx: Store) -> Category:
        above = await _path(tx, values.get("parent_id"))
        slug = to_slug(str(values["name"]))
        derived = f"{above[0].slug}-{slug}" if above else slug
        fresh = {**values, "code": values.get("code") or derived[:60], "slug": values.get("slug") or derived}
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


@routes.post("/categories", status_code=201, responses=responses(Duplicate), dependencies=[Writer])
async def create_category(body: CategoryCreate, response: Response, store: Db) -> Category:  # type: ignore[valid-type]
    """Add to /categories."""
    category = await create(store, body.sent())  # type: ignore[attr-defined]
    response.headers["location"] = f"{store.shop.api_v1_prefix}/categories/{category.id}"
    return category


async def change_category(item_id: Id, body: CategoryChange, store: Db, version: Version) -> Category:  # type: ignore[valid-type]
    """Change one of /categories; what is left out stays."""
    return await change(store, item_id, body.sent(), version)  # type: ignore[attr-defined]


for _method in ("PUT", "PATCH"):
    routes.add_api_route(
        "/categories/{item_id}",
        change_category,
        methods=[_method],
        dependencies=[Writer],
        responses=responses(NotFound, Duplicate, InUse, VersionConflict),
        name="change_category" if _method == "PUT" else "patch_category",
    )
