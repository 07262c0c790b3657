"""/payments: one's own, everybody's for staff, and what staff write."""

import asyncio
from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Staff, refused
from tests.payments.paying import UTR, Till
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture
async def order(till: Till) -> dict[str, Any]:
    return await till.order("upi")


async def test_ones_own_and_nobody_elses(till: Till, order: dict[str, Any], shop: Shop, client: AsyncClient) -> None:
    key = order["payment"]["id"]
    other = await make.person(shop)
    mine = (await client.get("/payments", headers=till.buyer.headers)).json()["items"]
    assert [one["id"] for one in mine] == [key]
    assert (await client.get(f"/payments/{key}", headers=till.buyer.headers)).json() == mine[0]
    assert (await client.get("/payments", headers=other.headers)).json()["items"] == []
    refused(await client.get(f"/payments/{key}", headers=other.headers), 404, "not_found")
    assert (await client.get(f"/payments/{key}", headers=till.staff.headers)).json() == mine[0]


@pytest.mark.parametrize(
    ("query", "there"),
    [
        ({"status": "pending"}, True),
        ({"status": "paid"}, False),
        ({"type": "upi"}, True),
        ({"type": "cod"}, False),
        ({"order_id": "of it"}, True),
        ({"order_id": "65af0b12c4a1d2e3f4a5b6c7"}, False),
    ],
    ids=str,
)
async def test_lists_can_be_narrowed(
    till: Till, order: dict[str, Any], client: AsyncClient, query: dict[str, str], there: bool
) -> None:
    asked = {name: order["id"] if value == "of it" else value for name, value in query.items()}
    listed = (await client.get("/payments", params=asked, headers=till.staff.headers)).json()
    assert listed["total"] == int(there)


SOMEBODY = ObjectId("0" * 24)
FILTERS: list[dict[str, Any]] = [{"status": "paid"}, {"type": "upi"}, {"order_id": SOMEBODY}, {"buyer_id": SOMEBODY}]
FILTERS.append({"ledger.state": "pending"})


@pytest.mark.parametrize("where", FILTERS, ids=lambda one: next(iter(one)))
async def test_every_filter_has_an_index(shop: Shop, where: dict[str, Any]) -> None:
    plan = await shop.store.payments.unwatched.find(where).sort("_id", -1).limit(20).explain()
    assert "IXSCAN" in str(plan["queryPlanner"]["winningPlan"])
    assert f"{next(iter(where))}_1" in str(plan["queryPlanner"]["winningPlan"])


async def test_only_notes_change_and_nothing_is_erased(till: Till, order: dict[str, Any], client: AsyncClient) -> None:
    path = f"/payments/{order['payment']['id']}"
    for method in ("PUT", "PATCH"):
        changed = await client.request(method, path, json={"notes": method}, headers=till.staff.headers)
        assert (changed.status_code, changed.json()["notes"]) == (200, method)
        for smuggled in ({"status": "paid"}, {"amount": "1.00"}, {"reference": "x"}):
            answer = await client.request(method, path, json=smuggled, headers=till.staff.headers)
            refused(answer, 422, "validation_error")
    stale = {**till.staff.headers, "if-match": '"1"'}
    refused(await client.put(path, json={"notes": "x"}, headers=stale), 412, "version_conflict")
    refused(await client.delete(path, headers=till.staff.headers), 409, "append_only")
    refused(await client.delete(f"/payments/{ObjectId()}", headers=till.staff.headers), 404, "not_found")
    assert (await till.payment(order)).notes == "PATCH"


async def record(till: Till, order: dict[str, Any], key: str | None = None, **more: Any) -> Any:
    headers = till.staff.headers | ({"idempotency-key": key} if key else {})
    body = {"order_id": order["id"], "reference": UTR, **more}
    return await till.client.post("/payments", json=body, headers=headers)


async def test_a_payment_made_outside_pays_the_order(till: Till, order: dict[str, Any], client: AsyncClient) -> None:
    made = await record(till, order, amount="2998.00", notes="At the counter")
    assert made.status_code == 201, made.text
    assert made.headers["location"] == f"/api/v1/payments/{made.json()['id']}"
    path = made.headers["location"].removeprefix("/api/v1")
    assert (await client.get(path, headers=till.staff.headers)).json() == made.json()
    assert (made.json()["status"], made.json()["provider"], made.json()["reference"]) == ("paid", "staff", UTR)
    now = await till.see(order)
    assert (now["status"], now["payment"]["id"], now["amount_paid"]) == ("confirmed", made.json()["id"], "2998.00")
    assert await till.stock() == (3, 0, 3)
    refused(await record(till, order, reference="412345678999"), 409, "invalid_transition")


async def test_it_may_also_pay_what_was_to_be_paid_on_delivery(till: Till) -> None:
    order = await till.order("cod")
    assert (await record(till, order)).status_code == 201
    packer = Staff(till.client, till.staff)
    await packer.bring_to(order["id"], "delivered")
    now = await till.see(order)
    assert (now["status"], now["amount_paid"]) == ("delivered", "2998.00")
    assert [one.captured_amount for one in await till.payments(order)] == [0, 299800]


async def test_recorded_many_times_at_once_it_pays_once(till: Till, order: dict[str, Any]) -> None:
    answers = await asyncio.gather(*(record(till, order, reference=f"4123456780{n:02}") for n in range(8)))
    assert sorted(one.status_code for one in answers) == [201] + [409] * 7
    assert (await till.see(order))["amount_paid"] == "2998.00"


async def test_under_a_key_it_is_one_payment(till: Till, order: dict[str, Any]) -> None:
    first, second = await record(till, order, "k"), await record(till, order, "k")
    assert (second.status_code, second.content) == (201, first.content)
    assert second.headers["idempotency-replayed"] == "true"
    refused(await record(till, order, "k", notes="other"), 422, "idempotency_key_reused")
    assert len(await till.payments(order)) == 2


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"amount": "2997.00"}, 422, "validation_error"),
        ({"order_id": "65af0b12c4a1d2e3f4a5b6c7"}, 404, "not_found"),
        ({"reference": "?"}, 422, "validation_error"),
        ({"type": "stripe"}, 422, "validation_error"),
    ],
    ids=str,
)
async def test_what_does_not_fit_is_refused(
    till: Till, order: dict[str, Any], more: dict[str, Any], status: int, code: str
) -> None:
    refused(await record(till, order, "k", **more), status, code)
    assert (await till.see(order))["status"] == "placed"
    assert len(await till.payments(order)) == 1


async def test_a_reference_that_was_used_is_refused(till: Till, order: dict[str, Any]) -> None:
    await record(till, order)
    other = await till.order("upi", 1)
    told = refused(await record(till, other), 409, "duplicate")
    assert told["field"] == "reference"
    assert len(await till.payments(other)) == 1
    assert (await till.see(other))["status"] == "placed"


async def test_shoppers_write_none(till: Till, order: dict[str, Any], client: AsyncClient) -> None:
    path = f"/payments/{order['payment']['id']}"
    for method, where, body in (
        ("POST", "/payments", {"order_id": order["id"], "reference": UTR}),
        ("POST", path + "/confirm", {"reference": UTR}),
        ("PUT", path, {"notes": "x"}),
        ("DELETE", path, None),
    ):
        refused(await client.request(method, where, json=body, headers=till.buyer.headers), 403, "forbidden")
    assert (await till.see(order))["status"] == "placed"


async def test_two_lakh_rupees_are_not_recorded_as_cash(till: Till, client: AsyncClient, shop: Shop) -> None:
    await make.product(shop, mrp="25000.00", price="25000.00", variants=[{"sku": "DEAR"}])
    till.sku = "DEAR"
    order = await till.order("upi", 8)
    assert order["total"] == "200000.00"
    body = {"order_id": order["id"], "reference": "COUNTER-1"}
    cash = await client.post("/payments", json={**body, "type": "cod"}, headers=till.staff.headers)
    assert refused(cash, 422, "validation_error")["errors"][0]["loc"] == ["body", "type"]
    assert (await till.see(order))["status"] == "placed"
    assert (await client.post("/payments", json=body, headers=till.staff.headers)).status_code == 201
