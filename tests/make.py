"""One factory for each document that tests need, straight into the store."""

import itertools
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from truestyle.auth import service as auth
from truestyle.auth.models import Caller
from truestyle.auth.service import Device
from truestyle.cart.models import Cart, CartItem, Wishlist
from truestyle.catalog.products import service as products
from truestyle.catalog.products.models import Product, ProductCreate
from truestyle.dashboard.figures import Tally, user_facts
from truestyle.kit import clock
from truestyle.logs.service import ROWS
from truestyle.shop import Shop
from truestyle.store import Store
from truestyle.users.models import User

_number = itertools.count(1)
ADDRESS = {
    "full_name": "Asha Rao",
    "phone": "+919876543210",
    "line1": "12, 4th Cross, Indiranagar",
    "city": "Bengaluru",
    "state": "Karnataka",
    "pincode": "560038",
}
COD = {"address": ADDRESS, "payment": {"type": "cod"}}


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in."""

    user: User
    caller: Caller
    headers: dict[str, str]


async def person(shop: Shop, role: str = "customer", **fields: Any) -> Person:
    """An account with a session, cart and wishlist; without a password, which would take 20 ms to hash."""
    name = {"full_name": "Test Person", "email": f"person{next(_number)}@example.com"}
    user = User(**{**name, "role": role, "email_verified": True, **fields})
    # Longer than MongoDB keeps the locks of a process that was killed a moment ago.
    await shop.store.transaction(lambda tx: _open_account(tx, user), deadline=60)
    await shop.store.carts.add(Cart(user_id=user.id))
    await shop.store.wishlists.add(Wishlist(user_id=user.id))
    issued = await auth.open_session(shop.store, shop.keys, user, Device("127.0.0.1", "tests"))
    await shop.store.outbox.collection.delete_many({"topic": ROWS})  # tests count the events of what they do
    caller = Caller(user.id, role, issued.session.id, await shop.keys.gate.permissions(role))
    return Person(user, caller, {"authorization": f"Bearer {issued.access}"})


async def _open_account(tx: Store, user: User) -> None:
    """An account made straight in the store is in its figures too, as if its event had been handled."""
    facts, tally = user_facts(user.model_dump(), tx.shop.zone), Tally()
    tally.add(facts)
    await tx.figures.add(tally.days)
    await tx.counted.write({user.id: facts})
    await tx.users.add(user)


async def product(shop: Shop, *, stock: int = 10, caller: Caller | None = None, **fields: Any) -> Product:
    """An active product with the variants given (default: one, size M) and `stock` pieces of each."""
    number = next(_number)
    variants = fields.pop("variants", [{"sku": f"SKU-{number}", "size": "M", "color": "Indigo"}])
    body = {
        "name": f"Kurta {number}",
        "mrp": "1999.00",
        "price": "1499.00",
        "hsn_code": "6211",
        **fields,
        "variants": [{"opening_stock": stock, **one} for one in variants],
    }
    who = caller or Caller(ObjectId(), "admin", ObjectId(), frozenset({"products:write", "products:any"}))
    return await products.create(shop.store, who, ProductCreate.model_validate(body))


async def cart(shop: Shop, owner: Person, lines: dict[str, int]) -> None:
    """Put pieces by SKU into somebody's cart, without looking at stock."""
    items = [
        CartItem(
            product_id=found.id,
            sku=sku,
            quantity=lines[sku],
            unit_price=one.price,
            added_at=clock.now(),
        )
        for found in await shop.store.products.by_skus(lines)
        for one in found.variants
        if (sku := one.sku) in lines
    ]
    where = {"user_id": owner.user.id}
    update = {"$set": {"items": [item.model_dump() for item in items]}, "$inc": {"version": 1}}
    await shop.store.carts.collection.update_one(where, update)
