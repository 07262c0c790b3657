"""A store that may call this machine, and somebody who is told."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests import make
from tests.hooks.receiver import Receiver
from truestyle.hooks.models import HookEvent
from truestyle.infra.outward import Outward
from truestyle.shop import Shop

ALL = [one.value for one in HookEvent]


@pytest.fixture
def outward(shop: Shop) -> Iterator[Outward]:
    """The store's way out, with loopback allowed and little patience."""
    before = shop.outward
    shop.outward = Outward(seconds=2, https_only=False, local=True)
    yield shop.outward
    shop.outward.close()
    shop.outward = before


@pytest.fixture
async def receiver(outward: Outward) -> AsyncIterator[Receiver]:
    assert outward
    async with Receiver() as receiver:
        yield receiver


@dataclass
class Hooks:
    """An administrator at the routes."""

    client: httpx.AsyncClient
    shop: Shop
    admin: make.Person

    async def add(self, url: str, events: list[str] | None = None, **more: Any) -> dict[str, Any]:
        """A new endpoint, with its secret."""
        made = await self.post("", {"url": url, "events": events or ALL, **more})
        assert made.status_code == 201, made.text
        found: dict[str, Any] = made.json()
        return found

    async def post(self, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        return await self.client.post(f"/webhook-endpoints{path}", json=body, headers=self.admin.headers)

    async def put(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return await self.client.put(f"/webhook-endpoints{path}", json=body, headers=self.admin.headers)

    async def get(self, path: str = "", **query: Any) -> Any:
        found = await self.client.get(f"/webhook-endpoints{path}", params=query, headers=self.admin.headers)
        assert found.status_code == 200, found.text
        return found.json()

    async def deliveries(self, endpoint: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.get(f"/{endpoint['id']}/deliveries", **query))["items"]
        return found

    async def delivery(self, endpoint: dict[str, Any]) -> dict[str, Any]:
        """The newest, whole."""
        newest = (await self.deliveries(endpoint))[0]
        found: dict[str, Any] = await self.get(f"/{endpoint['id']}/deliveries/{newest['id']}")
        return found

    async def work(self) -> None:
        """What has happened is sealed, announced and sent."""
        for _ in range(3):
            await self.shop.worker.drain()


@pytest.fixture
async def hooks(client: httpx.AsyncClient, shop: Shop, admin: make.Person) -> Hooks:
    made = Hooks(client, shop, admin)
    await made.work()  # the cursor stands at the end of the trail
    return made
