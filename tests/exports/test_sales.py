"""A day's row is what that day's orders add up to, and what the dashboard says."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby

from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.exports.reading import Rows, ask, of_xlsx, rows
from tests.orders.buying import Buyer, Staff, refused
from truestyle.kit import clock
from truestyle.shop import Shop

AMOUNTS = ("gross", "discount", "shipping", "total", "tax", "refunded", "net")


async def placed(shop: Shop, order: dict[str, str], moment: datetime) -> None:
    """As if it had been placed then; its figures are counted afterwards."""
    await shop.store.orders.unwatched.update_one({"_id": ObjectId(order["id"])}, {"$set": {"placed_at": moment}})


async def trade(client: AsyncClient, shop: Shop, buyer: Buyer, staff: make.Person, admin: make.Person) -> datetime:
    """Seven orders on three days of the store, one of them empty; the evening before the first midnight, in UTC."""
    await make.product(shop, stock=50, price="1000", mrp="1999", variants=[{"sku": "K"}])
    await make.product(shop, stock=50, price="333.33", mrp="999", variants=[{"sku": "S"}])
    coupon = {"code": "TEN", "type": "percent", "value": "10"}
    assert (await client.post("/coupons", json=coupon, headers=admin.headers)).status_code == 201
    today = clock.now().astimezone(shop.store.shop.zone).date()
    midnight = datetime.combine(today - timedelta(days=3), datetime.min.time(), shop.store.shop.zone).astimezone(UTC)
    mover = Staff(client, staff)
    orders = [await buyer.order(K=1, S=3), await buyer.order(S=1), await buyer.order(K=5), await buyer.order(K=2)]
    await buyer.fill(K=1, S=2)
    orders.append((await buyer.check_out(coupon_code="TEN")).json()["order"])
    orders += [await buyer.order(K=3), await buyer.order(S=2)]
    for order, moment in zip(
        orders,
        [
            midnight - timedelta(milliseconds=1),
            midnight,
            midnight + timedelta(hours=5),
            midnight + timedelta(hours=23, minutes=59),
            midnight + timedelta(days=2),
            midnight + timedelta(days=2, hours=1),
            clock.now(),
        ],
        strict=True,
    ):
        await placed(shop, order, moment)
    await mover.bring_to(orders[0]["id"], "delivered")
    await mover.bring_to(orders[5]["id"], "delivered")
    back = {"amount": "250.05", "reason": "late", "refund_to": "store_credit"}
    for order in (orders[0], orders[5]):
        given = await client.post(f"/orders/{order['id']}/refund", json=back, headers=staff.headers)
        assert given.status_code in {200, 201}, given.text
    await client.post(f"/orders/{orders[2]['id']}/cancel", json={"reason": "no"}, headers=buyer.headers)
    await mover.bring_to(orders[3]["id"], "shipped")
    await mover.move(orders[3]["id"], "returned_to_origin")
    return midnight


def added(orders: Rows) -> dict[str, tuple[int, int, dict[str, int]]]:
    """(orders, gross paise, amounts) by day, from the exported orders that count as sales."""
    of = {"gross": "subtotal"}
    sold = sorted((one for one in orders if one["sale"] == "true"), key=lambda one: one["placed_at"])
    found = {}
    for day, of_day in groupby(sold, key=lambda one: one["placed_at"][:10]):
        group = list(of_day)
        sums = {name: sum(int(one[f"{of.get(name, name)}_paise"]) for one in group) for name in AMOUNTS[:-1]}
        found[day] = (len(group), sums["total"] - sums["refunded"], sums)
    return found


async def test_days_add_up_with_the_orders_and_with_the_dashboard(
    client: AsyncClient, shop: Shop, buyer: Buyer, staff: make.Person, admin: make.Person
) -> None:
    midnight = await trade(client, shop, buyer, staff, admin)

    sales, orders = await rows(client, staff, "sales"), await rows(client, admin, "orders")

    first = (midnight - timedelta(days=1)).astimezone(shop.store.shop.zone).date()
    assert [one["date"] for one in sales] == [(first + timedelta(days=step)).isoformat() for step in range(5)]
    assert [int(one["orders"]) for one in sales] == [1, 1, 0, 2, 1]
    assert [int(one["refunded_paise"]) for one in sales] == [250_05, 0, 0, 250_05, 0]
    assert int(sales[3]["discount_paise"]) == 166_67
    sums = added(orders)
    assert len(orders) == 7
    for row in sales:
        count, net, amounts = sums.get(row["date"], (0, 0, dict.fromkeys(AMOUNTS, 0)))
        assert (int(row["orders"]), int(row["net_paise"])) == (count, net), row
        assert {name: int(row[f"{name}_paise"]) for name in AMOUNTS[:-1]} == {
            name: amounts[name] for name in AMOUNTS[:-1]
        }
        assert {name: int(Decimal(row[name]) * 100) for name in AMOUNTS} == {
            name: int(row[f"{name}_paise"]) for name in AMOUNTS
        }
        paise = {name: int(row[f"{name}_paise"]) for name in AMOUNTS}
        assert paise["gross"] - paise["discount"] + paise["shipping"] == paise["total"]
        assert paise["total"] - paise["refunded"] == paise["net"]
    told = (await client.get("/dashboard/sales", params={"days": 5}, headers=staff.headers)).json()["items"]
    assert [(one["date"], str(one["orders"]), one["revenue"]) for one in told] == [
        (row["date"], row["orders"], row["net"]) for row in sales
    ]
    assert sum(int(row["pieces"]) for row in sales) == 4 + 1 + 3 + 3 + 2


async def test_days_are_the_stores_and_the_last_is_in_it(
    client: AsyncClient, shop: Shop, buyer: Buyer, staff: make.Person, admin: make.Person
) -> None:
    midnight = await trade(client, shop, buyer, staff, admin)
    day = midnight.astimezone(shop.store.shop.zone).date().isoformat()

    whole = {"from": day, "to": day}
    assert [(one["date"], one["orders"]) for one in await rows(client, staff, "sales", **whole)] == [(day, "1")]
    ordered = await rows(client, admin, "orders", **whole)
    assert [one["placed_at"][:19] for one in ordered] == [f"{day}T00:00:00", f"{day}T05:00:00", f"{day}T23:59:00"]
    assert {one["placed_at"][19:] for one in ordered} == {"+05:30"}
    until = {"from": midnight.isoformat(), "to": (midnight + timedelta(hours=5)).isoformat()}
    assert len(await rows(client, admin, "orders", **until)) == 1
    cod = await rows(client, staff, "sales", **whole, payment_type="cod")
    assert [one["orders"] for one in cod] == ["1"]
    upi = await rows(client, staff, "sales", **whole, payment_type="upi")
    assert [one["orders"] for one in upi] == ["0"]
    book = of_xlsx((await ask(client, staff, "sales", format="xlsx", **whole)).content)
    assert book[0]["date"] == date.fromisoformat(day)
    assert (book[0]["gross"], book[0]["gross_paise"]) == (333.33, 33333.0)


async def test_a_time_that_makes_no_sense_is_refused(client: AsyncClient, staff: make.Person) -> None:
    for body in (
        {"from": "2026-11-02", "to": "2026-11-01"},
        {"from": "2026-11-02T00:00:00Z", "to": "2026-11-02T00:00:00Z"},
        {"from": "1999-12-31"},
        {"from": "2026-02-30"},
        {"from": "2026-11-02T00:00:00"},
        {"from": 1_700_000_000},
        {"from": "0001-01-01T00:00:00Z"},
        {"to": "0001-01-01T00:00:00Z"},
        {"to": "9999-12-31T23:59:59Z"},
        {"from": "1999-12-31T23:59:59Z"},
        {"to": "yesterday"},
    ):
        told = refused(await ask(client, staff, "sales", **body), 422, "validation_error")
        assert told["errors"][0]["loc"][1] in {"from", "to"}, body
    assert await rows(client, staff, "sales") == []
    assert await rows(client, staff, "sales", **{"from": "2199-01-01"}) == []
    start = clock.wire(clock.now() - timedelta(days=2))
    ever = await rows(client, staff, "sales", **{"from": start, "to": "2199-12-31T23:59:59Z"})
    assert len(ever) == 3
    assert {one["net"] for one in ever} == {"0.00"}
