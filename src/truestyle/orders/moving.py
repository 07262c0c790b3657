"""Taking orders from one status to the next."""

from typing import Any

from bson import ObjectId

from truestyle.auth.models import Caller
from truestyle.inventory.models import Reason
from truestyle.invoices import service as invoices
from truestyle.kit import clock
from truestyle.kit.errors import Unavailable
from truestyle.orders.cancelling import undo
from truestyle.orders.errors import NotEditable
from truestyle.orders.flow import InvalidTransition, OrderStatus, before
from truestyle.orders.models import HistoryEntry, Order, StatusMove, Tracking
from truestyle.orders.steps import changed_event, next_moment, told
from truestyle.payments.models import PaymentStatus, PaymentType
from truestyle.shipping.booking import parcel_events
from truestyle.shipping.carriers import tracking_url
from truestyle.shipping.service import service_to
from truestyle.store import Store


async def move(store: Store, caller: Caller, key: ObjectId, body: StatusMove) -> Order:
    """Take an order to its next status. Raises NotFound, InvalidTransition."""
    by, status = str(caller.user_id), body.status
    if status is OrderStatus.CANCELLED:
        return await undo(store, key, status, by, body.note, Reason.RESTOCKED)
    if status is OrderStatus.RETURNED_TO_ORIGIN:
        return await undo(store, key, status, by, body.note, Reason.RETURNED_TO_ORIGIN)
    more = await _parcel(store, key, body)

    async def work(tx: Store) -> Order:
        order = await tx.orders.get(key)
        moment = next_moment(order)
        entry = HistoryEntry(status=status, at=moment, by=by, note=body.note)
        paid: dict[str, Any] = {}
        if status is OrderStatus.DELIVERED and order.payment.type is PaymentType.COD:
            paid = {"amount_paid": order.total, "payment.status": PaymentStatus.PAID}
        due = order.total - order.amount_paid  # store credit, or goods that came back, may have paid a part
        # Only a payment confirms an order.
        sources = [] if status is OrderStatus.CONFIRMED else before(status)
        moved = await tx.orders.move(key, sources, entry, {**more, **paid})
        if moved is None:
            raise InvalidTransition(order.status, status)
        if paid and not await tx.payments.capture(order.payment.id, due, f"cod:{order.number}", moment):
            raise Unavailable
        if status is OrderStatus.PACKED:
            await invoices.issue(tx, moved, moment)
        await tx.outbox.write([told(moved), changed_event(moved), *parcel_events(tx, order.status, moved)])
        return moved

    if status is OrderStatus.PACKED:
        async with store.drawing:
            return await store.transaction(work)
    return await store.transaction(work)


async def _parcel(store: Store, key: ObjectId, body: StatusMove) -> dict[str, Any]:
    """Where the parcel can be watched, and from its shipping on when it should be there. Raises NotFound."""
    more: dict[str, Any] = {}
    if body.tracking is not None:
        told = body.tracking
        url = told.url or tracking_url(told.carrier, told.number, store.shop.tracking_urls)
        more["tracking"] = Tracking(carrier=told.carrier, number=told.number, url=url).model_dump()
    if body.status is OrderStatus.SHIPPED:
        to = (await store.orders.get(key)).shipping_address
        service = await service_to(store, to.state, to.pincode)
        more["estimated_delivery"] = service.arrives(clock.now(), store.shop.zone)
    return more


async def archive(store: Store, key: ObjectId) -> None:
    """Put a cancelled order away; it is never erased. Raises NotFound, NotEditable."""
    await store.orders.get(key)
    done = await store.orders.change(
        key, {"$set": {"archived_at": clock.now()}}, where={"status": OrderStatus.CANCELLED}
    )
    if done is None:
        raise NotEditable("Only cancelled orders can be put away.")
