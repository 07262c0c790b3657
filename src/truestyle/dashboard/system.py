"""How the store's parts are, for who runs it."""

from datetime import timedelta

from bson import ObjectId

from truestyle import health
from truestyle.backups.models import BackupStatus, RestoreStatus
from truestyle.dashboard.counting import RECOUNT
from truestyle.infra.outbox import EventStatus
from truestyle.kit import clock
from truestyle.kit.documents import Answer
from truestyle.kit.types import Timestamp
from truestyle.shop import Shop

LATELY = timedelta(days=30)


class OutboxHealth(Answer):
    """Effects that wait, and those that were given up."""

    waiting: int
    dead: int
    oldest_due_at: Timestamp | None


class FiguresHealth(Answer):
    """Whether these figures are whole. `recounting`: what was there before them is still being counted."""

    counted_at: Timestamp | None
    recounting: bool


class SystemHealth(health.Health):
    """How the store's parts are. Failed backups and restores are those of the last 30 days."""

    outbox: OutboxHealth
    figures: FiguresHealth
    last_backup_at: Timestamp | None
    failed_backups: int
    failed_restores: int


async def system_health(shop: Shop) -> SystemHealth:
    """Everything at one look."""
    found = await health.look(shop)
    store = shop.store
    oldest = await store.outbox.oldest_due()
    lately = {"_id": {"$gt": ObjectId.from_datetime(clock.now() - LATELY)}}
    return SystemHealth(
        **found.model_dump(),
        outbox=OutboxHealth(
            waiting=await store.outbox.count({"status": EventStatus.WAITING}),
            dead=await store.outbox.count({"status": EventStatus.DEAD}),
            oldest_due_at=oldest,
        ),
        figures=FiguresHealth(
            counted_at=(await store.figures.total()).get("counted_at"),
            recounting=bool(await store.outbox.waiting([RECOUNT], 1)),
        ),
        last_backup_at=await store.backup_logs.last_good_at(),
        failed_backups=await store.backup_logs.count({"status": BackupStatus.FAILED, **lately}),
        failed_restores=await store.restore_logs.count({"status": RestoreStatus.FAILED, **lately}),
    )
