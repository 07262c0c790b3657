"""Who handles which outbox event."""

from functools import partial
from typing import TYPE_CHECKING

from truestyle.audit import job as integrity
from truestyle.auth import letters, mailed
from truestyle.backups import running as backups
from truestyle.backups import service as asked
from truestyle.catalog.importing import job as importing
from truestyle.contact import service as contact
from truestyle.dashboard import counting
from truestyle.exports import job as exporting
from truestyle.files import service as files
from truestyle.hooks import announcing, sending
from truestyle.infra.outbox import Event, Handler
from truestyle.inventory import low_stock
from truestyle.inventory import service as inventory
from truestyle.logs import service as logs
from truestyle.mail import service as mail
from truestyle.mail.writing import kinds
from truestyle.orders import cancelling, lookup, paying, starting
from truestyle.payments import refunding, repaying, webhooks
from truestyle.payments.providers import sandbox
from truestyle.returns import fit
from truestyle.schedules import service as schedules
from truestyle.shipping import booking

if TYPE_CHECKING:
    from truestyle.shop import Shop


def handlers(shop: "Shop") -> dict[str, Handler]:
    """The handler of each topic."""

    async def send_code(event: Event) -> None:
        await mailed.send_code(shop.store, shop.keys, event)

    async def send_order_code(event: Event) -> None:
        await lookup.send_code(shop.store, shop.keys, event)

    async def sweep_file(event: Event) -> None:
        await files.sweep(shop.store, shop.storage, event.payload["file_id"])

    async def release_file(event: Event) -> None:
        await files.release(shop.store, shop.storage, event.payload["file_id"])

    async def forget_files(event: Event) -> None:
        await files.forget(shop.store, shop.storage, event.payload["user_id"])

    async def repay(event: Event) -> None:
        await repaying.repay(shop.store, shop.providers, event)

    async def repay_surplus(event: Event) -> None:
        await repaying.repay_surplus(shop.store, shop.providers, event)

    async def tell_low(event: Event) -> None:
        await announcing.tell_stock(shop.store, event)
        await low_stock.tell(shop.store, event)

    counted = {**dict.fromkeys(counting.TOPICS, counting.count_in), counting.RECOUNT: counting.recount_some}
    handled = {
        **{mail.PREFIX + kind: mail.deliver for kind in kinds()},
        integrity.TOPIC: integrity.run,
        schedules.TOPIC: schedules.run,
        # Long work under a lock of its own, so the row is marked by the worker afterwards.
        asked.BACKUP: backups.run_backup,
        asked.RESTORE: backups.run_restore,
        # Many transactions of its own, each harmless to repeat, so the row is marked by the worker afterwards.
        importing.TOPIC: importing.run,
        exporting.TOPIC: exporting.run,
        contact.RECEIVED: contact.keep,
        logs.ROWS: logs.keep,
        logs.FORGET: logs.forget,
        webhooks.TOLD: webhooks.apply,
        announcing.SEND: sending.send,
        sandbox.TELLS: webhooks.tell,
        cancelling.CALLED_OFF: starting.call_off,
    }
    return {
        **{topic: partial(handler, shop.store) for topic, handler in counted.items()},
        **{topic: partial(handler, shop) for topic, handler in handled.items()},
        letters.CODE_ASKED: send_code,
        lookup.ASKED: send_order_code,
        fit.CHANGED: partial(fit.count_in, shop.store),
        files.SWEEP: sweep_file,
        files.RELEASE: release_file,
        files.FORGET: forget_files,
        inventory.LOW: tell_low,
        inventory.MOVED: partial(announcing.tell_stock, shop.store),
        booking.BOOK: partial(booking.book, shop.store),
        booking.CANCEL: partial(booking.cancel, shop.store),
        paying.MISMATCH: webhooks.tell_people,
        refunding.REPAY: repay,
        repaying.SURPLUS: repay_surplus,
    }
