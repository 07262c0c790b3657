"""The legal moves of an order, as data. The guarded update settles races."""

from collections.abc import Iterable
from enum import StrEnum
from itertools import pairwise

from truestyle.kit.errors import Problem


class OrderStatus(StrEnum):
    """Where an order stands."""

    PLACED = "placed"
    CONFIRMED = "confirmed"
    PACKED = "packed"
    SHIPPED = "shipped"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    RETURNED_TO_ORIGIN = "returned_to_origin"


S = OrderStatus
NEXT: dict[OrderStatus, tuple[OrderStatus, ...]] = {
    S.PLACED: (S.CONFIRMED, S.CANCELLED),
    S.CONFIRMED: (S.PACKED, S.CANCELLED),
    S.PACKED: (S.SHIPPED, S.CANCELLED),
    S.SHIPPED: (S.OUT_FOR_DELIVERY, S.RETURNED_TO_ORIGIN),
    S.OUT_FOR_DELIVERY: (S.DELIVERED, S.RETURNED_TO_ORIGIN),
    S.DELIVERED: (),
    S.CANCELLED: (),
    S.RETURNED_TO_ORIGIN: (),
}
CANCELLABLE = tuple(status for status, after in NEXT.items() if S.CANCELLED in after)
EDITABLE = (S.PLACED, S.CONFIRMED)
ALIASES = {"processing": S.PACKED}  # an older seed's name


class InvalidTransition(Problem):
    """Not a legal move from where the order stands."""

    status, code, detail = 409, "invalid_transition", "The order cannot go there from where it stands."

    def __init__(self, now: OrderStatus, to: OrderStatus) -> None:
        super().__init__()
        self.members = {"from": now, "to": to, "allowed": [str(one) for one in NEXT[now]]}


def before(status: OrderStatus) -> list[OrderStatus]:
    """The statuses from which `status` can be reached in one move."""
    return [one for one, after in NEXT.items() if status in after]


def is_path(statuses: Iterable[OrderStatus]) -> bool:
    """Whether a history begins with placed and makes only legal moves."""
    path = list(statuses)
    return path[:1] == [S.PLACED] and all(after in NEXT[one] for one, after in pairwise(path))


def allowed_actions(status: OrderStatus) -> list[str]:
    """What can be done with an order now, for clients: `cancel`, `edit` and the statuses it can move to."""
    acts = ["cancel"] if S.CANCELLED in NEXT[status] else []
    acts += ["edit"] if status in EDITABLE else []
    return acts + [f"status:{one}" for one in NEXT[status] if one is not S.CANCELLED]
