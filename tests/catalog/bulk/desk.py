"""Somebody who changes many things at once, and what there is to compare."""

from typing import Any

from httpx import AsyncClient

from tests import make
from tests.catalog import rows
from truestyle.catalog.products.models import Product
from truestyle.kit.repository import Row
from truestyle.shop import Shop

SIZES = [{"sku": "K-S", "size": "S"}, {"sku": "K-M", "size": "M"}, {"sku": "K-L", "size": "L", "price": "1599.00"}]


class Desk:
    """Somebody who changes many things at once."""

    def __init__(self, client: AsyncClient, person: make.Person) -> None:
        self.client, self.headers = client, person.headers

    async def ask(self, expected: int = 201, /, **body: Any) -> Row:
        answer = await self.client.post("/products/bulk", json=body, headers=self.headers)
        assert answer.status_code == expected, answer.text
        if expected == 201:
            assert answer.headers["location"] == f"/api/v1/changesets/{answer.json()['id']}"
        found: Row = answer.json()
        return found

    async def post(self, key: str, act: str, status: int = 200, **params: str) -> Row:
        answer = await self.client.post(f"/changesets/{key}/{act}", params=params, headers=self.headers)
        assert answer.status_code == status, answer.text
        found: Row = answer.json()
        return found

    async def do(self, **body: Any) -> str:
        """Preview and apply."""
        key = str((await self.ask(**body))["id"])
        assert (await self.post(key, "apply"))["status"] == "applied"
        return key

    async def edit(self, product: Product, **body: Any) -> None:
        answer = await self.client.put(f"/products/{product.id}", json=body, headers=self.headers)
        assert answer.status_code == 200, answer.text

    async def put_stock(self, product: Product, **body: Any) -> None:
        answer = await self.client.put(f"/products/{product.id}/stock", json=body, headers=self.headers)
        assert answer.status_code == 200, answer.text


CATALOGUE = ("products", "stock", "stock_movements", "outbox")


async def catalogue(shop: Shop) -> dict[str, list[Row]]:
    everything = await rows.dump(shop.store)
    return {name: everything[name] for name in CATALOGUE}


def without_marks(found: list[Row]) -> list[Row]:
    return [{name: one for name, one in row.items() if name not in {"updated_at", "version"}} for row in found]


async def prices(shop: Shop, product: Product) -> dict[str, tuple[int, int]]:
    found = await shop.store.products.get(product.id)
    return {one.sku: (one.mrp, one.price) for one in found.variants}


async def on_hand(shop: Shop, *skus: str) -> list[int]:
    found = await shop.store.stock.of(skus)
    return [found[sku].on_hand for sku in skus]
