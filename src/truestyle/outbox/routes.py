"""/admin/outbox: effects that were given up."""

from typing import Annotated

from fastapi import Query

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.deps import Db, ShopDep, allowed
from truestyle.infra.http.route import router
from truestyle.kit.errors import NotFound, responses
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.types import Id
from truestyle.outbox import service
from truestyle.outbox.models import EventAnswer, EventSummary

routes = router("/admin/outbox", tag="Operations")
Operator = Annotated[Caller, allowed(Permission.OUTBOX_REPLAY)]
Topic = Annotated[str | None, Query(pattern=r"^[a-z0-9_.]{1,80}$", description="Only of this topic.")]


@routes.get("")
async def list_dead_events(
    store: Db,
    _: Operator,
    query: Annotated[PageQuery, paging("-created_at", "created_at")],
    topic: Topic = None,
) -> Page[EventSummary]:
    """Effects that were given up after the last try, and wait for people."""
    return (await service.find(store, topic, query)).page()


@routes.get("/{event_id}", responses=responses(NotFound))
async def get_event(event_id: Id, store: Db, _: Operator) -> EventAnswer:
    """One event with what it carries; secrets are hidden."""
    return await service.get(store, event_id)


@routes.post("/{event_id}/replay", status_code=202, responses=responses(NotFound, service.NotDead))
async def replay_event(event_id: Id, shop: ShopDep, caller: Operator) -> EventAnswer:
    """Have it delivered after all, with all its tries again."""
    found = await service.replay(shop.store, event_id, caller.user_id)
    shop.worker.wake()
    return found
