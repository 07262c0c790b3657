"""The legal moves of an order, as data. The guarded update settles races."""

from collections.abc import Collection, Iterable, Sequence
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
# The one way back: an order that cancelled itself unpaid, whose payment came after all while its goods are still there.
REVIVED = (S.CANCELLED, S.CONFIRMED)
SYSTEM, EXPIRED = "system", "not paid in time"  # how the history tells of that: no person is called `system`
CANCELLABLE = tuple(status for status, after in NEXT.items() if S.CANCELLED in after)
EDITABLE = (S.PLACED, S.CONFIRMED)
ALIASES = {"processing": S.PACKED}  # an older seed's name


class InvalidTransition(Problem):
    """Not a legal move from where the order stands."""

    status, code, detail = 409, "invalid_transition", "The order cannot go there from where it stands."

    def __init__(self, now: OrderStatus, to: OrderStatus) -> None:
        super().__init__()
        self.members = {"from": now, "to": to, "allowed": [str(one) for one in by_hand(now)]}


def by_hand(status: OrderStatus) -> list[OrderStatus]:
    """Where people can take an order from here. Only a payment confirms one."""
    return [one for one in NEXT[status] if one is not S.CONFIRMED]


def before(status: OrderStatus) -> list[OrderStatus]:
    """The statuses from which `status` can be reached in one move."""
    return [one for one, after in NEXT.items() if status in after]


def is_path(statuses: Iterable[OrderStatus], expired: Collection[int] = ()) -> bool:
    """Whether a history begins with placed and makes only legal moves.

    `expired`: the steps (by position) at which the order cancelled itself because nobody had paid.
    """
    path = list(statuses)
    return path[:1] == [S.PLACED] and all(
        after in NEXT[one] or (at in expired and (one, after) == REVIVED)
        for at, (one, after) in enumerate(pairwise(path))
    )


def allowed_actions(status: OrderStatus, more: Sequence[str] = (), *, payable: bool = False) -> list[str]:
    """What can be done with an order now: `pay`, `cancel`, `edit`, `more`, and the statuses it can move to."""
    acts = ["pay"] if payable else []
    acts += ["cancel"] if S.CANCELLED in NEXT[status] else []
    acts += ["edit"] if status in EDITABLE else []
    return acts + list(more) + [f"status:{one}" for one in by_hand(status) if one is not S.CANCELLED]
