"""What is given for goods that came back: money or other goods, papers, and stock; each exactly once.

All of a step is in the transaction whose first write is the guarded move. The keys of refunds and the sources of credit
notes are made of the return's id, so that not even a mistake could do it twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bson import ObjectId

from truestyle.inventory import service as inventory
from truestyle.inventory.models import Movement, Reason
from truestyle.invoices.service import credit, issue
from truestyle.kit.errors import Unavailable
from truestyle.orders.models import Order
from truestyle.orders.steps import changed_event
from truestyle.payments.models import SET_OFF
from truestyle.payments.refunding import give_back
from truestyle.returns import replacing, worth
from truestyle.returns.flow import OUR_FAULT, Condition, Kind
from truestyle.returns.models import Return
from truestyle.returns.step import Step
from truestyle.returns.worth import Settled
from truestyle.store import Store


@dataclass
class Account:
    """What is to be given for goods of an order: `parts` are the lines of the return, in their order."""

    order: Order
    parts: Sequence[Settled]
    pieces: dict[ObjectId, int] = field(default_factory=dict)
    goods: int = 0
    shipping: int = 0

    @property
    def value(self) -> int:
        """In paise: no more than was paid and not given back yet, say as a price reduction."""
        return min(self.goods + self.shipping, self.order.amount_paid - self.order.amount_refunded)


async def _account(tx: Store, row: Return) -> Account:
    """Reckon, and note the pieces as settled."""
    order = await tx.orders.get(row.order_id)
    parts = worth.settled(order, row.items)
    found = Account(order, parts, goods=sum(one.amount for one in parts))
    for line, part in zip(row.items, parts, strict=True):
        if part.pieces:
            found.pieces[line.order_item_id] = found.pieces.get(line.order_item_id, 0) + part.pieces
    if found.pieces:
        noted = await tx.orders.count_pieces(order, "refunded_quantity", found.pieces)
        if noted is None:
            raise Unavailable  # cannot be: the order was read in this transaction
        found.order = noted
        await tx.outbox.write([changed_event(noted)])
    if row.kind is Kind.RETURN and row.reason in OUR_FAULT and found.pieces:
        whole = all(one.refunded_quantity == one.quantity for one in found.order.items)
        found.shipping = found.order.shipping if whole else 0
    return found


async def complete(tx: Store, step: Step) -> Return:
    """The goods are booked in; a return's money goes back, with a credit note.

    Raises RefundExceedsCaptured, ValidationFailed: a UPI address is needed.
    """
    row = step.after
    values: dict[str, object] = {"condition": step.body.condition}
    if row.kind is Kind.RETURN:
        account = await _account(tx, row)
        once = f"return:{row.id}"
        value = account.value
        account.order = await give_back(
            tx,
            account.order,
            value,
            reason=_words(row),
            to=step.refund_to,
            by=step.party.by,
            once=once,
        )
        await _credit(tx, account, value, step, "refund", once)
        values |= {
            "amount": account.goods,
            "shipping_amount": account.shipping,
            "refund_amount": value,
            "refund_to": step.refund_to,
        }
    await _book_in(tx, step)
    return await _noted(tx, row, values)


async def _credit(
    tx: Store, account: Account, value: int, step: Step, cause: Literal["refund", "exchange"], source: str
) -> None:
    """The note says what was given, to the paisa, whatever price reductions came before.

    What a refund that failed was for is credited already: that much of `value` is only paid at last.
    """
    invoice = await tx.invoices.of_order(account.order.id)
    amount = min(value, account.order.amount_refunded - invoice.credited) if invoice is not None else 0
    if amount > 0:
        await credit(
            tx,
            account.order,
            account.pieces,
            cause=cause,
            source=source,
            shipping=account.shipping > 0,
            amount=amount,
            reason=_words(step.after),
            moment=step.moment,
        )


def _words(row: Return) -> str:
    return row.reason.replace("_", " ")


async def _book_in(tx: Store, step: Step) -> None:
    """Sellable goods are for sale again; damaged ones came in and are written off in the same breath."""
    row, whole = step.after, step.body.condition is Condition.SELLABLE
    back = step.back()
    if whole:
        await tx.stock.put_back(back, step.moment)
    reasons = ((Reason.RESTOCKED, 1),) if whole else ((Reason.RESTOCKED, 1), (Reason.DAMAGED, -1))
    products = {one.sku: one.product_id for one in row.items}
    movements = [
        Movement(
            sku=sku,
            product_id=products[sku],
            on_hand_delta=sign * count,
            reason=reason,
            order_id=row.order_id,
            return_id=row.id,
            actor_id=step.party.user_id,
        )
        for reason, sign in reasons
        for sku, count in back.items()
    ]
    await inventory.record(tx, movements)
    if whole:
        await inventory.refresh_flags(tx, set(products.values()))


async def ship_replacement(tx: Store, step: Step) -> Return:
    """The new pieces leave: as an order of their own, paid with what the old ones are worth.

    What they cost more is paid on delivery; what they cost less is given back.
    Raises RefundExceedsCaptured, ValidationFailed: a UPI address is needed.
    """
    row, once = step.after, f"exchange:{step.after.id}"
    account = await _account(tx, row)
    order, value = account.order, account.value
    made = await replacing.build(tx, row, order, step, value)
    set_off = made.amount_paid
    for part, to, key in ((set_off, SET_OFF, once), (value - set_off, step.refund_to, f"{once}:difference")):
        account.order = await give_back(tx, account.order, part, reason=_words(row), to=to, by=step.party.by, once=key)
    await _credit(tx, account, value, step, "exchange", once)
    await replacing.place(tx, row, made, step)
    await issue(tx, made, step.moment)
    return await _noted(
        tx,
        row,
        {
            "amount": account.goods,
            "refund_amount": value - set_off,
            "refund_to": step.refund_to,
            "price_difference": made.total - value,
            "replacement_order_id": made.id,
            "replacement_number": made.number,
        },
    )


async def _noted(tx: Store, row: Return, values: Mapping[str, object]) -> Return:
    noted = await tx.returns.settle(row.id, dict(values))
    if noted is None:
        raise Unavailable  # cannot be: it was moved in this transaction
    return noted
