"""What comes again by itself. To add something, add a line here: the name, when, a sentence, and what is to be done.

Work must be harmless to repeat. It is kept in one place with its cron, so that `GET /admin/schedules` shows all of it.
What nobody needs to see (sealing the trail, locking secrets anew) is a chore of the worker instead (`shop.py`).
"""

from typing import TYPE_CHECKING, Any

from truestyle.audit import job as integrity
from truestyle.backups import service as backups
from truestyle.dashboard import counting
from truestyle.hooks import announcing
from truestyle.hooks import service as hooks
from truestyle.kit.cron import ALWAYS, NEVER
from truestyle.orders import expiring
from truestyle.schedules.models import Recurring
from truestyle.sitemap import service as sitemap

if TYPE_CHECKING:
    from truestyle.shop import Shop


def recurring(shop: "Shop") -> list[Recurring]:
    """All of it."""
    return [*_always(shop), *_checks(shop), *_upkeep(shop)]


def _always(shop: "Shop") -> list[Recurring]:
    """What every worker does all the time."""

    async def announce() -> dict[str, Any]:
        return {"messages": await announcing.announce(shop.store)}

    async def end_unpaid() -> dict[str, Any]:
        return {"payments": await expiring.sweep(shop)}

    async def begin_backups() -> dict[str, Any]:
        begun = await backups.begin_due(shop.store)
        if begun:
            shop.worker.wake()
        return {"begun": begun}

    return [
        Recurring("webhooks", ALWAYS, "Write what webhook endpoints are to hear.", announce),
        Recurring("unpaid-orders", ALWAYS, "Ask about payments; end orders whose time to be paid is over.", end_unpaid),
        Recurring("backups", ALWAYS, "Begin backups that are due.", begin_backups, every=backups.LOOK_EVERY),
    ]


def _checks(shop: "Shop") -> list[Recurring]:
    """What looks at the whole store."""

    async def audit() -> dict[str, Any]:
        return await integrity.check(shop)

    async def recount() -> None:
        await counting.recount_all(shop.store)

    async def map_pages() -> dict[str, Any]:
        return await sitemap.build(shop)

    return [
        Recurring("audit", shop.settings.data.audit_cron, "Check every invariant of the store.", audit),
        Recurring("figures-recount", NEVER, "Count every order and account into the figures again.", recount),
        Recurring("sitemap", "*/5 * * * *", "Make /sitemap.xml again if anything in it changed.", map_pages),
    ]


def _upkeep(shop: "Shop") -> list[Recurring]:
    """What is kept for a time, and then goes."""

    async def forget_logs() -> dict[str, Any]:
        return {"rows": await shop.requests.expire()}

    async def forget_backups() -> dict[str, Any]:
        return {"backups": await backups.expire(shop)}

    async def forget_deliveries() -> dict[str, Any]:
        return {"deliveries": await hooks.forget(shop)}

    return [
        Recurring("log-retention", "17 * * * *", "Forget log rows that are past LOG_RETENTION_DAYS.", forget_logs),
        Recurring("webhook-retention", "23 * * * *", "Forget deliveries past WEBHOOK_LOG_DAYS.", forget_deliveries),
        Recurring("backup-retention", "41 * * * *", "Remove backups that are past BACKUP_KEEP_DAYS.", forget_backups),
    ]
