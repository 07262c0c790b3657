"""Somebody who gives money back, over HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
from httpx import AsyncClient

from tests import make

WHY = {"reason": "A button was missing"}


@dataclass
class Cashier:
    """Staff who may refund."""

    client: AsyncClient
    person: make.Person

    async def ask(self, key: str, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        sent = {**WHY, **body}
        return await self.client.post(f"/orders/{key}/refund", json=sent, headers=self.person.headers | (headers or {}))

    async def refund(self, key: str, **body: Any) -> dict[str, Any]:
        answer = await self.ask(key, **body)
        assert answer.status_code == 200, answer.text
        order: dict[str, Any] = answer.json()
        return order

    async def refunds(self, key: str) -> list[dict[str, Any]]:
        answer = await self.client.get(f"/orders/{key}/refunds", headers=self.person.headers)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    async def settle(self, refund: dict[str, Any], act: str, **body: Any) -> httpx.Response:
        path = f"/payments/{refund['payment_id']}/refunds/{refund['id']}/{act}"
        return await self.client.post(path, json=body, headers=self.person.headers)


async def insist(act: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """Come again where a busy store says so, as a good client does."""
    for _ in range(30):
        answer = await act()
        if answer.status_code != 503 and answer.json().get("code") != "idempotency_in_progress":
            break
        await asyncio.sleep(0.5)
    return answer


async def balance(client: AsyncClient, who: make.Person) -> str:
    answer = await client.get("/store-credit", headers=who.headers)
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["balance"]
    return found
