"""POST /products/bulk and /changesets."""

from typing import Annotated, Any

from fastapi import Query, Response

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.catalog.bulk import service
from truestyle.catalog.bulk.models import BulkAsk, Changeset, ChangesetStatus, ItemAnswer, Preview
from truestyle.catalog.bulk.service import ChangesetMoved, PreviewStale
from truestyle.deps import Db, allowed
from truestyle.infra.http.route import router
from truestyle.kit.errors import NotFound, responses
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.types import Id

products = router("/products", tag="Changesets")
routes = router("/changesets", tag="Changesets")
Writer = Annotated[Caller, allowed(Permission.PRODUCTS_WRITE)]


@products.post("/bulk", status_code=201)
async def preview_bulk_change(body: BulkAsk, response: Response, store: Db, caller: Writer) -> Preview:
    """Preview a change of prices, stock or status of many products; nothing changes until it is applied."""
    found = await service.preview(store, caller, body)
    response.headers["location"] = f"{store.shop.api_v1_prefix}/changesets/{found.id}"
    return found


@routes.get("")
async def list_changesets(
    store: Db,
    caller: Writer,
    query: Annotated[PageQuery, paging("-created_at", "created_at")],
    status: Annotated[ChangesetStatus | None, Query(description="Where they stand.")] = None,
) -> Page[Changeset]:
    """Bulk changes, previewed, applied and undone."""
    where: dict[str, Any] = service.mine(caller) | ({"status": status.value} if status else {})
    return (await store.changesets.find(where, query)).page()


@routes.get("/{changeset_id}", responses=responses(NotFound))
async def get_changeset(changeset_id: Id, store: Db, caller: Writer) -> Preview:
    """A bulk change with its first products, those with problems first."""
    return await service.shown(store, await store.changesets.get(changeset_id, **service.mine(caller)))


@routes.get("/{changeset_id}/items", responses=responses(NotFound))
async def list_changeset_items(
    changeset_id: Id,
    store: Db,
    caller: Writer,
    query: Annotated[PageQuery, paging("created_at", "-created_at")],
    problem: Annotated[bool | None, Query(description="Whether some variant cannot be changed.")] = None,
) -> Page[ItemAnswer]:
    """All products of a bulk change, each variant before and after."""
    return (await service.items_of(store, caller, changeset_id, query, problem=problem)).page()


@routes.post("/{changeset_id}/apply", responses=responses(NotFound, ChangesetMoved, PreviewStale))
async def apply_changeset(
    changeset_id: Id,
    store: Db,
    caller: Writer,
    skip_stale: Annotated[bool, Query(description="Leave out products that changed since the preview.")] = False,
) -> Changeset:
    """Carry out a previewed change, in one transaction."""
    return await service.apply(store, caller, changeset_id, skip_stale=skip_stale)


@routes.post("/{changeset_id}/undo", responses=responses(NotFound, ChangesetMoved))
async def undo_changeset(changeset_id: Id, store: Db, caller: Writer) -> Changeset:
    """Take an applied change back where nobody has changed anything since; `left` tells the rest."""
    return await service.undo(store, caller, changeset_id)
