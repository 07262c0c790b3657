"""Who handles which outbox event."""

from typing import TYPE_CHECKING

import structlog

from truestyle.catalog.importing import job as importing
from truestyle.files import service as files
from truestyle.infra.outbox import Event, Handler
from truestyle.store import Store

if TYPE_CHECKING:
    from truestyle.shop import Shop

log = structlog.get_logger("events")


def handlers(shop: "Shop") -> dict[str, Handler]:
    """The handler of each topic."""

    async def count_sales(event: Event) -> None:
        await _count_sales(shop.store, event)

    async def import_products(event: Event) -> None:
        # Many transactions of its own, each harmless to repeat, so the row is marked by the worker afterwards.
        await importing.run(shop, event)

    async def sweep_file(event: Event) -> None:
        await files.sweep(shop.store, shop.storage, event.payload["file_id"])

    return {
        "order.placed": count_sales,
        "file.sweep": sweep_file,
        "mail.order_confirmation": _print_mail,
        "mail.order_status": _print_mail,
        importing.TOPIC: import_products,
    }


async def _count_sales(store: Store, event: Event) -> None:
    """Popularity counts pieces sold: in one transaction with the mark, so each order counts once."""

    async def work(tx: Store) -> None:
        if await tx.outbox.delivered(event):
            pieces: dict[object, int] = {}
            for item in event.payload["items"]:
                pieces[item["product_id"]] = pieces.get(item["product_id"], 0) + item["quantity"]
            await tx.products.sold(pieces)  # type: ignore[arg-type]

    await store.transaction(work)


async def _print_mail(event: Event) -> None:
    """MAIL_BACKEND=console: say what would be sent."""
    log.info("mail", topic=event.topic, to=event.payload["to"], order=event.payload["number"])
