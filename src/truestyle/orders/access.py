"""Whose orders."""

from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.orders.steps import GUEST


@dataclass(frozen=True)
class Holder:
    """Whoever deals with an order: somebody signed in, or a guest whose token names it."""

    caller: Caller | None = None
    order_id: ObjectId | None = None

    @property
    def within(self) -> dict[str, Any]:
        """The filter for orders that they may see."""
        return self._named if self.caller is None else within(self.caller)

    @property
    def own(self) -> dict[str, Any]:
        """The filter for orders that they may change."""
        return self._named if self.caller is None else own(self.caller)

    @property
    def bought(self) -> dict[str, Any]:
        """The filter for orders that are theirs, whatever else they may see."""
        return self._named if self.caller is None else {"user_id": self.caller.user_id}

    @property
    def _named(self) -> dict[str, Any]:
        """Not plainly `_id`, which would take the place of the id that is asked for."""
        return {"$and": [{"_id": self.order_id}]}

    @property
    def user_id(self) -> ObjectId | None:
        """Their account, if they have one."""
        return self.caller.user_id if self.caller is not None else None

    @property
    def by(self) -> str:
        """How an order's history calls them."""
        return str(self.user_id or GUEST)


def within(caller: Caller) -> dict[str, Any]:
    """The filter for orders that the caller may see."""
    return {} if caller.may(Permission.ORDERS_READ) else {"user_id": caller.user_id}


def own(caller: Caller) -> dict[str, Any]:
    """The filter for orders that the caller may change."""
    return {} if caller.may(Permission.ORDERS_WRITE) else {"user_id": caller.user_id}
