"""Stores as earlier releases left them, brought up to this one.

`stores/` has two, row for row as the code of an earlier commit wrote them over HTTP into a real MongoDB: `thin.json`
by the first that could sell (ca0e8f1: no lanes in the outbox, no audit trail, no figures, no invoices),
`accounts.json` by the one with accounts, coupons and figures, but without prepaid payments, refunds, invoices and
returns (14fd311). In each: a shopper (Asha) with orders that were delivered, packed, sent, placed and called off, a
guest's delivered order, an upload nobody claimed, and a process that was killed before it told of the last order.
"""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from bson import json_util
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from tests.conftest import make_settings
from tests.make import ADDRESS
from tests.running import environment
from tests.test_reference import GOOD
from tests.test_start import started
from truestyle.audit.service import audit
from truestyle.infra.outbox import EventStatus
from truestyle.kit.repository import Row
from truestyle.main import create_app
from truestyle.shop import Shop
from truestyle.upgrades import service
from truestyle.upgrades.models import StoreRefusedError
from truestyle.upgrades.registry import MIGRATIONS

STORES = Path(__file__).parent / "stores"
NEXT_DAY = datetime(2026, 11, 22, 6, tzinfo=UTC)  # within the time in which goods can be sent back
FAR = datetime(2100, 1, 1, tzinfo=UTC)
PHRASE = "a long and unlikely phrase"


def rows_of(name: str) -> dict[str, list[Row]]:
    """The rows of a store by collection. MongoDB itself would remove what has expired on the day of the test."""
    found: dict[str, list[Row]] = json_util.loads((STORES / f"{name}.json").read_text())
    for rows in found.values():
        for row in rows:
            if row.get("expires_at") is not None:
                row["expires_at"] = FAR
    return found


@pytest.fixture(autouse=True)
def the_next_day() -> Iterator[None]:
    with time_machine.travel(NEXT_DAY, tick=True):
        yield


@pytest.fixture(params=["thin", "accounts"])
async def app(request: pytest.FixtureRequest, mongo_uri: str, tmp_path: Path) -> AsyncIterator[FastAPI]:
    """This release on the rows of an earlier one, which nothing has touched yet."""
    settings = make_settings(mongo_uri, tmp_path, mongo_db=f"older_{request.param}", return_window_days=7)
    app = create_app(settings, work=False, prepared=True)
    async with app.router.lifespan_context(app):
        shop: Shop = app.state.shop
        await shop.client.drop_database(settings.data.mongo_db)
        for name, rows in rows_of(request.param).items():
            await shop.store.db[name].insert_many(rows)
        yield app
        await shop.client.drop_database(settings.data.mongo_db)


@pytest.fixture
async def shop(app: FastAPI) -> Shop:
    shop: Shop = app.state.shop
    return shop


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test/api/v1") as client:
        yield client


async def signed_in(client: AsyncClient, email: str) -> dict[str, str]:
    answer = await client.post("/auth/login", json={"email": email, "password": PHRASE})
    assert answer.status_code == 200, answer.text
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


async def clean(shop: Shop) -> None:
    """Once the worker has done what waited (also since before), the books are in order and nothing failed."""
    await shop.worker.drain()
    assert (await audit(shop)).breaches == []
    assert await shop.store.outbox.count({"status": EventStatus.DEAD}) == 0
    failed = {"status": EventStatus.WAITING, "error": {"$ne": None}}
    assert await shop.store.outbox.count(failed) == 0


async def test_a_store_of_an_earlier_release_goes_on(app: FastAPI, shop: Shop, client: AsyncClient) -> None:
    """Seen first, then migrated; its books are clean, and what it sold can be sent back and paid back."""
    found = await shop.standing()
    assert [one.number for one in found.waiting] == [1, 2, 3, 4]
    assert not found.fresh
    assert (await client.get("http://test/health/ready")).status_code == 503
    plans = {one.migration.name: one.documents for one in await service.preview(shop.store, MIGRATIONS)}
    sent = await shop.store.orders.count({"status": {"$in": ["packed", "shipped", "delivered"]}})
    assert plans["outbox-lanes"] in {0, 35}  # the second of the two had lanes
    assert (plans["order-counts"], plans["ledger-entries"], plans["invoices"]) == (8, 8, sent)

    assert await shop.migrate() == plans
    await shop.prepare()
    assert (await shop.standing()).wrong is None
    assert (await client.get("http://test/health/ready")).status_code == 200
    await clean(shop)

    asha, admin = await signed_in(client, "asha@example.com"), await signed_in(client, "admin@example.com")
    await send_back(client, shop, asha, admin)
    await give_back(client, asha, admin)
    await sell_on(client, asha, admin)
    await clean(shop)


async def orders(client: AsyncClient, headers: dict[str, str], **where: str) -> list[dict[str, Any]]:
    answer = await client.get("/orders", params=where, headers=headers)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def send_back(client: AsyncClient, shop: Shop, asha: dict[str, str], admin: dict[str, str]) -> None:
    """One piece of the older delivered order; it is booked in, paid back and credited."""
    order = (await orders(client, asha, status="delivered"))[-1]
    pieces = [{"order_item_id": order["items"][0]["id"], "quantity": 1}]
    body = {"order_id": order["id"], "items": pieces, "reason": "too_small"}
    made = await client.post("/returns", json=body, headers=asha)
    assert made.status_code == 201, made.text
    for step in ("approved", "picked_up", "received", "completed"):
        path = f"/returns/{made.json()['id']}/status"
        moved = await client.put(path, json={"status": step}, headers=admin)
        assert moved.status_code == 200, moved.text
    after = (await client.get(f"/orders/{order['id']}", headers=asha)).json()
    assert (after["amount_refunded"], after["payment"]["status"]) == ("1499.00", "partially_refunded")
    notes = (await client.get(f"/orders/{order['id']}/credit-notes", headers=asha)).json()["items"]
    assert [one["totals"]["total"] for one in notes] == ["1499.00"]
    invoice = await shop.store.invoices.first({"order_number": order["number"]})
    assert invoice is not None
    assert invoice.issued_at.date() == NEXT_DAY.date()


async def give_back(client: AsyncClient, asha: dict[str, str], admin: dict[str, str]) -> None:
    """Staff give back the price of one piece of the other; the movement keeps its id."""
    order = (await orders(client, asha, status="delivered"))[0]
    ledger = [(await payment(client, admin, order))["ledger"] for _ in range(2)]
    assert ledger[0][0]["id"] == ledger[1][0]["id"]
    body = {"items": [{"order_item_id": order["items"][0]["id"], "quantity": 1}], "reason": "A loose seam"}
    answer = await client.post(f"/orders/{order['id']}/refund", json=body, headers=admin)
    assert answer.status_code in {200, 201}, answer.text
    assert [one["kind"] for one in (await payment(client, admin, order))["ledger"]] == ["capture", "refund"]


async def payment(client: AsyncClient, admin: dict[str, str], order: dict[str, Any]) -> dict[str, Any]:
    answer = await client.get(f"/payments/{order['payment']['id']}", headers=admin)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def sell_on(client: AsyncClient, asha: dict[str, str], admin: dict[str, str]) -> None:
    """Something new is ordered and delivered; of two older orders one is called off, and one comes back."""
    order = (await orders(client, asha, status="delivered"))[0]
    line = {"product_id": order["items"][0]["product_id"], "size": "L", "color": "Indigo", "quantity": 1}
    added = await client.post("/cart/add", json=line, headers=asha)
    assert added.status_code == 200, added.text
    body = {"address": ADDRESS, "payment": {"type": "cod"}}
    placed = await client.post("/checkout", json=body, headers=asha)
    assert placed.status_code == 201, placed.text
    for step in ("packed", "shipped", "out_for_delivery", "delivered"):
        path = f"/orders/{placed.json()['order_id']}/status"
        moved = await client.put(path, json={"status": step}, headers=admin)
        assert moved.status_code == 200, moved.text
    packed, shipped = [(await orders(client, asha, status=one))[0] for one in ("packed", "shipped")]
    undone = await client.post(f"/orders/{packed['id']}/cancel", json={"reason": "Never mind"}, headers=asha)
    assert undone.status_code == 200, undone.text
    back = await client.put(f"/orders/{shipped['id']}/status", json={"status": "returned_to_origin"}, headers=admin)
    assert back.status_code == 200, back.text


async def test_without_the_migrations_older_orders_cannot_be_sent_back(shop: Shop) -> None:
    """What the second one is for: a filter never matches a field that is not there."""
    order = await shop.store.orders.first({"status": "delivered"})
    assert order is not None
    one = {order.items[0].id: 1}
    assert await shop.store.orders.count_pieces(order, "refunded_quantity", one) is None
    await shop.migrate()
    assert await shop.store.orders.count_pieces(order, "refunded_quantity", one) is not None


async def test_commands_do_not_migrate_by_the_way(shop: Shop) -> None:
    """Not in development either: who writes a return to a file has not said that the store be brought up."""
    assert not shop.settings.production
    with pytest.raises(StoreRefusedError, match="The data is of an earlier release"):
        await shop.prepare()
    assert await shop.store.migrations.count({}) == 0
    await shop.prepare(migrate=True)  # as `dev` does
    assert (await shop.standing()).wrong is None


async def test_production_does_not_open_on_data_of_an_earlier_release(shop: Shop, tmp_path: Path) -> None:
    """Neither to serve nor to work; an operator says when. The data stays as it is."""
    settings = shop.settings
    env = {name.upper(): value for name, value in GOOD.items()}
    env |= {name: value for name, value in environment(settings).items() if name in {"MONGO_URI", "MONGO_DB"}}
    for command in ("serve", "worker"):
        done = started(tmp_path, ["truestyle.cli.app", command], **env)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "The data is of an earlier release" in done.stderr
        assert "truestyle migrate" in done.stderr
        assert "Traceback" not in done.stderr
    assert await shop.store.migrations.count({}) == 0
    looked = started(tmp_path, ["truestyle.cli.app", "migrate", "--dry-run"], **env)
    assert looked.returncode == 0, looked.stderr
    assert "4 invoices" in looked.stdout
    assert await shop.store.migrations.count({}) == 0
    assert await shop.store.invoices.count({}) == 0
