"""A shop with gateways that can be watched and disturbed, and those who deal with it over HTTP."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from tests.orders.buying import Buyer
from tests.payments.gateways.localstripe import Stripe
from tests.payments.gateways.razorpay import Razorpay
from tests.payments.gateways.server import Server
from truestyle.kit import clock
from truestyle.orders.expiring import sweep
from truestyle.shop import Shop

STOCK = 5


@dataclass
class Street:
    """A shop with both gateways, a buyer, and whoever stands at the gateways."""

    shop: Shop
    buyer: Buyer
    stripe: Stripe
    stripe_door: Server
    razorpay: Razorpay
    razorpay_door: Server

    async def order(self, kind: str, **payment: Any) -> dict[str, Any]:
        await self.buyer.fill(K_M=1)
        answer = await self.buyer.check_out(payment={"type": kind, **payment})
        assert answer.status_code == 201, answer.text
        order: dict[str, Any] = answer.json()["order"]
        return order

    async def hook(self, provider: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        return await self.buyer.client.post(f"/payments/webhooks/{provider}", content=body, headers=headers)

    async def told(self, provider: str, body: bytes, headers: dict[str, str]) -> None:
        answer = await self.hook(provider, body, headers)
        assert (answer.status_code, answer.json()) == (200, {"message": "Received"})
        await self.shop.worker.drain()

    async def payment(self, order: dict[str, Any]) -> dict[str, Any]:
        found = await self.buyer.client.get(f"/payments/{order['payment']['id']}", headers=self.buyer.headers)
        payment: dict[str, Any] = found.json()
        return payment

    async def stands(self, order: dict[str, Any]) -> tuple[str, str, str]:
        """Of the order, of its payment; and what was paid."""
        now = await self.buyer.see(order["id"])
        return now["status"], now["payment"]["status"], now["amount_paid"]

    async def available(self) -> int:
        return (await self.shop.store.stock.available(["K-M"]))["K-M"]

    async def look(self) -> None:
        """The sweep, as if a minute had gone by."""
        await self.shop.store.payments.unwatched.update_many(
            {"look_at": {"$ne": None}}, {"$set": {"look_at": clock.now() - timedelta(seconds=1)}}
        )
        await sweep(self.shop)
        await self.shop.worker.drain()
