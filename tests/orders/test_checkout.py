"""Checkout, cash on delivery: all or nothing, and what the order says."""

import asyncio
from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Buyer, refused, settle, untouched
from truestyle.inventory.repository import Stocks
from truestyle.orders.repository import Orders
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")
KURTA = [{"sku": "K-M", "size": "M", "color": "Indigo"}, {"sku": "K-L", "size": "L", "color": "Indigo"}]


@pytest.fixture(autouse=True)
async def kurta(shop: Shop) -> str:
    product = await make.product(shop, stock=5, mrp="1999", price="999", hsn_code="6205", variants=KURTA)
    return str(product.id)


async def test_an_order_is_a_snapshot_with_frozen_amounts(buyer: Buyer, kurta: str, admin: make.Person) -> None:
    await buyer.fill(K_M=2, K_L=1)
    answer = await buyer.check_out(notes="Ring twice")
    assert answer.status_code == 201, answer.text
    placed = answer.json()
    order = placed["order"]
    assert placed["message"] == "Order placed successfully"
    assert answer.headers["location"] == f"/api/v1/orders/{placed['order_id']}"
    assert "idempotency-replayed" not in answer.headers
    facts = ("status", "subtotal", "discount", "shipping", "total", "currency", "amount_paid", "amount_refunded")
    assert [order[one] for one in facts] == ["confirmed", "2997.00", "0.00", "0.00", "2997.00", "INR", "0.00", "0.00"]
    assert (order["notes"], order["coupon_code"], order["tracking"]) == ("Ring twice", None, None)
    assert order["tax"] == {"cgst": "71.36", "sgst": "71.36", "igst": "0.00", "total": "142.72"}
    assert [one["status"] for one in order["status_history"]] == ["placed", "confirmed"]
    assert order["payment"] == {
        "id": order["payment"]["id"],
        "type": "cod",
        "status": "pending",
        "action": None,
        "expires_at": None,
    }
    assert order["allowed_actions"] == ["cancel", "edit", "edit_items", "status:packed"]
    assert order["email"] == buyer.person.user.email
    assert order["billing_address"] == order["shipping_address"]
    first = order["items"][0]
    assert (first["quantity"], first["line_total"], first["taxable_value"]) == (2, "1998.00", "1902.86")
    assert (first["hsn_code"], first["returnable_quantity"], first["mrp"]) == ("6205", 0, "1999.00")
    assert first["explanation"][0] == "MRP 1999.00"
    assert await buyer.see(placed["order_id"]) == order

    change = {"name": "Renamed", "price": "1", "mrp": "1", "hsn_code": "4202"}
    await buyer.client.put(f"/products/{kurta}", json=change, headers=admin.headers)
    assert await buyer.see(placed["order_id"]) == order


async def test_it_takes_the_stock_writes_the_books_and_empties_the_cart(buyer: Buyer, shop: Shop) -> None:
    order = await buyer.order(K_M=2, K_L=1)
    key = ObjectId(order["id"])
    assert await shop.store.stock.available(["K-M", "K-L"]) == {"K-M": 3, "K-L": 4}
    moves = await shop.store.movements.collection.find({"order_id": key}).to_list()
    assert sorted((one["sku"], one["on_hand_delta"], one["reason"]) for one in moves) == [
        ("K-L", -1, "sold"),
        ("K-M", -2, "sold"),
    ]
    payment = await shop.store.payments.first({"order_id": key})
    assert payment is not None
    assert (payment.amount, payment.captured_amount, payment.status) == (299700, 0, "pending")
    topics = [row["topic"] async for row in shop.store.outbox.collection.find({"payload.order_id": key})]
    assert sorted(topics) == ["mail.order_confirmation", "order.placed"]
    assert (await buyer.client.get("/cart", headers=buyer.headers)).json()["items"] == []


async def test_the_second_checkout_of_a_cart_finds_it_empty(buyer: Buyer, shop: Shop) -> None:
    await buyer.order(K_M=1)
    refused(await buyer.check_out(), 409, "cart_empty")
    assert await shop.store.orders.count({}) == 1


async def test_ten_checkouts_of_one_cart_at_once_make_one_order(buyer: Buyer, shop: Shop) -> None:
    await buyer.fill(K_M=2)
    answers = await asyncio.gather(*(buyer.check_out() for _ in range(10)))
    assert sorted(one.status_code for one in answers) == [201] + [409] * 9
    assert {one.json().get("code") for one in answers} == {None, "cart_empty"}
    assert await shop.store.stock.available(["K-M"]) == {"K-M": 3}
    assert await shop.store.payments.count({}) == 1


async def test_eight_buyers_of_five_pieces_get_five_orders(client: AsyncClient, shop: Shop) -> None:
    buyers = [Buyer(client, shop, await make.person(shop)) for _ in range(8)]
    for one in buyers:
        await one.fill(K_M=1)
    answers = await asyncio.gather(*(one.check_out() for one in buyers))
    assert sorted(one.status_code for one in answers) == [201] * 5 + [409] * 3
    assert {one.json()["code"] for one in answers if one.status_code == 409} == {"insufficient_stock"}
    assert await shop.store.stock.available(["K-M"]) == {"K-M": 0}
    assert await shop.store.orders.count({}) == 5
    assert len(await shop.store.orders.collection.distinct("number")) == 5


class TestRefusals:
    async def test_too_little_of_one_sku_refuses_all(self, buyer: Buyer, shop: Shop) -> None:
        await buyer.fill(K_M=6, K_L=2)
        body = refused(await buyer.check_out(), 409, "insufficient_stock")
        assert body["items"] == [{"sku": "K-M", "requested": 6, "available": 5}]
        await untouched(shop, K_M=5, K_L=5)
        assert len((await buyer.client.get("/cart", headers=buyer.headers)).json()["items"]) == 2

    async def test_two_lines_of_one_sku_are_summed(self, buyer: Buyer, shop: Shop) -> None:
        await buyer.fill(K_M=3)
        where = {"user_id": buyer.person.user.id}
        cart = await shop.store.carts.first(where)
        assert cart is not None
        twice = [one.model_copy(update={"id": ObjectId()}).model_dump() for one in (*cart.items, *cart.items)]
        await shop.store.carts.collection.update_one(where, {"$set": {"items": twice}})
        body = refused(await buyer.check_out(), 409, "insufficient_stock")
        assert body["items"] == [{"sku": "K-M", "requested": 6, "available": 5}]
        await untouched(shop, K_M=5)
        await shop.store.stock.adjust("K-M", 1)
        await shop.store.movements.collection.update_one({"sku": "K-M"}, {"$inc": {"on_hand_delta": 1}})
        assert (await buyer.check_out()).status_code == 201
        assert await shop.store.stock.available(["K-M"]) == {"K-M": 0}

    async def test_a_total_that_no_longer_holds_comes_back_with_the_new_quote(self, buyer: Buyer, shop: Shop) -> None:
        await buyer.fill(K_M=2)
        body = refused(await buyer.check_out(expected_total="1997.99"), 409, "price_changed")
        asked = {"address": make.ADDRESS, "payment_type": "cod"}
        fresh = await buyer.client.post("/checkout/quote", json=asked, headers=buyer.headers)
        assert body["quote"] == fresh.json()
        await untouched(shop, K_M=5)
        assert (await buyer.check_out(expected_total=1998)).status_code == 201

    @pytest.mark.parametrize("pin", ["999999", "100000"])
    async def test_an_unknown_pin_is_not_delivered_to(self, buyer: Buyer, shop: Shop, pin: str) -> None:
        await buyer.fill(K_M=1)
        answer = await buyer.check_out(address={**make.ADDRESS, "pincode": pin})
        refused(answer, 409, "not_deliverable")
        await untouched(shop, K_M=5)

    @pytest.mark.parametrize("terms", [{"cod_ceiling": 99899}, {"cod_pincodes": ["110001"]}])
    async def test_where_cash_on_delivery_is_not_offered_there_is_no_order(
        self, buyer: Buyer, shop: Shop, monkeypatch: pytest.MonkeyPatch, terms: dict[str, Any]
    ) -> None:
        settle(monkeypatch, shop, **terms)
        await buyer.fill(K_M=1)
        refused(await buyer.check_out(), 409, "cod_unavailable")
        await untouched(shop, K_M=5)

    @pytest.mark.parametrize(
        "body",
        [
            {"payment": {"type": "barter"}},
            {"payment": {}},
            {"payment": None},
            {"address": None},
            {"address": {**make.ADDRESS, "pincode": "1"}},
            {"address_id": str(ObjectId())},
            {"total": "1.00"},
            {"status": "delivered"},
            {"user_id": str(ObjectId())},
            {"items": []},
            {"expected_total": "-1"},
            {"expected_total": "1e999999"},
            {"notes": "x" * 1001},
            {"email": "nobody"},
        ],
    )
    async def test_a_malformed_or_greedy_checkout_changes_nothing(
        self, buyer: Buyer, shop: Shop, body: dict[str, Any]
    ) -> None:
        await buyer.fill(K_M=1)
        refused(await buyer.check_out(**body), 422, "validation_error")
        await untouched(shop, K_M=5)

    @pytest.mark.parametrize("broken", [(Stocks, "take"), (Orders, "write")])
    async def test_a_failure_half_way_leaves_nothing_behind(
        self, buyer: Buyer, shop: Shop, monkeypatch: pytest.MonkeyPatch, broken: tuple[type, str]
    ) -> None:
        await buyer.fill(K_M=1)

        async def fails(*_: object, **__: object) -> None:
            raise RuntimeError("pulled the plug")

        with monkeypatch.context() as patch:
            patch.setattr(*broken, fails)
            assert (await buyer.check_out()).status_code == 500
        await untouched(shop, K_M=5)
        assert (await buyer.check_out()).status_code == 201


class TestAddresses:
    async def test_addresses_of_the_book_serve_for_delivery_and_billing(self, buyer: Buyer) -> None:
        home, office = [
            (
                await buyer.client.post("/user-address", json={**make.ADDRESS, "city": city}, headers=buyer.headers)
            ).json()
            for city in ("Mysuru", "Hubballi")
        ]
        await buyer.fill(K_M=1)
        body = {
            "address": None,
            "address_id": home["id"],
            "billing_address_id": office["id"],
            "payment": {"type": "cod"},
        }
        sent = {name: value for name, value in body.items() if value is not None}
        answer = await buyer.client.post("/orders/", json=sent, headers=buyer.headers)
        order = answer.json()["order"]
        assert (order["shipping_address"]["city"], order["billing_address"]["city"]) == ("Mysuru", "Hubballi")
        await buyer.client.put(f"/user-address/{home['id']}", json={"city": "Moved"}, headers=buyer.headers)
        assert (await buyer.see(order["id"]))["shipping_address"]["city"] == "Mysuru"

    async def test_somebody_elses_address_does_not_exist(self, buyer: Buyer, shop: Shop, staff: make.Person) -> None:
        theirs = (await buyer.client.post("/user-address", json=make.ADDRESS, headers=staff.headers)).json()["id"]
        await buyer.fill(K_M=1)
        for key in (theirs, str(ObjectId())):
            body = {"address_id": key, "payment": {"type": "cod"}}
            refused(await buyer.client.post("/checkout", json=body, headers=buyer.headers), 404, "not_found")
            refused(await buyer.check_out(billing_address_id=key), 404, "not_found")
        await untouched(shop, K_M=5)

    async def test_the_delivery_address_decides_which_taxes_there_are(self, buyer: Buyer) -> None:
        await buyer.fill(K_M=1)
        delhi = {**make.ADDRESS, "city": "New Delhi", "state": "Delhi", "pincode": "110001"}
        tax = (await buyer.check_out(address=delhi)).json()["order"]["tax"]
        assert tax == {"cgst": "0.00", "sgst": "0.00", "igst": "47.57", "total": "47.57"}


class TestGuests:
    async def cart(self, client: AsyncClient, kurta: str) -> dict[str, str]:
        added = await client.post("/cart/add", json={"product_id": kurta, "sku": "K-M"})
        return {"x-cart-token": added.headers["x-cart-token"]}

    async def test_a_guest_needs_an_address_to_write_to(self, client: AsyncClient, kurta: str, shop: Shop) -> None:
        guest = await self.cart(client, kurta)
        body = refused(await client.post("/checkout", json=make.COD, headers=guest), 422, "validation_error")
        assert body["errors"][0]["loc"] == ["body", "email"]
        await untouched(shop, K_M=5)
        placed = await client.post("/checkout", json={**make.COD, "email": " G@Example.com"}, headers=guest)
        assert (placed.status_code, placed.json()["order"]["email"]) == (201, "g@example.com")
        assert placed.json()["order"]["user_id"] is None

    async def test_a_guest_has_no_address_book(self, client: AsyncClient, kurta: str, buyer: Buyer, shop: Shop) -> None:
        known = (await client.post("/user-address", json=make.ADDRESS, headers=buyer.headers)).json()["id"]
        body = {"address_id": known, "payment": {"type": "cod"}, "email": "g@example.com"}
        refused(await client.post("/checkout", json=body, headers=await self.cart(client, kurta)), 404, "not_found")
        await untouched(shop, K_M=5)

    async def test_nobody_without_staff_rights_sees_a_guests_order(
        self, client: AsyncClient, kurta: str, buyer: Buyer, staff: make.Person
    ) -> None:
        body = {**make.COD, "email": buyer.person.user.email}
        placed = await client.post("/checkout", json=body, headers=await self.cart(client, kurta))
        path = f"/orders/{placed.json()['order_id']}"
        assert (await client.get(path)).status_code == 401
        assert (await client.get(path, headers=buyer.headers)).status_code == 404
        assert (await client.get(path, headers=staff.headers)).status_code == 200


async def test_a_coupon_code_is_never_passed_over_in_silence(
    client: AsyncClient, shop: Shop, shopper: make.Person
) -> None:
    product = await make.product(shop)
    sku = product.variants[0].sku
    await make.cart(shop, shopper, {sku: 1})
    for path, body in (("/checkout", make.COD), ("/checkout/quote", {"pincode": "560038"})):
        answer = await client.post(path, json={**body, "coupon_code": "FREE"}, headers=shopper.headers)
        assert (answer.status_code, answer.json()["code"]) == (409, "coupon_invalid")
        assert "FREE" in answer.json()["reason"]
    assert await shop.store.orders.count({}) == 0
    assert await shop.store.stock.available([sku]) == {sku: 10}


async def test_checkout_and_orders_are_one_operation_to_an_idempotency_key(
    client: AsyncClient, shop: Shop, shopper: make.Person
) -> None:
    product = await make.product(shop)
    await make.cart(shop, shopper, {product.variants[0].sku: 1})
    headers = {**shopper.headers, "idempotency-key": "either-way"}
    first = await client.post("/checkout", json=make.COD, headers=headers)
    again = await client.post("/orders/", json=make.COD, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
