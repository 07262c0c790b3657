"""Calling orders off and taking them back."""

from typing import Any

from bson import ObjectId

from truestyle.coupons import service as coupons
from truestyle.infra.outbox import Event, event
from truestyle.inventory.models import Reason
from truestyle.invoices import service as invoices
from truestyle.orders import goods
from truestyle.orders.access import Holder
from truestyle.orders.flow import CANCELLABLE, InvalidTransition, OrderStatus, before
from truestyle.orders.models import HistoryEntry, Order
from truestyle.orders.steps import TURNS, changed_event, next_moment, told
from truestyle.payments import refunding
from truestyle.payments.models import OPEN, Payment, PaymentStatus
from truestyle.shipping.booking import parcel_events
from truestyle.store import Store

CALLED_OFF = "payment.called_off"  # the outbox event: tell the provider that an attempt must not be paid any more


async def cancel(store: Store, holder: Holder, key: ObjectId, reason: str) -> Order:
    """Call an order off: stock back, nothing to pay, what was paid given back, exactly once.

    Raises NotFound, InvalidTransition.
    """
    await store.orders.get(key, **holder.own)
    return await undo(store, key, OrderStatus.CANCELLED, holder.by, reason, Reason.RESTOCKED)


async def undo(store: Store, key: ObjectId, status: OrderStatus, by: str, note: str | None, reason: Reason) -> Order:
    """Cancel or take back: the guarded move first, so whoever comes second changes nothing."""
    sources = CANCELLABLE if status is OrderStatus.CANCELLED else before(status)

    async def work(tx: Store) -> Order:
        order = await tx.orders.get(key)
        moment = next_moment(order)
        entry = HistoryEntry(status=status, at=moment, by=by, note=note)
        moved = await tx.orders.move(key, sources, entry, ended(order))
        if moved is None:
            raise InvalidTransition(order.status, status)
        if order.status is OrderStatus.PLACED:
            await goods.release(tx, moved, moment, by)
        else:
            await goods.put_back(tx, moved, moment, by, reason)
        called_off = await tx.payments.call_off(key, moment)
        if status is OrderStatus.CANCELLED:
            await coupons.release(tx, moved.id, moment)
        why = note or ("Called off" if status is OrderStatus.CANCELLED else "Returned to origin")
        await invoices.credit(tx, moved, {}, cause="reversal", source=f"reversal:{moved.id}", reason=why, moment=moment)
        parcel = parcel_events(tx, order.status, moved)
        await tx.outbox.write([told(moved), changed_event(moved), *call_off_events(called_off), *parcel])
        return await refunding.give_back_rest(tx, moved, reason=why, by=by, once=f"{status}:{moved.id}")

    async with TURNS.of(key), invoices.turn(store, key):
        return await store.transaction(work)


def ended(order: Order) -> dict[str, Any]:
    """What an order that is called off says of its payment. What was paid stays paid until it is given back."""
    status = {"payment.status": PaymentStatus.CANCELLED} if order.payment.status in OPEN else {}
    return {**status, "payment.action": None, "payment.expires_at": None}


def call_off_events(payments: list[Payment]) -> list[Event]:
    """For each attempt that a provider knows of: it must not be paid any more."""
    return [event(CALLED_OFF, {"payment_id": one.id}, lane="payments") for one in payments if one.provider_reference]
