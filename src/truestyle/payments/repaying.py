"""What becomes of refunds: the gateway is asked to pay, and what it or the staff say of a refund is kept.

A refund is failed only when the gateway says so, or somebody who has looked there. While nobody knows, it stays
pending and counts as given back: otherwise it could be given back twice.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bson import ObjectId

from truestyle.infra.outbox import MAX_ATTEMPTS, Event
from truestyle.invoices import service as invoices
from truestyle.kit.errors import NotFound, Problem, Unavailable, ValidationFailed
from truestyle.orders.models import Order
from truestyle.orders.steps import changed_event, next_moment
from truestyle.payments import returning
from truestyle.payments.models import (
    ORIGINAL,
    Entry,
    EntryKind,
    EntryState,
    Payment,
    PaymentType,
    RefundAnswer,
    refund_of,
)
from truestyle.payments.providers.base import Provider, Repayment, Result, State
from truestyle.payments.refunding import REPAY, count_refund, give_back, letter, status_of, tell_staff
from truestyle.store import Store

SURPLUS = "payment.surplus"  # what the release before wrote where `payment.refund` is written now; some may wait yet


class RefundSettled(Problem):
    """The refund does not stand where this could be done with it."""

    status, code, detail = 409, "invalid_transition", "This refund does not stand where that could be done."

    def __init__(self, now: EntryState, to: EntryState, *, asked: bool = False) -> None:
        """`asked`: its gateway is being asked, so its answer comes first."""
        super().__init__("The gateway is being asked to pay this back: wait for its answer." if asked else None)
        after = {EntryState.PENDING: [EntryState.DONE, EntryState.FAILED], EntryState.FAILED: [EntryState.PENDING]}
        self.members = {"from": now, "to": to, "allowed": [] if asked else after.get(now, [])}


async def repay(store: Store, providers: Mapping[PaymentType, Provider], one: Event) -> None:
    """Handle the event of a refund: ask its gateway, outside any transaction, under a key made of the refund's id.

    Raises ProviderAwayError: nothing is known, so the outbox tries again.
    """
    payment, entry = await _find(store, one.payload["payment_id"], one.payload["refund_id"])
    provider = providers.get(PaymentType(payment.provider)) if payment.provider in set(PaymentType) else None
    if entry.state is not EntryState.PENDING:
        return
    if provider is None:
        await store.transaction(lambda tx: _tell_staff(tx, payment, entry, "this way of paying is switched off"))
        return
    asked = Repayment(
        refund_id=str(entry.id),
        payment_id=str(payment.id),
        provider_reference=payment.provider_reference or payment.reference or "",
        amount=-entry.amount,
        currency=payment.currency,
        reason=entry.reason or "",
    )
    try:
        state = await provider.repay(asked)
    except Exception:
        if one.attempts >= MAX_ATTEMPTS:
            await store.transaction(lambda tx: _tell_staff(tx, payment, entry, "the gateway gives no answer"))
        raise
    await settle_refund(store, replace(state, payment_id=str(payment.id), refund_id=str(entry.id)))


async def repay_surplus(store: Store, providers: Mapping[PaymentType, Provider], one: Event) -> None:
    """Handle the event by which the release before sent back money that never was the order's. Raises as `repay`."""
    payload = {"payment_id": one.payload["payment_id"], "refund_id": one.payload["entry_id"]}
    await repay(store, providers, one.model_copy(update={"payload": payload}))


async def settle_refund(store: Store, state: State, *, provider: str | None = None) -> Payment | None:
    """Apply what a gateway says of a refund: in any order, any number of times. None: it is none of ours."""
    if state.refund_id is None or not ObjectId.is_valid(state.refund_id):
        return None
    key = ObjectId(state.refund_id)

    async def work(tx: Store) -> Payment | None:
        payment = await tx.payments.of_refund(key)
        if payment is None or provider not in {None, payment.provider}:
            return None
        entry = _entry(payment, key)
        if entry.to != ORIGINAL or state.result in {Result.PENDING, Result.AUTHORIZED}:
            return payment
        if state.result in {Result.FAILED, Result.CANCELLED}:
            return await _fail(tx, payment, entry, state.failure or "the gateway refused it")
        if state.amount not in {None, _asked(entry)} or state.currency not in {None, payment.currency}:
            await _tell_staff(tx, payment, entry, "the gateway gave back another amount")
            return payment
        return await _done(tx, payment, entry, state.reference or state.provider_reference or None)

    return await store.transaction(work)


async def confirm(store: Store, payment_id: ObjectId, refund_id: ObjectId, reference: str) -> RefundAnswer:
    """Staff have paid a refund out, under the bank's reference. Again with the same reference changes nothing.

    Raises NotFound, RefundSettled.
    """

    async def work(tx: Store) -> RefundAnswer:
        payment, entry = await _find(tx, payment_id, refund_id)
        if entry.state is EntryState.DONE and entry.reference == reference:
            return refund_of(payment, entry)
        await _require_waiting(tx, entry, EntryState.DONE)
        return refund_of(*_of(await _done(tx, payment, entry, reference), entry.id))

    return await store.transaction(work)


async def call_failed(
    store: Store, payment_id: ObjectId, refund_id: ObjectId, reason: str, to: str | None, by: str
) -> RefundAnswer:
    """Staff have seen that a refund will not arrive: the money can be given back again.

    Money that never was the order's (`surplus`) can only go back: it does at once, to `to`. Raises NotFound,
    RefundSettled, ValidationFailed.
    """

    async def work(tx: Store) -> RefundAnswer:
        payment, entry = await _find(tx, payment_id, refund_id)
        await _require_waiting(tx, entry, EntryState.FAILED)
        if payment.surplus:
            return refund_of(*_of(await returning.go_another_way(tx, payment, entry, to, reason, by), entry.id))
        if to is not None:
            said = "goes with `retry`: this money is the order's again until then"
            raise ValidationFailed(said, ("body", "refund_to"))
        return refund_of(*_of(await _fail(tx, payment, entry, reason), entry.id))

    return await store.transaction(work)


async def send_again(store: Store, payment_id: ObjectId, refund_id: ObjectId, to: str | None, by: str) -> Order:
    """Give back what a failed refund was for, once, perhaps to somewhere else.

    Raises NotFound, RefundSettled, RefundExceedsCaptured, ValidationFailed.
    """

    async def work(tx: Store) -> Order:
        payment, entry = await _find(tx, payment_id, refund_id)
        if entry.state is not EntryState.FAILED:
            raise RefundSettled(entry.state, EntryState.PENDING)
        order, reason = await tx.orders.get(payment.order_id), entry.reason or "again"
        once = f"again:{entry.id}"
        after = await give_back(tx, order, entry.asked or 0, reason=reason, to=to, by=by, once=once, of=payment.id)
        await _credit(tx, after, once, reason)
        return after

    payment, _ = await _find(store, payment_id, refund_id)
    async with invoices.turn(store, payment.order_id):
        return await store.transaction(work)


async def refunds_of(store: Store, order_id: ObjectId) -> list[RefundAnswer]:
    """The refunds of an order, the oldest first."""
    found = [
        refund_of(payment, one)
        for payment in await store.payments.of_order(order_id)
        for one in payment.ledger
        if one.kind is EntryKind.REFUND
    ]
    return sorted(found, key=lambda one: (one.at, one.id))


async def _require_waiting(tx: Store, entry: Entry, to: EntryState) -> None:
    if entry.state is not EntryState.PENDING:
        raise RefundSettled(entry.state, to)
    outbox = tx.outbox
    if await outbox.awaits(REPAY, "refund_id", entry.id) or await outbox.awaits(SURPLUS, "entry_id", entry.id):
        raise RefundSettled(entry.state, to, asked=True)


async def _find(store: Store, payment_id: ObjectId, refund_id: ObjectId) -> tuple[Payment, Entry]:
    payment = await store.payments.get(payment_id, **{"ledger.id": refund_id})
    return payment, _entry(payment, refund_id)


def _of(payment: Payment, refund_id: ObjectId) -> tuple[Payment, Entry]:
    return payment, _entry(payment, refund_id)


def _entry(payment: Payment, key: ObjectId) -> Entry:
    found = next((one for one in payment.ledger if one.id == key and one.kind is EntryKind.REFUND), None)
    if found is None:
        raise NotFound
    return found


def _asked(entry: Entry) -> int:
    return -entry.amount if entry.asked is None else entry.asked


async def _done(tx: Store, payment: Payment, entry: Entry, reference: str | None) -> Payment:
    """The money has arrived; also where it had been said that it would not."""
    if entry.state is EntryState.DONE:
        return payment
    back = (entry.asked or 0) if entry.state is EntryState.FAILED else 0
    after = {"state": EntryState.DONE, "reference": reference}
    if back:
        room = payment.captured_amount - payment.refunded_amount
        if room < back:
            await _tell_staff(tx, payment, entry, "it arrived after all, and was given back in another way meanwhile")
            return payment
        after["amount"] = -back  # type: ignore[assignment]
    order = await tx.orders.get(payment.order_id)
    settled = await _change(tx, order, payment, entry, after, back)
    count_refund(tx, entry, "done")
    told = letter("refund_paid", order, entry.model_copy(update={"reference": reference, "asked": _asked(entry)}))
    if await tx.outbox.first({"key": told.key}) is None:  # it may fail and arrive more than once
        await tx.outbox.write([told])
    return settled


async def _fail(tx: Store, payment: Payment, entry: Entry, why: str) -> Payment:
    """The money has not arrived, or came back: it can be given back again."""
    if entry.state is EntryState.FAILED:
        return payment
    if payment.surplus:
        await _tell_staff(tx, payment, entry, why)
        return payment
    order = await tx.orders.get(payment.order_id)
    settled = await _change(tx, order, payment, entry, {"state": EntryState.FAILED, "amount": 0}, entry.amount)
    count_refund(tx, entry, "failed")
    await _tell_staff(tx, payment, entry, why)
    return settled


async def _change(
    tx: Store, order: Order, payment: Payment, entry: Entry, after: Mapping[str, Any], more: int
) -> Payment:
    """Write an entry as it is now, and `more` (or less) given back: in the payment and in its order."""
    status = status_of(payment.captured_amount, payment.refunded_amount + more)
    settled = await tx.payments.settle_refund(payment, entry, after, more, status)
    if settled is None:
        raise Unavailable  # cannot be: it was read in this transaction
    if more:
        main = status if payment.id == order.payment.id else order.payment.status
        corrected = await tx.orders.correct_refunded(order.id, more, main)
        if corrected is None:
            raise Unavailable
        await tx.outbox.write([changed_event(corrected)])
        if more > 0:
            source = f"arrived:{entry.id}:{corrected.version}"  # it may fail and arrive more than once
            await _credit(tx, corrected, source, entry.reason or "it arrived after all")
    return settled


async def _credit(tx: Store, order: Order, source: str, reason: str) -> None:
    """What went back without a credit note (the refund that failed had none yet, or it lent its own) has one now."""
    await invoices.catch_up(tx, order, {}, cause="refund", source=source, reason=reason, moment=next_moment(order))


async def _tell_staff(tx: Store, payment: Payment, entry: Entry, why: str) -> None:
    order = await tx.orders.get(payment.order_id)
    await tell_staff(tx, order, _asked(entry), entry.to or ORIGINAL, why)
