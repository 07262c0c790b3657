"""Changing the lines of an order before it is packed: prices, coupon, shipping, stock and payment follow at once."""

import asyncio
from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.conftest import empty
from tests.orders.buying import Buyer, Staff, refused, settle
from truestyle.auth.permissions import Permission
from truestyle.orders.models import Order
from truestyle.orders.repository import Orders
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture
async def goods(shop: Shop) -> None:
    await make.product(shop, stock=5, mrp="1999", price="1499", hsn_code="6205", variants=[{"sku": "A"}])
    await make.product(shop, stock=5, mrp="999", price="999", hsn_code="6205", variants=[{"sku": "B"}])
    await make.product(shop, stock=1, mrp="500", price="500", hsn_code="6205", variants=[{"sku": "C"}])


@pytest.fixture
async def order(goods: None, buyer: Buyer) -> dict[str, Any]:
    return await buyer.order(A=1, B=2)


async def put(buyer: Buyer, order: dict[str, Any], *items: dict[str, Any], **more: Any) -> Any:
    body = {"items": list(items), **more}
    return await buyer.client.put(f"/orders/{order['id']}", json=body, headers=buyer.headers)


async def changed(buyer: Buyer, order: dict[str, Any], *items: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await put(buyer, order, *items, **more)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def owed(shop: Shop) -> int:
    payment = await shop.store.payments.first({})
    assert payment is not None
    return payment.amount


async def test_pieces_and_lines_can_be_added_changed_and_taken_out(
    order: dict[str, Any], buyer: Buyer, shop: Shop
) -> None:
    first = order["items"][0]["id"]
    after = await changed(
        buyer, order, {"order_item_id": first, "quantity": 3}, {"sku": "B", "quantity": 0}, {"sku": "C", "quantity": 1}
    )
    assert [(one["sku"], one["quantity"], one["line_total"]) for one in after["items"]] == [
        ("A", 3, "4497.00"),
        ("C", 1, "500.00"),
    ]
    assert after["items"][0]["id"] == first
    assert (after["subtotal"], after["total"], after["version"]) == ("4997.00", "4997.00", order["version"] + 1)
    assert after["items"][0]["explanation"][-2] == "3 × 1499.00 = 4497.00"
    assert await shop.store.stock.available("ABC") == {"A": 2, "B": 5, "C": 0}
    assert await owed(shop) == 499700
    rows = await shop.store.movements.collection.find({"note": "order changed"}).sort("sku", 1).to_list()
    assert [(one["sku"], one["on_hand_delta"], one["reason"]) for one in rows] == [
        ("A", -2, "sold"),
        ("B", 2, "restocked"),
        ("C", -1, "sold"),
    ]
    [product] = await shop.store.products.by_skus(["C"])
    assert product.in_stock is False
    event = {"topic": "order.changed", "key": f"order.changed:{order['id']}:{after['version']}"}
    assert await shop.store.outbox.count(event) == 1


async def test_lines_that_stay_keep_their_price_and_new_ones_cost_todays(
    goods: None, order: dict[str, Any], buyer: Buyer, shop: Shop
) -> None:
    for sku, price in (("A", 199900), ("C", 45000)):
        update = {"$set": {"variants.$.price": price, "variants.$.mrp": 199900}}
        await shop.store.products.collection.update_one({"variants.sku": sku}, update)
    after = await changed(buyer, order, {"sku": "A", "quantity": 2}, {"sku": "C", "quantity": 1})
    assert {one["sku"]: one["unit_price"] for one in after["items"]} == {"A": "1499.00", "B": "999.00", "C": "450.00"}


async def test_the_rate_follows_the_value_of_a_piece_and_the_address(order: dict[str, Any], buyer: Buyer) -> None:
    away = {**make.ADDRESS, "city": "New Delhi", "state": "Delhi", "pincode": "110001"}
    after = await changed(buyer, order, {"sku": "B", "quantity": 1}, address=away, notes="Ring")
    assert (after["notes"], after["shipping_address"]["pincode"]) == ("Ring", "110001")
    assert (after["tax"]["cgst"], after["tax"]["igst"]) == ("0.00", "118.95")
    assert after["total"] == "2498.00"


async def test_shipping_is_decided_anew(goods: None, buyer: Buyer, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(monkeypatch, shop, shipping_fee=4900, free_shipping_from=299700, cod_fee=2000)
    order = await buyer.order(B=3)
    assert (order["shipping"], order["total"]) == ("20.00", "3017.00")
    after = await changed(buyer, order, {"sku": "B", "quantity": 2})
    assert (after["shipping"], after["total"]) == ("69.00", "2067.00")
    back = await changed(buyer, order, {"sku": "B", "quantity": 3})
    assert (back["shipping"], back["total"]) == ("20.00", "3017.00")


async def coupon(buyer: Buyer, staff: make.Person, **body: Any) -> None:
    sent = {"code": "TEN", "type": "percent", "value": "10", **body}
    answer = await buyer.client.post("/coupons", json=sent, headers=staff.headers)
    assert answer.status_code == 201, answer.text


async def test_the_coupon_stays_where_it_fits_though_it_is_used_up(
    goods: None, buyer: Buyer, staff: make.Person, shop: Shop
) -> None:
    await coupon(buyer, staff, usage_limit=1, min_amount="999")
    await buyer.fill(A=1, B=2)
    order = (await buyer.check_out(coupon_code="ten")).json()["order"]
    assert order["discount"] == "349.70"
    await shop.store.coupons.collection.update_one({}, {"$set": {"status": "inactive"}})
    after = await changed(buyer, order, {"sku": "B", "quantity": 1})
    assert (after["coupon_code"], after["discount"], after["total"]) == ("TEN", "249.80", "2248.20")
    redemption = await shop.store.redemptions.first({})
    assert redemption is not None
    assert redemption.discount == 24980
    assert "share of coupon TEN −99.90 → 899.10" in after["items"][1]["explanation"]


async def test_a_coupon_that_does_not_fit_any_more_is_given_back(
    goods: None, buyer: Buyer, staff: make.Person, shop: Shop
) -> None:
    await coupon(buyer, staff, usage_limit=1, min_amount="3000")
    await buyer.fill(A=1, B=2)
    order = (await buyer.check_out(coupon_code="TEN")).json()["order"]
    after = await changed(buyer, order, {"sku": "B", "quantity": 1})
    assert (after["coupon_code"], after["discount"], after["total"]) == (None, "0.00", "2498.00")
    assert await shop.store.redemptions.count({}) == 0
    found = await shop.store.coupons.first({})
    assert found is not None
    assert found.used_count == 0


async def test_another_address_leaves_the_discount_as_it_was(
    goods: None, buyer: Buyer, staff: make.Person, shop: Shop
) -> None:
    await coupon(buyer, staff)
    await buyer.fill(A=1, B=2)
    order = (await buyer.check_out(coupon_code="TEN")).json()["order"]
    await shop.store.coupons.collection.update_one({}, {"$set": {"value": 5000}})
    away = {**make.ADDRESS, "city": "New Delhi", "state": "Delhi", "pincode": "110001"}
    answer = await buyer.client.patch(f"/orders/{order['id']}", json={"address": away}, headers=buyer.headers)
    after = answer.json()
    for name in ("discount", "coupon_code", "total", "subtotal"):
        assert after[name] == order[name]
    assert [one["discount"] for one in after["items"]] == [one["discount"] for one in order["items"]]


@pytest.mark.parametrize(
    ("items", "status", "code"),
    [
        ([{"sku": "C", "quantity": 2}], 409, "insufficient_stock"),
        ([{"sku": "A", "quantity": 7}], 409, "insufficient_stock"),
        ([{"sku": "A", "quantity": 11}], 422, "validation_error"),
        ([{"sku": "A", "quantity": 0}, {"sku": "B", "quantity": 0}], 409, "not_editable"),
        ([{"sku": "A", "quantity": 1}, {"sku": "A", "quantity": 2}], 422, "validation_error"),
        ([{"sku": "NONE", "quantity": 1}], 422, "validation_error"),
        ([{"order_item_id": str(ObjectId("65af0b12c4a1d2e3f4a5b6c7")), "quantity": 1}], 422, "validation_error"),
        ([{"quantity": 1}], 422, "validation_error"),
        ([{"sku": "A", "quantity": -1}], 422, "validation_error"),
        ([{"sku": "A", "quantity": 2, "unit_price": "1.00"}], 422, "validation_error"),
    ],
)
async def test_what_cannot_be_changes_nothing(
    order: dict[str, Any], buyer: Buyer, shop: Shop, items: list[dict[str, Any]], status: int, code: str
) -> None:
    refused(await put(buyer, order, *items), status, code)
    assert await buyer.see(order["id"]) == order
    assert await shop.store.stock.available("ABC") == {"A": 4, "B": 3, "C": 1}
    assert await owed(shop) == 349700


async def test_above_the_ceiling_of_cash_it_stays_as_it_was(
    order: dict[str, Any], buyer: Buyer, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, shop, cod_ceiling=400000)
    refused(await put(buyer, order, {"sku": "A", "quantity": 2}), 409, "cod_unavailable")
    assert await shop.store.stock.available("A") == {"A": 4}
    assert (await changed(buyer, order, {"sku": "C", "quantity": 1}))["total"] == "3997.00"


async def test_what_is_paid_before_it_is_sent_keeps_its_lines(order: dict[str, Any], buyer: Buyer, shop: Shop) -> None:
    key = {"_id": ObjectId(order["id"])}
    await shop.store.orders.collection.update_one(key, {"$set": {"payment.type": "upi"}})
    for body in ({"items": [{"sku": "A", "quantity": 2}]}, {"address": make.ADDRESS}):
        answer = await buyer.client.put(f"/orders/{order['id']}", json=body, headers=buyer.headers)
        refused(answer, 409, "not_editable")
    noted = await buyer.client.put(f"/orders/{order['id']}", json={"notes": "Ring"}, headers=buyer.headers)
    assert noted.json()["notes"] == "Ring"
    assert "edit_items" not in noted.json()["allowed_actions"]
    await shop.store.orders.collection.update_one(key, {"$set": {"payment.type": "cod"}})


async def test_it_tells_what_may_still_be_changed(
    order: dict[str, Any], buyer: Buyer, client: AsyncClient, staff: make.Person
) -> None:
    assert order["allowed_actions"] == ["cancel", "edit", "edit_items", "status:packed"]
    await Staff(client, staff).bring_to(order["id"], "packed")
    assert (await buyer.see(order["id"]))["allowed_actions"] == ["cancel", "status:shipped"]
    refused(await put(buyer, order, {"sku": "A", "quantity": 2}), 409, "not_editable")


async def test_twenty_edits_and_a_packing_end_in_one_of_their_orders(
    order: dict[str, Any], buyer: Buyer, client: AsyncClient, staff: make.Person, shop: Shop
) -> None:
    async def edit(at: int) -> int:
        answer = await put(buyer, order, {"sku": "A", "quantity": 1 + at % 3})
        assert answer.status_code in {200, 409}, answer.text
        if answer.status_code == 409:
            assert answer.json()["code"] == "not_editable"
        return int(answer.status_code)

    async def pack() -> int:
        return int((await Staff(client, staff).move(order["id"], "packed")).status_code)

    packed, *edits = await asyncio.gather(pack(), *(edit(at) for at in range(20)))
    assert packed == 200
    after = await buyer.see(order["id"])
    assert after["status"] == "packed"
    assert after["version"] == order["version"] + 1 + edits.count(200)
    pieces = next(one["quantity"] for one in after["items"] if one["sku"] == "A")
    assert await shop.store.stock.available("A") == {"A": 5 - pieces}
    assert await owed(shop) == 199800 + pieces * 149900 == int(after["total"].replace(".", ""))


async def test_without_the_guard_a_packed_order_changes(
    order: dict[str, Any],
    buyer: Buyer,
    client: AsyncClient,
    staff: make.Person,
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same edit, where the look before the transaction is all there is."""
    monkeypatch.setattr("truestyle.orders.editing.lines_editable", lambda _: True)
    plain = Orders.change

    async def unguarded(self: Orders, key: Any, update: Any, **options: Any) -> Order | None:
        return await plain(self, key, update, **{**options, "where": None})

    await Staff(client, staff).bring_to(order["id"], "packed")
    refused(await put(buyer, order, {"sku": "A", "quantity": 2}), 409, "not_editable")
    monkeypatch.setattr(Orders, "change", unguarded)
    assert (await put(buyer, order, {"sku": "A", "quantity": 2})).status_code == 200
    await empty(shop.store)  # its invoice is of another total now, as it must never be


async def test_two_edits_of_one_version_are_one(order: dict[str, Any], buyer: Buyer, shop: Shop) -> None:
    async def edit(quantity: int) -> int:
        headers = {**buyer.headers, "if-match": f'"{order["version"]}"'}
        body = {"items": [{"sku": "A", "quantity": quantity}]}
        answer = await buyer.client.put(f"/orders/{order['id']}", json=body, headers=headers)
        return int(answer.status_code)

    assert sorted(await asyncio.gather(*(edit(count) for count in (2, 3, 4, 5)))) == [200, 412, 412, 412]
    after = await buyer.see(order["id"])
    assert await shop.store.stock.available("A") == {"A": 5 - after["items"][0]["quantity"]}


async def test_only_who_may_change_the_order_may_change_its_lines(
    order: dict[str, Any], buyer: Buyer, client: AsyncClient, shop: Shop
) -> None:
    other = await make.person(shop)
    assert not other.caller.may(Permission.ORDERS_WRITE)
    body = {"items": [{"sku": "A", "quantity": 2}]}
    refused(await client.put(f"/orders/{order['id']}", json=body, headers=other.headers), 404, "not_found")
    assert await buyer.see(order["id"]) == order
