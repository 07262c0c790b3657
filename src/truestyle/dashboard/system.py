"""How the store's parts are, for who runs it."""

from truestyle import health
from truestyle.dashboard.counting import RECOUNT
from truestyle.infra.outbox import EventStatus
from truestyle.kit.documents import Answer
from truestyle.kit.types import Timestamp
from truestyle.shop import Shop


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
    """How the store's parts are. There are no backups yet: what is said of them is null or 0."""

    outbox: OutboxHealth
    figures: FiguresHealth
    last_backup_at: Timestamp | None = None
    failed_backups: int = 0
    failed_restores: int = 0


async def system_health(shop: Shop) -> SystemHealth:
    """Everything at one look."""
    found = await health.look(shop)
    store = shop.store
    oldest = await store.outbox.oldest_due()
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
    )
