"""On whose behalf something is done with a return: which orders and returns they reach, and who they are."""

from dataclasses import dataclass
from typing import Any, Self

from bson import ObjectId

from truestyle.auth.permissions import Permission
from truestyle.orders.access import Holder


@dataclass(frozen=True)
class Party:
    """Filters of the orders and returns within reach; `by` stands in histories, `user_id` owns pictures.

    `seen`: of the returns they may look at. `keys`: whose Idempotency-Keys they use. `staff` may decide; everybody else
    may only ask and call off. Filters stand under `$and`, so that none takes the place of what is asked for.
    """

    orders: dict[str, Any]
    returns: dict[str, Any]
    seen: dict[str, Any]
    by: str
    keys: str
    user_id: ObjectId | None = None
    staff: bool = False

    @classmethod
    def of(cls, holder: Holder) -> Self:
        """Somebody who is signed in: their own; with `returns:write`, everybody's. A guest: of their one order."""
        caller = holder.caller
        if caller is None:
            order = {"$and": [{"_id": holder.order_id, "user_id": None}]}
            theirs = {"$and": [{"order_id": holder.order_id, "user_id": None}]}
            return cls(order, theirs, theirs, holder.by, f"{holder.by}:{holder.order_id}")
        staff = caller.may(Permission.RETURNS_WRITE)
        own = {"$and": [{"user_id": caller.user_id}]}
        reach = {} if staff else own
        seen = {} if caller.may(Permission.RETURNS_READ) else own
        return cls(reach, reach, seen, holder.by, holder.by, caller.user_id, staff)
