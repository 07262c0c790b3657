"""Another attempt to pay an order."""

import asyncio
from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.orders.buying import refused, settle
from tests.payments.paying import Till
from truestyle.payments.models import PaymentStatus
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")


async def test_after_a_decline_another_way_pays(till: Till, shop: Shop) -> None:
    order = await till.sandbox("decline")
    paid = await till.pay(order, "sandbox")
    assert (paid.status_code, paid.json()["status"]) == (200, "confirmed"), paid.text
    first, second = await till.payments(order)
    assert (first.status, second.status) == (PaymentStatus.FAILED, PaymentStatus.PAID)
    assert paid.json()["payment"]["id"] == str(second.id)
    assert await till.stock() == (3, 0, 3)
    await shop.worker.drain()
    assert await till.see(order) == paid.json()


async def test_declined_again_is_402_and_the_order_still_waits(till: Till, shop: Shop) -> None:
    order = await till.sandbox("decline")
    refused(await till.pay(order, "sandbox", key="k", scenario="decline"), 402, "payment_failed")
    now = await till.see(order)
    assert (now["status"], now["payment"]["status"]) == ("placed", "failed")
    assert "pay" in now["allowed_actions"]
    assert await shop.store.claims.count({}) == 0
    assert await till.stock() == (5, 2, 3)


async def test_the_old_attempt_is_called_off_at_its_provider(till: Till, shop: Shop) -> None:
    order = await till.sandbox("challenge")
    assert (await till.pay(order, "upi")).json()["payment"]["action"]["kind"] == "upi"
    await shop.worker.drain()
    charge = await shop.store.sandbox.first({"payment_id": order["payment"]["id"]})
    assert charge is not None
    assert charge.result == "cancelled"
    first, second = await till.payments(order)
    assert (first.status, second.status) == (PaymentStatus.CANCELLED, PaymentStatus.PENDING)


async def test_an_old_attempt_that_was_paid_all_the_same_pays(till: Till, shop: Shop) -> None:
    order = await till.sandbox("closed_tab")
    await till.pay(order, "upi")
    await shop.worker.drain()  # calling it off finds out
    now = await till.see(order)
    assert (now["status"], now["payment"]["type"]) == ("confirmed", "sandbox")
    assert [one.status for one in await till.payments(order)] == [PaymentStatus.PAID, PaymentStatus.CANCELLED]


async def test_the_window_stays_what_it_was(till: Till) -> None:
    order = await till.order("upi")
    again = (await till.pay(order, "upi")).json()
    assert again["payment"]["expires_at"] == order["payment"]["expires_at"]
    await till.window_over(order)
    refused(await till.pay(order, "upi"), 409, "invalid_transition")
    assert (await till.see(order))["allowed_actions"] == ["cancel", "edit"]


async def test_from_upi_to_cash_on_delivery(till: Till) -> None:
    order = await till.order("upi")
    moved = (await till.pay(order, "cod")).json()
    assert (moved["status"], moved["payment"]["type"], moved["payment"]["status"]) == ("confirmed", "cod", "pending")
    assert moved["total"] == order["total"]
    assert await till.stock() == (3, 0, 3)
    refused(await till.pay(order, "upi"), 409, "invalid_transition")


async def test_the_fee_for_cash_on_delivery_is_added_with_its_taxes(
    till: Till, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, shop, cod_fee=5000)
    order = await till.order("upi")
    moved = (await till.pay(order, "cod")).json()
    by_cod = await till.order("cod")
    assert (moved["total"], moved["shipping"], moved["tax"]) == (by_cod["total"], by_cod["shipping"], by_cod["tax"])
    assert moved["total"] == "3048.00"


async def test_where_cash_on_delivery_is_not_offered_nothing_changes(
    till: Till, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await till.order("upi")
    settle(monkeypatch, shop, cod_ceiling=100)
    refused(await till.pay(order, "cod"), 409, "cod_unavailable")
    assert (await till.see(order)) == order


async def test_paid_by_upi_after_changing_to_cash_the_cash_is_not_collected(till: Till) -> None:
    order = await till.order("upi")
    await till.pay(order, "cod")
    assert (await till.confirm(order)).json()["surplus"] is False
    now = await till.see(order)
    assert (now["status"], now["payment"]["type"], now["amount_paid"]) == ("confirmed", "upi", "2998.00")
    assert [one.status for one in await till.payments(order)] == [PaymentStatus.PAID, PaymentStatus.CANCELLED]


@pytest.mark.parametrize("status", ["paid", "cancelled", "cod"])
async def test_what_does_not_wait_cannot_be_paid(till: Till, status: str) -> None:
    order = await till.order("cod" if status == "cod" else "upi")
    if status == "paid":
        await till.confirm(order)
    if status == "cancelled":
        await till.cancel(order)
    refused(await till.pay(order, "upi"), 409, "invalid_transition")


async def test_under_one_key_it_is_one_attempt(till: Till) -> None:
    order = await till.order("upi")
    first = await till.pay(order, "upi", key="again")
    second = await till.pay(order, "upi", key="again")
    assert (second.content, second.headers["idempotency-replayed"]) == (first.content, "true")
    assert len(await till.payments(order)) == 2
    refused(await till.pay(order, "cod", key="again"), 422, "idempotency_key_reused")


async def test_many_at_once_leave_one_open_attempt(till: Till) -> None:
    order = await till.order("upi")
    answers = await asyncio.gather(*(till.pay(order, "upi") for _ in range(8)))
    assert {one.status_code for one in answers} == {200}
    open_ones = [one for one in await till.payments(order) if one.status is PaymentStatus.PENDING]
    assert [str(one.id) for one in open_ones] == [(await till.see(order))["payment"]["id"]]
    assert len(await till.payments(order)) == 9


async def test_another_way_and_the_payment_at_once(till: Till) -> None:
    for number in range(5):
        order = await till.order("upi", 1)
        again, confirmed = await asyncio.gather(till.pay(order, "cod"), till.confirm(order, f"4123456780{number:02}"))
        assert again.status_code in {200, 409}
        assert confirmed.json()["surplus"] is False
        now = await till.see(order)
        assert (now["status"], now["amount_paid"], now["payment"]["type"]) == ("confirmed", "1499.00", "upi")


async def test_anothers_order_is_not_there(till: Till, shop: Shop, client: AsyncClient) -> None:
    order = await till.order("upi")
    other = await make.person(shop)
    body: dict[str, Any] = {"payment": {"type": "upi"}}
    answers = [
        await client.post(f"/orders/{one}/pay", json=body, headers=other.headers) for one in (order["id"], ObjectId())
    ]
    for one in answers:
        refused(one, 404, "not_found")
    assert len(await till.payments(order)) == 1
