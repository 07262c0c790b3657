"""Ordering the same again."""

from bson import ObjectId

from truestyle.cart import service as carts
from truestyle.cart.models import CartAnswer, SyncItem
from truestyle.cart.service import Owner
from truestyle.orders.access import Holder
from truestyle.store import Store


async def again(store: Store, holder: Holder, owner: Owner, key: ObjectId) -> CartAnswer:
    """The lines of one's own order, put into the cart as far as they can be bought. Raises NotFound."""
    order = await store.orders.get(key, **holder.bought)
    wanted = [SyncItem(sku=item.sku, quantity=item.quantity) for item in order.items]
    return await carts.view(store, owner, await carts.sync(store, owner, wanted))
