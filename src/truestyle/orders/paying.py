"""What a provider says of a payment, applied: exactly once, in any order, by any number of processes.

Everything that ever hears of a payment goes through `settle`: the reply of a gateway, its webhooks, the sweep that
asks, and staff who found the money in the bank. It decides inside one transaction on the payment and the order as they
stand there; the guards are in the filters of the writes, and a reference pays once in the whole store.
"""

from datetime import datetime

import structlog
from bson import ObjectId

from truestyle.coupons import service as coupons
from truestyle.infra import metrics
from truestyle.infra.outbox import Event, event
from truestyle.kit.errors import Duplicate, Unavailable
from truestyle.orders import goods, spending
from truestyle.orders.cancelling import call_off_events
from truestyle.orders.flow import SYSTEM, OrderStatus
from truestyle.orders.models import HistoryEntry, Order, OrderPayment
from truestyle.orders.steps import TURNS, changed_event, next_moment
from truestyle.payments import returning
from truestyle.payments.models import OPEN, PAID_ONCE, Payment, PaymentStatus
from truestyle.payments.providers.base import Result, State
from truestyle.store import Store

MISMATCH = "payment.mismatch"  # the outbox event: money came that nobody asked for in this way; people must look
# Orders that may be paid although they are confirmed: on delivery, of which somebody has thought better.
UNDER_WAY = (
    OrderStatus.CONFIRMED,
    OrderStatus.PACKED,
    OrderStatus.SHIPPED,
    OrderStatus.OUT_FOR_DELIVERY,
)
# What a row begins with that is made for money which came a second time for one attempt.
AFRESH = {
    "status": PaymentStatus.PENDING,
    "captured_amount": 0,
    "refunded_amount": 0,
    "reference": None,
    "provider_reference": None,
    "ledger": [],
    "look_at": None,
    "version": 1,
}
# A result that moves no money, and the statuses from which it still says something new.
WITHOUT_MONEY = {
    Result.AUTHORIZED: (PaymentStatus.AUTHORIZED, frozenset({PaymentStatus.PENDING})),
    Result.FAILED: (PaymentStatus.FAILED, OPEN),
    Result.CANCELLED: (PaymentStatus.CANCELLED, OPEN),
}
log = structlog.get_logger("payments")


class UnknownPaymentError(LookupError):
    """A provider speaks of a payment that is not ours, or not yet."""


async def settle(store: Store, state: State, *, provider: str | None = None, by: str = SYSTEM) -> Payment:
    """Apply what a provider (or staff, as `by`) says of a payment; the payment as it stands then.

    Inside a transaction of the caller's, or in one of its own. Raises UnknownPaymentError; and, where it is staff who
    say it, Duplicate for a reference that is another payment's.
    """

    async def work(tx: Store) -> Payment:
        payment = await _find(tx, state, provider)
        after = await _settled(tx, payment, await tx.orders.get(payment.order_id), state, provider, by)
        return _counted(tx, payment, after)

    async def refused(tx: Store) -> Payment:
        payment = await _find(tx, state, provider)
        why = f"the reference {state.reference} is that of another payment"
        return _counted(tx, payment, await _mismatch(tx, payment, await tx.orders.get(payment.order_id), state, why))

    if store.session is not None:
        return await work(store)
    order_id = (await _find(store, state, provider)).order_id
    async with TURNS.of(order_id):
        try:
            known = await _told_before(store, order_id, state)
            return known if known is not None else await store.transaction(work)
        except Duplicate:
            if by != SYSTEM:
                raise
            return await store.transaction(refused)


def _counted(tx: Store, before: Payment, after: Payment) -> Payment:
    result = "unchanged" if after.status is before.status else after.status.value
    tx.afterwards(metrics.PAYMENTS.labels(after.provider, result).inc)
    return after


async def _find(tx: Store, state: State, provider: str | None) -> Payment:
    found = None
    if state.payment_id is not None and ObjectId.is_valid(state.payment_id):
        found = await tx.payments.first({"_id": ObjectId(state.payment_id)})
    if found is None and provider is not None:
        found = await tx.payments.first({"provider": provider, "provider_reference": state.provider_reference})
    if found is None:
        raise UnknownPaymentError(state.provider_reference)
    return found


async def _settled(tx: Store, payment: Payment, order: Order, state: State, provider: str | None, by: str) -> Payment:
    elsewhere = _of_another(payment, state, provider)
    if state.result is Result.PAID:
        reference = state.reference or state.provider_reference
        if (known := await _told_before(tx, order.id, state)) is not None:
            return known
        wrong = elsewhere or _wrong_amount(payment, state)
        if wrong is not None:
            return await _mismatch(tx, payment, order, state, wrong)
        payment = await _begun(tx, payment, order, state)
        return await _paid(tx, payment, order, reference, by)
    if elsewhere is not None:
        return await _mismatch(tx, payment, order, state, elsewhere)
    payment = await _begun(tx, payment, order, state)
    if state.result in WITHOUT_MONEY:
        status, sources = WITHOUT_MONEY[state.result]
        changed = await tx.payments.told(
            payment.id, list(sources), status, failure=state.failure, **({} if status in OPEN else {"action": None})
        )
        if changed is not None:
            await _show(tx, order, changed)
            return changed
    return payment


async def _told_before(store: Store, order_id: ObjectId, state: State) -> Payment | None:
    """The payment of the order that this money was noted with already. Raises Duplicate: it is another order's."""
    if state.result is not Result.PAID:
        return None
    known = await store.payments.first({"reference": state.reference or state.provider_reference})
    if known is not None and known.order_id != order_id:
        raise Duplicate("reference")
    return known


def _of_another(payment: Payment, state: State, provider: str | None) -> str | None:
    """Why this cannot be about the payment that it names."""
    if provider is not None and provider != payment.provider:
        return f"told by {provider}, begun at {payment.provider}"
    if payment.provider_reference not in {None, state.provider_reference}:
        return f"told of {state.provider_reference}, begun as {payment.provider_reference}"
    return None


def _wrong_amount(payment: Payment, state: State) -> str | None:
    if state.currency is not None and state.currency != payment.currency:
        return f"paid in {state.currency} instead of {payment.currency}"
    if state.amount is not None and state.amount != payment.amount:
        return f"{state.amount} paid instead of {payment.amount} (in the smallest unit)"
    return None


async def _begun(tx: Store, payment: Payment, order: Order, state: State) -> Payment:
    """Note the provider's name for the payment, and what the shopper has to do."""
    if payment.provider_reference is not None:
        return payment
    begun = await tx.payments.begun(payment.id, state.provider_reference, state.action)
    if begun is None:
        raise Unavailable  # cannot be: we see what we read
    if begun.status in OPEN:
        await _show(tx, order, begun)
    elif not begun.captured_amount and state.result is not Result.PAID:  # called off while it was being begun
        await tx.outbox.write(call_off_events([begun]))
    return begun


async def _show(tx: Store, order: Order, payment: Payment) -> None:
    """The order tells of its newest attempt."""
    shown = {"payment.status": payment.status, "payment.action": payment.action}
    await tx.orders.change(order.id, {"$set": shown}, where={"payment.id": payment.id})


async def _mismatch(tx: Store, payment: Payment, order: Order, state: State, why: str) -> Payment:
    """Never pays: people must look. A payment that did pay stays paid."""
    log.warning("payment_mismatch", payment_id=str(payment.id), order=order.number, why=why)
    facts = {"payment_id": payment.id, "order_id": order.id, "number": order.number, "why": why}
    key = f"{MISMATCH}:{payment.id}:{state.provider_reference}:{state.reference}:{state.result}"
    changed = None
    if state.result is Result.PAID:
        unpaid = [one for one in PaymentStatus if one not in PAID_ONCE]
        changed = await tx.payments.told(payment.id, unpaid, PaymentStatus.MISMATCH, failure=why, action=None)
    if changed is not None:
        await _show(tx, order, changed)
    if await tx.outbox.first({"key": key}) is None:
        await tx.outbox.write([event(MISMATCH, facts, key)])
    return changed or payment


async def _paid(tx: Store, payment: Payment, order: Order, reference: str, by: str) -> Payment:
    """The money is here: what it does depends on where its order stands."""
    if payment.captured_amount:  # and this is a second time, under another reference
        again = payment.model_copy(update={**AFRESH, "id": ObjectId()})
        await tx.payments.write([again])
        return await returning.give_back(tx, again, order, reference, "paid twice")
    if payment.status is PaymentStatus.MISMATCH:
        return payment  # people are looking already; whatever they decide, they decide
    owed = order.amount_paid + payment.amount == order.total
    moment = next_moment(order)
    if owed and order.status is OrderStatus.PLACED:
        await goods.sell_reserved(tx, order, moment, by)
        entry = HistoryEntry(status=OrderStatus.CONFIRMED, at=moment, by=by, note="paid")
        return await _take(tx, payment, order, reference, entry)
    if owed and order.status in UNDER_WAY:
        return await _take(tx, payment, order, reference, None)
    if owed and order.expired_at is not None and await _revived(tx, order, moment, by):
        entry = HistoryEntry(status=OrderStatus.CONFIRMED, at=moment, by=by, note="paid after all")
        return await _take(tx, payment, order, reference, entry)
    why = "paid twice" if order.amount_paid == order.total else "too late"
    return await returning.give_back(tx, payment, order, reference, why)


async def _revived(tx: Store, order: Order, moment: datetime, by: str) -> bool:
    """Whether an order that cancelled itself can have its goods, store credit and coupon again; then it has."""
    if not await goods.there(tx, order) or not await spending.there(tx, order):
        return False
    if not await coupons.use_again(tx, order.id):  # the last question: its answer counts the use
        return False
    await spending.spend_again(tx, order, moment)
    await goods.take_again(tx, order, moment, by)
    return True


async def _take(tx: Store, payment: Payment, order: Order, reference: str, entry: HistoryEntry | None) -> Payment:
    """The payment pays its order."""
    moment = next_moment(order)
    if not await tx.payments.capture(payment.id, payment.amount, reference, moment):
        raise Unavailable  # cannot be: we see what we read
    paid = OrderPayment(id=payment.id, type=payment.type, status=PaymentStatus.PAID)
    values = {"payment": paid.model_dump(), "expired_at": None, "archived_at": None}
    # What an order that comes to life again was given back as store credit has been spent on it again.
    where = {"amount_paid": order.amount_paid, "amount_refunded": order.amount_refunded}
    add = {"amount_paid": payment.amount, "amount_refunded": -order.amount_refunded if order.expired_at else 0}
    if entry is None:
        moved = await tx.orders.change(order.id, {"$set": values, "$inc": add}, where={**where, "status": order.status})
    else:
        moved = await tx.orders.move(order.id, [order.status], entry, values, where=where, add=add)
    if moved is None:
        raise Unavailable  # cannot be, as above
    others = await tx.payments.call_off(order.id, moment, but=payment.id)
    await tx.outbox.write([_told(moved, payment), changed_event(moved), *call_off_events(others)])
    return await tx.payments.get(payment.id)


def _told(order: Order, payment: Payment) -> Event:
    facts = {"order_id": order.id, "number": order.number, "to": order.email, "amount": payment.amount}
    return event("mail.order_paid", facts, f"mail.order_paid:{payment.id}")
