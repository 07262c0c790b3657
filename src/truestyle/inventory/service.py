"""Moving stock, and keeping what lists say about it true."""

from collections.abc import Iterable, Sequence

from bson import ObjectId

from truestyle.auth.models import Caller
from truestyle.catalog.products.models import Product
from truestyle.inventory.models import Movement, Reason, Stock, StockSet
from truestyle.inventory.repository import InsufficientStock
from truestyle.kit.errors import NotFound, ValidationFailed
from truestyle.store import Store


async def set_stock(store: Store, caller: Caller, product: Product, body: StockSet) -> Stock:
    """Record a stock-take or a change of one SKU. Raises NotFound, InsufficientStock, ValidationFailed."""
    if (body.on_hand is None) == (body.delta is None):
        raise ValidationFailed("give either on_hand or delta", ("body", "delta"))
    if product.variant(body.sku) is None:
        msg = "This product has no such SKU."
        raise NotFound(msg)
    known = body.reason in set(Reason)
    reason, note = (Reason(body.reason), None) if known else (Reason.CORRECTION, body.reason)

    async def work(tx: Store) -> Stock:
        before = (await tx.stock.of([body.sku])).get(body.sku)
        if before is None:
            raise NotFound
        delta = body.delta if body.on_hand is None else body.on_hand - before.on_hand
        if not delta:
            return before
        after = await tx.stock.adjust(body.sku, delta, expected=before.on_hand)
        if after is None:
            raise InsufficientStock([(body.sku, -delta, before.available)])
        await tx.movements.write(
            [
                Movement(
                    sku=body.sku,
                    product_id=product.id,
                    on_hand_delta=delta,
                    reason=reason,
                    actor_id=caller.user_id,
                    note=note,
                )
            ]
        )
        if (before.available > 0) != (after.available > 0):
            await refresh_flags(tx, [product.id])
        return after

    return await store.transaction(work)


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
