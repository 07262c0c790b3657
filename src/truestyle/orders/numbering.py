"""Order numbers outside the till, which keeps blocks of its own ready."""

from truestyle.kit import clock
from truestyle.orders.repository import order_number
from truestyle.store import Store


async def one(store: Store) -> str:
    """The next order number. Outside a transaction, so that nobody waits for it; gaps are allowed."""
    moment = clock.now().astimezone(store.shop.zone)
    return order_number(store.shop.order_prefix, moment, await store.counters.take(f"orders:{moment:%y}"))
