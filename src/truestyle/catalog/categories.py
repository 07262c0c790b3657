"""/categories: a tree, so creating and moving them is ordinary code; the rest is declared."""

from fastapi import Response

from truestyle.auth.permissions import Permission
from truestyle.catalog.lookups import CATEGORIES, Category
from truestyle.catalog.tree import change, create
from truestyle.deps import Db, Version, allowed
from truestyle.infra.http.route import changing, router
from truestyle.kit.errors import Duplicate, InUse, NotFound, VersionConflict, responses
from truestyle.kit.types import Id

routes = router(tag="Lookups")
CategoryCreate = CATEGORIES.body(partial=False)
CategoryChange = CATEGORIES.body(partial=True)
Writer = allowed(Permission.CATEGORIES_WRITE)


@routes.post("/categories", status_code=201, responses=responses(Duplicate), dependencies=[Writer])
async def create_category(body: CategoryCreate, response: Response, store: Db) -> Category:  # type: ignore[valid-type]
    """Add to /categories."""
    category = await create(store, body.sent())  # type: ignore[attr-defined]
    response.headers["location"] = f"{store.shop.api_v1_prefix}/categories/{category.id}"
    return category


@changing(
    routes,
    "/categories/{item_id}",
    dependencies=[Writer],
    responses=responses(NotFound, Duplicate, InUse, VersionConflict),
)
async def change_category(item_id: Id, body: CategoryChange, store: Db, version: Version) -> Category:  # type: ignore[valid-type]
    """Change one of /categories; what is left out stays."""
    return await change(store, item_id, body.sent(), version)  # type: ignore[attr-defined]
