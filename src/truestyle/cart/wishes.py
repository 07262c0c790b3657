"""Wishlists: what somebody likes, seen as it is in the shop now."""

from bson import ObjectId

from truestyle.auth.models import Caller
from truestyle.cart import service as carts
from truestyle.cart.models import CartAdd, CartAnswer, MoveToCart, WishAdd, WishAnswer, WishChange, WishlistItem
from truestyle.cart.service import Owner, picture
from truestyle.catalog.products.models import Product, ProductStatus
from truestyle.kit import clock
from truestyle.kit.errors import Duplicate, NotFound, ValidationFailed
from truestyle.store import Store

MOST = 200


async def items(store: Store, caller: Caller) -> list[WishAnswer]:
    """The caller's wishlist, newest first."""
    found = await store.wishlists.first({"user_id": caller.user_id})
    kept = list(reversed(found.items)) if found else []
    products = await store.products.by_ids({item.product_id for item in kept})
    skus = [item.sku for item in kept if item.sku]
    there = await store.stock.available(skus) if skus else {}
    return [_seen(store, item, products.get(item.product_id), there) for item in kept]


def _seen(store: Store, item: WishlistItem, product: Product | None, there: dict[str, int]) -> WishAnswer:
    variant = product.variant(item.sku) if product and item.sku else None
    in_stock = there.get(item.sku, 0) > 0 if item.sku else bool(product and product.in_stock)
    return WishAnswer(
        **item.model_dump(),
        name=product.name if product else None,
        slug=product.slug if product else None,
        size=variant.size if variant else None,
        color=variant.color if variant else None,
        price=(variant or product).price if product else None,
        mrp=(variant or product).mrp if product else None,
        image_url=picture(product, variant, store.shop) if product else None,
        in_stock=in_stock and bool(product and product.status is ProductStatus.ACTIVE),
    )


async def one(store: Store, caller: Caller, key: ObjectId) -> WishAnswer:
    """One item of the caller's. Raises NotFound."""
    found = next((item for item in await items(store, caller) if item.id == key), None)
    if found is None:
        raise NotFound
    return found


async def add(store: Store, caller: Caller, body: WishAdd) -> WishAnswer:
    """Like a product. Raises NotFound, Duplicate, ValidationFailed when the list is full."""
    await _require_offered(store, body.product_id, body.sku)
    item = WishlistItem(product_id=body.product_id, sku=body.sku, added_at=clock.now())
    if not await store.wishlists.put(caller.user_id, item, MOST):
        if len(await items(store, caller)) >= MOST:
            raise ValidationFailed(f"the wishlist is full: at most {MOST} items", ("body", "product_id"))
        raise Duplicate("product_id")
    return await one(store, caller, item.id)


async def change(store: Store, caller: Caller, key: ObjectId, body: WishChange) -> WishAnswer:
    """Choose another variant, or none. Raises NotFound."""
    found = await one(store, caller, key)
    if "sku" in body.model_fields_set and body.sku != found.sku:
        await _require_offered(store, found.product_id, body.sku)
        if not await store.wishlists.set_sku(caller.user_id, key, body.sku):
            raise NotFound
    return await one(store, caller, key)


async def remove(store: Store, caller: Caller, key: ObjectId) -> None:
    """Take an item off the list. Raises NotFound."""
    if not await store.wishlists.drop(caller.user_id, key):
        raise NotFound


async def move(store: Store, caller: Caller, key: ObjectId, body: MoveToCart) -> CartAnswer:
    """Put an item into the cart and take it off the list. Raises NotFound, InsufficientStock, ValidationFailed."""
    found = await one(store, caller, key)
    owner = Owner(caller.user_id)
    wanted = CartAdd(
        product_id=found.product_id,
        sku=body.sku or found.sku,
        size=body.size,
        color=body.color,
        quantity=body.quantity,
    )
    await carts.add(store, owner, wanted)
    await store.wishlists.drop(caller.user_id, key)
    return await carts.view(store, owner)


async def _require_offered(store: Store, product_id: ObjectId, sku: str | None) -> None:
    product = await store.products.first({"_id": product_id, "status": ProductStatus.ACTIVE})
    if product is None or (sku is not None and product.variant(sku) is None):
        msg = "There is no such product."
        raise NotFound(msg)
