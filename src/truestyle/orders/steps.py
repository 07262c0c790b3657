"""What every step of an order has: its moment, and who hears of it."""

from datetime import datetime, timedelta

from truestyle.infra.outbox import Event, event
from truestyle.kit import clock
from truestyle.kit.turns import Turns
from truestyle.orders.flow import OrderStatus
from truestyle.orders.models import Order

TURNS = Turns()  # by order
GUEST = "guest"  # how a history calls a buyer without an account


def next_moment(order: Order) -> datetime:
    """Now, but never before the last step: the clocks of two processes may differ."""
    return max(clock.now(), order.status_history[-1].at)


def returnable_until(order: Order, days: int) -> datetime | None:
    """Until when its goods can be sent back, `days` after they were handed over; None unless they were."""
    if order.status is not OrderStatus.DELIVERED:
        return None
    delivered = next(step.at for step in reversed(order.status_history) if step.status is OrderStatus.DELIVERED)
    return delivered + timedelta(days=days)


def told(order: Order) -> Event:
    """The mail about the step that an order just took: one kind a step, and one mail."""
    step = order.status_history[-1]
    reason = step.note if step.by not in {str(order.user_id), GUEST} else None
    facts = {"order_id": order.id, "number": order.number, "reason": reason, "to": order.email}
    return event(f"mail.order_{order.status}", facts, f"mail.order_status:{order.id}:{len(order.status_history)}")


def changed_event(order: Order) -> Event:
    """Whatever of an order counts somewhere else may be different from now on."""
    return event("order.changed", {"order_id": order.id}, f"order.changed:{order.id}:{order.version}")
