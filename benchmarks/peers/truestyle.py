"""True Style itself: `truestyle serve` and a worker, production settings, MongoDB of its own."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from bson import ObjectId

from benchmarks.peers.catalogue import QUERY, Piece
from benchmarks.peers.peer import ADD, CHECKOUT, DETAIL, LIST, SEARCH, Open, Outcome, Place, Read, Write
from benchmarks.peers.tools import PREFIX, Ask, environment, serving, settings_of, stock, working
from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.catalog.products import service as products
from truestyle.catalog.products.models import Product, ProductCreate
from truestyle.infra.local.server import LocalMongo
from truestyle.shop import Shop

WAY, AGAIN, ANEW = "JSON", "JSON, asked before", "JSON, not asked before"
CACHE_GB = 0.5  # MongoDB's own cache; PostgreSQL's shared_buffers are as large


@dataclass
class TrueStyleOpen:
    """The running store."""

    url: str
    versions: Mapping[str, str]
    settings: Sequence[str]
    shop: Shop
    products: Mapping[str, Product] = field(repr=False)  # by SKU

    @property
    def reads(self) -> Sequence[Read]:
        """Public routes, as shoppers' pages ask them."""
        first = next(iter(self.products.values()))
        asked = f"{PREFIX}/products?q={QUERY.replace(' ', '%20')}"
        card = "20 cards: name, prices, sizes in stock, picture"
        return (
            Read(LIST, AGAIN, f"{PREFIX}/products", f"{card}; from the page cache"),
            Read(LIST, ANEW, f"{PREFIX}/products?price_max=", f"{card}; another price each time", distinct=True),
            Read(SEARCH, AGAIN, asked, card),
            Read(SEARCH, ANEW, f"{asked}&price_max=", f"{card}; another price each time", distinct=True),
            Read(
                DETAIL, AGAIN, f"{PREFIX}/products/{first.id}", "the whole product with its sizes; from the page cache"
            ),
        )

    @property
    def writes(self) -> Sequence[Write]:
        """As a signed-in buyer."""
        bought = "signed in; address, cash on delivery and order in one request"
        return (
            Write(ADD, WAY, self._adds, "signed in; answers the whole cart"),
            Write(CHECKOUT, WAY, self._checkouts, bought, expected=201),
        )

    async def _adds(self, skus: Sequence[str]) -> list[Ask]:
        people = await stock.buyers(self.shop, [[]] * max(16, len(skus) // 5))
        bodies = [{"product_id": str(self.products[sku].id), "sku": sku, "quantity": 1} for sku in skus]
        return [
            Ask("POST", f"{PREFIX}/cart/add", people[at % len(people)].headers, body) for at, body in enumerate(bodies)
        ]

    async def _checkouts(self, skus: Sequence[str]) -> list[Ask]:
        people = await stock.buyers(self.shop, [[(self.products[sku], sku)] for sku in skus])
        return [stock.checkout(one) for one in people]

    async def outcome(self, sku: str) -> Outcome:
        """Counted in the store's own collections."""
        left = (await self.shop.store.stock.available([sku]))[sku]
        return Outcome(await self.shop.store.orders.count({"items.sku": sku}), left)


class TrueStyle:
    """Ours."""

    name = "truestyle"
    title = "True Style"

    def lacks(self, cache: Path) -> str:
        """It is here."""
        del cache
        return ""

    def install(self, cache: Path) -> None:
        """Nothing to do."""

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Open]:
        """MongoDB, the catalogue, the processes."""
        folder = place.scratch
        with ExitStack() as stack:
            mongo = LocalMongo(folder, cache_gb=CACHE_GB)
            mongo.start()
            stack.callback(mongo.stop)
            env = environment(mongo.uri, folder)
            shop = Shop(settings_of(env))
            try:
                await shop.open(work=False)
                await shop.prepare()
                filled = await fill(shop, place.catalogue.all)
                served = serving(env, folder / "serve", place.workers)
                process = await asyncio.to_thread(stack.enter_context, served)  # the store here has streams to read
                stack.enter_context(working(env, folder / "worker"))
                versions = {"truestyle": metadata.version("truestyle"), "MongoDB": mongo.version}
                settings = (
                    f"`truestyle serve --workers {place.workers}`, `truestyle worker`, ENVIRONMENT=production",
                    "RATE_LIMIT_ENABLED=false (all comes from one address)",
                    "MongoDB: one node, a replica set, writes acknowledged when journaled",
                )
                yield TrueStyleOpen(process.url, versions, settings, shop, filled)
            finally:
                await shop.close()


async def fill(shop: Shop, pieces: Sequence[Piece]) -> dict[str, Product]:
    """Create them by the store's own service; the product of each SKU."""
    keeper = Caller(ObjectId(), "admin", ObjectId(), frozenset({Permission.PRODUCTS_WRITE, Permission.PRODUCTS_ANY}))
    found: dict[str, Product] = {}
    for piece in pieces:
        sizes = zip(piece.skus, piece.sizes, strict=True)
        body = {
            "name": piece.name,
            "description": piece.description,
            "tags": [piece.cloth, piece.garment],
            "mrp": f"{piece.mrp}.00",
            "price": f"{piece.price}.00",
            "hsn_code": "6211",
            "variants": [
                {"sku": sku, "size": size, "color": piece.colour, "opening_stock": piece.units} for sku, size in sizes
            ],
        }
        product = await products.create(shop.store, keeper, ProductCreate.model_validate(body))
        found.update(dict.fromkeys(piece.skus, product))
    return found
