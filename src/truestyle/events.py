"""Who handles which outbox event."""

from functools import partial
from typing import TYPE_CHECKING

import structlog

from truestyle.audit import job as integrity
from truestyle.auth import letters, mailed
from truestyle.catalog.importing import job as importing
from truestyle.contact import service as contact
from truestyle.dashboard import counting
from truestyle.files import service as files
from truestyle.infra.outbox import Event, Handler
from truestyle.inventory import service as inventory
from truestyle.logs import service as logs
from truestyle.mail import service as mail
from truestyle.mail.writing import kinds

log = structlog.get_logger()

if TYPE_CHECKING:
    from truestyle.shop import Shop


def handlers(shop: "Shop") -> dict[str, Handler]:
    """The handler of each topic."""

    async def send_code(event: Event) -> None:
        await mailed.send_code(shop.store, shop.keys, event)

    async def sweep_file(event: Event) -> None:
        await files.sweep(shop.store, shop.storage, event.payload["file_id"])

    async def release_file(event: Event) -> None:
        await files.release(shop.store, shop.storage, event.payload["file_id"])

    async def forget_files(event: Event) -> None:
        await files.forget(shop.store, shop.storage, event.payload["user_id"])

    counted = {**dict.fromkeys(counting.TOPICS, counting.count_in), counting.RECOUNT: counting.recount_some}
    handled = {
        **{mail.PREFIX + kind: mail.deliver for kind in kinds()},
        integrity.TOPIC: integrity.run,
        # Many transactions of its own, each harmless to repeat, so the row is marked by the worker afterwards.
        importing.TOPIC: importing.run,
        contact.RECEIVED: contact.keep,
        logs.ROWS: logs.keep,
        logs.FORGET: logs.forget,
    }
    return {
        **{topic: partial(handler, shop.store) for topic, handler in counted.items()},
        **{topic: partial(handler, shop) for topic, handler in handled.items()},
        letters.CODE_ASKED: send_code,
        files.SWEEP: sweep_file,
        files.RELEASE: release_file,
        files.FORGET: forget_files,
        inventory.LOW: _tell_low,
    }


async def _tell_low(event: Event) -> None:
    low = event.payload
    log.warning("stock_low", sku=low["sku"], available=low["available"], low_stock_at=low["low_stock_at"])
