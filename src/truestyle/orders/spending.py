"""Store credit that pays (part of) an order at the checkout: how much, and its rows, in the order's transaction."""

from collections.abc import Callable, Sequence
from datetime import datetime

from bson import ObjectId

from truestyle.cart.service import Owner
from truestyle.kit.errors import Unavailable, ValidationFailed
from truestyle.orders.amounts import Amounts
from truestyle.orders.models import Order
from truestyle.payments import credit
from truestyle.payments.credit_models import CreditCause
from truestyle.payments.models import Entry, EntryKind, Payment, PaymentStatus, PaymentType
from truestyle.store import Store


def require_account(owner: Owner, *, wanted: bool) -> None:
    """Guests have no store credit to use. Raises ValidationFailed."""
    if wanted and owner.user_id is None:
        raise ValidationFailed("store credit belongs to an account: sign in", ("body", "use_store_credit"))


def reckon(
    priced: Callable[[PaymentType | None], Amounts], payment: PaymentType | None, balance: int
) -> tuple[Amounts, int]:
    """The amounts, and how many paise of them a balance pays.

    Where it pays everything, nothing is collected on delivery: there is no fee for that.
    """
    if balance > 0 and (paid := priced(None)).total <= balance:
        return paid, paid.total
    figures = priced(payment)
    return figures, min(balance, figures.total)


def row(order: Order) -> Payment:
    """The payment of what credit pays of a new order, captured at once; its only one if that is everything."""
    used, reference = order.amount_paid, f"credit:{order.id}"
    return Payment(
        id=order.payment.id if order.payment.type is PaymentType.STORE_CREDIT else ObjectId(),
        order_id=order.id,
        buyer_id=order.user_id,
        type=PaymentType.STORE_CREDIT,
        provider=PaymentType.STORE_CREDIT,
        status=PaymentStatus.PAID,
        amount=used,
        captured_amount=used,
        reference=reference,
        ledger=[Entry(kind=EntryKind.CAPTURE, amount=used, reference=reference, at=order.placed_at)],
    )


async def spend(tx: Store, orders: Sequence[Order]) -> None:
    """Take what new orders are paid with from its owners' balances. Raises Unavailable: there is less."""
    for order in orders:
        if order.user_id is not None and order.amount_paid:
            await credit.shift(
                tx, order.user_id, -order.amount_paid, CreditCause.SPENT, order_id=order.id, reason=order.number
            )


async def there(tx: Store, order: Order) -> bool:
    """Whether the credit that an expired order was paid with, and that went back, is its owner's still.

    Nobody else spends it before the transaction ends.
    """
    if not order.amount_refunded or order.user_id is None:
        return not order.amount_refunded
    return (await tx.credit_balances.lock([order.user_id])).get(order.user_id, 0) >= order.amount_refunded


async def spend_again(tx: Store, order: Order, moment: datetime) -> None:
    """Pay an expired order with what is `there`, by a payment of its own; the first one is in no figure any more."""
    if not order.amount_refunded or order.user_id is None:
        return
    first = next(one for one in await tx.payments.of_order(order.id) if one.type is PaymentType.STORE_CREDIT)
    if first.captured_amount != order.amount_refunded or not await tx.payments.set_apart(first.id, moment):
        raise Unavailable  # cannot be: nothing else pays an order that waits
    reference = f"{first.reference}:again"
    again = row(order).model_copy(update={"id": ObjectId(), "reference": reference})
    again.ledger[0].reference, again.ledger[0].at = reference, moment
    await tx.payments.write([again])
    await credit.shift(
        tx, order.user_id, -order.amount_refunded, CreditCause.SPENT, order_id=order.id, reason=order.number
    )
