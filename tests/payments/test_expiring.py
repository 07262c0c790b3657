"""Orders that nobody pays for, the sweep, and money that comes late."""

import asyncio
from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.payments.paying import Till
from truestyle.kit import clock
from truestyle.orders import expiring, paying, starting
from truestyle.payments.models import PaymentStatus, PaymentType
from truestyle.payments.providers.base import ProviderAwayError, Result, State
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")
COUPON = {"code": "ONCE", "type": "fixed", "value": "100.00", "usage_limit": 1}


async def test_an_unpaid_order_cancels_itself_exactly_once(till: Till, shop: Shop) -> None:
    order = await till.order("upi")
    assert await expiring.sweep(shop) == 0
    await till.window_over(order)
    stored = await shop.store.orders.get(ObjectId(order["id"]))
    done = await asyncio.gather(*(expiring.expire(shop.store, stored) for _ in range(10)))
    assert sum(done) == 1
    now = await till.see(order)
    assert (now["status"], now["payment"]["status"], now["allowed_actions"]) == ("cancelled", "cancelled", [])
    assert now["status_history"][-1] | {"at": ""} == {
        "status": "cancelled",
        "at": "",
        "by": "system",
        "note": "not paid in time",
    }
    assert await till.stock() == (5, 0, 5)
    assert await till.mails() == ["order_confirmation", "order_expired"]


async def test_the_sweep_of_several_workers_does_it_once(till: Till, shop: Shop) -> None:
    orders = [await till.order("upi", 1) for _ in range(4)]
    for one in orders:
        await till.window_over(one)
    seen = await asyncio.gather(*(expiring.sweep(shop) for _ in range(5)))
    assert sum(seen) == 4
    assert [(await till.see(one))["status"] for one in orders] == ["cancelled"] * 4
    assert await till.stock() == (5, 0, 5)
    assert await shop.store.payments.count({"look_at": {"$ne": None}}) == 0


async def test_within_its_window_an_order_stays(till: Till, shop: Shop) -> None:
    order = await till.order("upi")
    stored = await shop.store.orders.get(ObjectId(order["id"]))
    assert await expiring.expire(shop.store, stored) is False
    await till.due()
    await expiring.sweep(shop)
    assert (await till.see(order))["status"] == "placed"
    assert await till.stock() == (5, 2, 3)


async def test_an_order_whose_payment_failed_expires_too(till: Till, shop: Shop) -> None:
    order = await till.sandbox("decline")
    await till.window_over(order)
    await expiring.sweep(shop)
    now = await till.see(order)
    assert (now["status"], now["payment"]["status"]) == ("cancelled", "failed")
    assert await till.stock() == (5, 0, 5)


async def test_expiry_and_payment_at_once_end_paid_or_given_back(till: Till, shop: Shop) -> None:
    for number in range(8):
        order = await till.order("upi", 1)
        await till.window_over(order)
        _, confirmed = await asyncio.gather(expiring.sweep(shop), till.confirm(order, f"4123456780{number:02}"))
        assert confirmed.status_code == 200
        now = await till.see(order)
        # There is a piece left for each: whoever wins, the payment pays in the end.
        assert (now["status"], now["amount_paid"]) == ("confirmed", "1499.00")
        await till.cancel(order)  # for the next round
    on_hand, reserved, available = await till.stock()
    assert (on_hand, reserved, available) == (5, 0, 5)


async def test_what_was_paid_does_not_expire(till: Till, shop: Shop) -> None:
    order = await till.order("upi")
    await till.window_over(order)
    stored = await shop.store.orders.get(ObjectId(order["id"]))
    await till.confirm(order)
    assert await expiring.expire(shop.store, stored) is False
    assert (await till.see(order))["status"] == "confirmed"


async def test_paid_late_it_is_revived_if_everything_is_there(
    till: Till, client: AsyncClient, admin: make.Person
) -> None:
    await client.post("/coupons", json=COUPON, headers=admin.headers)
    await till.buyer.fill(K_M=2)
    order = (await till.buyer.check_out(payment={"type": "upi"}, coupon_code="ONCE")).json()["order"]
    assert order["total"] == "2898.00"
    await till.window_over(order)
    await expiring.sweep(till.shop)
    assert (await till.confirm(order)).json()["status"] == "paid"
    now = await till.see(order)
    assert [one["status"] for one in now["status_history"]] == ["placed", "cancelled", "confirmed"]
    assert (now["status"], now["amount_paid"]) == ("confirmed", "2898.00")
    assert await till.stock() == (3, 0, 3)
    coupon = await till.shop.store.coupons.first({})
    assert coupon is not None
    assert coupon.used_count == 1


async def test_paid_late_it_goes_back_if_the_coupon_is_used_up(
    till: Till, shop: Shop, client: AsyncClient, admin: make.Person
) -> None:
    await client.post("/coupons", json=COUPON, headers=admin.headers)
    await till.buyer.fill(K_M=1)
    order = (await till.buyer.check_out(payment={"type": "upi"}, coupon_code="ONCE")).json()["order"]
    await till.window_over(order)
    await expiring.sweep(shop)
    await till.buyer.fill(K_M=1)
    assert (await till.buyer.check_out(coupon_code="ONCE")).status_code == 201
    assert (await till.confirm(order)).json()["surplus"] is True
    assert (await till.see(order))["status"] == "cancelled"
    assert await till.stock() == (4, 0, 4)


async def test_paid_late_it_goes_back_if_the_goods_are_gone(till: Till, shop: Shop) -> None:
    order = await till.order("upi", 3)
    await till.window_over(order)
    await expiring.sweep(shop)
    await till.order("cod", 3)
    late = (await till.confirm(order)).json()
    assert (late["surplus"], late["status"], late["refunded_amount"]) == (True, "refunded", "4497.00")
    now = await till.see(order)
    assert (now["status"], now["amount_paid"]) == ("cancelled", "0.00")
    assert await till.stock() == (2, 0, 2)
    assert (await till.mails()).count("order_payment_returned") == 1


async def test_two_who_pay_late_for_the_last_piece(till: Till, shop: Shop) -> None:
    first, second = await till.order("upi", 5), None
    await till.window_over(first)
    await expiring.sweep(shop)
    second = await till.order("upi", 5)
    await till.window_over(second)
    await expiring.sweep(shop)
    answers = await asyncio.gather(till.confirm(first, "412345678901"), till.confirm(second, "412345678902"))
    assert sorted(one.json()["surplus"] for one in answers) == [False, True]
    assert await till.stock() == (0, 0, 0)


async def test_a_tab_that_was_closed_after_paying_is_found_by_the_sweep(till: Till, shop: Shop) -> None:
    order = await till.sandbox("closed_tab")
    assert (order["status"], order["payment"]["status"]) == ("placed", "pending")
    await till.due()
    assert await expiring.sweep(shop) == 1
    assert (await till.see(order))["status"] == "confirmed"


async def test_at_the_end_of_the_window_the_provider_is_asked_first(till: Till, shop: Shop) -> None:
    order = await till.sandbox("closed_tab")
    await till.window_over(order)
    await expiring.sweep(shop)
    assert (await till.see(order))["status"] == "confirmed"
    assert await till.stock() == (3, 0, 3)


class Silent:
    """A provider who began and then never answers."""

    type = PaymentType.SANDBOX

    async def call_off(self, *_: Any) -> State:
        raise ProviderAwayError


async def test_while_the_provider_is_silent_an_order_is_kept_but_not_for_ever(
    till: Till, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await till.sandbox("challenge")
    shop.providers = {**shop.providers, PaymentType.SANDBOX: Silent()}  # type: ignore[dict-item]
    await till.window_over(order)
    await expiring.sweep(shop)
    assert (await till.see(order))["status"] == "placed"
    monkeypatch.setattr(expiring, "GRACE", expiring.GRACE * 0)
    await till.due()
    await expiring.sweep(shop)
    assert (await till.see(order))["status"] == "cancelled"


async def test_what_was_not_begun_is_begun_by_the_sweep(
    till: Till, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(_: Shop, order: Any) -> Any:
        return order

    with monkeypatch.context() as patch:
        patch.setattr(starting, "begin", dies)
        order = await till.order("upi")
    assert order["payment"]["action"] is None
    assert await expiring.sweep(shop) == 0  # whoever placed it may be at it still
    await till.due()
    assert await expiring.sweep(shop) == 1
    assert (await till.see(order))["payment"]["action"]["link"].startswith("upi://")


async def test_looks_are_leased(till: Till, shop: Shop) -> None:
    await till.order("upi")
    await till.due()
    found = [await shop.store.payments.take_due(clock.now(), expiring.EVERY) for _ in range(3)]
    assert [one is not None for one in found] == [True, False, False]


async def test_what_the_sweep_looks_for_has_an_index(shop: Shop) -> None:
    where = {"look_at": {"$gt": clock.now() - expiring.GRACE, "$lte": clock.now()}}
    plan = await shop.store.payments.unwatched.find(where).sort("look_at", 1).limit(1).explain()
    assert "look_at_1" in str(plan["queryPlanner"]["winningPlan"])


async def test_a_called_off_payment_that_was_begun_late_is_called_off_at_its_provider(till: Till, shop: Shop) -> None:
    order = await till.order("upi")
    key = ObjectId(order["payment"]["id"])
    await shop.store.payments.unwatched.update_one({"_id": key}, {"$set": {"provider_reference": None}})
    await till.cancel(order)
    assert await shop.store.outbox.count({"topic": "payment.called_off"}) == 0
    await paying.settle(shop.store, State(Result.PENDING, "late", payment_id=str(key)))
    assert await shop.store.outbox.count({"topic": "payment.called_off"}) == 1
    assert (await till.payment(order)).status is PaymentStatus.CANCELLED
