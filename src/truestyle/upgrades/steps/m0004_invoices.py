"""Orders that were packed before the store drew invoices get theirs.

With today's number and day, for a series counts on and its days never go back; the order's own day is on it as well.
"""

from collections.abc import Sequence

from truestyle.invoices import service as invoices
from truestyle.kit import clock
from truestyle.kit.repository import Row
from truestyle.orders.models import Order
from truestyle.store import Store
from truestyle.upgrades.models import Migration

SENT = ("packed", "shipped", "out_for_delivery", "delivered")


async def _draw(tx: Store, rows: Sequence[Row]) -> int:
    moment = clock.now()
    for row in rows:
        await invoices.issue(tx, Order.load(row), moment)
    return len(rows)


MIGRATION = Migration(
    4,
    "invoices",
    "Orders that were packed before there were invoices get theirs, dated today.",
    collection="orders",
    needs=(
        {"$match": {"status": {"$in": list(SENT)}}},
        {"$lookup": {"from": "invoices", "localField": "_id", "foreignField": "order_id", "as": "invoices"}},
        {"$match": {"invoices": []}},
        {"$unset": "invoices"},
    ),
    apply=_draw,
    additive=True,
    batch=50,
)
