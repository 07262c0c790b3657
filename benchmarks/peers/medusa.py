"""Medusa 2: its JSON store API; Node.js processes behind one port, PostgreSQL, Redis."""

import secrets
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

import httpx

from benchmarks.peers.catalogue import QUERY
from benchmarks.peers.node import NODE, Node, redis
from benchmarks.peers.peer import ADD, CHECKOUT, DETAIL, LIST, SEARCH, Open, Outcome, Place, Read, Write, prepared
from benchmarks.peers.services import Postgres, free_port, named, process, run
from benchmarks.peers.tools import ADDRESS, CONNECTIONS, Ask

FILES = Path(__file__).parent / "files" / "medusa"
VERSION = "2.21.2"
PINS = (
    f"@medusajs/medusa@{VERSION}",
    f"@medusajs/framework@{VERSION}",
    f"@medusajs/cli@{VERSION}",
    f"@medusajs/admin-sdk@{VERSION}",
    "ioredis@5.9.2",
)
WAY = "JSON"
TO = {
    "first_name": "Asha",
    "last_name": "Rao",
    "phone": ADDRESS["phone"],
    "address_1": ADDRESS["line1"],
    "city": ADDRESS["city"],
    "province": ADDRESS["state"],
    "postal_code": ADDRESS["pincode"],
    "country_code": "in",
}


@dataclass(frozen=True)
class Ids:
    """What requests name. `products` and `variants`: by SKU."""

    key: str
    region: str
    shipping: str
    products: Mapping[str, str]
    variants: Mapping[str, str]


@dataclass
class MedusaOpen:
    """The running shop."""

    url: str
    versions: Mapping[str, str]
    settings: Sequence[str]
    database: str
    postgres: Postgres
    ids: Ids

    @property
    def headers(self) -> dict[str, str]:
        """Which sales channel is asked."""
        return {"x-publishable-api-key": self.ids.key}

    @property
    def reads(self) -> Sequence[Read]:
        """Asking for what our cards and pages have."""
        product = next(iter(self.ids.products.values()))
        card = "id,title,handle,thumbnail,variants.id,variants.title,*variants.calculated_price"
        listed = f"/store/products?region_id={self.ids.region}&limit=20&fields={card}"
        whole = f"/store/products/{product}?region_id={self.ids.region}"
        whole += "&fields=*variants.calculated_price,%2Bvariants.inventory_quantity"
        return (
            Read(LIST, WAY, listed, "20 cards: name, sizes and their prices", headers=self.headers),
            Read(SEARCH, WAY, f"{listed}&q={QUERY.replace(' ', '%20')}", "the same cards", headers=self.headers),
            Read(DETAIL, WAY, whole, "the product with sizes, prices and stock", headers=self.headers),
        )

    @property
    def writes(self) -> Sequence[Write]:
        """As a guest."""
        done = "guest; the last of five requests (cart with address, shipping, payment twice, complete)"
        return (
            Write(ADD, WAY, self._adds, "guest; answers the whole cart"),
            Write(CHECKOUT, WAY, self._checkouts, done, proof='"type":"order"'),
        )

    async def _adds(self, skus: Sequence[str]) -> list[Ask]:
        async with self._client() as client:
            carts = [await self._cart(client) for _ in range(max(CONNECTIONS, len(skus) // 5))]
        return [
            Ask("POST", f"/store/carts/{carts[at % len(carts)]}/line-items", self.headers, self._wanted(sku))
            for at, sku in enumerate(skus)
        ]

    async def _checkouts(self, skus: Sequence[str]) -> list[Ask]:
        async with self._client() as client:

            async def ready(sku: str) -> Ask:
                who = {"email": f"{secrets.token_hex(6)}@example.com", "shipping_address": TO, "billing_address": TO}
                cart = await self._cart(client, **who, items=[self._wanted(sku)])
                await self._post(client, f"/store/carts/{cart}/shipping-methods", {"option_id": self.ids.shipping})
                paying = await self._post(client, "/store/payment-collections", {"cart_id": cart})
                sessions = f"/store/payment-collections/{paying['payment_collection']['id']}/payment-sessions"
                await self._post(client, sessions, {"provider_id": "pp_system_default"})
                return Ask("POST", f"/store/carts/{cart}/complete", self.headers)

            return await prepared(ready, skus)

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, headers=self.headers, trust_env=False, timeout=60)

    def _wanted(self, sku: str) -> dict[str, object]:
        return {"variant_id": self.ids.variants[sku], "quantity": 1}

    async def _cart(self, client: httpx.AsyncClient, **body: object) -> str:
        made = await self._post(client, "/store/carts", {"region_id": self.ids.region, **body})
        return str(made["cart"]["id"])

    async def _post(self, client: httpx.AsyncClient, path: str, body: object) -> dict[str, dict[str, object]]:
        got = await client.post(path, json=body)
        if not got.is_success:
            raise RuntimeError(f"{path}: {got.status_code}: {got.text[:500]}")
        answer: dict[str, dict[str, object]] = got.json()
        return answer

    async def outcome(self, sku: str) -> Outcome:
        """Orders that stand; what is stocked less what is reserved."""
        found = await self.postgres.rows(
            self.database,
            'SELECT count(DISTINCT o.id) FROM "order" o JOIN order_item i ON i.order_id = o.id'
            " JOIN order_line_item l ON l.id = i.item_id WHERE l.variant_sku = :sku"
            " AND o.deleted_at IS NULL AND o.status <> 'canceled'",
            sku=sku,
        )
        left = await self.postgres.rows(
            self.database,
            "SELECT sum(v.stocked_quantity - v.reserved_quantity) FROM inventory_level v"
            " JOIN inventory_item i ON i.id = v.inventory_item_id WHERE i.sku = :sku AND v.deleted_at IS NULL",
            sku=sku,
        )
        return Outcome(int(str(found[0][0])), int(float(str(left[0][0]))))


class Medusa:
    """@medusajs/medusa."""

    name = "medusa"
    title = "Medusa"

    def lacks(self, cache: Path) -> str:
        """Not there, or in other versions."""
        return f"{PINS[0]} is not installed" if Node(cache / self.name).lacks(PINS) else ""

    def install(self, cache: Path) -> None:
        """Node.js and packages."""
        Node(cache / self.name).install(PINS)

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Open]:
        """The database, Redis, the processes."""
        postgres, node = place.postgres(), str(Node(place.cache).binary)
        wares = place.catalogue.json()
        made = named(self.name, *PINS, wares, (FILES / "fill.js").read_text())
        folder, port = place.scratch / "shop", free_port()
        shutil.copytree(FILES, folder)
        (folder / "node_modules").symlink_to(place.cache / "node_modules")
        shutil.copy(place.cache / "package.json", folder)  # its commands look whether Medusa is among the dependencies
        (folder / "catalogue.json").write_text(wares)
        medusa = [node, str(place.cache / "node_modules" / "@medusajs" / "cli" / "cli.js")]
        with ExitStack() as stack:
            env = {
                "NODE_ENV": "production",
                "MEDUSA_DISABLE_TELEMETRY": "true",
                "MEDUSA_FF_CACHING": "true",
                "LOG_LEVEL": "warn",
                "SHOP_SECRET": secrets.token_hex(16),
                "SHOP_REDIS": stack.enter_context(redis(place.scratch)),
            }
            database = await postgres.fresh(made, partial(_fill, medusa, folder, env, postgres))
            env["SHOP_DATABASE_URL"] = _address(postgres, database)
            servers = ("--cluster", str(place.workers), "--servers", str(place.workers))
            url, start = f"http://127.0.0.1:{port}", [*medusa, "start", "--host", "127.0.0.1", "--port"]
            stack.enter_context(process([*start, str(port), *servers], folder, "serve", env, f"{url}/health"))
            working = {**env, "MEDUSA_WORKER_MODE": "worker"}
            stack.enter_context(process([*start, str(free_port())], folder, "work", working))
            versions = {**dict(pin.rsplit("@", 1) for pin in PINS), "Node.js": NODE, "PostgreSQL": postgres.version}
            settings = (
                f"`medusa start {' '.join(servers)}` and one worker process, NODE_ENV=production, no admin pages",
                "cache, events, workflows and locks in Redis (no persistence)",
                "manage_inventory on, allow_backorder off; stock is reserved when the cart is completed",
            )
            yield MedusaOpen(url, versions, settings, database, postgres, await _ids(postgres, database))


def _address(postgres: Postgres, database: str) -> str:
    folder = quote(postgres.folder, safe="")  # the socket, as both of its clients read it
    return f"postgres://{postgres.user}@{folder}:5432/{database}"


def _fill(medusa: Sequence[str], folder: Path, env: Mapping[str, str], postgres: Postgres, database: str) -> None:
    there = {**env, "SHOP_DATABASE_URL": _address(postgres, database)}
    run([*medusa, "db:migrate"], folder, **there)
    run([*medusa, "exec", "./fill.js"], folder, **there)


async def _ids(postgres: Postgres, database: str) -> Ids:
    async def column(query: str) -> str:
        return str((await postgres.rows(database, query))[0][0])

    found = await postgres.rows(database, "SELECT sku, product_id, id FROM product_variant ORDER BY sku")
    return Ids(
        await column("SELECT token FROM api_key WHERE type = 'publishable' AND title = 'Shop'"),
        await column("SELECT id FROM region"),
        await column("SELECT id FROM shipping_option"),
        {str(sku): str(product) for sku, product, _ in found},
        {str(sku): str(variant) for sku, _, variant in found},
    )
