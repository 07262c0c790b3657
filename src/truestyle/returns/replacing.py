"""The order of a replacement: made when its parcel leaves, then an order like any other."""

from bson import ObjectId

from truestyle.infra.outbox import event
from truestyle.inventory import service as inventory
from truestyle.inventory.models import Movement, Reason
from truestyle.kit.errors import Unavailable
from truestyle.orders import amounts, delivery
from truestyle.orders.amounts import Line, Terms
from truestyle.orders.flow import OrderStatus
from truestyle.orders.models import HistoryEntry, Order, OrderItem, OrderPayment, Tracking
from truestyle.orders.reading import frozen_item, tax_totals
from truestyle.payments.models import Entry, EntryKind, Payment, PaymentStatus, PaymentType
from truestyle.returns import worth
from truestyle.returns.models import Replacement, Return, ReturnItem
from truestyle.returns.step import Step
from truestyle.shipping.service import service_to
from truestyle.store import Store

ON_THE_WAY = (OrderStatus.PLACED, OrderStatus.CONFIRMED, OrderStatus.PACKED, OrderStatus.SHIPPED)


def _line(old: OrderItem, line: ReturnItem, new: Replacement) -> Line:
    return Line(
        sku=new.sku,
        quantity=line.quantity,
        mrp=new.mrp,
        list_price=new.unit_price,
        unit_price=new.unit_price,
        hsn_code=old.hsn_code,
        discount=worth.discount(old, line),
        offer="what the first order saved",
    )


async def build(tx: Store, row: Return, old: Order, step: Step, value: int) -> Order:
    """The order of the new pieces, of which `value` paise are paid with the old ones; nothing is written yet."""
    olds = {one.id: one for one in old.items}
    wanted = [(one, one.replacement) for one in row.items if one.replacement is not None]
    to = old.shipping_address
    intra = delivery.intra_state(tx.shop, to.state, to.pincode)
    lines = [_line(olds[line.order_item_id], line, new) for line, new in wanted]
    figures = amounts.price(lines, Terms(step.moment, intra))
    service = await service_to(tx, to.state, to.pincode)
    paid = min(value, figures.total)
    due = figures.total - paid
    kind = PaymentType.COD if due else PaymentType.EXCHANGE
    history = [HistoryEntry(status=one, at=step.moment, by=step.party.by) for one in ON_THE_WAY]
    tracking = step.body.tracking
    products = await tx.products.by_ids({line.product_id for line, _ in wanted})
    items = []
    for (line, new), priced in zip(wanted, figures.lines, strict=True):
        product = products[line.product_id]
        variant = product.variant(new.sku)
        if variant is None:
            raise Unavailable  # cannot be: what is set aside cannot be dropped
        items.append(frozen_item(product, variant, priced, new.image_url))
    return Order(
        number=step.number or "",
        status=history[-1].status,
        status_history=history,
        items=items,
        subtotal=figures.subtotal,
        discount=figures.discount,
        shipping=figures.shipping,
        tax=tax_totals(figures),
        total=figures.total,
        amount_paid=paid,
        payment=OrderPayment(id=ObjectId(), type=kind, status=PaymentStatus.PENDING if due else PaymentStatus.PAID),
        shipping_address=to,
        billing_address=old.billing_address,
        tracking=Tracking(**tracking.model_dump()) if tracking else None,
        estimated_delivery=service.arrives(step.moment, tx.shop.zone),
        email=old.email,
        user_id=old.user_id,
        placed_at=step.moment,
        cart_key=f"exchange:{row.id}",  # unique: one exchange, one order
        exchange_id=row.id,
        replaces=old.id,
    )


def _payments(made: Order, row: Return) -> list[Payment]:
    """What the old goods pay, and what is still to be paid."""
    found = []
    whole = made.payment.type is PaymentType.EXCHANGE
    if made.amount_paid or whole:
        reference = f"exchange:{row.id}"
        entry = Entry(kind=EntryKind.CAPTURE, amount=made.amount_paid, reference=reference, at=made.placed_at)
        found.append(
            Payment(
                id=made.payment.id if whole else ObjectId(),
                order_id=made.id,
                buyer_id=made.user_id,
                type=PaymentType.EXCHANGE,
                provider=PaymentType.EXCHANGE,
                status=PaymentStatus.PAID,
                amount=made.amount_paid,
                captured_amount=made.amount_paid,
                reference=reference,
                ledger=[entry],
            )
        )
    if not whole:
        due = made.total - made.amount_paid
        found.append(
            Payment(
                id=made.payment.id,
                order_id=made.id,
                buyer_id=made.user_id,
                type=PaymentType.COD,
                provider=PaymentType.COD,
                amount=due,
            )
        )
    return found


async def place(tx: Store, row: Return, made: Order, step: Step) -> None:
    """Write the order with its payments; what was set aside is sold."""
    await tx.orders.write([made])
    await tx.payments.write(_payments(made, row))
    if not await tx.stock.sell_reserved(step.wanted(), step.moment):
        raise Unavailable  # cannot be: it was set aside with the approval
    movements = [
        Movement(
            sku=one.sku,
            product_id=one.product_id,
            on_hand_delta=-one.quantity,
            reserved_delta=-one.quantity,
            reason=Reason.SOLD,
            order_id=made.id,
            return_id=row.id,
            actor_id=step.party.user_id,
        )
        for one in made.items
    ]
    await inventory.record(tx, movements)
    facts = {"order_id": made.id, "number": made.number}
    sold = [{"product_id": one.product_id, "quantity": one.quantity} for one in made.items]
    await tx.outbox.write(
        [
            event("order.placed", {**facts, "items": sold}, f"order.placed:{made.id}"),
            event("mail.order_confirmation", {**facts, "to": made.email}, f"mail.order_confirmation:{made.id}"),
        ]
    )
