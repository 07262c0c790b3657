"""Movements of money have an id and a state.

What is read without an id gets another one at each reading, so nobody could name the movement; and what has no state
is in no list of what is done or waits.
"""

from collections.abc import Sequence
from typing import Any

from bson import ObjectId

from truestyle.kit.repository import Row
from truestyle.store import Store
from truestyle.upgrades.models import Migration

# As they were when this was written, so that a later change of the models does not change what this did.
ENTRY = {"state": "done", "reference": None, "to": None, "reason": None, "asked": None, "by": None}
PAYMENT = {"provider_reference": None, "action": None, "failure": None, "expires_at": None, "surplus": False}


async def _entries(tx: Store, rows: Sequence[Row]) -> int:
    return await tx.migrations.rewrite(tx.payments, {row["_id"]: {"$set": _missing(row)} for row in rows})


def _missing(row: Row) -> Row:
    values: dict[str, Any] = {name: value for name, value in PAYMENT.items() if name not in row}
    for at, entry in enumerate(row["ledger"]):
        fresh = {"id": ObjectId(), **ENTRY}
        values |= {f"ledger.{at}.{name}": value for name, value in fresh.items() if name not in entry}
    return values


MIGRATION = Migration(
    3,
    "ledger-entries",
    "Movements of money get an id and a state, and payments say whether they are surplus.",
    collection="payments",
    needs=(
        {
            "$match": {
                "$or": [
                    {"surplus": {"$exists": False}},
                    *({"ledger": {"$elemMatch": {name: {"$exists": False}}}} for name in ("id", "state")),
                ]
            }
        },
    ),
    apply=_entries,
    additive=True,
)
