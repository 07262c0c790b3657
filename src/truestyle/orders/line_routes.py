"""/order-items."""

from typing import Annotated

from fastapi import Response

from truestyle.deps import Db, OrderHolder, Version
from truestyle.infra.http.route import changing, gathered, router
from truestyle.inventory.repository import InsufficientStock
from truestyle.kit.errors import Duplicate, NotFound, VersionConflict, responses
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.types import Id
from truestyle.orders import lines
from truestyle.orders.errors import CodUnavailable, NotDeliverable, NotEditable
from truestyle.orders.lines import Filters
from truestyle.orders.models import LineAdd, LineChange, OrderLine

routes = router("/order-items", tag="Orders")
REFUSALS = (NotFound, NotEditable, NotDeliverable, CodUnavailable, InsufficientStock)


@routes.post("", status_code=201, responses=responses(*REFUSALS, Duplicate))
async def create_order_item(body: LineAdd, response: Response, store: Db, holder: OrderHolder) -> OrderLine:
    """Add a SKU to an order that is to be paid on delivery and not packed yet."""
    line = await lines.add(store, holder, body)
    response.headers["location"] = f"{store.shop.api_v1_prefix}/order-items/{line.id}"
    return line


@routes.get("")
async def list_order_items(
    store: Db,
    holder: OrderHolder,
    filters: Annotated[Filters, gathered(Filters)],
    query: Annotated[PageQuery, paging("-created_at", "created_at")],
) -> Page[OrderLine]:
    """Lines of one's own orders; for staff, of all; for vendors, of what they sell."""
    return (await lines.find(store, holder, filters, query)).page()


@routes.get("/{item_id}", responses=responses(NotFound))
async def get_order_item(item_id: Id, store: Db, holder: OrderHolder) -> OrderLine:
    """One line of an order."""
    return await lines.one(store, holder, item_id)


@changing(routes, "/{item_id}", responses=responses(*REFUSALS, VersionConflict))
async def change_order_item(
    item_id: Id, body: LineChange, store: Db, holder: OrderHolder, version: Version
) -> OrderLine:
    """Change how many pieces are ordered, before packing and while nothing is paid."""
    return await lines.change(store, holder, item_id, body, version)


@routes.delete("/{item_id}", status_code=204, responses=responses(*REFUSALS))
async def remove_order_item(item_id: Id, store: Db, holder: OrderHolder) -> None:
    """Take a line out of its order; the last one cannot be: cancel the order instead."""
    await lines.remove(store, holder, item_id)
