"""Somebody who buys and somebody who packs, over HTTP."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from httpx import AsyncClient

from tests import make
from truestyle.shop import Shop

FORWARD = ("packed", "shipped", "out_for_delivery", "delivered")


@dataclass
class Buyer:
    """A shopper with an account."""

    client: AsyncClient
    shop: Shop
    person: make.Person

    @property
    def headers(self) -> dict[str, str]:
        return self.person.headers

    async def fill(self, **lines: int) -> None:
        """Put pieces into the cart: `K_M=2` is two of SKU `K-M`."""
        await make.cart(self.shop, self.person, {sku.replace("_", "-"): count for sku, count in lines.items()})

    async def check_out(self, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        sent = {**make.COD, **body}
        return await self.client.post("/checkout", json=sent, headers=self.headers | (headers or {}))

    async def order(self, **lines: int) -> dict[str, Any]:
        await self.fill(**lines)
        answer = await self.check_out()
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()["order"]
        return body

    async def see(self, key: str) -> dict[str, Any]:
        answer = await self.client.get(f"/orders/{key}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


@dataclass
class Staff:
    """Somebody who moves orders along."""

    client: AsyncClient
    person: make.Person

    async def move(self, key: str, status: str, **body: Any) -> httpx.Response:
        sent = {"status": status, **body}
        return await self.client.put(f"/orders/{key}/status", json=sent, headers=self.person.headers)

    async def bring_to(self, key: str, status: str) -> None:
        """Along the usual way from confirmed."""
        for step in FORWARD[: FORWARD.index(status) + 1]:
            answer = await self.move(key, step)
            assert answer.status_code == 200, answer.text


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    body: dict[str, Any] = answer.json()
    return body


def settle(monkeypatch: pytest.MonkeyPatch, shop: Shop, **terms: Any) -> None:
    """Run the shop on other terms for the length of a test."""
    monkeypatch.setattr(shop.store, "shop", shop.store.shop.model_copy(update=terms))


async def untouched(shop: Shop, **stock: int) -> None:
    """No order, payment, event or sale was made, and the stock is what it was."""
    for one in (shop.store.orders, shop.store.payments, shop.store.outbox):
        assert await one.count({}) == 0
    assert await shop.store.movements.count({"reason": {"$ne": "opening"}}) == 0
    wanted = {sku.replace("_", "-"): count for sku, count in stock.items()}
    assert await shop.store.stock.available(wanted) == wanted
