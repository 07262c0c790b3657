"""Many at once at the till: exact outcomes. `test_unguarded.py` has the same with the guards off."""

import asyncio
from collections import Counter
from functools import partial
from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient, Response

from tests import make
from tests.orders.buying import refused
from tests.payments.paying import UTR, Till, patiently
from tests.payments.refunding import insist
from truestyle.inventory.models import Reason
from truestyle.orders import paying
from truestyle.orders.flow import OrderStatus
from truestyle.payments.models import PaymentStatus, PaymentType
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")


async def test_two_lines_cannot_share_the_last_unit(till: Till, shop: Shop, client: AsyncClient) -> None:
    """Two carts, each with the SKU in two lines of which the shelf has enough for one cart alone."""
    people = [await make.person(shop) for _ in range(2)]
    for one in people:
        await make.cart(shop, one, {"K-M": 2})
        cart = await shop.store.carts.first({"user_id": one.user.id})
        assert cart is not None
        double = [item.model_copy(update={"id": ObjectId()}).model_dump() for item in cart.items]
        await shop.store.carts.collection.update_one({"_id": cart.id}, {"$push": {"items": {"$each": double}}})
    body = {**make.COD, "payment": {"type": "upi"}}
    answers = await asyncio.gather(*(client.post("/checkout", json=body, headers=one.headers) for one in people))
    assert sorted(one.status_code for one in answers) == [201, 409]
    [lost] = [one for one in answers if one.status_code == 409]
    told = refused(lost, 409, "insufficient_stock")
    assert told["items"] == [{"sku": "K-M", "requested": 4, "available": 1}]
    assert await till.stock() == (5, 4, 1)


UNITS, BUYERS = 5, 40  # four hundred, and two processes: tests/orders/test_race.py


async def test_one_hot_sku_and_many_who_pay_beforehand(shop: Shop, client: AsyncClient) -> None:
    """Half of them pay at the gateway at once, half by UPI some time: those pieces are set aside for them."""
    await make.product(shop, stock=UNITS, variants=[{"sku": "HOT"}])
    people = [await make.person(shop) for _ in range(BUYERS)]
    for one in people:
        await make.cart(shop, one, {"HOT": 1})

    async def buy(number: int) -> Response:
        body = {**make.COD, "payment": {"type": ("upi", "sandbox")[number % 2]}}
        return await insist(lambda: client.post("/checkout", json=body, headers=people[number].headers))

    answers = await asyncio.gather(*(buy(number) for number in range(BUYERS)))
    assert Counter(one.status_code for one in answers) == {201: UNITS, 409: BUYERS - UNITS}
    lost = [one.json() for one in answers if one.status_code == 409]
    assert {one["code"] for one in lost} == {"insufficient_stock"}
    assert all(one["items"] == [{"sku": "HOT", "requested": 1, "available": 0}] for one in lost)
    orders = [one async for one in shop.store.orders.every({})]
    assert Counter(one.status for one in orders).total() == UNITS
    waiting = [one for one in orders if one.status is OrderStatus.PLACED]
    paid = [one for one in orders if one.status is OrderStatus.CONFIRMED]
    assert {one.payment.type for one in waiting} <= {PaymentType.UPI}
    assert {one.payment.type for one in paid} <= {PaymentType.SANDBOX}
    assert len(waiting) + len(paid) == UNITS
    row = (await shop.store.stock.of(["HOT"]))["HOT"]
    assert (row.on_hand, row.reserved, row.available) == (len(waiting), len(waiting), 0)
    assert await shop.store.movements.count({"reason": Reason.RESERVED}) == UNITS
    assert await shop.store.movements.count({"reason": Reason.SOLD}) == len(paid)
    assert await shop.store.payments.count({}) == UNITS
    assert await shop.store.carts.count({"items": {"$size": 1}}) == BUYERS - UNITS


TIMES = 200


async def test_confirm_and_webhook_two_hundred_times_at_once_pay_once(till: Till, shop: Shop) -> None:
    order = await till.order("upi")
    state = await till.told(order, reference=UTR)

    async def told(number: int) -> Any:
        if number % 2:
            return await patiently(lambda: till.confirm(order))
        return await patiently(lambda: paying.settle(shop.store, state, provider="upi"))

    answers = Counter(await asyncio.gather(*(told(number) for number in range(TIMES))))
    assert answers == {200: TIMES // 2, PaymentStatus.PAID: TIMES // 2}
    [payment] = await till.payments(order)
    assert (payment.captured_amount, len(payment.ledger)) == (payment.amount, 1)
    assert await till.stock() == (3, 0, 3)
    assert (await till.mails()).count("order_paid") == 1


@pytest.mark.usefixtures("no_turns")
async def test_it_is_the_database_that_makes_it_once(till: Till, shop: Shop) -> None:
    order = await till.order("upi")
    state = await till.told(order, reference=UTR)

    def confirm(number: int) -> Any:
        return patiently(lambda: till.confirm(order, f"4123456790{number:02}"))

    told = [patiently(lambda: paying.settle(shop.store, state, provider="upi")) for _ in range(12)]
    answers = Counter(await asyncio.gather(*told, *(confirm(number) for number in range(4))))
    assert sum(answers.values()) == 16
    assert answers[200] == 4
    payments = await till.payments(order)
    # One of them paid the order; each other reference is money that came too, and goes back.
    assert sorted(one.surplus for one in payments) == [False, *[True] * 4]
    assert (await till.see(order))["amount_paid"] == "2998.00"
    assert await till.stock() == (3, 0, 3)


@pytest.mark.usefixtures("no_turns")
async def test_cancelled_twenty_times_unpaid_it_releases_once_what_was_set_aside(till: Till, shop: Shop) -> None:
    order = await till.order("upi")
    answers = await asyncio.gather(*(insist(lambda: till.cancel(order)) for _ in range(20)))
    assert sorted(one.status_code for one in answers) == [200] + [409] * 19
    assert await till.stock() == (5, 0, 5)
    assert (await till.payment(order)).status is PaymentStatus.CANCELLED
    released = await shop.store.movements.count({"reason": "released"})
    assert released == 1


@pytest.mark.usefixtures("no_turns")
async def test_cancelled_twenty_times_paid_it_is_given_back_once(till: Till, shop: Shop) -> None:
    order = await till.order("upi")
    assert (await till.confirm(order)).status_code == 200
    answers = await asyncio.gather(*(insist(lambda: till.cancel(order)) for _ in range(20)))
    assert sorted(one.status_code for one in answers) == [200] + [409] * 19
    payment = await till.payment(order)
    assert [(one.kind, one.amount) for one in payment.ledger] == [("capture", 299800), ("refund", -299800)]
    now = await till.see(order)
    assert (now["status"], now["amount_paid"], now["amount_refunded"]) == ("cancelled", "2998.00", "2998.00")
    assert await till.stock() == (5, 0, 5)
    assert await shop.store.movements.count({"reason": Reason.RESTOCKED}) == 1
    assert (await till.mails()).count("order_cancelled") == 1


@pytest.mark.usefixtures("no_turns")
async def test_cancelled_and_paid_at_once_the_money_is_nobodys_twice(till: Till, shop: Shop) -> None:
    """Buyers who call it off, staff who find the money and a gateway that tells of it, all at once and out of turn."""
    ways = Counter[str]()
    for number in range(8):
        order = await till.order("upi", 1)
        reference = f"4123456780{number:02}"
        state = await till.told(order, reference=reference)
        cancels = [insist(partial(till.cancel, order)) for _ in range(4)]
        confirms = [insist(partial(till.confirm, order, reference)) for _ in range(3)]
        told = [patiently(partial(paying.settle, shop.store, state, provider="upi")) for _ in range(3)]
        work = [*cancels, *confirms, *told] if number % 2 else [*told, *confirms, *cancels]
        answers: list[Any] = await asyncio.gather(*work)
        codes = Counter(one.status_code for one in answers if isinstance(one, Response))
        assert codes == {200: 4, 409: 3}  # one of the four calls it off; whoever has seen the money is believed
        now, [payment] = await till.see(order), await till.payments(order)
        assert now["status"] == "cancelled"
        assert [(one.kind, one.amount, one.reference) for one in payment.ledger] == [
            ("capture", 149900, reference),
            ("refund", -149900, None),
        ]
        # Either it was paid, and given back with the order; or it never was the order's, and goes back by itself.
        order_had_it = (now["amount_paid"], now["amount_refunded"]) == ("1499.00", "1499.00")
        never_had_it = (now["amount_paid"], now["amount_refunded"]) == ("0.00", "0.00")
        assert order_had_it or never_had_it
        assert payment.surplus is never_had_it
        path = [one["status"] for one in now["status_history"]]
        assert path == (["placed", "confirmed", "cancelled"] if order_had_it else ["placed", "cancelled"])
        assert await till.stock() == (5, 0, 5)
        mails = (await till.mails()).count
        ways["paid first" if order_had_it else "called off first"] += 1
        assert mails("order_paid") == ways["paid first"]
        assert mails("order_payment_returned") == ways["called off first"]
        assert mails("order_cancelled") == number + 1
    assert ways.total() == 8
