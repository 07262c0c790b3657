"""Telling staff that a SKU runs low."""

import structlog

from truestyle.infra.outbox import Event
from truestyle.mail.service import letter
from truestyle.store import Store

log = structlog.get_logger("stock")


async def tell(store: Store, event: Event) -> None:
    """Handle the event: a line in the log, and a mail to whom the settings name; again, it changes nothing."""
    low = {name: event.payload[name] for name in ("sku", "available", "low_stock_at")}
    log.warning("stock_low", **low)
    if not store.shop.low_stock_to:
        return
    product = (await store.products.by_ids([event.payload["product_id"]])).get(event.payload["product_id"])
    facts = {**low, "product": product.name if product else low["sku"]}

    async def work(tx: Store) -> None:
        if await tx.outbox.delivered(event):
            mails = [letter("low_stock", to, facts, f"mail.low_stock:{event.id}:{to}") for to in tx.shop.low_stock_to]
            await tx.outbox.write(mails)

    await store.transaction(work)
