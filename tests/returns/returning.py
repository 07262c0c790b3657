"""Sending goods back, over HTTP."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Buyer, Staff
from truestyle.shop import Shop

RETURN = ("approved", "picked_up", "received", "completed")
EXCHANGE = ("approved", "picked_up", "received", "replacement_shipped", "completed")
NOWHERE = "65af0b12c4a1d2e3f4a5b6c7"


async def delivered(buyer: Buyer, desk: "Desk", **lines: int) -> dict[str, Any]:
    """An order that was handed over."""
    order = await buyer.order(**lines)
    await desk.staff.bring_to(order["id"], "delivered")
    return await buyer.see(order["id"])


def asking(order: dict[str, Any], *quantities: int, new: str | None = None, **more: Any) -> dict[str, Any]:
    """A body for pieces of the lines of an order, in their order; all of them by default."""
    counts = quantities or tuple(line["quantity"] for line in order["items"])
    items = [
        {"order_item_id": line["id"], "quantity": count, **({"new_sku": new} if new else {})}
        for line, count in zip(order["items"], counts, strict=False)
        if count
    ]
    return {"order_id": order["id"], "items": items, "reason": "too_small", **more}


async def ask(who: Buyer | make.Person, client: AsyncClient, body: dict[str, Any], **headers: str) -> httpx.Response:
    """A return, or an exchange where new SKUs are named."""
    path = "/exchanges" if "new_sku" in body["items"][0] else "/returns"
    return await client.post(path, json=body, headers={**who.headers, **headers})


@dataclass
class Desk:
    """Staff who see to what comes back."""

    client: AsyncClient
    shop: Shop
    staff: Staff

    @property
    def headers(self) -> dict[str, str]:
        return self.staff.person.headers

    async def move(self, path: str, status: str, **body: Any) -> httpx.Response:
        return await self.client.put(f"{path}/status", json={"status": status, **body}, headers=self.headers)

    async def bring_to(self, path: str, status: str, **body: Any) -> dict[str, Any]:
        """From wherever it stands along the usual way; `body` goes with the last step."""
        way = EXCHANGE if path.startswith("/exchanges") else RETURN
        now = (await self.client.get(path, headers=self.headers)).json()["status"]
        for step in way[way.index(now) + 1 if now in way else 0 : way.index(status) + 1]:
            answer = await self.move(path, step, **(body if step == status else {}))
            assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def see(self, path: str) -> dict[str, Any]:
        answer = await self.client.get(path, headers=self.headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


async def patiently(act: Callable[..., Awaitable[httpx.Response]], *given: Any) -> httpx.Response:
    """As a good client: who is told that the store is busy comes again."""
    for _ in range(20):
        answer = await act(*given)
        if answer.status_code != 503:
            break
    return answer


async def made(buyer: Buyer, body: dict[str, Any]) -> str:
    """The path of a new return or exchange."""
    answer = await ask(buyer, buyer.client, body)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"].removeprefix("/api/v1"))


async def age(shop: Shop, order: dict[str, Any], **past: float) -> None:
    """Move an order's whole history into the past."""
    key = ObjectId(order["id"])
    row = await shop.store.orders.get(key)
    steps = [{**step.model_dump(), "at": step.at - timedelta(**past)} for step in row.status_history]
    await shop.store.orders.unwatched.update_one({"_id": key}, {"$set": {"status_history": steps}})


async def stock(shop: Shop, *skus: str) -> dict[str, tuple[int, int]]:
    """(on hand, reserved) by SKU."""
    rows = await shop.store.stock.of(skus)
    return {sku: (rows[sku].on_hand, rows[sku].reserved) for sku in skus}


async def moved(shop: Shop, key: str) -> list[tuple[str, int, int]]:
    """(SKU and reason, on hand, reserved) of the movements of a return."""
    return [
        (f"{one.sku} {one.reason}", one.on_hand_delta, one.reserved_delta)
        async for one in shop.store.movements.every({"return_id": ObjectId(key)})
    ]


class Anything(dict[Any, Any]):
    """A table that forbids nothing."""

    def __getitem__(self, _: Any) -> Any:
        return self

    def __contains__(self, _: Any) -> bool:
        return True
