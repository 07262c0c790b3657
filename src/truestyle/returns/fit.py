"""Whether a product runs small or large, from what came back for its size."""

from collections.abc import Sequence

from bson import ObjectId

from truestyle.infra.outbox import Event, event
from truestyle.returns.fitting import FITTING
from truestyle.returns.models import Return
from truestyle.store import Store

CHANGED = "return.fit"  # the outbox event: what came back of products has changed


def event_of(row: Return) -> Event:
    """What came back of these products is to be counted again."""
    ids = sorted({one.product_id for one in row.items})
    return event(CHANGED, {"product_ids": ids}, f"{CHANGED}:{row.id}:{row.status}")


async def count_in(store: Store, one: Event) -> None:
    """Handle the event: counted anew from the rows, so it may come twice, late or out of order."""

    async def work(tx: Store) -> None:
        if await tx.outbox.delivered(one):
            await count_again(tx, one.payload["product_ids"])

    await store.transaction(work)


async def count_again(tx: Store, products: Sequence[ObjectId]) -> None:
    """Work out again what came back of these products, in a transaction."""
    found = await tx.returns.fitting(products)
    await tx.products.set_fit({key: found.get(key, dict.fromkeys(map(str, FITTING), 0)) for key in products})
