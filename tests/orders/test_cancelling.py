"""Calling an order off, putting it away, and who may."""

import asyncio
from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Buyer, Staff, refused
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")
WHY = {"reason": "Ordered the wrong size"}


@pytest.fixture
def packer(client: AsyncClient, staff: make.Person) -> Staff:
    return Staff(client, staff)


@pytest.fixture
async def order(shop: Shop, buyer: Buyer) -> dict[str, Any]:
    await make.product(shop, stock=3, variants=[{"sku": "K-M", "size": "M"}, {"sku": "K-L", "size": "L"}])
    return await buyer.order(K_M=3, K_L=1)


async def test_a_buyer_calls_the_order_off_and_the_stock_comes_back(
    order: dict[str, Any], buyer: Buyer, shop: Shop
) -> None:
    product = next(iter(await shop.store.products.by_skus(["K-M"])))
    assert product.sizes_in_stock == ["L"]
    answer = await buyer.client.post(f"/orders/{order['id']}/cancel", json=WHY, headers=buyer.headers)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["payment"]["status"], body["allowed_actions"]) == (
        "cancelled",
        "cancelled",
        [],
    )
    last = body["status_history"][-1]
    assert (last["status"], last["note"], last["by"]) == ("cancelled", WHY["reason"], str(buyer.person.user.id))
    assert await shop.store.stock.available(["K-M", "K-L"]) == {"K-M": 3, "K-L": 3}
    assert (await shop.store.products.get(product.id)).sizes_in_stock == ["M", "L"]


async def test_twenty_cancellations_at_once_restock_once(
    order: dict[str, Any], buyer: Buyer, packer: Staff, shop: Shop
) -> None:
    path = f"/orders/{order['id']}/cancel"
    by_buyer = [buyer.client.post(path, json=WHY, headers=buyer.headers) for _ in range(10)]
    by_staff = [packer.move(order["id"], "cancelled") for _ in range(10)]
    answers = await asyncio.gather(*by_buyer, *by_staff)
    assert sorted(one.status_code for one in answers) == [200] + [409] * 19
    for one in answers:
        if one.status_code == 409:
            body = refused(one, 409, "invalid_transition")
            assert (body["from"], body["to"], body["allowed"]) == ("cancelled", "cancelled", [])
    assert await shop.store.stock.available(["K-M", "K-L"]) == {"K-M": 3, "K-L": 3}
    assert await shop.store.movements.count({"reason": "restocked"}) == 2
    assert await shop.store.outbox.count({"topic": "mail.order_cancelled"}) == 1


async def test_packing_and_cancelling_at_once_agree(shop: Shop, buyer: Buyer, packer: Staff) -> None:
    await make.product(shop, stock=9, variants=[{"sku": "A"}])
    for _ in range(5):
        order = await buyer.order(A=1)
        cancel = buyer.client.post(f"/orders/{order['id']}/cancel", json=WHY, headers=buyer.headers)
        cancelled, packed = await asyncio.gather(cancel, packer.move(order["id"], "packed"))
        assert cancelled.status_code == 200  # before packing or after it
        assert packed.status_code in {200, 409}
        assert (await buyer.see(order["id"]))["status"] == "cancelled"
    assert await shop.store.stock.available(["A"]) == {"A": 9}


@pytest.mark.parametrize(("status", "code"), [("packed", 200), ("shipped", 409), ("delivered", 409)])
async def test_it_is_too_late_once_the_parcel_is_under_way(
    order: dict[str, Any], buyer: Buyer, packer: Staff, shop: Shop, status: str, code: int
) -> None:
    await packer.bring_to(order["id"], status)
    answer = await buyer.client.post(f"/orders/{order['id']}/cancel", json=WHY, headers=buyer.headers)
    assert answer.status_code == code
    assert (await shop.store.stock.available(["K-M"]))["K-M"] == (3 if code == 200 else 0)


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": None}, {"reason": "x" * 201}, {**WHY, "refund": "1"}])
async def test_a_malformed_cancellation_changes_nothing(order: dict[str, Any], buyer: Buyer, body: object) -> None:
    path = f"/orders/{order['id']}/cancel"
    refused(await buyer.client.post(path, json=body, headers=buyer.headers), 422, "validation_error")
    assert await buyer.see(order["id"]) == order


async def test_somebody_elses_order_is_like_one_that_never_was(
    order: dict[str, Any], client: AsyncClient, shop: Shop, vendor: make.Person, buyer: Buyer
) -> None:
    theirs, nowhere = order["id"], str(ObjectId())
    for person in (await make.person(shop), vendor):
        headers = person.headers | {"x-request-id": "same"}
        for method, path, body in (
            ("GET", "", None),
            ("GET", "/track", None),
            ("PUT", "", {"notes": "mine"}),
            ("PATCH", "", {}),
            ("POST", "/cancel", WHY),
            ("PUT", "/status", {"status": "packed"}),
            ("DELETE", "", None),
        ):
            foreign = await client.request(method, f"/orders/{theirs}{path}", json=body, headers=headers)
            unknown = await client.request(method, f"/orders/{nowhere}{path}", json=body, headers=headers)
            assert foreign.status_code in {403, 404}
            assert (foreign.status_code == 403) is (method == "DELETE" or path == "/status")
            assert foreign.content.replace(theirs.encode(), nowhere.encode()) == unknown.content
            assert foreign.headers == unknown.headers
    assert await buyer.see(theirs) == order


class TestArchiving:
    async def test_staff_put_a_cancelled_order_away_and_it_is_not_erased(
        self, order: dict[str, Any], buyer: Buyer, packer: Staff, shop: Shop
    ) -> None:
        path, headers = f"/orders/{order['id']}", packer.person.headers
        refused(await packer.client.delete(path, headers=headers), 409, "not_editable")
        await packer.move(order["id"], "cancelled")
        assert (await packer.client.delete(path, headers=headers)).status_code == 204
        for person in (packer.person, buyer.person):
            listed = (await packer.client.get("/orders", headers=person.headers)).json()
            assert (listed["items"], listed["total"]) == ([], 0)
        assert (await packer.client.get(path, headers=headers)).json()["number"] == order["number"]
        assert await shop.store.orders.count({}) == 1

    async def test_an_unknown_order_cannot_be_put_away(self, packer: Staff) -> None:
        answer = await packer.client.delete(f"/orders/{ObjectId()}", headers=packer.person.headers)
        refused(answer, 404, "not_found")
