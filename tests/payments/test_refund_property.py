"""Whatever is refunded in whatever order: never more than was paid, and the goods are worth what was paid for them."""

from typing import Any

import pytest
from httpx import AsyncClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as some

from tests import make
from tests.orders.buying import Buyer
from tests.orders.spending import give
from tests.payments.refunding import Cashier
from truestyle.kit.money import parse as paise
from truestyle.shop import Shop

COUNTS = (3, 7)
pieces = some.tuples(some.integers(0, 1), some.integers(1, 4))
steps = some.lists(some.one_of(some.integers(1, 250_000), pieces), max_size=7)


@pytest.mark.usefixtures("books")
@given(steps=steps, value=some.integers(1, 90_000), credit=some.integers(0, 200_000), packed=some.booleans())
@hypothesis_settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
async def test_any_sequence_of_refunds(
    client: AsyncClient,
    shop: Shop,
    cashier: Cashier,
    steps: list[Any],
    value: int,
    credit: int,
    packed: bool,
) -> None:
    order = await bought(client, shop, cashier, value, credit, packed=packed)
    paid, back, gone = paise(order["amount_paid"]), 0, [0, 0]
    for step in steps:
        body: dict[str, Any]
        if isinstance(step, int):
            amount, fits, body = step, True, {"amount": f"{step / 100:.2f}"}
        else:
            at, count = step
            amount = worth(order, at, gone[at] + count) - worth(order, at, gone[at])
            fits = gone[at] + count <= COUNTS[at]
            body = {"items": [{"order_item_id": order["items"][at]["id"], "quantity": count}]}
        answer = await cashier.ask(order["id"], **body)
        if fits and back + amount <= paid:
            assert answer.status_code == 200, answer.text
            back += amount
            if not isinstance(step, int):
                gone[at] += count
            assert paise(answer.json()["amount_refunded"]) == back
        else:
            assert (answer.status_code, answer.json()["code"]) == (409, "refund_exceeds_captured"), answer.text
    refunds = await cashier.refunds(order["id"])
    assert sum(paise(one["amount"]) for one in refunds) == back <= paid


@pytest.mark.usefixtures("books")
@given(
    split=some.permutations([0] * COUNTS[0] + [1] * COUNTS[1]),
    sizes=some.lists(some.integers(1, 4), min_size=10, max_size=10),
    value=some.integers(1, 90_000),
)
@hypothesis_settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
async def test_every_line_however_it_is_split_up_is_what_was_paid_for_goods(
    client: AsyncClient, shop: Shop, cashier: Cashier, split: list[int], sizes: list[int], value: int
) -> None:
    order = await bought(client, shop, cashier, value, 0, packed=True)
    while split:
        size = sizes.pop(0)
        part, split = split[:size], split[size:]
        items = [{"order_item_id": order["items"][at]["id"], "quantity": part.count(at)} for at in (0, 1) if at in part]
        order = await cashier.refund(order["id"], items=items)
    goods = sum(paise(one["line_total"]) for one in order["items"])
    assert paise(order["amount_refunded"]) == goods == paise(order["total"]) - paise(order["shipping"])


def worth(order: dict[str, Any], at: int, count: int) -> int:
    """That many pieces of a line, half a paisa rounded up."""
    total, quantity = paise(str(order["items"][at]["line_total"])), COUNTS[at]
    return (2 * total * count + quantity) // (2 * quantity)


async def bought(
    client: AsyncClient, shop: Shop, cashier: Cashier, value: int, credit: int, *, packed: bool
) -> dict[str, Any]:
    """Three of one, seven of another, less a coupon of `value` paise; paid by credit and UPI."""
    buyer = Buyer(client, shop, await make.person(shop))
    cart = {}
    for price, count in zip(("499.99", "129.01"), COUNTS, strict=True):
        product = await make.product(shop, price=price, mrp="3999", hsn_code="6204")
        cart[product.variants[0].sku] = count
    code = f"OFF-{buyer.person.user.id}"
    coupon = {"code": code, "type": "fixed", "value": f"{value / 100:.2f}"}
    assert (await client.post("/coupons", json=coupon, headers=cashier.person.headers)).status_code == 201
    if credit:
        await give(shop, buyer.person, credit)
    await make.cart(shop, buyer.person, cart)
    answer = await buyer.check_out(payment={"type": "upi"}, coupon_code=code, use_store_credit=bool(credit))
    assert answer.status_code == 201, answer.text
    order: dict[str, Any] = answer.json()["order"]
    staff = cashier.person.headers
    if order["status"] == "placed":
        path = f"/payments/{order['payment']['id']}/confirm"
        confirmed = await client.post(path, json={"reference": f"U{order['id']}"}, headers=staff)
        assert confirmed.status_code == 200, confirmed.text
    if packed:
        moved = await client.put(f"/orders/{order['id']}/status", json={"status": "packed"}, headers=staff)
        assert moved.status_code == 200, moved.text
    return await buyer.see(order["id"])
