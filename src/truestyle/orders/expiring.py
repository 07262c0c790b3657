"""The sweep: payments that nobody finished are begun, asked about, and at the end of their window called off.

Each payment names the moment when it should be looked at (`look_at`), which is also the lease of the worker who does.
"""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from truestyle.coupons import service as coupons
from truestyle.infra.outbox import event
from truestyle.kit import clock
from truestyle.orders import goods, starting
from truestyle.orders.cancelling import call_off_events, ended
from truestyle.orders.flow import EXPIRED, SYSTEM, OrderStatus
from truestyle.orders.models import HistoryEntry, Order
from truestyle.orders.steps import TURNS, changed_event, next_moment
from truestyle.payments import refunding
from truestyle.payments.models import OPEN, Payment
from truestyle.payments.providers.base import ProviderAwayError
from truestyle.store import Store

if TYPE_CHECKING:
    from truestyle.shop import Shop

AT_ONCE = 10  # payments a worker looks at in one go
EVERY = timedelta(seconds=60)
# An order is kept for so long after its window while its provider does not say whether it was paid.
GRACE = timedelta(minutes=10)
log = structlog.get_logger("payments")


async def sweep(shop: "Shop") -> int:
    """Look at the payments that are due; how many there were."""
    found: list[Payment] = []
    while len(found) < AT_ONCE and (due := await shop.store.payments.take_due(clock.now(), EVERY)) is not None:
        found.append(due)
    await asyncio.gather(*(_look(shop, one) for one in found))
    return len(found)


async def _look(shop: "Shop", payment: Payment) -> None:
    try:
        await look(shop, payment)
    except (ProviderAwayError, TimeoutError) as error:
        log.warning("payment_provider_away", payment_id=str(payment.id), error=type(error).__name__)
    except Exception:
        log.exception("payment_sweep_failed", payment_id=str(payment.id))


async def look(shop: "Shop", payment: Payment) -> None:
    """Do what is due with a payment. Raises ProviderAwayError, TimeoutError."""
    store, moment = shop.store, clock.now()
    order = await store.orders.get(payment.order_id)
    if order.status is not OrderStatus.PLACED:
        await store.payments.look_no_more(payment.id)
    elif payment.expires_at is not None and moment >= payment.expires_at:
        try:
            if payment.status in OPEN:
                await starting.ask(shop, payment, order, ending=True)
        except (ProviderAwayError, TimeoutError):
            if moment < payment.expires_at + GRACE:
                raise
        await expire(store, order)
    elif payment.status in OPEN and payment.provider_reference is None:
        await starting.begin(shop, order)
    elif payment.status in OPEN:
        await starting.ask(shop, payment, order)


async def expire(store: Store, order: Order) -> bool:
    """An order that nobody paid for cancels itself, unless it was paid or cancelled by now; whether it did."""

    async def work(tx: Store) -> bool:
        now = await tx.orders.get(order.id)
        moment = next_moment(now)
        entry = HistoryEntry(status=OrderStatus.CANCELLED, at=moment, by=SYSTEM, note=EXPIRED)
        values = {**ended(now), "expired_at": moment}
        due = {"payment.expires_at": {"$lte": clock.now()}}
        moved = await tx.orders.move(order.id, [OrderStatus.PLACED], entry, values, where=due)
        if moved is None:
            return False
        await goods.release(tx, moved, moment, SYSTEM)
        await coupons.release(tx, moved.id, moment)
        called_off = await tx.payments.call_off(moved.id, moment)
        facts = {"order_id": moved.id, "number": moved.number, "to": moved.email}
        told = event("mail.order_expired", facts, f"mail.order_expired:{moved.id}:{moved.version}")
        await tx.outbox.write([told, changed_event(moved), *call_off_events(called_off)])
        await refunding.give_back_rest(tx, moved, reason=EXPIRED, by=SYSTEM, once=f"expired:{moved.id}")
        return True

    async with TURNS.of(order.id):
        return await store.transaction(work)
