"""Money that came when its order could not take it (any more) goes back by itself.

It never was the order's: the order's amounts, its invoice and the figures do not know of it. The ledger of the payment
tells both ways, and `payment.surplus` marks it.
"""

from truestyle.infra import metrics
from truestyle.infra.outbox import event
from truestyle.kit import clock
from truestyle.kit.errors import Unavailable
from truestyle.orders.models import Order
from truestyle.payments.models import ORIGINAL, Entry, EntryKind, EntryState, Payment, PaymentStatus
from truestyle.payments.refunding import Part, begin, repay_events, way
from truestyle.store import Store


async def give_back(tx: Store, payment: Payment, order: Order, reference: str, why: str) -> Payment:
    """Note money as come and going back, in the caller's transaction; the payment after.

    Raises Duplicate: the reference is that of another payment.
    """
    moment = clock.now()
    back = Entry(
        kind=EntryKind.REFUND,
        amount=-payment.amount,
        asked=payment.amount,
        state=EntryState.PENDING,
        to=ORIGINAL,
        reason=why,
        at=moment,
    )
    if not await tx.payments.receive_surplus(payment.id, payment.amount, reference, back, moment):
        raise Unavailable  # cannot be: we see what we read
    if order.payment.id == payment.id:
        await tx.orders.change(order.id, {"$set": {"payment.status": "refunded", "payment.action": None}})
    facts = {"order_id": order.id, "number": order.number, "to": order.email, "amount": payment.amount, "why": why}
    await tx.outbox.write(
        [
            *repay_events(order, payment, back),
            event("mail.order_payment_returned", facts, f"mail.order_payment_returned:{payment.id}"),
        ]
    )
    tx.afterwards(metrics.REFUNDS.labels("original", "begun").inc)
    return await tx.payments.get(payment.id)


async def go_another_way(tx: Store, payment: Payment, entry: Entry, to: str | None, reason: str, by: str) -> Payment:
    """It did not arrive: it goes back in another way at once, for it can only go back. The payment after.

    Inside the caller's transaction. `to` as of `refunding.give_back`; None: as before. Raises ValidationFailed: without
    an account there is no store credit.
    """
    order, amount = await tx.orders.get(payment.order_id), -entry.amount
    where, state = await way(tx, order, payment, to or entry.to or ORIGINAL)
    failed = await tx.payments.settle_refund(
        payment, entry, {"state": EntryState.FAILED, "amount": 0}, entry.amount, PaymentStatus.PAID
    )
    again = Entry(
        kind=EntryKind.REFUND, amount=-amount, asked=amount, state=state, to=where, reason=reason, by=by, at=clock.now()
    )
    after = failed and await tx.payments.give_back(failed, again, PaymentStatus.REFUNDED)
    if after is None:
        raise Unavailable  # cannot be: it was read in this transaction
    await begin(tx, order, Part(after, again))
    return after
