"""What goods that come back are worth, and what their replacements cost: pure, on frozen amounts."""

from collections.abc import Sequence
from dataclasses import dataclass

from truestyle.catalog.products.models import Product, Variant
from truestyle.orders.models import Order, OrderItem
from truestyle.orders.shares import share
from truestyle.returns.models import Replacement, ReturnItem


def asked_for(item: OrderItem, before: int, pieces: int) -> int:
    """What `pieces` of a line were paid with, `before` of them settled or under way already; in paise."""
    return share(item, before, pieces).gross


@dataclass(frozen=True)
class Settled:
    """Pieces of a line whose money is still to be settled, and that money in paise."""

    pieces: int
    amount: int


def settled(order: Order, lines: Sequence[ReturnItem]) -> list[Settled]:
    """What is to be given for each of the lines that came back: nothing for pieces whose money was given before."""
    items = {one.id: one for one in order.items}
    done = {one.id: one.refunded_quantity for one in order.items}
    found = []
    for line in lines:
        item, before = items[line.order_item_id], done[line.order_item_id]
        pieces = min(line.quantity, item.quantity - before)
        done[item.id] += pieces
        found.append(Settled(pieces, share(item, before, pieces).gross))
    return found


def replacement(product: Product, item: OrderItem, variant: Variant, image_url: str | None) -> Replacement:
    """The piece that is wanted instead of one of a line.

    It costs what the old one was sold at, and what the two variants differ by today: a price that has changed for
    both since is nobody's gain or loss.
    """
    old = product.variant(item.sku)
    differ = variant.price - old.price if old is not None else 0
    unit_price = max(item.unit_price + differ, 0)
    return Replacement(
        sku=variant.sku,
        size=variant.size,
        color=variant.color,
        image_url=image_url,
        mrp=max(variant.mrp, unit_price),
        unit_price=unit_price,
    )


def discount(item: OrderItem, line: ReturnItem) -> int:
    """What of the old pieces' discount goes over to the new ones: all of it, but not more than they cost."""
    if line.replacement is None:
        return 0
    kept = line.quantity * item.unit_price - line.amount
    return max(0, min(kept, line.quantity * line.replacement.unit_price))


def cost(item: OrderItem, line: ReturnItem) -> int:
    """What the new pieces of a line cost in all."""
    if line.replacement is None:
        return 0
    return line.quantity * line.replacement.unit_price - discount(item, line)
