"""`uv run python -m benchmarks.dashboard`: the dashboards with 1,000, 10,000 and 100,000 orders, in milliseconds.

It starts its own MongoDB, writes orders and accounts of the past year straight into the store, lets the worker count
them as it would count a store that is older than its figures, asks each dashboard over HTTP (in this process), and
audits the figures. Small MongoDB caches and other work on the machine show: read the load that it prints first.
"""

import argparse
import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from bson import ObjectId
from rich.console import Console
from rich.table import Table

from benchmarks.processes import PREFIX, environment, settings_of
from truestyle.audit import figures
from truestyle.audit.report import Breach
from truestyle.auth import service as auth
from truestyle.auth.permissions import Role
from truestyle.auth.service import Device
from truestyle.dashboard import counting
from truestyle.infra import telemetry
from truestyle.infra.local.server import LocalMongo
from truestyle.infra.outbox import event
from truestyle.infra.snapshot import snapshot
from truestyle.kit import clock
from truestyle.main import create_app
from truestyle.shop import Shop
from truestyle.store import Store
from truestyle.users.models import User

SIZES = (1_000, 10_000, 100_000)
PRODUCTS, DAYS, AT_ONCE, TIMES = 1_000, 366, 1_000, 30
STATES = (("Karnataka", "560038"), ("Maharashtra", "400020"), ("Delhi", "110001"), ("Tamil Nadu", "600001"))
STATUSES = ("delivered",) * 15 + ("confirmed", "packed", "shipped", "cancelled", "returned_to_origin")
ASKED = {
    "overview": "/dashboard/overview",
    "sales, 30 days": "/dashboard/sales",
    "sales, 366 days": "/dashboard/sales?days=366",
    "sales by week, 260": "/admin/analytics/sales?period=weekly&count=260",
    "sales by year, 10": "/admin/analytics/sales?period=yearly&count=10",
    "user growth, 30 days": "/dashboard/user-growth",
    "top products, ever": "/dashboard/top-products",
    "top products, 30 days": "/dashboard/top-products?days=30",
    "top products, 366 days": "/dashboard/top-products?days=366",
    "payment mix, ever": "/dashboard/payment-mix",
    "regions, ever": "/admin/analytics/regions",
    "regions, 366 days": "/admin/analytics/regions?days=366",
    "users": "/admin/analytics/users",
    "stats": "/admin/dashboard/stats",
    "low stock": "/dashboard/low-stock",
    "pending orders": "/admin/orders/pending",
    "system health": "/dashboard/system-health",
}
console = Console(width=140)


def orders_of(count: int, users: list[ObjectId], products: list[ObjectId], until: datetime) -> Iterator[dict[str, Any]]:
    """Orders of the past year, as the checkout would have written them, the same each time but for ids and dates."""
    chance = random.Random(count)  # noqa: S311 - to be the same each time
    for number in range(count):
        moment = until - timedelta(seconds=chance.uniform(0, (DAYS - 1) * 86_400))
        moment = moment.replace(microsecond=0)
        state, pincode = chance.choice(STATES)
        address = {
            "full_name": "Asha Rao",
            "phone": "+919876543210",
            "line1": "12, 4th Cross",
            "line2": None,
            "landmark": None,
            "city": "Somewhere",
            "district": None,
            "state": state,
            "pincode": pincode,
            "country": "IN",
        }
        items = [_item(chance, chance.choice(products)) for _ in range(chance.randint(1, 3))]
        total, status = sum(one["line_total"] for one in items), chance.choice(STATUSES)
        paid = total if status == "delivered" else 0
        tax = {"cgst": 0, "sgst": 0, "igst": sum(one["tax"]["igst"] for one in items)}
        yield {
            "_id": ObjectId(),
            "number": f"TS-00-{number:06d}",
            "cart_key": f"generated:{number}",
            "status": status,
            "status_history": [{"status": "placed", "at": moment, "by": "system", "note": None}],
            "items": items,
            "subtotal": total,
            "discount": 0,
            "coupon_code": None,
            "shipping": 0,
            "total": total,
            "tax": {**tax, "total": tax["igst"]},
            "currency": "INR",
            "amount_paid": paid,
            "amount_refunded": 0,
            "payment": {"id": ObjectId(), "type": "cod", "status": "paid" if paid else "pending", "action": None},
            "shipping_address": address,
            "billing_address": address,
            "tracking": None,
            "notes": None,
            "estimated_delivery": None,
            "email": "asha@example.com",
            "archived_at": None,
            "user_id": chance.choice(users) if chance.random() < 0.8 else None,
            "placed_at": moment,
            "created_at": moment,
            "updated_at": moment,
            "version": 1,
        }


def _item(chance: random.Random, product_id: ObjectId) -> dict[str, Any]:
    quantity, price = chance.randint(1, 3), chance.randint(300_00, 2500_00)
    line = quantity * price
    igst = round(line * 5 / 105)
    return {
        "id": ObjectId(),
        "product_id": product_id,
        "sku": f"SKU-{product_id}",
        "name": "Kurta",
        "size": "M",
        "color": None,
        "image_url": None,
        "hsn_code": "6211",
        "quantity": quantity,
        "unit_price": price,
        "mrp": price,
        "discount": 0,
        "taxable_value": line - igst,
        "line_total": line,
        "returnable": True,
        "tax": {"rate": "5", "cgst": 0, "sgst": 0, "igst": igst},
        "returned_quantity": 0,
        "explanation": [],
    }


async def fill(store: Store, orders: int, products: int) -> None:
    """Products with stock, accounts (one for three orders) and orders, past every service; nothing is counted yet."""
    now, chance = clock.now(), random.Random(orders)  # noqa: S311 - to be the same each time
    ids = [ObjectId() for _ in range(products)]
    stamp = {"created_at": now, "updated_at": now, "version": 1}
    slugs = [f"generated-{one}" for one in ids]
    await store.products.unwatched.insert_many(
        [
            {
                "_id": one,
                "name": f"Kurta {number}",
                "slug": slug,
                "slugs": [slug],
                "sort_name": slug,
                "status": "archived" if number % 10 == 9 else "active",
                "popularity": 0,
                **stamp,
                "base_mrp": 99900,
                "base_price": 99900,
                "mrp": 99900,
                "price": 99900,
                "variants": [{"sku": f"SKU-{one}", "size": "M", "color": None, "mrp": 99900, "price": 99900}],
            }
            for number, (one, slug) in enumerate(zip(ids, slugs, strict=True))
        ]
    )
    pieces = {one: chance.randint(0, 100) for one in ids}
    await store.stock.collection.insert_many(
        [
            {
                "_id": f"SKU-{one}",
                "product_id": one,
                "on_hand": count,
                "reserved": 0,
                "available": count,
                "low_stock_at": 5,
                "updated_at": now,
            }
            for one, count in pieces.items()
        ]
    )
    users = [ObjectId() for _ in range(max(1, orders // 3))]
    for first in range(0, len(users), AT_ONCE):
        rows = []
        for one in users[first : first + AT_ONCE]:
            opened = now - timedelta(seconds=chance.uniform(0, (DAYS - 1) * 86_400))
            user = User(id=one, email=f"{one}@example.com", full_name="Generated", created_at=opened)
            rows.append(user.dump())
        await store.users.unwatched.insert_many(rows)
    batch: list[dict[str, Any]] = []
    for row in orders_of(orders, users, ids, now):
        batch.append(row)
        if len(batch) == AT_ONCE:
            await store.orders.unwatched.insert_many(batch)
            batch = []
    if batch:
        await store.orders.unwatched.insert_many(batch)


async def _figures_audit(shop: Shop) -> tuple[float, int]:
    began, breaches = time.perf_counter(), 0
    async with snapshot(shop.client, shop.store.db) as moment:
        async for found in figures.sums_in(shop.store.shop.zone)(moment):
            breaches += isinstance(found, Breach)
    return time.perf_counter() - began, breaches


async def _measure(uri: str, folder: Path, size: int) -> dict[str, str]:
    app = create_app(settings_of(environment(uri, folder, f"orders{size}")), work=False)
    told: dict[str, str] = {}
    async with app.router.lifespan_context(app):
        shop: Shop = app.state.shop
        await fill(shop.store, size, PRODUCTS)
        began = time.perf_counter()
        await shop.store.outbox.write([event(counting.RECOUNT, {"kind": "orders", "after": None})])
        await shop.worker.drain()
        took = time.perf_counter() - began
        told["counting them all"] = f"{took:.1f} s"
        user = User(email="admin@example.com", full_name="Admin", role=Role.ADMIN)
        await shop.store.users.add(user)
        await shop.store.outbox.write([event("user.registered", {"user_id": user.id})])
        issued = await auth.open_session(shop.store, shop.keys, user, Device(None, None))
        headers = {"authorization": f"Bearer {issued.access}"}
        base = f"http://bench{PREFIX}"
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base, headers=headers) as client:
            for name, path in ASKED.items():
                took_each = []
                for _ in range(TIMES + 1):
                    began = time.perf_counter()
                    answer = await client.get(path)
                    took_each.append((time.perf_counter() - began) * 1000)
                    answer.raise_for_status()
                took_each = sorted(took_each[1:])
                told[name] = f"{statistics.median(took_each):.1f} / {took_each[-1]:.1f}"
        seconds, breaches = await _figures_audit(shop)
        told["audit of the figures (I12)"] = f"{seconds:.1f} s, {breaches} breaches"
        await shop.client.drop_database(f"orders{size}")
    return told


def main() -> None:
    """Read the options, run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboard", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES, help="numbers of orders")
    sizes = parser.parse_args().sizes
    telemetry.configure(json=False, level=30)
    found: dict[int, dict[str, str]] = {}
    with tempfile.TemporaryDirectory(prefix="truestyle-bench-") as folder:
        mongo = LocalMongo(Path(folder))
        mongo.start()
        try:
            for size in sizes:
                console.print(f"[dim]{size} orders; load {os.getloadavg()[0]:.1f}[/]")
                found[size] = asyncio.run(_measure(mongo.uri, Path(folder), size))
        finally:
            mongo.stop()
    table = Table("ms: median / slowest of thirty", *(f"{size:,} orders" for size in sizes))
    for name in found[sizes[0]]:
        table.add_row(name, *(found[size][name] for size in sizes))
    console.print(table)


if __name__ == "__main__":
    main()
