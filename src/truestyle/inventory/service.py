"""Moving stock, and keeping what lists say about it true."""

from collections.abc import Iterable, Sequence

from bson import ObjectId

from truestyle.auth.models import Caller
from truestyle.catalog.products.models import Product
from truestyle.infra.outbox import event
from truestyle.inventory.models import Movement, Reason, Stock, StockSet
from truestyle.inventory.repository import InsufficientStock
from truestyle.kit.errors import NotFound, ValidationFailed
from truestyle.store import Store

MOVED = "stock.changed"  # the outbox event: pieces came or went otherwise than by being ordered
LOW = "stock.low"  # the outbox event: a SKU has come down to its threshold
ORDERING = frozenset({Reason.SOLD, Reason.RESERVED, Reason.RELEASED})  # what orders tell of themselves


async def set_stock(store: Store, caller: Caller, product: Product, body: StockSet) -> Stock:
    """Record a stock-take or a change of one SKU. Raises NotFound, InsufficientStock, ValidationFailed."""
    count = sum(one is not None for one in (body.on_hand, body.delta))
    if count > 1 or (not count and body.low_stock_at is None):
        raise ValidationFailed("give either on_hand or delta", ("body", "delta"))
    if product.variant(body.sku) is None:
        msg = "This product has no such SKU."
        raise NotFound(msg)
    reason, note = reason_of(body.reason)

    async def work(tx: Store) -> Stock:
        before = (await tx.stock.of([body.sku])).get(body.sku)
        if before is None:
            raise NotFound
        if body.low_stock_at is not None and body.low_stock_at != before.low_stock_at:
            before = await _set_threshold(tx, before, body.low_stock_at, caller)
        delta = (body.delta or 0) if body.on_hand is None else body.on_hand - before.on_hand
        if not delta:
            return before
        after = await tx.stock.adjust(body.sku, delta, expected=before.on_hand)
        if after is None:
            raise InsufficientStock([(body.sku, -delta, before.available)])
        await record(
            tx,
            [
                Movement(
                    sku=body.sku,
                    product_id=product.id,
                    on_hand_delta=delta,
                    reason=reason,
                    actor_id=caller.user_id,
                    note=note,
                )
            ],
        )
        if (before.available > 0) != (after.available > 0):
            await refresh_flags(tx, [product.id])
        return after

    return await store.transaction(work)


def reason_of(words: str) -> tuple[Reason, str | None]:
    """A reason of the list, or words for a correction."""
    return (Reason(words), None) if words in set(Reason) else (Reason.CORRECTION, words)


async def _set_threshold(tx: Store, row: Stock, pieces: int, caller: Caller) -> Stock:
    """A movement of nothing tells who did it. Alerts nobody: nothing has fallen."""
    told = f"low at {pieces}, before at {row.low_stock_at}"
    await tx.movements.write(
        [Movement(sku=row.sku, product_id=row.product_id, reason=Reason.CORRECTION, actor_id=caller.user_id, note=told)]
    )
    return await tx.stock.set_threshold(row.sku, pieces)


async def record(tx: Store, movements: Sequence[Movement]) -> None:
    """Append movements to the history, and alert what ran low by them.

    Inside the transaction that moved the stock, after it did and once a SKU: the rows are locked by then, so of all who
    take pieces at the same time just one sees the SKU come down to its threshold.
    """
    await tx.movements.write(movements)
    moved: dict[str, int] = {}
    for one in movements:
        moved[one.sku] = moved.get(one.sku, 0) + one.on_hand_delta - one.reserved_delta
    falling = [sku for sku, delta in moved.items() if delta < 0]
    rows = await tx.stock.of(falling) if falling else {}
    low = [
        event(LOW, row.model_dump(include={"sku", "product_id", "available", "low_stock_at"}))
        for row in rows.values()
        if row.available <= row.low_stock_at < row.available - moved[row.sku]
    ]
    told = [
        event(MOVED, {**one.model_dump(include={"sku", "product_id", "reason"}), "delta": one.on_hand_delta})
        for one in movements
        if one.reason not in ORDERING
    ]
    await tx.outbox.write([*low, *told])


async def open_stock(tx: Store, opening: Sequence[tuple[str, ObjectId, int]], actor: ObjectId | None) -> None:
    """Stock rows and opening movements for new SKUs: (sku, product, pieces). Raises Duplicate."""
    if not opening:
        return
    await tx.stock.open(opening)
    await tx.movements.write(
        [
            Movement(sku=sku, product_id=product_id, on_hand_delta=pieces, reason=Reason.OPENING, actor_id=actor)
            for sku, product_id, pieces in opening
            if pieces
        ]
    )


async def refresh_flags(tx: Store, product_ids: Iterable[ObjectId]) -> None:
    """Work out `in_stock` and `sizes_in_stock` of products again, inside the transaction that moved their stock."""
    products = await tx.products.by_ids(product_ids)
    there = {row.sku: row.available for row in await tx.stock.of_products(list(products))}
    await tx.products.set_stock_flags(
        {
            key: (
                any(there.get(one.sku, 0) > 0 for one in product.variants),
                sizes_in_stock(product, there),
            )
            for key, product in products.items()
        }
    )


def sizes_in_stock(product: Product, available: dict[str, int]) -> list[str]:
    """The sizes of which any variant can be bought, in the product's order."""
    sizes = (one.size for one in product.variants if one.size and available.get(one.sku, 0) > 0)
    return list(dict.fromkeys(sizes))
