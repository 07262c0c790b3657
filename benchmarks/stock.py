"""What the cases need in the store, made by the store's own code or written as it writes."""

import io
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from bson import ObjectId

from benchmarks.processes import PREFIX
from truestyle.auth.models import Caller, Session
from truestyle.auth.permissions import Permission, Role
from truestyle.bench.wire import Ask
from truestyle.cart.models import Cart, CartItem, Wishlist
from truestyle.catalog.products import service as products
from truestyle.catalog.products.models import Product, ProductCreate
from truestyle.files import service as files
from truestyle.kit import clock
from truestyle.seed import catalogue
from truestyle.seed.seed import person
from truestyle.shop import Shop
from truestyle.users.models import User

ADDRESS = {
    "full_name": "Asha Rao",
    "phone": "+919876543210",
    "line1": "12, 4th Cross, Indiranagar",
    "city": "Bengaluru",
    "state": "Karnataka",
    "pincode": "560038",
}
COD = {"address": ADDRESS, "payment": {"type": "cod"}}
PLENTY = 10_000_000
PASSWORD = "a long and unlikely phrase"  # noqa: S105 - of people who live for one run
PICTURE = 300_000  # bytes
COLOURS = ("Indigo", "Madder", "Turmeric", "Sage", "Ivory", "Charcoal")
CLOTHS = ("cotton", "linen", "silk", "khadi", "chanderi")
GARMENTS = ("kurta", "saree", "shirt", "dress", "jacket", "trousers")


@dataclass(frozen=True)
class Stocked:
    """The store that reads are measured on."""

    products: list[Product]
    picture: ObjectId
    emails: list[str]

    @property
    def skus(self) -> list[tuple[Product, str]]:
        """Every variant of the generated products."""
        return [(product, variant.sku) for product in self.products for variant in product.variants]


@dataclass(frozen=True)
class Buyer:
    """Somebody who is signed in."""

    user: User
    headers: dict[str, str]


async def fill(shop: Shop, count: int, people: int) -> Stocked:
    """The demo catalogue, `count` generated products of four sizes, a picture, and people with a password."""
    await catalogue.stock(shop)
    made = [await product(shop, number) for number in range(count)]
    picture = io.BytesIO(secrets.token_bytes(PICTURE))
    file = await files.keep(shop.store, shop.storage, picture, "image/webp", (1200, 1600))
    emails = [f"member{number}@example.com" for number in range(people)]
    for email in emails:
        await person(shop, email, "Member", Role.CUSTOMER, PASSWORD)
    return Stocked(made, file.id, emails)


async def product(
    shop: Shop, number: int, sizes: Sequence[str] = ("S", "M", "L", "XL"), stock: int = PLENTY
) -> Product:
    """A new product with so many pieces of each size."""
    cloth, colour = CLOTHS[number % len(CLOTHS)], COLOURS[number % len(COLOURS)]
    garment = GARMENTS[number % len(GARMENTS)]
    body = {
        "name": f"{colour} {cloth} {garment} {number}",
        "description": f"A {garment} of {cloth}, dyed {colour.lower()} by hand. " * 6,
        "tags": [cloth, garment],
        "mrp": f"{1200 + number % 900}.00",
        "price": f"{900 + number % 900}.00",
        "hsn_code": "6211",
        "variants": [{"size": size, "color": colour, "opening_stock": stock} for size in sizes],
    }
    keeper = Caller(ObjectId(), "admin", ObjectId(), frozenset({Permission.PRODUCTS_WRITE, Permission.PRODUCTS_ANY}))
    return await products.create(shop.store, keeper, ProductCreate.model_validate(body))


async def buyers(shop: Shop, carts: Sequence[Sequence[tuple[Product, str]]]) -> list[Buyer]:
    """A new account with a session for each cart, which holds one piece of each of its (product, SKU)."""
    people = [User(email=f"{ObjectId()}@example.com", full_name="Buyer", role="customer") for _ in carts]
    store, tokens, moment = shop.store, shop.keys.tokens, clock.now()
    sessions = [
        Session(
            user_id=one.id,
            refresh_hash=secrets.token_bytes(32),
            rotated_at=moment,
            last_used_at=moment,
            expires_at=moment + shop.keys.session_life,
        )
        for one in people
    ]
    filled = [
        Cart(user_id=one.id, items=[_line(*line) for line in lines]) for one, lines in zip(people, carts, strict=True)
    ]
    for collection, rows in (
        (store.users, people),
        (store.sessions, sessions),
        (store.carts, filled),
        (store.wishlists, [Wishlist(user_id=one.id) for one in people]),
    ):
        await collection.collection.insert_many([row.dump() for row in rows])
    return [
        Buyer(one, {"authorization": f"Bearer {tokens.access(one.id, session.id)}"})
        for one, session in zip(people, sessions, strict=True)
    ]


def _line(product: Product, sku: str) -> CartItem:
    variant = product.variant(sku)
    price = variant.price if variant else product.price
    return CartItem(product_id=product.id, sku=sku, quantity=1, unit_price=price, added_at=clock.now())


def checkout(buyer: Buyer, key: str | None = None) -> Ask:
    """The request that turns the buyer's cart into an order."""
    keyed = {} if key is None else {"idempotency-key": key}
    return Ask("POST", f"{PREFIX}/checkout", {**buyer.headers, **keyed}, COD)
