"""/order-items: the lines of orders, one by one. Changing one changes its order, by the rules of `editing`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from bson import ObjectId
from fastapi import Query

from truestyle.auth.permissions import Permission
from truestyle.kit.errors import Duplicate, NotFound
from truestyle.kit.paging import Found, PageQuery
from truestyle.kit.types import Id, Sku
from truestyle.orders import editing
from truestyle.orders.access import Holder
from truestyle.orders.models import ItemChange, LineAdd, LineChange, Order, OrderChange, OrderItem, OrderLine
from truestyle.orders.reading import item_answer
from truestyle.store import Store


@dataclass(frozen=True)
class Filters:
    """What the list is narrowed to."""

    order_id: Annotated[Id | None, Query(description="Of this order.")] = None
    product_id: Annotated[Id | None, Query(description="Of this product.")] = None
    sku: Annotated[Sku | None, Query(description="Of this SKU.")] = None


async def find(store: Store, holder: Holder, filters: Filters, query: PageQuery) -> Found[OrderLine]:
    """One page of the lines that one may see, by their orders' age."""
    named = {"product_id": filters.product_id, "sku": filters.sku}
    wanted = {name: value for name, value in named.items() if value is not None}
    orders: dict[str, Any] = {"archived_at": None}
    if filters.order_id is not None:
        orders["_id"] = filters.order_id
    rows = await store.orders.lines(_visible(holder, wanted, orders), query)
    return rows.map(lambda row: _line(store, *row))


def _visible(holder: Holder, wanted: Mapping[str, Any], orders: Mapping[str, Any]) -> list[dict[str, Any]]:
    """(orders, lines) as filters, any of which will do: those of one's own orders, and of what one sells."""
    seen = [{"orders": {**orders, **holder.within}, "lines": dict(wanted)}]
    if _sells(holder):
        seen.append({"orders": dict(orders), "lines": {**wanted, "vendor_id": holder.user_id}})
    return seen


def _sells(holder: Holder) -> bool:
    """Whether it is a vendor, who sees the lines of their own products and nothing else of an order."""
    caller = holder.caller
    return caller is not None and caller.may(Permission.PRODUCTS_WRITE) and not caller.may(Permission.ORDERS_READ)


async def one(store: Store, holder: Holder, key: ObjectId) -> OrderLine:
    """One line. Raises NotFound."""
    order = await store.orders.first({"items.id": key, **holder.within})
    if order is None and _sells(holder):
        order = await store.orders.first({"items": {"$elemMatch": {"id": key, "vendor_id": holder.user_id}}})
    if order is None:
        raise NotFound
    return _line(store, order, _named(order, key))


async def add(store: Store, holder: Holder, body: LineAdd) -> OrderLine:
    """Add a SKU to an order. Raises what `editing.change` raises, and Duplicate for a SKU that is in it."""
    order = await store.orders.get(body.order_id, **holder.own)
    if any(item.sku == body.sku for item in order.items):
        raise Duplicate("sku")
    change = OrderChange(items=[ItemChange(sku=body.sku, quantity=body.quantity)])
    changed = await editing.change(store, holder, order.id, change, None)
    return _line(store, changed, next(item for item in changed.items if item.sku == body.sku))


async def change(store: Store, holder: Holder, key: ObjectId, body: LineChange, version: int | None) -> OrderLine:
    """Change how many pieces a line has. Raises what `editing.change` raises."""
    order = await _own(store, holder, key)
    if body.quantity is None:
        return _line(store, order, _named(order, key))
    return _line(store, changed := await _set(store, holder, order, key, body.quantity, version), _named(changed, key))


async def remove(store: Store, holder: Holder, key: ObjectId) -> None:
    """Take a line out of its order. Raises what `editing.change` raises; NotEditable for the last one."""
    await _set(store, holder, await _own(store, holder, key), key, 0, None)


async def _set(store: Store, holder: Holder, order: Order, key: ObjectId, quantity: int, version: int | None) -> Order:
    change = OrderChange(items=[ItemChange(order_item_id=key, quantity=quantity)])
    return await editing.change(store, holder, order.id, change, version)


async def _own(store: Store, holder: Holder, key: ObjectId) -> Order:
    """The order of a line that one may change."""
    order = await store.orders.first({"items.id": key, **holder.own})
    if order is None:
        raise NotFound
    return order


def _named(order: Order, key: ObjectId) -> OrderItem:
    found = next((item for item in order.items if item.id == key), None)
    if found is None:
        raise NotFound
    return found


def _line(store: Store, order: Order, item: OrderItem) -> OrderLine:
    return OrderLine(
        **item_answer(order, item, store.shop.return_window_days).model_dump(),
        order_id=order.id,
        order_number=order.number,
        order_status=order.status,
        placed_at=order.placed_at,
        created_at=order.created_at,
        updated_at=order.updated_at,
        version=order.version,
    )
