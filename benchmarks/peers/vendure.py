"""Vendure: its GraphQL shop API; Node.js processes behind one port, PostgreSQL, Redis."""

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

FILES = Path(__file__).parent / "files" / "vendure"
PINS = ("@vendure/core@3.7.3", "pg@8.23.1", "ioredis@5.9.2")
API = "/shop-api"
ALL_AT_ONCE, LAST = "GraphQL, one request", "GraphQL, last step"
PRICE = "priceWithTax{...on PriceRange{min max} ...on SinglePrice{value}}"
CARD = f"productId productName slug {PRICE} inStock productAsset{{preview}}"
PAGE = "id name slug description facetValues{name facet{name}} assets{preview}"
SIZES = "variants{id sku name priceWithTax stockLevel options{code name}}"
CART = "id code totalQuantity totalWithTax lines{id quantity linePriceWithTax productVariant{id sku name}}"
WRONG = "...on ErrorResult{errorCode message}"
ADDRESSED = "setOrderShippingAddress(input:$address){__typename ...on ErrorResult{message}}"
BEFORE = f"""
setCustomerForOrder(input:$who){{__typename ...on ErrorResult{{message}}}}
{ADDRESSED}
setOrderShippingMethod(shippingMethodId:[$method]){{__typename ...on ErrorResult{{message}}}}
transitionOrderToState(state:"ArrangingPayment"){{__typename ...on Order{{state}} ...on ErrorResult{{message}}}}
"""
METHOD = 'input:{method:"cash-on-delivery",metadata:{}}'
PAY = f"addPaymentToOrder({METHOD}){{__typename ...on Order{{code state}} {WRONG}}}"
NAMES = "($who:CreateCustomerInput!,$address:CreateAddressInput!,$method:ID!)"
PAID = '"state":"PaymentAuthorized"'
TO = {
    "fullName": ADDRESS["full_name"],
    "phoneNumber": ADDRESS["phone"],
    "streetLine1": ADDRESS["line1"],
    "city": ADDRESS["city"],
    "province": ADDRESS["state"],
    "postalCode": ADDRESS["pincode"],
    "countryCode": "IN",
}


@dataclass
class VendureOpen:
    """The running shop."""

    url: str
    versions: Mapping[str, str]
    settings: Sequence[str]
    database: str
    postgres: Postgres
    ids: Mapping[str, tuple[int, int]]  # of the product and of the variant, by SKU

    @property
    def reads(self) -> Sequence[Read]:
        """GraphQL by GET, asking for what our cards and pages have."""
        product, _ = next(iter(self.ids.values()))
        card = "20 cards: name, price range, in stock or not"
        return (
            Read(LIST, "GraphQL", _get(_search("")), card),
            Read(SEARCH, "GraphQL", _get(_search(f'term:"{QUERY}",')), card),
            Read(
                DETAIL, "GraphQL", _get(f'{{product(id:"{product}"){{{PAGE} {SIZES}}}}}'), "the product with its sizes"
            ),
        )

    @property
    def writes(self) -> Sequence[Write]:
        """As a guest."""
        one = "guest; address, shipping, payment and order in one request of five mutations"
        last = "guest; the payment alone, all else done before"
        return (
            Write(ADD, "GraphQL", self._adds, "guest; answers the whole cart", proof='"__typename":"Order"'),
            Write(CHECKOUT, ALL_AT_ONCE, partial(self._checkouts, whole=True), one, proof=PAID),
            Write(CHECKOUT, LAST, partial(self._checkouts, whole=False), last, proof=PAID),
        )

    async def _adds(self, skus: Sequence[str]) -> list[Ask]:
        people = [await self._begin(skus[0]) for _ in range(max(CONNECTIONS, len(skus) // 5))]
        return [Ask("POST", API, people[at % len(people)], {"query": self._adding(sku)}) for at, sku in enumerate(skus)]

    async def _checkouts(self, skus: Sequence[str], *, whole: bool) -> list[Ask]:
        method = await self._method()

        async def ready(sku: str) -> Ask:
            headers = await self._begin(sku)
            who = {"firstName": "Asha", "lastName": "Rao", "emailAddress": f"{secrets.token_hex(6)}@example.com"}
            values = {"who": who, "address": TO, "method": method}
            if whole:
                return Ask("POST", API, headers, {"query": f"mutation{NAMES}{{{BEFORE}{PAY}}}", "variables": values})
            done = await self._ask({"query": f"mutation{NAMES}{{{BEFORE}}}", "variables": values}, headers)
            _require(done, '"state":"ArrangingPayment"')
            return Ask("POST", API, headers, {"query": f"mutation{{{PAY}}}"})

        return await prepared(ready, skus)

    async def _begin(self, sku: str) -> dict[str, str]:
        """A guest with one piece in the cart; the headers that name him."""
        got = await self._ask({"query": self._adding(sku)}, {})
        _require(got, '"__typename":"Order"')
        return {"authorization": f"Bearer {got.headers['vendure-auth-token']}"}

    async def _method(self) -> str:
        headers = await self._begin(next(iter(self.ids)))
        got = await self._ask({"query": "{eligibleShippingMethods{id}}"}, headers)
        return str(got.json()["data"]["eligibleShippingMethods"][0]["id"])

    async def _ask(self, body: object, headers: Mapping[str, str]) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=60) as client:
            return await client.post(API, json=body, headers=headers)

    def _adding(self, sku: str) -> str:
        variant = self.ids[sku][1]
        wanted = f'productVariantId:"{variant}",quantity:1'
        return f"mutation{{addItemToOrder({wanted}){{__typename ...on Order{{{CART}}} {WRONG}}}}}"

    async def outcome(self, sku: str) -> Outcome:
        """Orders that are paid or authorized; on hand less what is allocated."""
        orders = (
            'SELECT count(DISTINCT o.id) FROM "order" o JOIN order_line l ON l."orderId" = o.id'
            ' JOIN product_variant v ON v.id = l."productVariantId" WHERE v.sku = :sku AND o.state = :state'
        )
        left = (
            'SELECT sum(s."stockOnHand" - s."stockAllocated") FROM stock_level s'
            ' JOIN product_variant v ON v.id = s."productVariantId" WHERE v.sku = :sku'
        )
        [[counted]] = await self.postgres.rows(self.database, orders, sku=sku, state="PaymentAuthorized")
        [[units]] = await self.postgres.rows(self.database, left, sku=sku)
        return Outcome(int(str(counted)), int(str(units)))


class Vendure:
    """@vendure/core."""

    name = "vendure"
    title = "Vendure"

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
        (folder / "catalogue.json").write_text(wares)
        with ExitStack() as stack:
            env = {
                "NODE_ENV": "production",
                "SHOP_PORT": str(port),
                "SHOP_WORKERS": str(place.workers),
                "SHOP_SECRET": secrets.token_hex(16),
                "SHOP_REDIS": stack.enter_context(redis(place.scratch)),
                "SHOP_DATABASE_FOLDER": postgres.folder,
                "SHOP_DATABASE_USER": postgres.user,
            }
            database = await postgres.fresh(made, partial(_fill, node, folder, env))
            env["SHOP_DATABASE"] = database
            url = f"http://127.0.0.1:{port}"
            stack.enter_context(process([node, "serve.js"], folder, "serve", env, url + _get("{__typename}")))
            stack.enter_context(process([node, "work.js"], folder, "work", env))
            versions = {**dict(pin.rsplit("@", 1) for pin in PINS), "Node.js": NODE, "PostgreSQL": postgres.version}
            settings = (
                f"{place.workers} processes behind one port (cluster), one worker process, NODE_ENV=production",
                "cache and sessions in Redis (no persistence), jobs in the database, its own search in PostgreSQL",
                "trackInventory true, outOfStockThreshold 0",
                "stock is looked at when adding and before ArrangingPayment, allocated at authorization (its default)",
            )
            yield VendureOpen(url, versions, settings, database, postgres, await _ids(postgres, database))


def _fill(node: str, folder: Path, env: Mapping[str, str], database: str) -> None:
    run([node, "fill.js", "catalogue.json"], folder, **{**env, "SHOP_DATABASE": database, "SHOP_FILLING": "yes"})


async def _ids(postgres: Postgres, database: str) -> dict[str, tuple[int, int]]:
    query = 'SELECT sku, "productId", id FROM product_variant ORDER BY id'
    found = await postgres.rows(database, query)
    return {str(sku): (int(str(product)), int(str(variant))) for sku, product, variant in found}


def _search(term: str) -> str:
    return f"{{search(input:{{{term}take:20,groupByProduct:true}}){{totalItems items{{{CARD}}}}}}}"


def _get(query: str) -> str:
    return f"{API}?query={quote(query, safe='')}"


def _require(got: httpx.Response, proof: str) -> None:
    if proof not in got.text:
        raise RuntimeError(f"{proof} is not in {got.status_code}: {got.text[:500]}")
