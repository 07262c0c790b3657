"""Carts: adding, changing, merging, and what they come to. A cart reserves nothing; checkout decides."""

import hashlib
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from truestyle.cart.models import (
    Cart,
    CartAdd,
    CartAnswer,
    CartCoupon,
    CartItem,
    CartItemAnswer,
    ItemStatus,
    SyncItem,
)
from truestyle.catalog.products.models import Product, ProductStatus, Variant
from truestyle.coupons.discounts import Item
from truestyle.coupons.errors import CouponInvalid
from truestyle.coupons.offers import Applied, apply, best_automatic, item_of
from truestyle.inventory.repository import InsufficientStock
from truestyle.kit import clock
from truestyle.kit.errors import NotFound, ValidationFailed
from truestyle.orders import amounts
from truestyle.orders.amounts import Amounts, Line
from truestyle.setting_groups import ShopSettings
from truestyle.shipping.service import service_of_cart
from truestyle.store import Store

TOKEN = re.compile(r"[A-Za-z0-9_-]{32,64}")
LOW = 5


@dataclass(frozen=True)
class Owner:
    """Whose cart: a user's, or the one of a guest's token."""

    user_id: ObjectId | None = None
    token: str | None = None

    @property
    def where(self) -> dict[str, Any]:
        """The filter that finds the cart, and no other."""
        if self.user_id is not None:
            return {"user_id": self.user_id}
        return {"_id": guest_cart_id(self.token or ""), "user_id": None}


def new_token() -> str:
    """A token for a new guest: 256 random bits."""
    return secrets.token_urlsafe(32)


def guest_cart_id(token: str) -> ObjectId:
    """The id of a guest's cart: 96 bits of the token's SHA-256, so the token itself is stored nowhere."""
    return ObjectId(hashlib.sha256(token.encode()).digest()[:12])


async def get(store: Store, owner: Owner) -> Cart:
    """The owner's cart; an empty one, not stored, for a guest who put nothing in yet."""
    found = await store.carts.first(owner.where)
    if found is not None:
        return found
    if owner.user_id is not None:
        return await store.carts.ensure(owner.where, None)
    return Cart(id=guest_cart_id(owner.token or ""))


async def of_owners(store: Store, owners: Sequence[Owner]) -> dict[Owner, Cart]:
    """The carts that are stored of these owners."""
    users = [one.user_id for one in owners if one.user_id is not None]
    guests = {guest_cart_id(one.token or ""): one for one in owners if one.user_id is None}
    found = await store.carts.of(users, list(guests))
    return {Owner(user_id=one.user_id) if one.user_id else guests[one.id]: one for one in found}


async def view(store: Store, owner: Owner, notices: Sequence[str] = ()) -> CartAnswer:
    """The cart as its shopper sees it now."""
    cart = await get(store, owner)
    products = await store.products.by_ids({item.product_id for item in cart.items})
    there = await store.stock.available(item.sku for item in cart.items) if cart.items else {}
    shown: list[CartItemAnswer] = []
    lines: list[Line] = []
    items: list[Item] = []
    said = list(notices)
    for item in cart.items:
        product = products.get(item.product_id)
        variant = product.variant(item.sku) if product and product.status is ProductStatus.ACTIVE else None
        answer = _shown(item, product, variant, there.get(item.sku, 0), store.shop)
        shown.append(answer)
        if variant is not None and product is not None:
            lines.append(line_of(product, variant, item.quantity))
            items.append(item_of(product, variant, item.quantity))
        if answer.status is ItemStatus.PRICE_CHANGED:
            said.append(f"The price of {answer.name} has changed.")
        if answer.status is ItemStatus.OUT_OF_STOCK:
            said.append(f"{answer.name} is no longer available in this quantity.")
    coupon, figures = await _with_coupon(store, owner, cart, lines, items, said)
    return CartAnswer(
        id=cart.id,
        items=shown,
        coupon=coupon,
        notices=said,
        subtotal=figures.subtotal,
        discount=figures.discount,
        shipping=figures.shipping,
        tax=figures.cgst + figures.sgst + figures.igst,
        total=figures.total,
        item_count=sum(item.quantity for item in cart.items),
        token=owner.token if owner.user_id is None else None,
        version=cart.version,
        updated_at=cart.updated_at,
    )


async def _with_coupon(
    store: Store, owner: Owner, cart: Cart, lines: list[Line], items: list[Item], said: list[str]
) -> tuple[CartCoupon | None, Amounts]:
    """The coupon of a cart, or the best offer without a code, and the total; `said`: why a code gives nothing."""
    now = (await service_of_cart(store, owner.user_id)).terms()
    applied: Applied | None = None
    try:
        if cart.coupon_code is None:
            applied = await best_automatic(store, items, now, owner.user_id)
        else:
            applied = await apply(store, cart.coupon_code, items, owner.user_id)
    except CouponInvalid as invalid:
        said.append(f"{cart.coupon_code}: {invalid.reason}")
        return CartCoupon(code=cart.coupon_code, discount=0), amounts.price(lines, now)
    if applied is None:
        return None, amounts.price(lines, now)
    told, reduction = applied.offer.coupon, applied.reduction
    coupon = CartCoupon(
        code=told.code,
        description=told.description,
        discount=reduction.total,
        free_shipping=reduction.free_shipping,
    )
    return coupon, amounts.price(*applied.on(lines, now))


async def use_coupon(store: Store, owner: Owner, code: str) -> None:
    """Put a coupon into the cart, if it takes something off. Raises CouponInvalid, CartEmpty."""
    cart = await get(store, owner)
    products = await store.products.by_ids({item.product_id for item in cart.items})
    pairs = [(item, products.get(item.product_id)) for item in cart.items]
    items = [
        item_of(product, variant, item.quantity)
        for item, product in pairs
        if product is not None
        and product.status is ProductStatus.ACTIVE
        and (variant := product.variant(item.sku)) is not None
    ]
    if not items:
        raise CouponInvalid("The cart is empty.")
    applied = await apply(store, code, items, owner.user_id)
    await store.carts.set_coupon(owner.where, applied.offer.coupon.code, _expiry(store, owner))


async def drop_coupon(store: Store, owner: Owner) -> None:
    """Take the coupon out of the cart."""
    await store.carts.set_coupon(owner.where, None, _expiry(store, owner))


def line_of(product: Product, variant: Variant, quantity: int) -> Line:
    """Pieces of a variant at today's price."""
    list_price = product.base_price if variant.base_price is None else variant.base_price
    return Line(variant.sku, quantity, variant.mrp, list_price, variant.price, product.hsn_code)


def picture(product: Product, variant: Variant | None, shop: ShopSettings) -> str | None:
    """The variant's picture, else the product's first."""
    if variant is not None and variant.image_id is not None:
        return shop.file_url(variant.image_id)
    first = min(product.images, key=lambda one: one.position, default=None)
    return shop.file_url(first.id) if first else None


def _shown(
    item: CartItem, product: Product | None, variant: Variant | None, available: int, shop: ShopSettings
) -> CartItemAnswer:
    price = variant.price if variant else item.unit_price
    if variant is None or available < item.quantity:
        status = ItemStatus.OUT_OF_STOCK
    elif price != item.unit_price:
        status = ItemStatus.PRICE_CHANGED
    else:
        status = ItemStatus.LOW_STOCK if available <= LOW else ItemStatus.OK
    return CartItemAnswer(
        id=item.id,
        product_id=item.product_id,
        sku=item.sku,
        name=product.name if product else item.sku,
        size=variant.size if variant else None,
        color=variant.color if variant else None,
        image_url=picture(product, variant, shop) if product else None,
        quantity=item.quantity,
        unit_price=price,
        mrp=variant.mrp if variant else price,
        line_total=price * item.quantity if variant else 0,
        available=available if variant else 0,
        status=status,
    )


async def add(store: Store, owner: Owner, body: CartAdd) -> str:
    """Add pieces; the SKU they are of. Raises NotFound, InsufficientStock, ValidationFailed (too many)."""
    product = await store.products.first({"_id": body.product_id, "status": ProductStatus.ACTIVE})
    if product is None:
        msg = "There is no such product."
        raise NotFound(msg)
    variant = _wanted(product, body)
    most = min(store.shop.max_quantity_per_line, product.max_per_order or store.shop.max_quantity_per_line)
    if body.quantity > most:
        raise _too_many(most)
    cart = await get(store, owner)
    already = next((item.quantity for item in cart.items if item.sku == variant.sku), 0)
    await _require_available(store, variant.sku, already + body.quantity)
    await _put(store, owner, product.id, variant, body.quantity, most)
    return variant.sku


async def _put(store: Store, owner: Owner, product_id: ObjectId, variant: Variant, count: int, most: int) -> None:
    expires = _expiry(store, owner)
    for _ in range(2):  # a first line of the same SKU may be added by another request in between
        if await store.carts.more(owner.where, variant.sku, count, most, variant.price, expires):
            return await _require_sold(store, variant.sku)
        cart = await _ensure(store, owner, expires)
        if any(item.sku == variant.sku and item.quantity > most - count for item in cart.items):
            raise _too_many(most)
        item = CartItem(
            product_id=product_id, sku=variant.sku, quantity=count, unit_price=variant.price, added_at=clock.now()
        )
        if await store.carts.put(owner.where, item, store.shop.max_cart_lines, expires):
            return await _require_sold(store, variant.sku)
        if len(cart.items) >= store.shop.max_cart_lines:
            raise ValidationFailed(f"the cart is full: at most {store.shop.max_cart_lines} lines", ("body", "sku"))
    raise _too_many(most)


def _expiry(store: Store, owner: Owner) -> datetime | None:
    return None if owner.user_id is not None else clock.now() + timedelta(days=store.shop.guest_cart_days)


async def _require_sold(store: Store, sku: str) -> None:
    """A SKU may have been deleted since it was looked up; whoever deletes clears the carts, then or here."""
    if not await store.stock.available([sku]):
        await store.carts.forget([sku])
        raise NotFound


async def _ensure(store: Store, owner: Owner, expires: Any) -> Cart:
    try:
        return await store.carts.ensure(owner.where, expires)
    except DuplicateKeyError:  # made by another request at this moment
        return await get(store, owner)


def _wanted(product: Product, body: CartAdd) -> Variant:
    if body.sku is not None:
        fitting = [one for one in product.variants if one.sku == body.sku]
    else:
        fitting = [
            one
            for one in product.variants
            if (body.size is None or _same(one.size, body.size))
            and (body.color is None or _same(one.color, body.color))
        ]
    if not fitting:
        msg = "This product has no such variant."
        raise NotFound(msg)
    if len(fitting) > 1:
        raise ValidationFailed("say which: this product has several variants", ("body", "sku"))
    return fitting[0]


def _same(one: str | None, other: str) -> bool:
    return one is not None and one.casefold() == other.casefold()


async def _require_available(store: Store, sku: str, wanted: int) -> None:
    there = (await store.stock.available([sku])).get(sku, 0)
    if there < wanted:
        raise InsufficientStock([(sku, wanted, there)])


def _too_many(most: int) -> ValidationFailed:
    return ValidationFailed(f"at most {most} pieces of one SKU", ("body", "quantity"))


async def set_quantity(store: Store, owner: Owner, item_id: ObjectId, quantity: int | None) -> None:
    """Change a line: 0 removes it, None leaves it. Raises NotFound, InsufficientStock, ValidationFailed."""
    if quantity == 0:
        await drop(store, owner, item_id)
        return
    cart = await get(store, owner)
    item = next((one for one in cart.items if one.id == item_id), None)
    if item is None:
        raise NotFound
    if quantity is None:
        return
    product = await store.products.first({"_id": item.product_id, "status": ProductStatus.ACTIVE})
    variant = product.variant(item.sku) if product else None
    if product is None or variant is None:
        raise InsufficientStock([(item.sku, quantity, 0)])
    most = min(store.shop.max_quantity_per_line, product.max_per_order or store.shop.max_quantity_per_line)
    if quantity > most:
        raise _too_many(most)
    await _require_available(store, item.sku, quantity)
    if not await store.carts.set_quantity(owner.where, item_id, quantity, variant.price, _expiry(store, owner)):
        raise NotFound


async def drop(store: Store, owner: Owner, item_id: ObjectId) -> None:
    """Remove a line. Raises NotFound."""
    if not await store.carts.drop(owner.where, item_id, _expiry(store, owner)):
        raise NotFound


async def clear(store: Store, owner: Owner) -> None:
    """Remove every line."""
    await store.carts.clear(owner.where, _expiry(store, owner))


async def sync(store: Store, owner: Owner, items: Iterable[SyncItem]) -> list[str]:
    """Add what a client kept, capped to stock and to the most a line holds; what could not be taken, in words."""
    asked: dict[str, int] = {}
    for item in items:
        asked[item.sku] = asked.get(item.sku, 0) + item.quantity
    products = {one.sku: product for product in await store.products.by_skus(asked) for one in product.variants}
    there = await store.stock.available(asked)
    cart = await get(store, owner)
    held = {item.sku: item.quantity for item in cart.items}
    notices: list[str] = []
    for sku, quantity in asked.items():
        product = products.get(sku)
        variant = product.variant(sku) if product and product.status is ProductStatus.ACTIVE else None
        if product is None or variant is None:
            notices.append(f"{sku} is not sold here any more.")
            continue
        most = min(store.shop.max_quantity_per_line, product.max_per_order or store.shop.max_quantity_per_line)
        room = max(0, min(most, there.get(sku, 0)) - held.get(sku, 0))
        count = min(quantity, room)
        if count < quantity:
            notices.append(f"Only {count} of {quantity} pieces of {product.name} ({sku}) could be added.")
        if count:
            try:
                await _put(store, owner, product.id, variant, count, most)
            except (ValidationFailed, NotFound):
                notices.append(f"{product.name} ({sku}) did not fit into the cart.")
    return notices


async def merge(store: Store, user_id: ObjectId, token: str | None) -> None:
    """On signing in: move what the guest had into the user's cart, all or nothing."""
    if token is None or TOKEN.fullmatch(token) is None:
        return
    owner = Owner(token=token)

    async def work(tx: Store) -> None:
        guest = await tx.carts.first(owner.where)
        if guest is not None and await tx.carts.remove(guest.id):
            kept = [SyncItem(sku=item.sku, quantity=item.quantity) for item in guest.items]
            await sync(tx, Owner(user_id), kept)
            if guest.coupon_code is not None:
                await tx.carts.set_coupon(Owner(user_id).where, guest.coupon_code, None)

    await store.transaction(work)


def line(cart: CartAnswer, item_id: ObjectId) -> CartItemAnswer:
    """One line of a cart. Raises NotFound."""
    found = next((one for one in cart.items if one.id == item_id), None)
    if found is None:
        raise NotFound
    return found
