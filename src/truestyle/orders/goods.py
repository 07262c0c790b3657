"""The goods of an order, moved between the shelf, its reservation and its buyer; inside the order's transaction."""

from datetime import datetime

from bson import ObjectId

from truestyle.inventory import service as inventory
from truestyle.inventory.models import Movement, Reason
from truestyle.kit.errors import Unavailable
from truestyle.orders.models import Order
from truestyle.store import Store


def pieces(order: Order) -> dict[str, int]:
    """How many of each SKU, summed over lines."""
    found: dict[str, int] = {}
    for item in order.items:
        found[item.sku] = found.get(item.sku, 0) + item.quantity
    return found


async def sell_reserved(tx: Store, order: Order, moment: datetime, by: str) -> None:
    """What was set aside for the order is its buyer's."""
    if not await tx.stock.sell_reserved(pieces(order), moment):
        raise Unavailable  # cannot be: whoever took the order out of `placed` has its reservation
    await _record(tx, order, Reason.SOLD, by, on_hand=-1, reserved=-1)


async def release(tx: Store, order: Order, moment: datetime, by: str) -> None:
    """What was set aside is offered again."""
    if not await tx.stock.release(pieces(order), moment):
        raise Unavailable  # cannot be, as above
    await _record(tx, order, Reason.RELEASED, by, reserved=-1)
    await _refresh(tx, order)


async def put_back(tx: Store, order: Order, moment: datetime, by: str, reason: Reason) -> None:
    """What was sold is on the shelf again."""
    await tx.stock.put_back(pieces(order), moment)
    await _record(tx, order, reason, by, on_hand=1)
    await _refresh(tx, order)


async def there(tx: Store, order: Order) -> bool:
    """Whether all that was offered again is still on the shelf; nobody else takes it before the transaction ends."""
    wanted = pieces(order)
    on_shelf = await tx.stock.lock(sorted(wanted))
    return all(on_shelf.get(sku, 0) >= count for sku, count in wanted.items())


async def take_again(tx: Store, order: Order, moment: datetime, by: str) -> None:
    """Sell what is `there`."""
    if not await tx.stock.take(pieces(order), moment):
        raise Unavailable  # cannot be, as above
    await _record(tx, order, Reason.SOLD, by, on_hand=-1)
    await _refresh(tx, order)


async def _record(tx: Store, order: Order, reason: Reason, by: str, *, on_hand: int = 0, reserved: int = 0) -> None:
    await inventory.record(
        tx,
        [
            Movement(
                sku=item.sku,
                product_id=item.product_id,
                on_hand_delta=on_hand * item.quantity,
                reserved_delta=reserved * item.quantity,
                reason=reason,
                order_id=order.id,
                actor_id=ObjectId(by) if ObjectId.is_valid(by) else None,
            )
            for item in order.items
        ],
    )


async def _refresh(tx: Store, order: Order) -> None:
    await inventory.refresh_flags(tx, {item.product_id for item in order.items})
