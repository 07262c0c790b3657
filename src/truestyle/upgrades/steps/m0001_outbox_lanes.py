"""Events got lanes. A worker leases by lane, so those without one would wait for ever."""

from collections.abc import Sequence

from truestyle.infra.outbox import event
from truestyle.kit.repository import Row
from truestyle.store import Store
from truestyle.upgrades.models import Migration

JOBS = frozenset({"products.import"})  # of the topics there were then, the only one with long work


async def _lanes(tx: Store, rows: Sequence[Row]) -> int:
    def lane(topic: str) -> str:
        return "jobs" if topic in JOBS else event(topic, {}).lane

    return await tx.migrations.rewrite(tx.outbox, {row["_id"]: {"$set": {"lane": lane(row["topic"])}} for row in rows})


MIGRATION = Migration(
    1,
    "outbox-lanes",
    "Events that wait are put into the lane of their topic, or no worker would deliver them.",
    collection="outbox",
    needs=({"$match": {"lane": {"$exists": False}}},),
    apply=_lanes,
    additive=True,
    batch=500,
)
