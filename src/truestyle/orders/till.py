"""Where the checkouts of one process queue up."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from bson import ObjectId

from truestyle.cart.models import Cart
from truestyle.cart.service import Owner, of_owners
from truestyle.kit import clock
from truestyle.kit.gathering import Gather
from truestyle.kit.groupcommit import GroupCommit
from truestyle.kit.trail import Actor, ActorKind, acting
from truestyle.orders.checkout import Placement, place_batch
from truestyle.orders.models import Order
from truestyle.orders.repository import order_number
from truestyle.store import Store

AT_THE_TILL = Actor(ActorKind.GUEST)  # whoever an order belongs to
BLOCK = 100  # order numbers a worker reserves at once; the rest of a block is lost on a restart


class Till:
    """Where the checkouts of one process queue up, and what those that come together read together."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._numbers: list[str] = []
        self._year = 0  # that they are of
        self.queue: GroupCommit[Placement, Order] = GroupCommit(self._run)
        self.carts: Gather[Owner, Cart] = Gather(partial(of_owners, store))
        self.emails: Gather[ObjectId, str] = Gather(store.users.emails)
        self.offers: Gather[bool, bool] = Gather(self._offers)

    async def place(self, placement: Placement) -> Order:
        """The order, or the Problem that stands in its way."""
        return await self.queue.submit(placement)

    async def _run(self, waiting: Sequence[Placement]) -> Sequence[Order | Exception]:
        numbered = [replace(one, number=await self._number()) for one in waiting]
        with acting(AT_THE_TILL):
            return await self._store.transaction(lambda tx: place_batch(tx, numbered))

    async def _offers(self, asked: Sequence[bool]) -> dict[bool, bool]:
        """Whether there are offers that need no code."""
        there = bool(await self._store.coupons.automatic(1))
        return dict.fromkeys(asked, there)

    async def _number(self) -> str:
        moment = clock.now().astimezone(self._store.shop.zone)
        if not self._numbers or self._year != moment.year:
            first = await self._store.counters.take(f"orders:{moment:%y}", BLOCK)
            prefix = self._store.shop.order_prefix
            self._numbers = [order_number(prefix, moment, first + step) for step in range(BLOCK)]
            self._year = moment.year
        return self._numbers.pop(0)
