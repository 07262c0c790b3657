"""/audit: who did what to which row."""

from typing import Annotated

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.deps import Db, allowed
from truestyle.infra.http.route import gathered, router
from truestyle.kit.errors import NotFound, responses
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.types import Id
from truestyle.trail import service
from truestyle.trail.models import EntryAnswer
from truestyle.trail.service import Filters

routes = router("/audit", tag="Audit")
Reader = Annotated[Caller, allowed(Permission.AUDIT_READ)]


@routes.get("")
async def list_audit_entries(
    store: Db,
    _: Reader,
    filters: Annotated[Filters, gathered(Filters)],
    query: Annotated[PageQuery, paging("-created_at", "created_at")],
) -> Page[EntryAnswer]:
    """Who did what to which row, before and after."""
    return (await service.find(store, filters, query)).page()


@routes.get("/{entry_id}", responses=responses(NotFound))
async def get_audit_entry(entry_id: Id, store: Db, _: Reader) -> EntryAnswer:
    """One entry of the trail."""
    return await service.get(store, entry_id)
