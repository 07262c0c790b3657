"""What each dashboard says, over HTTP."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.dashboard.conftest import Reader
from tests.orders.buying import Buyer, Staff, refused, settle
from truestyle.audit import job as integrity
from truestyle.dashboard import counting, service
from truestyle.dashboard.periods import Period
from truestyle.infra.outbox import event
from truestyle.shop import Shop
from truestyle.users.models import UserStatus

EMPTY_TOTALS = {"orders": 0, "revenue": "0.00", "aov": "0.00", "returns": 0, "exchanges": 0, "pending_orders": 0}


async def test_a_store_where_nothing_happened_says_zeros(read: Reader) -> None:
    overview = await read("/dashboard/overview")
    assert overview.items() >= EMPTY_TOTALS.items()
    assert (overview["currency"], overview["orders_by_status"], overview["users"]) == ("INR", {}, 1)
    days = (await read("/dashboard/sales"))["items"]
    assert len(days) == 30
    assert {(one["orders"], one["revenue"]) for one in days} == {(0, "0.00")}
    dates = [date.fromisoformat(one["date"]) for one in days]
    assert dates == [dates[0] + timedelta(days=step) for step in range(30)]
    for path in ("/dashboard/top-products", "/dashboard/payment-mix", "/admin/analytics/regions"):
        assert (await read(path))["items"] == []
    assert (await read("/dashboard/low-stock")) == {"items": [], "total": 0, "threshold": 10}
    users = await read("/admin/analytics/users")
    assert (users["top_users"], users["behaviour"]["repeat_rate"]) == ([], None)
    assert (await read("/admin/orders/pending"))["items"] == []
    for period in Period:
        items = (await read("/admin/analytics/sales", period=period))["items"]
        assert {(one["orders"], one["revenue"], one["aov"], one["growth"]) for one in items} == {
            (0, "0.00", "0.00", None)
        }


async def test_a_day_of_trade(
    shop: Shop, client: AsyncClient, admin: make.Person, staff: make.Person, buyer: Buyer, read: Reader
) -> None:
    kurta = await make.product(shop, stock=50, name="Kurta", price="1000", mrp="1999", variants=[{"sku": "K"}])
    scarf = await make.product(shop, stock=50, name="Scarf", price="333.33", mrp="999", variants=[{"sku": "S"}])
    delivered = await buyer.order(K=1, S=3)  # 1999.99
    packed = await buyer.order(S=1)  # 333.33
    cancelled = await buyer.order(K=5)
    refused_ = await buyer.order(K=2)
    guest = await client.post("/cart/add", json={"product_id": str(kurta.id), "sku": "K", "quantity": 1})
    to = make.ADDRESS | {"state": "Maharashtra", "pincode": "400020"}
    body = {**make.COD, "address": to, "email": "guest@example.com"}
    bought = await client.post("/checkout", json=body, headers={"x-cart-token": guest.headers["x-cart-token"]})
    assert bought.status_code == 201, bought.text
    mover = Staff(client, staff)
    await mover.bring_to(delivered["id"], "delivered")
    await mover.bring_to(packed["id"], "packed")
    await client.post(f"/orders/{cancelled['id']}/cancel", json={"reason": "no"}, headers=buyer.headers)
    await mover.bring_to(refused_["id"], "shipped")
    await mover.move(refused_["id"], "returned_to_origin")

    overview = await read("/dashboard/overview")
    assert overview == {
        "users": 3,
        "products": 2,
        "orders": 3,
        "orders_by_status": {"confirmed": 1, "packed": 1, "delivered": 1, "cancelled": 1, "returned_to_origin": 1},
        "returns": 0,
        "exchanges": 0,
        "revenue": "3333.32",
        "refunded": "0.00",
        "aov": "1111.11",
        "pending_orders": 2,
        "currency": "INR",
    }
    [*_, today] = (await read("/dashboard/sales", days=7))["items"]
    assert (today["orders"], today["revenue"]) == (3, "3333.32")
    assert today["date"] == service.today(shop.store).isoformat()
    by_pieces = (await read("/dashboard/top-products", limit=1))["items"]
    assert by_pieces == [{"product_id": str(scarf.id), "name": "Scarf", "quantity": 4, "revenue": "1333.32"}]
    for path in ("/dashboard/top-products", "/admin/analytics/products/top"):
        by_revenue = (await read(path, by="revenue", days=1))["items"]
        assert [(one["name"], one["quantity"], one["revenue"]) for one in by_revenue] == [
            ("Kurta", 2, "2000.00"),
            ("Scarf", 4, "1333.32"),
        ]
    assert (await read("/dashboard/payment-mix"))["items"] == [
        {"type": "cod", "orders": 3, "revenue": "3333.32", "share": "100"}
    ]
    for query in ({}, {"days": 1}):
        assert (await read("/admin/analytics/regions", **query))["items"] == [
            {"state_code": "29", "state": "Karnataka", "orders": 2, "revenue": "2333.32", "share": "70"},
            {"state_code": "27", "state": "Maharashtra", "orders": 1, "revenue": "1000.00", "share": "30"},
        ]
    users = await read("/admin/analytics/users")
    assert users["top_users"] == [
        {
            "user_id": str(buyer.person.user.id),
            "full_name": "Test Person",
            "email": buyer.person.user.email,
            "orders": 2,
            "revenue": "2333.32",
        }
    ]
    assert users["behaviour"] == {
        "buyers": 1,
        "one_time_buyers": 0,
        "repeat_buyers": 1,
        "repeat_rate": "100",
        "guest_orders": 1,
        "guest_revenue": "1000.00",
        "orders_per_buyer": "2.00",
        "revenue_per_buyer": "2333.32",
    }
    pending = await read("/admin/orders/pending")
    assert [one["id"] for one in pending["items"]] == [packed["id"], bought.json()["order_id"]]
    assert pending["total"] == 2
    await shop.store.users.change(buyer.person.user.id, {"$set": {"status": UserStatus.SUSPENDED}})
    stats = await read("/admin/dashboard/stats")
    assert stats.items() >= {"users": 3, "active_users": 2, "orders": 3, "pending_orders": 2}.items()
    assert (stats["revenue"], stats["inventory_alerts"]) == ("3333.32", 0)
    assert [one["name"] for one in stats["popular_products"]] == ["Scarf", "Kurta"]
    shown = (await client.get("/products?sort=-popularity")).json()["items"]
    assert [one["name"] for one in shown] == ["Scarf", "Kurta"]


async def place_at(shop: Shop, key: str, moment: datetime) -> None:
    """As if this order had been placed then."""
    await shop.store.orders.unwatched.update_one({"_id": ObjectId(key)}, {"$set": {"placed_at": moment}})
    await shop.store.outbox.write([event("order.changed", {"order_id": ObjectId(key)})])


async def test_midnight_is_the_stores(shop: Shop, buyer: Buyer) -> None:
    await make.product(shop, stock=50, price="100", mrp="999", variants=[{"sku": "A"}])
    before, after = (await buyer.order(A=1))["id"], (await buyer.order(A=2))["id"]
    midnight = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)
    await place_at(shop, before, midnight - timedelta(milliseconds=1))
    await place_at(shop, after, midnight)
    for moment, wanted in (
        (midnight - timedelta(seconds=1), [("2026-11-19", 0, 0), ("2026-11-20", 1, 100_00)]),
        (midnight, [("2026-11-20", 1, 100_00), ("2026-11-21", 1, 200_00)]),
        (midnight + timedelta(hours=24), [("2026-11-21", 1, 200_00), ("2026-11-22", 0, 0)]),
    ):
        with time_machine.travel(moment, tick=False):
            found = await service.sales(shop.store, 2)
        assert [(one.date.isoformat(), one.orders, one.revenue) for one in found.items] == wanted


async def test_days_of_23_and_25_hours_are_days(shop: Shop, buyer: Buyer, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(monkeypatch, shop, store_timezone="America/New_York")
    await make.product(shop, stock=90, price="100", mrp="999", variants=[{"sku": "A"}])
    moments = [
        *("2026-03-08T04:59:59Z", "2026-03-08T05:00:00Z", "2026-03-09T03:59:59Z", "2026-03-09T04:00:00Z"),
        *("2026-11-01T03:59:59Z", "2026-11-01T04:00:00Z", "2026-11-02T04:59:59Z", "2026-11-02T05:00:00Z"),
    ]
    for text in moments:
        await place_at(shop, (await buyer.order(A=1))["id"], datetime.fromisoformat(text))
    for noon, wanted in (
        ("2026-03-09T16:00:00Z", [("2026-03-07", 1), ("2026-03-08", 2), ("2026-03-09", 1)]),
        ("2026-11-02T17:00:00Z", [("2026-10-31", 1), ("2026-11-01", 2), ("2026-11-02", 1)]),
    ):
        with time_machine.travel(datetime.fromisoformat(noon), tick=False):
            found = await service.sales(shop.store, 3)
        assert [(one.date.isoformat(), one.orders) for one in found.items] == wanted


async def test_sales_by_day_week_month_and_year_with_growth(shop: Shop, buyer: Buyer) -> None:
    await make.product(shop, stock=90, price="100", mrp="999", variants=[{"sku": "A"}])
    for pieces, day in ((4, "2024-12-31"), (2, "2025-12-28"), (3, "2026-02-28"), (1, "2026-03-01"), (5, "2026-03-02")):
        placed = datetime.fromisoformat(f"{day}T06:00:00Z")
        await place_at(shop, (await buyer.order(A=pieces))["id"], placed)
    with time_machine.travel(datetime(2026, 3, 2, 12, 0, tzinfo=UTC), tick=False):
        found = {period: await service.sales_by(shop.store, period, 3) for period in Period}
    assert {
        period: [(one.label, one.orders, one.revenue // 100_00, one.growth) for one in answer.items]
        for period, answer in found.items()
    } == {
        Period.DAILY: [("2026-02-28", 1, 3, None), ("2026-03-01", 1, 1, "-66.67"), ("2026-03-02", 1, 5, "400")],
        Period.WEEKLY: [("2026-W08", 0, 0, None), ("2026-W09", 2, 4, None), ("2026-W10", 1, 5, "25")],
        Period.MONTHLY: [("2026-01", 0, 0, "-100"), ("2026-02", 1, 3, None), ("2026-03", 2, 6, "100")],
        Period.YEARLY: [("2024", 1, 4, None), ("2025", 1, 2, "-50"), ("2026", 3, 9, "350")],
    }
    yearly = found[Period.YEARLY]
    assert (yearly.orders, yearly.revenue, yearly.aov) == (5, 1500_00, 300_00)


async def test_user_growth_counts_who_registers(client: AsyncClient, read: Reader) -> None:
    for number in range(2):
        body = {"email": f"new{number}@example.com", "password": "a long and unlikely phrase", "full_name": "New"}
        assert (await client.post("/auth/register", json=body)).status_code == 201
    found = await read("/dashboard/user-growth", days=2)
    assert [one["users"] for one in found["items"]] == [0, 3]
    assert (found["new_users"], found["total_users"]) == (3, 3)


async def test_low_stock_lists_the_scarcest_of_what_is_on_sale(shop: Shop, client: AsyncClient, read: Reader) -> None:
    async def stocked(sku: str, pieces: int, **fields: Any) -> str:
        made = await make.product(shop, stock=pieces, variants=[{"sku": sku, "size": "M", "color": "Red"}], **fields)
        return str(made.id)

    gone, few = await stocked("GONE", 0), await stocked("FEW", 10)
    await stocked("MANY", 11)
    await stocked("DRAFT", 0, status="draft")
    archived = await stocked("OLD", 0)
    await shop.store.products.archive(ObjectId(archived))
    found = await read("/dashboard/low-stock")
    assert [(one["sku"], one["product_id"], one["available"]) for one in found["items"]] == [
        ("GONE", gone, 0),
        ("FEW", few, 10),
    ]
    assert (found["total"], found["threshold"]) == (2, 10)
    assert found["items"][0].items() >= {"size": "M", "color": "Red", "reserved": 0, "low_stock_at": 5}.items()
    short = await read("/dashboard/low-stock", threshold=9, limit=1)
    assert ([one["sku"] for one in short["items"]], short["total"]) == (["GONE"], 1)
    assert (await read("/admin/dashboard/stats"))["inventory_alerts"] == 2


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/dashboard/sales", "days=0"),
        ("/dashboard/sales", "days=367"),
        ("/dashboard/sales", "days=x"),
        ("/dashboard/user-growth", "days=-1"),
        ("/dashboard/top-products", "limit=0"),
        ("/dashboard/top-products", "limit=101"),
        ("/dashboard/top-products", "by=luck"),
        ("/dashboard/low-stock", "threshold=-1"),
        ("/dashboard/payment-mix", "days=0"),
        ("/admin/analytics/sales", "period=hourly"),
        ("/admin/analytics/sales", "period=daily&count=367"),
        ("/admin/analytics/sales", "period=yearly&count=11"),
        ("/admin/analytics/sales", "period=weekly&count=261"),
        ("/admin/analytics/users", "limit=1000"),
        ("/admin/orders/pending", "sort=total"),
        ("/dashboard/overview", "days=3"),
    ],
)
async def test_a_question_out_of_bounds_is_refused(
    client: AsyncClient, admin: make.Person, path: str, query: str
) -> None:
    refused(await client.get(f"{path}?{query}", headers=admin.headers), 422, "validation_error")


async def test_the_accounts_of_the_admin_paths_are_those_of_users(
    client: AsyncClient, admin: make.Person, shopper: make.Person, read: Reader
) -> None:
    assert await read("/admin/users") == await read("/users")
    path = f"/admin/users/{shopper.user.id}/role"
    changed = await client.put(path, json={"role": "vendor"}, headers=admin.headers)
    assert (changed.status_code, changed.json()["role"]) == (200, "vendor")
    last = await client.put(f"/admin/users/{admin.user.id}/role", json={"role": "customer"}, headers=admin.headers)
    refused(last, 409, "in_use")


async def test_system_health_tells_of_parts_and_of_what_waits(
    shop: Shop, client: AsyncClient, buyer: Buyer, read: Reader
) -> None:
    await make.product(shop, variants=[{"sku": "A"}])
    await buyer.order(A=1)
    found = await read("/dashboard/system-health")
    assert (found["last_backup_at"], found["failed_backups"], found["failed_restores"]) == (None, 0, 0)
    assert found["checks"]["mongo"]["ok"] is True
    assert (found["outbox"]["waiting"], found["outbox"]["dead"]) == (2, 0)
    assert found["outbox"]["oldest_due_at"] is not None
    assert found["figures"] == {"counted_at": found["figures"]["counted_at"], "recounting": False}
    await shop.store.outbox.write([event(counting.RECOUNT, {"kind": "orders", "after": None})])
    assert (await read("/admin/system/health"))["figures"]["recounting"] is True


class TestIntegrity:
    async def test_an_audit_is_asked_for_run_and_read(
        self, shop: Shop, client: AsyncClient, admin: make.Person, read: Reader
    ) -> None:
        before = await read("/admin/integrity")
        assert (before["clean"], before["checked_at"], before["job"], before["breaches"]) == (None, None, None, [])
        asked = await client.post("/admin/integrity", headers=admin.headers)
        assert (asked.status_code, asked.json()["status"]) == (202, "waiting")
        assert asked.headers["location"] == f"/api/v1/jobs/{asked.json()['id']}"
        again = await client.post("/admin/integrity", headers=admin.headers)
        assert again.json()["id"] == asked.json()["id"]
        await shop.worker.drain()
        found = await read("/admin/integrity")
        assert (found["clean"], found["breach_count"], found["job"]["status"]) == (True, 0, "done")
        assert found["checked"]["I12 figures are the sums of what they count"] == 1
        watched = await client.get(f"/jobs/{asked.json()['id']}", headers=admin.headers)
        assert watched.json()["status"] == "done"

    async def test_it_tells_what_is_wrong(
        self, shop: Shop, client: AsyncClient, admin: make.Person, read: Reader
    ) -> None:
        await make.product(shop, stock=5, variants=[{"sku": "A"}])
        await shop.store.stock.collection.update_one({"_id": "A"}, {"$inc": {"on_hand": 1}})
        await client.post("/admin/integrity", headers=admin.headers)
        await shop.worker.drain()
        found = await read("/admin/integrity")
        assert (found["clean"], found["breach_count"]) == (False, 2)
        assert {one["invariant"] for one in found["breaches"]} == {"I1"}
        assert found["breaches"][0]["documents"]["sku"] == "A"
        assert await shop.store.stock.available(["A"]) == {"A": 5}  # looking mends nothing

    async def test_too_long_a_run_is_given_up(
        self, shop: Shop, client: AsyncClient, admin: make.Person, read: Reader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(integrity, "LONGEST", 0.0)
        await client.post("/admin/integrity", headers=admin.headers)
        await shop.worker.drain()
        found = await read("/admin/integrity")
        assert (found["clean"], found["job"]["status"]) == (None, "failed")
        assert "truestyle audit" in found["job"]["result"]["message"]
        monkeypatch.setattr(integrity, "LONGEST", 60.0)
        await client.post("/admin/integrity", headers=admin.headers)
        await shop.worker.drain()
        assert (await read("/admin/integrity"))["clean"] is True

    async def test_a_run_that_goes_on_elsewhere_is_not_run_twice(
        self, shop: Shop, client: AsyncClient, admin: make.Person, read: Reader
    ) -> None:
        job = (await client.post("/admin/integrity", headers=admin.headers)).json()
        key = ObjectId(job["id"])
        now = datetime.now(UTC)
        assert await shop.store.jobs.claim(key, now) is not None  # by a worker that then dies
        await shop.worker.drain()
        assert (await read("/admin/integrity"))["job"]["status"] == "running"
        with time_machine.travel(now + integrity.DEAD_AFTER + timedelta(seconds=10)):
            await shop.worker.drain()
        assert (await read("/admin/integrity"))["clean"] is True


async def test_refunds_are_out_of_the_revenue_of_the_day_of_the_order(
    shop: Shop, client: AsyncClient, staff: make.Person, buyer: Buyer, read: Reader
) -> None:
    """Of products the pieces count whose money went back; an amount of money is the order's alone."""
    await make.product(shop, stock=50, name="Kurta", price="1000", mrp="1999", variants=[{"sku": "K"}])
    await make.product(shop, stock=50, name="Scarf", price="333.33", mrp="999", variants=[{"sku": "S"}])
    order = await buyer.order(K=1, S=3)  # 1999.99
    await Staff(client, staff).bring_to(order["id"], "delivered")

    async def refund(revenue: str, refunded: str, top: list[tuple[str, int, str]], **body: Any) -> None:
        sent = {"reason": "A button was missing", **body}
        answer = await client.post(f"/orders/{order['id']}/refund", json=sent, headers=staff.headers)
        assert answer.status_code == 200, answer.text
        overview = await read("/dashboard/overview")
        assert (overview["orders"], overview["revenue"], overview["refunded"], overview["aov"]) == (
            *(1, revenue, refunded, revenue),
        )
        [*_, today] = (await read("/dashboard/sales", days=7))["items"]
        assert (today["orders"], today["revenue"]) == (1, revenue)
        assert (await read("/dashboard/payment-mix"))["items"][0]["revenue"] == revenue
        users = (await read("/admin/analytics/users"))["top_users"]
        assert [one["revenue"] for one in users] == ([] if revenue == "0.00" else [revenue])
        best = (await read("/dashboard/top-products"))["items"]
        assert [(one["name"], one["quantity"], one["revenue"]) for one in best] == top

    kurta = ("Kurta", 1, "1000.00")
    scarf = next(one["id"] for one in order["items"] if one["sku"] == "S")
    await refund("1749.99", "250.00", [("Scarf", 3, "999.99"), kurta], amount="250.00")
    await refund("1416.66", "583.33", [("Scarf", 2, "666.66"), kurta], items=[{"order_item_id": scarf, "quantity": 1}])
    await refund("0.00", "1999.99", [])
