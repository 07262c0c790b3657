"""Who handles which outbox event."""

from typing import TYPE_CHECKING

import structlog

from truestyle.audit import job as integrity
from truestyle.catalog.importing import job as importing
from truestyle.dashboard import counting
from truestyle.files import service as files
from truestyle.infra.outbox import Event, Handler
from truestyle.inventory import service as inventory

if TYPE_CHECKING:
    from truestyle.shop import Shop

log = structlog.get_logger("events")


def handlers(shop: "Shop") -> dict[str, Handler]:
    """The handler of each topic."""

    async def count(event: Event) -> None:
        await counting.count_in(shop.store, event)

    async def recount(event: Event) -> None:
        await counting.recount_some(shop.store, event)

    async def check_integrity(event: Event) -> None:
        await integrity.run(shop, event)

    async def import_products(event: Event) -> None:
        # Many transactions of its own, each harmless to repeat, so the row is marked by the worker afterwards.
        await importing.run(shop, event)

    async def sweep_file(event: Event) -> None:
        await files.sweep(shop.store, shop.storage, event.payload["file_id"])

    async def release_file(event: Event) -> None:
        await files.release(shop.store, shop.storage, event.payload["file_id"])

    async def forget_files(event: Event) -> None:
        await files.forget(shop.store, shop.storage, event.payload["user_id"])

    return {
        **dict.fromkeys(counting.TOPICS, count),
        counting.RECOUNT: recount,
        integrity.TOPIC: check_integrity,
        files.SWEEP: sweep_file,
        files.RELEASE: release_file,
        files.FORGET: forget_files,
        "mail.order_confirmation": _print_mail,
        "mail.order_status": _print_mail,
        inventory.LOW: _tell_low,
        importing.TOPIC: import_products,
    }


async def _tell_low(event: Event) -> None:
    """MAIL_BACKEND=console: say what would be sent to whoever keeps the stock."""
    low = event.payload
    log.warning("stock_low", sku=low["sku"], available=low["available"], low_stock_at=low["low_stock_at"])


async def _print_mail(event: Event) -> None:
    """MAIL_BACKEND=console: say what would be sent."""
    log.info("mail", topic=event.topic, to=event.payload["to"], order=event.payload["number"])
