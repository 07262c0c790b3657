"""The mails of each step."""

from truestyle.infra.outbox import Event
from truestyle.mail.service import letter
from truestyle.orders.models import Order
from truestyle.returns.flow import ReturnStatus
from truestyle.returns.models import Return


def mail(row: Return, order: Order) -> Event:
    """The mail that tells the buyer where their return or exchange stands now."""
    step = row.status_history[-1]
    facts = {
        "order_id": order.id,
        "kind": row.kind,
        "status": row.status,
        "note": step.note,
        "arrived": any(one.status is ReturnStatus.RECEIVED for one in row.status_history),
        "goods": [
            {
                "quantity": one.quantity,
                "name": one.name,
                "size": one.size,
                "color": one.color,
                "instead": one.replacement and {"size": one.replacement.size, "color": one.replacement.color},
            }
            for one in row.items
        ],
        "amount": row.amount,
        "refund_amount": row.refund_amount,
        "refund_to": row.refund_to,
        "price_difference": row.price_difference,
        "replacement_number": row.replacement_number,
    }
    return letter("return_status", order.email, facts, f"mail.return_status:{row.id}:{row.status}")
