"""Lines of orders count what was returned and what was given back.

Both counts are guarded in the filters of their writes, and a filter never matches a field that is not there: nothing
could be sent back, or refunded by pieces, of an older order.
"""

from collections.abc import Sequence
from typing import Any

from truestyle.kit.repository import Row
from truestyle.store import Store
from truestyle.upgrades.models import Migration

COUNTS = ("returned_quantity", "refunded_quantity")


async def _counts(tx: Store, rows: Sequence[Row]) -> int:
    return await tx.migrations.rewrite(tx.orders, {row["_id"]: {"$set": _missing(row)} for row in rows})


def _missing(row: Row) -> Row:
    values: dict[str, Any] = {} if "given_back" in row else {"given_back": []}
    for at, item in enumerate(row["items"]):
        values |= {f"items.{at}.{name}": 0 for name in COUNTS if name not in item}
    return values


MIGRATION = Migration(
    2,
    "order-counts",
    "Lines of orders say how many pieces were returned and given back, so that older orders can be too.",
    collection="orders",
    needs=(
        {
            "$match": {
                "$or": [
                    {"given_back": {"$exists": False}},
                    *({"items": {"$elemMatch": {name: {"$exists": False}}}} for name in COUNTS),
                ]
            }
        },
    ),
    apply=_counts,
    additive=True,
)
