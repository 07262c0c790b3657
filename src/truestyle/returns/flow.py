"""The legal moves of a return and of an exchange, as data. The guarded update settles races."""

from collections.abc import Iterable
from enum import StrEnum
from itertools import pairwise

from truestyle.kit.errors import Problem


class Kind(StrEnum):
    """What the buyer wants for the goods."""

    RETURN = "return"  # the money
    EXCHANGE = "exchange"  # another piece


class ReturnStatus(StrEnum):
    """Where a return or an exchange stands; `replacement_shipped` is of exchanges."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    PICKED_UP = "picked_up"
    RECEIVED = "received"
    REPLACEMENT_SHIPPED = "replacement_shipped"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class ReturnReason(StrEnum):
    """Why goods come back."""

    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    DEFECTIVE = "defective"
    WRONG_ITEM = "wrong_item"
    NOT_AS_DESCRIBED = "not_as_described"
    CHANGED_MIND = "changed_mind"
    OTHER = "other"


class Condition(StrEnum):
    """How the goods came back."""

    SELLABLE = "sellable"
    DAMAGED = "damaged"


S = ReturnStatus
_BOTH: dict[ReturnStatus, tuple[ReturnStatus, ...]] = {
    S.REQUESTED: (S.APPROVED, S.REJECTED, S.CANCELLED),
    S.APPROVED: (S.PICKED_UP, S.CANCELLED),
    S.PICKED_UP: (S.RECEIVED,),
    S.REJECTED: (),
    S.COMPLETED: (),
    S.CANCELLED: (),
}
NEXT: dict[Kind, dict[ReturnStatus, tuple[ReturnStatus, ...]]] = {
    Kind.RETURN: {**_BOTH, S.RECEIVED: (S.COMPLETED, S.REJECTED)},
    Kind.EXCHANGE: {**_BOTH, S.RECEIVED: (S.REPLACEMENT_SHIPPED, S.REJECTED), S.REPLACEMENT_SHIPPED: (S.COMPLETED,)},
}
SETTLING = {Kind.RETURN: S.COMPLETED, Kind.EXCHANGE: S.REPLACEMENT_SHIPPED}  # the moves that give something for goods
CALLED_OFF = (S.REJECTED, S.CANCELLED)
LIVE = tuple(one for one in S if one not in CALLED_OFF)  # their pieces cannot be sent back again
OUR_FAULT = frozenset({ReturnReason.DEFECTIVE, ReturnReason.WRONG_ITEM, ReturnReason.NOT_AS_DESCRIBED})


class InvalidMove(Problem):
    """Not a legal move from where the return stands."""

    status, code, detail = 409, "invalid_transition", "It cannot go there from where it stands."

    def __init__(self, kind: Kind, now: ReturnStatus, to: ReturnStatus) -> None:
        super().__init__()
        self.members = {"from": now, "to": to, "allowed": [str(one) for one in NEXT[kind][now]]}


def before(kind: Kind, status: ReturnStatus) -> list[ReturnStatus]:
    """The statuses from which `status` can be reached in one move."""
    return [one for one, after in NEXT[kind].items() if status in after]


def is_path(kind: Kind, statuses: Iterable[ReturnStatus]) -> bool:
    """Whether a history begins with requested and makes only legal moves."""
    path, moves = list(statuses), NEXT[kind]
    return path[:1] == [S.REQUESTED] and all(after in moves.get(one, ()) for one, after in pairwise(path))


def allowed_actions(kind: Kind, status: ReturnStatus) -> list[str]:
    """What can be done now, for clients: `cancel`, `edit` and the statuses that staff can move it to."""
    acts = ["cancel"] if S.CANCELLED in NEXT[kind][status] else []
    acts += ["edit"] if status is S.REQUESTED else []
    return acts + [f"status:{one}" for one in NEXT[kind][status] if one is not S.CANCELLED]
