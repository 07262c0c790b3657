"""kill -9 while returns are completed and replacements leave: asked again, each has one outcome."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests import make
from tests.orders.buying import FORWARD
from tests.running import Process, environment, free_port

from truestyle.audit.service import audit
from truestyle.shop import Shop

COUNT = 8
PRICE = 149900


async def until_received(url: str, shop: Shop, new: str | None) -> list[str]:
    """So many returns, or exchanges, each of an order of its own, that have arrived."""
    staff = await make.person(shop, "staff")
    path = "/exchanges" if new else "/returns"

    async def one(client: httpx.AsyncClient) -> str:
        buyer = await make.person(shop)
        await make.cart(shop, buyer, {"K-M": 1})
        order = (await client.post("/checkout", json=make.COD, headers=buyer.headers)).json()["order"]
        for step in FORWARD:
            await client.put(f"/orders/{order['id']}/status", json={"status": step}, headers=staff.headers)
        line: dict[str, Any] = {"order_item_id": order["items"][0]["id"], "quantity": 1}
        body = {"order_id": order["id"], "items": [line | ({"new_sku": new} if new else {})], "reason": "too_small"}
        made = (await client.post(path, json=body, headers=buyer.headers)).json()
        for step in ("approved", "picked_up", "received"):
            answer = await client.put(f"{path}/{made['id']}/status", json={"status": step}, headers=staff.headers)
            assert answer.status_code == 200, answer.text
        return f"{path}/{made['id']}/status"

    async with httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=60) as client:
        return [await one(client) for _ in range(COUNT)]


async def ask_all(url: str, shop: Shop, paths: list[str], status: str) -> list[int]:
    """The next step of each, all at once; 0 where nobody answered."""
    staff = await make.person(shop, "staff")

    async def one(client: httpx.AsyncClient, path: str) -> int:
        with suppress(httpx.TransportError):
            for _ in range(20):
                answer = await client.put(path, json={"status": status}, headers=staff.headers)
                if answer.status_code != 503:
                    return answer.status_code
        return 0

    async with httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=60) as client:
        return await asyncio.gather(*(one(client, path) for path in paths))


@pytest.mark.parametrize(("status", "new"), [("completed", None), ("replacement_shipped", "K-L")])
async def test_killed_in_mid_settlement_each_is_settled_once(
    status: str, new: str | None, fault_shop: Shop, tmp_path: Path
) -> None:
    store = fault_shop.store
    await make.product(fault_shop, stock=COUNT, variants=[{"sku": "K-M", "size": "M"}, {"sku": "K-L", "size": "L"}])
    env = environment(fault_shop.settings)
    process = Process(["serve"], env, tmp_path, free_port())
    process.wait_ready()
    paths = await until_received(process.url, fault_shop, new)
    asking = asyncio.create_task(ask_all(process.url, fault_shop, paths, status))
    while not await store.returns.count({"status": status}):  # noqa: ASYNC110 - the first is in
        await asyncio.sleep(0.002)
    process.kill()
    first = await asking
    assert first.count(200) < COUNT, "killed too late to show anything"

    process = Process(["serve"], env, tmp_path, free_port())
    process.wait_ready()
    again = await ask_all(process.url, fault_shop, paths, status)
    process.stop()
    assert set(again) <= {200, 409}
    assert all(code == 409 for code, before in zip(again, first, strict=True) if before == 200)
    assert await store.returns.count({"status": status}) == COUNT
    assert await store.credit_notes.count({}) == COUNT
    rows = await store.stock.of(["K-M", "K-L"])
    if new is None:
        assert (rows["K-M"].on_hand, rows["K-L"].on_hand) == (COUNT, COUNT)
        assert await store.movements.count({"reason": "restocked"}) == COUNT
        balances = [row["balance"] async for row in store.credit_balances.collection.find({})]
        assert balances == [PRICE] * COUNT
    else:
        assert (rows["K-M"].on_hand, rows["K-L"].on_hand, rows["K-L"].reserved) == (0, 0, 0)
        assert await store.orders.count({"exchange_id": {"$ne": None}}) == COUNT
        assert await store.invoices.count({}) == 2 * COUNT
    report = await audit(fault_shop)
    assert report.clean, report.breaches
