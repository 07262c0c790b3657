"""Somebody who pays beforehand, and staff who look at the bank, over HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from bson import ObjectId
from httpx import AsyncClient, Response
from pymongo.errors import ExecutionTimeout, NetworkTimeout

from tests import make
from tests.orders.buying import Buyer
from truestyle.kit import clock
from truestyle.kit.errors import Unavailable
from truestyle.kit.turns import Turns
from truestyle.payments.models import Payment, PaymentType
from truestyle.payments.providers.base import Result, State
from truestyle.payments.providers.sandbox import SIGNATURE, Sandbox
from truestyle.shop import Shop

UTR = "412345678901"


@dataclass
class Till:
    """A buyer with one SKU to buy, and the staff."""

    client: AsyncClient
    shop: Shop
    buyer: Buyer
    staff: make.Person
    sku: str = "K-M"

    async def order(self, type_: str = "upi", count: int = 2, **more: Any) -> dict[str, Any]:
        """An order to be paid in this way; `more` is of the payment."""
        await self.buyer.fill(**{self.sku.replace("-", "_"): count})
        answer = await self.buyer.check_out(payment={"type": type_, **more})
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()["order"]
        return body

    async def sandbox(self, scenario: str, count: int = 2) -> dict[str, Any]:
        return await self.order("sandbox", count, scenario=scenario)

    async def see(self, order: dict[str, Any]) -> dict[str, Any]:
        return await self.buyer.see(order["id"])

    async def payment(self, order: dict[str, Any]) -> Payment:
        """Its newest attempt."""
        found = await self.shop.store.payments.first({"_id": ObjectId(order["payment"]["id"])})
        assert found is not None
        return found

    async def payments(self, order: dict[str, Any]) -> list[Payment]:
        return [one async for one in self.shop.store.payments.every({"order_id": ObjectId(order["id"])})]

    async def confirm(self, order: dict[str, Any], reference: str = UTR) -> httpx.Response:
        path = f"/payments/{order['payment']['id']}/confirm"
        return await self.client.post(path, json={"reference": reference}, headers=self.staff.headers)

    async def pay(self, order: dict[str, Any], type_: str, key: str | None = None, **more: Any) -> httpx.Response:
        headers = self.buyer.headers | ({"idempotency-key": key} if key else {})
        body = {"payment": {"type": type_, **more}}
        return await self.client.post(f"/orders/{order['id']}/pay", json=body, headers=headers)

    async def cancel(self, order: dict[str, Any]) -> httpx.Response:
        body = {"reason": "no more"}
        return await self.client.post(f"/orders/{order['id']}/cancel", json=body, headers=self.buyer.headers)

    async def told(self, order: dict[str, Any], result: Result = Result.PAID, **more: Any) -> State:
        """What a provider would say of the newest attempt."""
        payment = await self.payment(order)
        name = payment.provider_reference or ""
        state = State(result, name, payment.amount, payment.currency, reference=name, payment_id=str(payment.id))
        return replace(state, **more)

    async def window_over(self, order: dict[str, Any]) -> None:
        """The time to pay was up a moment ago."""
        past = clock.now() - timedelta(seconds=1)
        store = self.shop.store
        where = {"_id": ObjectId(order["id"]), "payment.expires_at": {"$ne": None}}
        await store.orders.unwatched.update_one(where, {"$set": {"payment.expires_at": past}})
        update = {"$set": {"expires_at": past, "look_at": past}}
        await store.payments.unwatched.update_many(
            {"order_id": ObjectId(order["id"]), "look_at": {"$ne": None}}, update
        )

    async def due(self) -> None:
        """Everything the sweep and the outbox would do some time is due now."""
        past = clock.now() - timedelta(seconds=1)
        await self.shop.store.payments.unwatched.update_many({"look_at": {"$ne": None}}, {"$set": {"look_at": past}})
        await self.shop.store.outbox.collection.update_many({"status": "waiting"}, {"$set": {"due_at": past}})

    async def stock(self) -> tuple[int, int, int]:
        """On hand, reserved, available."""
        row = (await self.shop.store.stock.of([self.sku]))[self.sku]
        return row.on_hand, row.reserved, row.available

    async def mails(self) -> list[str]:
        topics = [one.topic async for one in self.shop.store.outbox.every({"lane": "mail"})]
        return sorted(topic.removeprefix("mail.") for topic in topics)

    async def webhook(self, body: bytes, **headers: str) -> httpx.Response:
        sandbox = self.shop.providers[PaymentType.SANDBOX]
        assert isinstance(sandbox, Sandbox)
        signed = {SIGNATURE: sandbox.sign(body), **headers}
        return await self.client.post("/payments/webhooks/sandbox", content=body, headers=signed)


async def patiently(act: Callable[[], Awaitable[Any]]) -> Any:
    """The status in the end: on a busy machine some are told to come again, and as good clients they do."""
    for _ in range(20):
        try:
            answer = await act()
        except (Unavailable, ExecutionTimeout, NetworkTimeout):
            continue
        status = answer.status_code if isinstance(answer, Response) else answer.status
        if status != 503:
            return status
    pytest.fail("never answered")


class NoTurns(Turns):
    """Nobody waits: as if each were in a process of its own."""

    @asynccontextmanager
    async def of(self, _: Hashable) -> AsyncIterator[None]:
        yield
