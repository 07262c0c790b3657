"""An order paid in part with store credit expires, and then its money comes: it lives again, or all goes back."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Staff
from tests.orders.spending import COD, PREPAID, Spender, give
from tests.payments.paying import Till
from tests.payments.refunding import insist
from truestyle.orders import expiring
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture
async def order(spender: Spender, till: Till) -> dict[str, Any]:
    """2998.00, of which 1000.00 were store credit; not paid in time, so that the credit is its owner's again."""
    order = await spender.with_credit(100000, **PREPAID)
    await till.window_over(order)
    assert await expiring.sweep(till.shop) == 1
    assert await spender.left() == "1000.00"
    assert await till.stock() == (5, 0, 5)
    return order


async def ledgers(spender: Spender, order: dict[str, Any]) -> list[tuple[str, bool, list[int]]]:
    """Type, surplus, and what came and went, of each payment."""
    found = await spender.payments(order)
    return sorted((one.type, one.surplus, [entry.amount for entry in one.ledger]) for one in found)


async def test_credit_and_goods_are_there_so_it_lives_again(
    order: dict[str, Any], spender: Spender, till: Till, shop: Shop
) -> None:
    late = await till.confirm(order)
    assert (late.status_code, late.json()["surplus"], late.json()["status"]) == (200, False, "paid")
    now = await till.see(order)
    assert (now["status"], now["amount_paid"], now["amount_refunded"]) == ("confirmed", "2998.00", "0.00")
    assert [one["status"] for one in now["status_history"]] == ["placed", "cancelled", "confirmed"]
    assert await till.stock() == (3, 0, 3)
    assert await spender.left() == "0.00"
    assert await ledgers(spender, order) == [
        ("store_credit", False, [100000]),
        ("store_credit", True, [100000, -100000]),  # what went back when it expired
        ("upi", False, [199800]),
    ]
    causes = Counter([one.cause async for one in shop.store.credit.every({})])
    assert causes == {"granted": 1, "spent": 2, "given_back": 1}
    assert (await till.confirm(order)).json() == late.json()


async def test_from_there_on_it_is_an_order_like_any_other(
    order: dict[str, Any], spender: Spender, till: Till, client: AsyncClient, staff: make.Person
) -> None:
    await till.confirm(order)
    packer = Staff(client, staff)
    assert (await packer.move(order["id"], "packed")).status_code == 200
    assert (await till.cancel(order)).status_code == 200
    assert await spender.left() == "1000.00"
    now = await till.see(order)
    assert (now["status"], now["amount_paid"], now["amount_refunded"]) == ("cancelled", "2998.00", "2998.00")
    assert await till.stock() == (5, 0, 5)
    assert await ledgers(spender, order) == [
        ("store_credit", False, [100000, -100000]),
        ("store_credit", True, [100000, -100000]),
        ("upi", False, [199800, -199800]),
    ]


async def test_the_credit_was_spent_meanwhile_so_the_money_goes_back(
    order: dict[str, Any], spender: Spender, till: Till, shop: Shop
) -> None:
    await give(shop, spender.buyer.person, -1)
    late = await till.confirm(order)
    assert (late.status_code, late.json()["surplus"]) == (200, True), late.text
    now = await till.see(order)
    assert (now["status"], now["amount_paid"], now["amount_refunded"]) == ("cancelled", "1000.00", "1000.00")
    assert await spender.left() == "999.99"
    assert await till.stock() == (5, 0, 5)
    assert await ledgers(spender, order) == [
        ("store_credit", False, [100000, -100000]),
        ("upi", True, [199800, -199800]),
    ]


async def test_the_goods_are_gone_so_both_go_back(order: dict[str, Any], spender: Spender, till: Till) -> None:
    await till.order("cod", 4)
    late = await till.confirm(order)
    assert (late.json()["surplus"], late.json()["refunded_amount"]) == (True, "1998.00")
    assert await spender.left() == "1000.00"
    assert (await till.see(order))["status"] == "cancelled"
    assert await till.stock() == (1, 0, 1)


async def test_told_twenty_times_while_the_credit_is_spent_elsewhere_one_of_them_has_it(
    order: dict[str, Any], spender: Spender, till: Till
) -> None:
    await spender.buyer.fill(K_M=1)
    other, *told = await asyncio.gather(
        insist(lambda: spender.buyer.check_out(**COD)), *(insist(lambda: till.confirm(order)) for _ in range(20))
    )
    assert other.status_code == 201, other.text
    assert {one.status_code for one in told} == {200}
    assert len({one.json()["surplus"] for one in told}) == 1
    now, elsewhere = await till.see(order), (await till.see(other.json()["order"]))["amount_paid"]
    ends = (now["status"], elsewhere, await spender.left(), await till.stock())
    assert ends in [
        ("confirmed", "0.00", "0.00", (2, 0, 2)),
        ("cancelled", "1000.00", "0.00", (4, 0, 4)),
    ]


async def test_staff_may_record_what_was_paid_outside(order: dict[str, Any], spender: Spender, till: Till) -> None:
    body = {"order_id": order["id"], "reference": "412345678902"}
    recorded = await till.client.post("/payments", json=body, headers=till.staff.headers)
    assert (recorded.status_code, recorded.json()["amount"], recorded.json()["surplus"]) == (201, "1998.00", False)
    assert ((await till.see(order))["status"], await spender.left()) == ("confirmed", "0.00")
