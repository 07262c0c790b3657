"""I9 after every way a return or an exchange can end: what the papers say is what was given, to the paisa."""

from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Buyer
from tests.returns.returning import Desk, asking, made
from truestyle.audit.service import audit
from truestyle.kit.money import parse
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books", "kurta")


async def order_of(client: AsyncClient, buyer: Buyer, desk: Desk, way: str = "cod", **lines: int) -> dict[str, Any]:
    """An order that was paid in this way and delivered."""
    await buyer.fill(**lines)
    answer = await buyer.check_out(payment={"type": way})
    assert answer.status_code == 201, answer.text
    order: dict[str, Any] = answer.json()["order"]
    if way == "upi":
        path = f"/payments/{order['payment']['id']}/confirm"
        paid = await client.post(path, json={"reference": "412345678901"}, headers=desk.headers)
        assert paid.status_code == 200, paid.text
    await desk.staff.bring_to(order["id"], "delivered")
    return await buyer.see(order["id"])


async def papers(shop: Shop, key: str) -> tuple[int, int, int]:
    """What an order was invoiced, credited and given back, in paise."""
    invoice = await shop.store.invoices.of_order(ObjectId(key))
    assert invoice is not None
    credited = sum(one.totals.total for one in await shop.store.credit_notes.of_order(ObjectId(key)))
    row = await shop.store.orders.get(ObjectId(key))
    assert invoice.totals.total == row.total
    assert (await audit(shop)).breaches == []
    return invoice.totals.total, credited, row.amount_refunded


@pytest.mark.parametrize(
    ("way", "to"),
    [("cod", None), ("cod", "asha@okbank"), ("upi", None), ("upi", "store_credit"), ("upi", "a.b@okaxis")],
)
async def test_a_completed_return(
    way: str, to: str | None, client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk
) -> None:
    order = await order_of(client, buyer, desk, way, K_M=2, K_XL=1)
    assert await papers(shop, order["id"]) == (469700, 0, 0)
    first = await desk.bring_to(await made(buyer, asking(order, 1, refund_to=to)), "completed")
    assert first["refund_amount"] == "1499.00"
    assert await papers(shop, order["id"]) == (469700, 149900, 149900)
    await desk.bring_to(await made(buyer, asking(order, 1, 1, refund_to=to)), "completed")
    assert await papers(shop, order["id"]) == (469700, 469700, 469700)


@pytest.mark.parametrize(
    ("old", "new", "total"), [("K_M", "K-L", 149900), ("K_M", "K-XL", 169900), ("K_XL", "K-S", 149900)]
)
@pytest.mark.parametrize("way", ["cod", "upi"])
async def test_an_exchange_and_its_replacement(
    way: str, old: str, new: str, total: int, client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk
) -> None:
    order = await order_of(client, buyer, desk, way, **{old: 1})
    worth = parse(order["total"])
    path = await made(buyer, asking(order, new=new))
    replacement = (await desk.bring_to(path, "replacement_shipped"))["replacement_order_id"]
    assert await papers(shop, order["id"]) == (worth, worth, worth)
    assert await papers(shop, replacement) == (total, 0, 0)
    await desk.bring_to(path, "completed")
    for status in ("out_for_delivery", "delivered"):
        assert (await desk.staff.move(replacement, status)).status_code == 200
    assert await papers(shop, replacement) == (total, 0, 0)
    back = await buyer.see(replacement)
    await desk.bring_to(await made(buyer, asking(back)), "completed")
    assert await papers(shop, replacement) == (total, total, total)


@pytest.mark.parametrize(("new", "total", "given"), [("K-L", 149900, 149900), ("K-XL", 169900, 149900)])
async def test_a_replacement_that_returned_to_origin(
    new: str, total: int, given: int, client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk
) -> None:
    order = await order_of(client, buyer, desk, K_M=1)
    path = await made(buyer, asking(order, new=new))
    replacement = (await desk.bring_to(path, "replacement_shipped"))["replacement_order_id"]
    assert (await desk.staff.move(replacement, "returned_to_origin")).status_code == 200
    assert await papers(shop, replacement) == (total, total, given)  # taken back whole; what was paid is given back
    await desk.bring_to(path, "completed")
    assert await papers(shop, order["id"]) == (149900, 149900, 149900)


@pytest.mark.parametrize("new", [None, "K-L"])
async def test_one_that_is_called_off_has_no_papers(
    new: str | None, client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk
) -> None:
    order = await order_of(client, buyer, desk, "upi", K_M=1)
    path = await made(buyer, asking(order, new=new))
    await desk.bring_to(path, "approved")
    assert (await client.post(f"{path}/cancel", json={}, headers=buyer.headers)).status_code == 200
    assert await papers(shop, order["id"]) == (149900, 0, 0)


async def test_an_order_that_is_cancelled_has_them_taken_back(
    client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk, staff: make.Person
) -> None:
    order = await buyer.order(K_M=1)
    assert (await desk.staff.move(order["id"], "packed")).status_code == 200
    answer = await client.post(f"/orders/{order['id']}/cancel", json={"reason": "No"}, headers=staff.headers)
    assert answer.status_code == 200, answer.text
    assert await papers(shop, order["id"]) == (149900, 149900, 0)
