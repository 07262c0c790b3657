"""What may still be changed on an order: its notes before it is packed, its address and lines while nothing is paid.

A change of the address or the lines is decided by these rules (docs/concepts/orders.md tells them to people):
lines that stay keep the price at which they were ordered, also for further pieces; what is added costs what it costs
now; the coupon stays if it still fits the goods, and is given back if not; shipping and the fee of cash on delivery
are what a checkout would charge now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from truestyle.cart.service import Owner
from truestyle.inventory import service as inventory
from truestyle.inventory.models import Movement, Reason
from truestyle.inventory.repository import InsufficientStock
from truestyle.kit import clock
from truestyle.orders.access import Holder
from truestyle.orders.errors import CodUnavailable, NotDeliverable, NotEditable
from truestyle.orders.flow import EDITABLE
from truestyle.orders.models import ItemChange, Order, OrderChange
from truestyle.orders.placing import address_for
from truestyle.orders.reading import lines_editable, tax_totals
from truestyle.orders.requoting import Requoted, requote
from truestyle.orders.steps import changed_event
from truestyle.shipping.service import Service, service_to
from truestyle.store import Store
from truestyle.users.addresses import AddressFields

TOUCHES_MONEY = {"address_id", "address", "items"}


@dataclass(frozen=True)
class Edit:
    """What is to become of an order: `items` None leaves its lines, `to` None its address."""

    service: Service
    to: AddressFields | None
    items: Sequence[ItemChange] | None
    by: ObjectId | None


async def change(store: Store, holder: Holder, key: ObjectId, body: OrderChange, version: int | None) -> Order:
    """Change notes; address and lines while the order is to be paid on delivery.

    Raises NotFound, NotEditable, NotDeliverable, CodUnavailable, InsufficientStock, VersionConflict, ValidationFailed.
    """
    order = await store.orders.get(key, **holder.own)
    sent = body.model_fields_set
    if not sent:
        return order
    notes: dict[str, Any] = {"notes": body.notes} if "notes" in sent else {}
    edit = await _edit(store, holder, order, body) if sent & TOUCHES_MONEY else None

    async def work(tx: Store) -> Order:
        before = await tx.orders.get(key)
        values = {**notes, **(await _carry_out(tx, before, edit) if edit is not None else {})}
        where: dict[str, Any] = {"status": {"$in": list(EDITABLE)}}
        if edit is not None:
            where["version"] = before.version  # what was reckoned above holds for this one
        changed = await tx.orders.change(key, {"$set": values}, where=where, version=version)
        if changed is None:
            raise NotEditable
        if edit is not None:
            await tx.outbox.write([changed_event(changed)])
        return changed

    return await store.transaction(work)


async def _edit(store: Store, holder: Holder, order: Order, body: OrderChange) -> Edit:
    """Whatever can be asked before the transaction. Raises NotEditable, NotDeliverable, NotFound, ValidationFailed."""
    if not lines_editable(order):
        raise NotEditable
    to = None
    if body.address_id is not None or body.address is not None:
        to = await address_for(store, Owner(order.user_id), body.address_id, body.address)
    there = to or order.shipping_address
    service = await service_to(store, there.state, there.pincode)
    if not service.deliverable:
        raise NotDeliverable
    return Edit(service, to, body.items, holder.user_id)


async def _carry_out(tx: Store, order: Order, edit: Edit) -> dict[str, Any]:
    """Move the stock, the coupon and the payment; what the order's row is to say."""
    if not lines_editable(order):
        raise NotEditable
    new = await requote(tx, order, edit.service, edit.items)
    if not edit.service.takes_cod(new.figures.total):
        raise CodUnavailable
    await _move_stock(tx, order, new, edit.by)
    await new.settle_coupon(tx, order)
    if not await tx.payments.owe(order.payment.id, new.figures.total, clock.now()):
        raise NotEditable
    values = {
        "items": [item.model_dump() for item in new.items],
        "subtotal": new.figures.subtotal,
        "discount": new.figures.discount,
        "coupon_code": new.coupon_code,
        "shipping": new.figures.shipping,
        "tax": tax_totals(new.figures).model_dump(),
        "total": new.figures.total,
        "estimated_delivery": edit.service.arrives(order.placed_at, tx.shop.zone),
    }
    return values if edit.to is None else {**values, "shipping_address": edit.to.model_dump()}


async def _move_stock(tx: Store, order: Order, new: Requoted, by: ObjectId | None) -> None:
    """Take what is more and put back what is less, each SKU once. Raises InsufficientStock."""
    more: dict[str, int] = {}
    products = {item.sku: item.product_id for item in (*order.items, *new.items)}
    for sign, items in ((1, new.items), (-1, order.items)):
        for item in items:
            more[item.sku] = more.get(item.sku, 0) + sign * item.quantity
    changed = {sku: count for sku, count in more.items() if count}
    if not changed:
        return
    moment = clock.now()
    there = await tx.stock.lock(sorted(changed))
    taken = {sku: count for sku, count in changed.items() if count > 0}
    short = [(sku, count, there.get(sku, 0)) for sku, count in taken.items() if there.get(sku, 0) < count]
    if short or (taken and not await tx.stock.take(taken, moment)):
        raise InsufficientStock(short)
    back = {sku: -count for sku, count in changed.items() if count < 0}
    if back:
        await tx.stock.put_back(back, moment)
    await inventory.record(
        tx,
        [
            Movement(
                sku=sku,
                product_id=products[sku],
                on_hand_delta=-count,
                reason=Reason.SOLD if count > 0 else Reason.RESTOCKED,
                order_id=order.id,
                actor_id=by,
                note="order changed",
            )
            for sku, count in sorted(changed.items())
        ],
    )
    await inventory.refresh_flags(tx, {products[sku] for sku in changed})
