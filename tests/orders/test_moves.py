"""From confirmed to delivered, and back to where it came from."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.orders.buying import FORWARD, Buyer, Staff, refused
from truestyle.kit import clock
from truestyle.orders.flow import OrderStatus, by_hand
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")
PARCEL = {"carrier": "Delhivery", "number": "DL1", "url": "https://track.example/DL1"}


@pytest.fixture
def packer(client: AsyncClient, staff: make.Person) -> Staff:
    return Staff(client, staff)


@pytest.fixture
async def order(shop: Shop, buyer: Buyer) -> dict[str, Any]:
    await make.product(shop, stock=3, variants=[{"sku": "K-M", "size": "M"}])
    return await buyer.order(K_M=2)


async def test_the_whole_way_with_its_history_and_payment(
    order: dict[str, Any], packer: Staff, buyer: Buyer, shop: Shop
) -> None:
    await packer.move(order["id"], "packed", note="Two parcels")
    shipped = (await packer.move(order["id"], "shipped", tracking=PARCEL)).json()
    assert shipped["tracking"] == PARCEL
    await packer.move(order["id"], "out_for_delivery")
    before = await shop.store.payments.first({})
    assert before is not None
    assert before.captured_amount == 0
    delivered = (await packer.move(order["id"], "delivered")).json()
    assert delivered == await buyer.see(order["id"])
    history = delivered["status_history"]
    assert [one["status"] for one in history] == ["placed", "confirmed", *FORWARD]
    assert history[2]["note"] == "Two parcels"
    assert {one["by"] for one in history[2:]} == {str(packer.person.user.id)}
    assert (delivered["amount_paid"], delivered["payment"]["status"]) == (order["total"], "paid")
    assert delivered["items"][0]["returnable_quantity"] == 2
    assert delivered["allowed_actions"] == []
    payment = await shop.store.payments.first({})
    assert payment is not None
    assert (payment.captured_amount, payment.status, len(payment.ledger)) == (payment.amount, "paid", 1)
    mails = await shop.store.outbox.collection.distinct("topic", {"topic": {"$regex": "^mail.order_(?!confirmation)"}})
    assert sorted(mails) == sorted(f"mail.order_{step}" for step in FORWARD)


@pytest.mark.parametrize("start", list(OrderStatus))
async def test_exactly_the_legal_moves_are_made(
    order: dict[str, Any], packer: Staff, shop: Shop, start: OrderStatus
) -> None:
    key = ObjectId(order["id"])
    found = shop.store.orders.collection
    for target in OrderStatus:
        if target in by_hand(start):
            continue
        await found.update_one({"_id": key}, {"$set": {"status": start}})
        body = refused(await packer.move(order["id"], target), 409, "invalid_transition")
        assert (body["from"], body["to"], body["allowed"]) == (start, target, [str(one) for one in by_hand(start)])
        row = await shop.store.orders.get(key)
        assert (row.status, len(row.status_history), row.version) == (start, 2, 1)
    await found.update_one({"_id": key}, {"$set": {"status": "confirmed"}})
    assert await shop.store.outbox.count({"topic": {"$regex": "^mail.order_(?!confirmation)"}}) == 0


async def test_a_seeds_processing_means_packed(order: dict[str, Any], packer: Staff) -> None:
    assert (await packer.move(order["id"], "processing")).json()["status"] == "packed"


@pytest.mark.parametrize(
    "body",
    [
        {"status": "lost"},
        {"status": ""},
        {"status": None},
        {},
        {"status": "packed", "note": "a\nb"},
        {"status": "packed", "at": "2026-01-01T00:00:00Z"},
        {"status": "shipped", "tracking": {"carrier": "X"}},
        {"status": "shipped", "tracking": {**PARCEL, "url": "javascript:alert(1)"}},
    ],
)
async def test_a_malformed_move_is_refused(
    order: dict[str, Any], packer: Staff, buyer: Buyer, body: dict[str, Any]
) -> None:
    path = f"/orders/{order['id']}/status"
    refused(await packer.client.put(path, json=body, headers=packer.person.headers), 422, "validation_error")
    assert await buyer.see(order["id"]) == order


async def test_of_ten_same_moves_at_once_one_is_made(order: dict[str, Any], packer: Staff, shop: Shop) -> None:
    answers = await asyncio.gather(*(packer.move(order["id"], "packed") for _ in range(10)))
    assert sorted(one.status_code for one in answers) == [200] + [409] * 9
    assert await shop.store.outbox.count({"topic": {"$regex": "^mail.order_(?!confirmation)"}}) == 1


async def test_ten_deliveries_at_once_are_paid_once(order: dict[str, Any], packer: Staff, shop: Shop) -> None:
    await packer.bring_to(order["id"], "out_for_delivery")
    answers = await asyncio.gather(*(packer.move(order["id"], "delivered") for _ in range(10)))
    assert sorted(one.status_code for one in answers) == [200] + [409] * 9
    payment = await shop.store.payments.first({})
    assert payment is not None
    assert (payment.captured_amount, len(payment.ledger)) == (payment.amount, 1)


@pytest.mark.parametrize("last", ["shipped", "out_for_delivery"])
async def test_a_parcel_that_comes_back_is_stocked_again_and_owes_nothing(
    order: dict[str, Any], packer: Staff, shop: Shop, last: str
) -> None:
    await packer.bring_to(order["id"], last)
    answers = await asyncio.gather(*(packer.move(order["id"], "returned_to_origin", note="refused") for _ in range(5)))
    assert sorted(one.status_code for one in answers) == [200] + [409] * 4
    back = next(one.json() for one in answers if one.status_code == 200)
    assert (back["status"], back["payment"]["status"], back["amount_paid"]) == (
        "returned_to_origin",
        "cancelled",
        "0.00",
    )
    assert await shop.store.stock.available(["K-M"]) == {"K-M": 3}
    moves = await shop.store.movements.collection.find({"reason": "returned_to_origin"}).to_list()
    assert [(one["sku"], one["on_hand_delta"]) for one in moves] == [("K-M", 2)]


async def test_delivery_and_return_to_origin_at_once_agree(order: dict[str, Any], packer: Staff, shop: Shop) -> None:
    await packer.bring_to(order["id"], "out_for_delivery")
    moves = [packer.move(order["id"], status) for status in ("delivered", "returned_to_origin") * 3]
    answers = await asyncio.gather(*moves)
    assert sorted(one.status_code for one in answers) == [200] + [409] * 5
    row = await shop.store.orders.get(ObjectId(order["id"]))
    payment = await shop.store.payments.first({})
    assert payment is not None
    there = await shop.store.stock.available(["K-M"])
    outcome = (row.status, row.amount_paid, payment.captured_amount, there["K-M"])
    assert outcome in {("delivered", row.total, row.total, 1), ("returned_to_origin", 0, 0, 3)}


async def test_a_size_that_comes_back_is_shown_in_stock_again(packer: Staff, buyer: Buyer, shop: Shop) -> None:
    product = await make.product(shop, stock=1, variants=[{"sku": "ONE", "size": "S"}])
    order = await buyer.order(ONE=1)
    assert (await shop.store.products.get(product.id)).in_stock is False
    await packer.bring_to(order["id"], "shipped")
    await packer.move(order["id"], "returned_to_origin")
    found = await shop.store.products.get(product.id)
    assert (found.in_stock, found.sizes_in_stock) == (True, ["S"])


async def test_tracking_tells_the_buyer_and_nobody_else(order: dict[str, Any], packer: Staff, buyer: Buyer) -> None:
    await packer.move(order["id"], "packed")
    await packer.move(order["id"], "shipped", tracking=PARCEL)
    path = f"/orders/{order['id']}/track"
    body = (await buyer.client.get(path, headers=buyer.headers)).json()
    assert (body["order_id"], body["number"], body["status"]) == (order["id"], order["number"], "shipped")
    assert body["tracking"] == PARCEL
    assert body["estimated_delivery"] == order["estimated_delivery"]
    other = await make.person(buyer.shop)
    assert (await buyer.client.get(path, headers=other.headers)).status_code == 404


async def test_history_stays_in_time_order_when_a_clock_runs_behind(
    order: dict[str, Any], packer: Staff, buyer: Buyer
) -> None:
    with time_machine.travel(clock.now() - timedelta(minutes=5)):
        assert (await packer.move(order["id"], "packed")).status_code == 200
    times = [one["at"] for one in (await buyer.see(order["id"]))["status_history"]]
    assert times == sorted(times)
