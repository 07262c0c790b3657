"""/logs: sign-ins, sign-outs, registrations, requests, and notes."""

from typing import Annotated

from fastapi import Depends, Response

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.deps import ShopDep, allowed
from truestyle.infra.http.route import changing, router
from truestyle.kit.errors import NotFound, responses
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.types import Id
from truestyle.logs import service
from truestyle.logs.models import AppendOnly, LogChange, LogCreate, LogRow
from truestyle.logs.service import Filters

routes = router("/logs", tag="Logs")
Reader = Annotated[Caller, allowed(Permission.LOGS_READ)]
Writer = Annotated[Caller, allowed(Permission.LOGS_WRITE)]


@routes.post("", status_code=201)
async def create_log(body: LogCreate, response: Response, shop: ShopDep, caller: Writer) -> LogRow:
    """Note something in the log."""
    row = await service.note(shop, caller, body)
    response.headers["location"] = f"{shop.settings.shop.api_v1_prefix}/logs/{row.id}"
    return row


@routes.get("")
async def list_logs(
    shop: ShopDep,
    _: Reader,
    filters: Annotated[Filters, Depends()],
    query: Annotated[PageQuery, paging("-created_at", "created_at")],
) -> Page[LogRow]:
    """What happened."""
    return (await service.find(shop, filters, query)).page()


@routes.get("/{log_id}", responses=responses(NotFound))
async def get_log(log_id: Id, shop: ShopDep, _: Reader) -> LogRow:
    """One thing that happened."""
    return await shop.logs.get(log_id)


@changing(routes, "/{log_id}", responses=responses(NotFound, AppendOnly))
async def change_log(log_id: Id, body: LogChange, shop: ShopDep, _: Writer) -> LogRow:
    """Refused: rows stay as they are."""
    del body
    await shop.logs.get(log_id)
    raise AppendOnly


@routes.delete("/{log_id}", status_code=204, responses=responses(NotFound, AppendOnly))
async def remove_log(log_id: Id, shop: ShopDep, _: Writer) -> None:
    """Delete a row that is past its retention date."""
    await service.remove(shop, log_id)
