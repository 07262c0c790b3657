"""Giving money back.

`give_back` notes a refund in the caller's transaction; where a gateway has to move the money, an outbox event calls it
afterwards under a key made of the refund's id, as often as it takes. What a gateway or the staff say of a refund comes
to `repaying.settle_refund`, in any order and any number of times.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from bson import ObjectId

from truestyle.auth.permissions import Role
from truestyle.infra import metrics
from truestyle.infra.outbox import Event, event
from truestyle.kit import clock
from truestyle.kit.errors import Problem, Unavailable, ValidationFailed
from truestyle.kit.paging import PageQuery
from truestyle.orders.models import Order
from truestyle.orders.steps import changed_event
from truestyle.payments import credit
from truestyle.payments.credit_models import CreditCause
from truestyle.payments.models import (
    BY_STAFF,
    CREDIT,
    ORIGINAL,
    SET_OFF,
    Entry,
    EntryKind,
    EntryState,
    Payment,
    PaymentStatus,
    PaymentType,
)
from truestyle.store import Store
from truestyle.users.models import UserStatus

REPAY = "payment.refund"  # the outbox event: a gateway is to give money back
LANE = "payments"
HAND_TO_HAND = frozenset({PaymentType.COD, PaymentType.EXCHANGE})  # there is nothing to send the money back along
TOLD = PageQuery("-created_at", size=20)  # of the administrators, where something needs people
BY_HAND = frozenset({PaymentType.UPI})  # staff pay it out
log = structlog.get_logger("refunds")


class RefundExceedsCaptured(Problem):
    """More would go back than came in."""

    status, code, detail = 409, "refund_exceeds_captured", "That is more than was paid and not yet given back."


class NoWayBack(ValidationFailed):
    """A UPI address is needed: cash cannot be sent back, and there is no account for store credit."""


@dataclass(frozen=True)
class Part:
    """What goes back of one payment, and where to."""

    payment: Payment
    entry: Entry


def status_of(captured: int, refunded: int) -> PaymentStatus:
    """How a payment stands of which so much came in and went back, in paise."""
    if not refunded:
        return PaymentStatus.PAID
    return PaymentStatus.REFUNDED if refunded == captured else PaymentStatus.PARTIALLY_REFUNDED


async def give_back(
    tx: Store,
    order: Order,
    amount: int,
    *,
    reason: str,
    to: str | None,
    by: str,
    once: str,
    of: ObjectId | None = None,
) -> Order:
    """Give `amount` paise of an order back; the order as it is then. Inside the caller's transaction.

    `once`: a key under which it happens only once, ever. `to`: None or `original`, `store_credit`, `exchange` (set off
    against goods: no money moves) or a UPI address. `of`: only from this payment, say one that came too late.
    Gateways are paid back first, store credit last, the oldest payment first; what was paid with store credit is store
    credit again. Cash has no way back: without `to` it becomes store credit.

    Raises RefundExceedsCaptured, and ValidationFailed where a UPI address is needed.
    """
    if not amount:
        return order
    now = await tx.orders.hold(order.id)
    if once in now.given_back:
        return now
    payments = [one for one in await tx.payments.of_order(now.id) if of in {None, one.id} and not one.surplus]
    parts = await _split(
        tx,
        now,
        payments,
        amount,
        Entry(kind=EntryKind.REFUND, amount=0, reason=reason, to=to or ORIGINAL, by=by, at=clock.now()),
    )
    main = next((_after(part) for part in parts if part.payment.id == now.payment.id), now.payment.status)
    noted = await tx.orders.give_back(now.id, amount, once, main)
    if noted is None:
        raise RefundExceedsCaptured
    for part in parts:
        if await tx.payments.give_back(part.payment, part.entry, _after(part)) is None:
            raise Unavailable  # cannot be: the order was locked before
        await begin(tx, noted, part)
    await tx.outbox.write([changed_event(noted)])
    return noted


async def give_back_rest(tx: Store, order: Order, *, reason: str, by: str, once: str) -> Order:
    """Give back all that is left of an order that was undone, the way it was paid.

    Where there is no way (cash of somebody without an account), the order is undone all the same, and staff are told:
    they give it back to a UPI address.
    """
    left = order.amount_paid - order.amount_refunded
    try:
        return await give_back(tx, order, left, reason=reason, to=None, by=by, once=once)
    except NoWayBack:
        await tell_staff(tx, order, left, ORIGINAL, "there is no way back for it: ask the buyer for a UPI address")
        return order


def count_refund(tx: Store, entry: Entry, result: str) -> None:
    """For the metrics, once the transaction is committed: what became of a refund."""
    to = entry.to or ORIGINAL
    tx.afterwards(metrics.REFUNDS.labels(to if to in {ORIGINAL, CREDIT, SET_OFF} else "upi", result).inc)


async def tell_staff(tx: Store, order: Order, amount: int, where: str, why: str) -> None:
    """Mail to the administrators about money that needs people."""
    log.warning("refund_needs_people", order_id=str(order.id), amount=amount, why=why)
    admins = await tx.users.find({"role": Role.ADMIN, "status": UserStatus.ACTIVE}, TOLD)
    facts = {"order_id": order.id, "amount": amount, "where": where, "why": why}
    await tx.outbox.write([event("mail.refund_trouble", {"to": one.email, **facts}) for one in admins.items])


def _after(part: Part) -> PaymentStatus:
    return status_of(part.payment.captured_amount, part.payment.refunded_amount - part.entry.amount)


def _turn(payment: Payment) -> tuple[bool, ObjectId]:
    return payment.type is PaymentType.STORE_CREDIT, payment.id


async def _split(tx: Store, order: Order, payments: Sequence[Payment], amount: int, entry: Entry) -> list[Part]:
    """Which payment gives how much. Raises RefundExceedsCaptured, ValidationFailed."""
    parts, left = [], amount
    for payment in sorted(payments, key=_turn):
        part = min(left, payment.captured_amount - payment.refunded_amount)
        if part > 0:
            to, state = await way(tx, order, payment, entry.to or ORIGINAL)
            own = {"id": ObjectId(), "amount": -part, "asked": part, "to": to, "state": state}
            parts.append(Part(payment, entry.model_copy(update=own)))
            left -= part
    if left:
        raise RefundExceedsCaptured
    return parts


async def way(tx: Store, order: Order, payment: Payment, to: str) -> tuple[str, EntryState]:
    """Where a payment's money goes, and whether it is there at once. Raises NoWayBack."""
    if to == SET_OFF:
        return SET_OFF, EntryState.DONE
    was_credit = payment.type is PaymentType.STORE_CREDIT
    has_a_way = to not in {ORIGINAL, CREDIT} or (to == ORIGINAL and payment.type not in HAND_TO_HAND)
    if has_a_way and not was_credit:
        return to, EntryState.PENDING
    if order.user_id is not None and await tx.users.touch(order.user_id):  # nobody deletes the account meanwhile
        return CREDIT, EntryState.DONE
    if to in {ORIGINAL, CREDIT}:
        raise NoWayBack("without an account a UPI address is needed", ("body", "refund_to"))
    return to, EntryState.PENDING


async def begin(tx: Store, order: Order, part: Part) -> None:
    """Move the money, or see to it that it will be moved."""
    payment, entry = part.payment, part.entry
    if entry.to == CREDIT and order.user_id is not None:  # `way` gives nobody else credit
        own = payment.type is PaymentType.STORE_CREDIT
        cause = CreditCause.GIVEN_BACK if own else CreditCause.REFUND
        await credit.shift(
            tx, order.user_id, -entry.amount, cause, order_id=order.id, refund_id=entry.id, reason=order.number
        )
    await tx.outbox.write(repay_events(order, payment, entry))
    if entry.to != SET_OFF:
        kind = "refund_paid" if entry.state is EntryState.DONE else "refund_issued"
        await tx.outbox.write([letter(kind, order, entry)])
    count_refund(tx, entry, "begun")
    if entry.state is EntryState.DONE:
        count_refund(tx, entry, "done")


def repay_events(order: Order, payment: Payment, entry: Entry) -> list[Event]:
    """That a gateway is to be asked, where money goes back along one."""
    by_hand = payment.type in BY_HAND or payment.provider == BY_STAFF
    if entry.to != ORIGINAL or entry.state is not EntryState.PENDING or by_hand:
        return []
    payload = {"payment_id": payment.id, "refund_id": entry.id, "order": order.number}
    return [event(REPAY, payload, f"{REPAY}:{entry.id}", lane=LANE)]


def letter(kind: str, order: Order, entry: Entry) -> Event:
    """The mail about a refund."""
    facts = {"order_id": order.id, "amount": entry.asked, "where": entry.to, "reference": entry.reference}
    return event(f"mail.{kind}", {"to": order.email, **facts}, f"mail.{kind}:{entry.id}")
