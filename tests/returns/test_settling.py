"""The last steps: money, papers, stock and replacements, each exactly once."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Buyer, refused, settle
from tests.post import Post
from tests.returns.returning import Anything, Desk, asking, delivered, made, moved, patiently, stock
from truestyle.infra.outbox import event
from truestyle.kit.money import parse
from truestyle.payments.models import PaymentType
from truestyle.returns import telling
from truestyle.returns.repository import Returns
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books", "kurta")


async def notes(client: AsyncClient, order: dict[str, Any], desk: Desk) -> list[dict[str, Any]]:
    answer = await client.get(f"/orders/{order['id']}/credit-notes", headers=desk.headers)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def credit(shop: Shop, buyer: Buyer) -> int:
    return await shop.store.credit_balances.of(buyer.person.user.id)


async def test_a_completed_return_gives_back_what_was_paid_and_books_the_goods_in(
    client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk, post: Post
) -> None:
    order = await delivered(buyer, desk, K_M=2, K_L=1)
    path = await made(buyer, asking(order, 1))
    await desk.bring_to(path, "received")
    assert await stock(shop, "K-M") == {"K-M": (8, 0)}
    assert (await buyer.see(order["id"]))["amount_refunded"] == "0.00"
    found = await desk.bring_to(path, "completed")
    assert (found["refund_amount"], found["condition"], found["shipping_amount"]) == ("1499.00", "sellable", "0.00")
    assert await stock(shop, "K-M") == {"K-M": (9, 0)}
    assert await moved(shop, found["id"]) == [("K-M restocked", 1, 0)]
    after = await buyer.see(order["id"])
    assert (after["amount_refunded"], after["status"]) == ("1499.00", "delivered")
    assert after["payment"]["status"] == "partially_refunded"
    assert [one["returnable_quantity"] for one in after["items"]] == [1, 1]
    assert await credit(shop, buyer) == 149900  # cash has no way back
    [note] = await notes(client, order, desk)
    assert (note["totals"]["total"], note["cause"], note["lines"][0]["quantity"]) == ("1499.00", "refund", 1)
    text = await post.text(order["email"], f"Your return of order {order['number']}: completed")
    assert "₹1,499.00 goes back to you" in text


async def test_damaged_goods_are_booked_in_and_written_off(shop: Shop, buyer: Buyer, desk: Desk) -> None:
    order = await delivered(buyer, desk, K_M=2)
    path = await made(buyer, asking(order))
    found = await desk.bring_to(path, "completed", condition="damaged")
    assert (found["condition"], found["refund_amount"]) == ("damaged", "2998.00")
    assert await stock(shop, "K-M") == {"K-M": (8, 0)}
    assert await moved(shop, found["id"]) == [("K-M restocked", 2, 0), ("K-M damaged", -2, 0)]


async def test_all_pieces_of_a_reduced_line_one_by_one_are_the_line_to_the_paisa(
    client: AsyncClient, buyer: Buyer, desk: Desk, staff: make.Person
) -> None:
    coupon = {"code": "ODD", "type": "fixed", "value": "100.01"}
    assert (await client.post("/coupons", json=coupon, headers=staff.headers)).status_code == 201
    await buyer.fill(K_M=3)
    order = (await buyer.check_out(coupon_code="ODD")).json()["order"]
    await desk.staff.bring_to(order["id"], "delivered")
    given = []
    for _ in range(3):
        path = await made(buyer, asking(order, 1))
        given.append(parse((await desk.bring_to(path, "completed"))["refund_amount"]))
    assert sum(given) == parse(order["total"]) == 3 * 149900 - 10001
    assert max(given) - min(given) <= 1
    after = await buyer.see(order["id"])
    assert (after["amount_refunded"], after["payment"]["status"]) == (order["total"], "refunded")
    assert sum(parse(one["totals"]["total"]) for one in await notes(client, order, desk)) == parse(order["total"])


@pytest.mark.parametrize(("reason", "shipping"), [("defective", "99.00"), ("changed_mind", "0.00")])
async def test_shipping_goes_back_where_everything_comes_back_by_our_fault(
    reason: str,
    shipping: str,
    client: AsyncClient,
    shop: Shop,
    buyer: Buyer,
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settle(monkeypatch, shop, shipping_fee=9900)
    order = await delivered(buyer, desk, K_M=2)
    if order["shipping"] != "99.00":
        pytest.fail(f"shipping is {order['shipping']}")
    first = await desk.bring_to(await made(buyer, asking(order, 1, reason=reason)), "completed")
    assert first["shipping_amount"] == "0.00"
    last = await desk.bring_to(await made(buyer, asking(order, 1, reason=reason)), "completed")
    assert last["shipping_amount"] == shipping
    assert parse(last["refund_amount"]) == 149900 + parse(shipping)
    total = 2 * 149900 + parse(shipping)
    assert sum(parse(one["totals"]["total"]) for one in await notes(client, order, desk)) == total


async def test_what_was_given_back_before_is_not_given_again(
    client: AsyncClient, buyer: Buyer, desk: Desk, staff: make.Person
) -> None:
    order = await delivered(buyer, desk, K_M=1, K_L=1)
    body = {"amount": "500.00", "reason": "a loose thread"}
    assert (await client.post(f"/orders/{order['id']}/refund", json=body, headers=staff.headers)).status_code == 200
    found = await desk.bring_to(await made(buyer, asking(order)), "completed")
    assert (found["amount"], found["refund_amount"]) == ("2998.00", "2498.00")
    after = await buyer.see(order["id"])
    assert after["amount_refunded"] == order["total"]
    assert [one["totals"]["total"] for one in await notes(client, order, desk)][-1] == "2498.00"


async def test_money_can_go_to_a_upi_address_and_waits_for_staff(shop: Shop, buyer: Buyer, desk: Desk) -> None:
    order = await delivered(buyer, desk, K_M=1)
    found = await desk.bring_to(await made(buyer, asking(order, refund_to="asha@okbank")), "completed")
    assert found["refund_to"] == "asha@okbank"
    assert await credit(shop, buyer) == 0
    [payment] = await shop.store.payments.of_order(ObjectId(order["id"]))
    assert [(one.to, one.state, one.amount) for one in payment.ledger][1:] == [("asha@okbank", "pending", -149900)]


async def test_twenty_completions_and_one_outcome(client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk) -> None:
    order = await delivered(buyer, desk, K_M=1)
    path = await made(buyer, asking(order))
    await desk.bring_to(path, "received")
    answers = await asyncio.gather(*(patiently(desk.move, path, "completed") for _ in range(20)))
    assert Counter(one.status_code for one in answers) == {200: 1, 409: 19}
    assert {one.json().get("code") for one in answers} == {None, "invalid_transition"}
    assert await stock(shop, "K-M") == {"K-M": (10, 0)}
    assert await moved(shop, path.rpartition("/")[2]) == [("K-M restocked", 1, 0)]
    assert await credit(shop, buyer) == 149900
    assert len(await notes(client, order, desk)) == 1
    told = {"topic": "mail.return_status", "payload.status": "completed"}
    assert await shop.store.outbox.count(told) == 1


async def test_without_the_guards_goods_are_booked_in_twice(
    shop: Shop, buyer: Buyer, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The move without its condition, and no look before it: money still goes back once, by its key."""
    order = await delivered(buyer, desk, K_M=1)
    path = await made(buyer, asking(order))
    await desk.bring_to(path, "received")

    async def unguarded(self: Returns, found: Any, _: Any, step: Any, more: Any = None) -> Any:
        update = {"$set": {"status": step.status, **(more or {})}, "$push": {"status_history": step.model_dump()}}
        return await self.change(found.id, update)

    with monkeypatch.context() as off:
        off.setattr(Returns, "move", unguarded)
        off.setattr("truestyle.returns.moving.NEXT", Anything())
        off.setattr(telling, "mail", lambda *_: event("mail.return_status", {}))  # its key is a guard, too
        for _ in range(2):
            assert (await desk.move(path, "completed")).status_code == 200
    twice = await stock(shop, "K-M")
    assert twice == {"K-M": (11, 0)}
    assert await credit(shop, buyer) == 149900
    await shop.store.outbox.collection.delete_many({"topic": "mail.return_status", "payload": {}})
    await put_right(shop, path)


async def put_right(shop: Shop, path: str) -> None:
    """Undo the second completion, so that the books of this test are in order."""
    key = ObjectId(path.rpartition("/")[2])
    last = await shop.store.movements.collection.find_one({"return_id": key}, sort=[("_id", -1)])
    assert last is not None
    await shop.store.movements.collection.delete_one({"_id": last["_id"]})
    await shop.store.stock.collection.update_one({"_id": "K-M"}, {"$inc": {"on_hand": -1, "available": -1}})
    row = await shop.store.returns.get(key)
    steps = [one.model_dump() for one in row.status_history[:-1]]
    await shop.store.returns.unwatched.update_one({"_id": key}, {"$set": {"status_history": steps}})


async def test_an_exchange_of_the_same_price_moves_no_money(
    client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk
) -> None:
    order = await delivered(buyer, desk, K_M=1)
    path = await made(buyer, asking(order, new="K-L"))
    tracking = {"carrier": "India Post", "number": "EK123456789IN"}
    found = await desk.bring_to(path, "replacement_shipped", tracking=tracking)
    assert (found["price_difference"], found["refund_amount"], found["amount"]) == ("0.00", "0.00", "1499.00")
    assert await stock(shop, "K-L", "K-M") == {"K-L": (9, 0), "K-M": (9, 0)}
    old, new = await buyer.see(order["id"]), await buyer.see(found["replacement_order_id"])
    assert (old["amount_refunded"], old["payment"]["status"]) == ("1499.00", "refunded")
    assert new["number"] == found["replacement_number"] != order["number"]
    assert (new["status"], new["total"], new["amount_paid"]) == ("shipped", "1499.00", "1499.00")
    assert [one["status"] for one in new["status_history"]] == ["placed", "confirmed", "packed", "shipped"]
    assert (new["payment"]["type"], new["payment"]["status"]) == ("exchange", "paid")
    assert (new["exchange_id"], new["replaces"]) == (found["id"], order["id"])
    assert [(one["sku"], one["quantity"], one["line_total"]) for one in new["items"]] == [("K-L", 1, "1499.00")]
    assert new["tracking"]["number"] == tracking["number"]
    invoice = await client.get(f"/orders/{new['id']}/invoice", headers={**buyer.headers, "accept": "application/json"})
    assert invoice.json()["totals"]["total"] == "1499.00"
    [note] = await notes(client, order, desk)
    assert (note["totals"]["total"], note["cause"]) == ("1499.00", "exchange")
    assert await credit(shop, buyer) == 0
    done = await desk.bring_to(path, "completed")
    assert (done["status"], done["condition"]) == ("completed", "sellable")
    assert await stock(shop, "K-L", "K-M") == {"K-L": (9, 0), "K-M": (10, 0)}
    assert await moved(shop, found["id"]) == [
        ("K-L reserved", 0, 1),
        ("K-L sold", -1, -1),
        ("K-M restocked", 1, 0),
    ]
    assert len(await notes(client, order, desk)) == 1


async def test_what_is_dearer_is_paid_on_delivery(client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk) -> None:
    order = await delivered(buyer, desk, K_M=2)
    path = await made(buyer, asking(order, 2, new="K-XL"))
    found = await desk.bring_to(path, "replacement_shipped")
    assert found["price_difference"] == "400.00"
    new = await buyer.see(found["replacement_order_id"])
    assert (new["total"], new["amount_paid"]) == ("3398.00", "2998.00")
    assert (new["payment"]["type"], new["payment"]["status"]) == ("cod", "pending")
    for status in ("out_for_delivery", "delivered"):
        assert (await desk.staff.move(new["id"], status)).status_code == 200
    new = await buyer.see(new["id"])
    assert (new["amount_paid"], new["payment"]["status"]) == ("3398.00", "paid")
    await desk.bring_to(path, "completed")
    assert await credit(shop, buyer) == 0


async def test_what_is_cheaper_gives_money_back(client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk) -> None:
    order = await delivered(buyer, desk, K_XL=1)
    found = await desk.bring_to(await made(buyer, asking(order, new="K-S")), "completed")
    assert (found["price_difference"], found["refund_amount"]) == ("-200.00", "200.00")
    assert await credit(shop, buyer) == 20000
    new = await buyer.see(found["replacement_order_id"])
    assert (new["total"], new["amount_paid"]) == ("1499.00", "1499.00")
    [note] = await notes(client, order, desk)
    assert note["totals"]["total"] == "1699.00"


async def test_a_discount_goes_over_to_the_replacement(
    client: AsyncClient, buyer: Buyer, desk: Desk, staff: make.Person
) -> None:
    coupon = {"code": "TEN", "type": "percent", "value": "10"}
    assert (await client.post("/coupons", json=coupon, headers=staff.headers)).status_code == 201
    await buyer.fill(K_M=1)
    order = (await buyer.check_out(coupon_code="TEN")).json()["order"]
    await desk.staff.bring_to(order["id"], "delivered")
    found = await desk.bring_to(await made(buyer, asking(order, new="K-L")), "completed")
    assert found["price_difference"] == "0.00"
    new = await buyer.see(found["replacement_order_id"])
    assert (new["total"], new["discount"], new["subtotal"]) == (order["total"], order["discount"], "1499.00")
    assert new["coupon_code"] is None  # whose use was counted once


async def test_a_replacement_comes_back_in_its_turn(shop: Shop, buyer: Buyer, desk: Desk) -> None:
    order = await delivered(buyer, desk, K_M=1)
    found = await desk.bring_to(await made(buyer, asking(order, new="K-L")), "completed")
    for status in ("out_for_delivery", "delivered"):
        await desk.staff.move(found["replacement_order_id"], status)
    new = await buyer.see(found["replacement_order_id"])
    given = await desk.bring_to(await made(buyer, asking(new)), "completed")
    assert given["refund_amount"] == "1499.00"
    assert await credit(shop, buyer) == 149900
    assert await stock(shop, "K-L", "K-M") == {"K-L": (10, 0), "K-M": (10, 0)}


async def test_a_replacement_that_is_refused_at_the_door_is_paid_back(shop: Shop, buyer: Buyer, desk: Desk) -> None:
    order = await delivered(buyer, desk, K_M=1)
    path = await made(buyer, asking(order, new="K-XL"))
    found = await desk.bring_to(path, "replacement_shipped")
    answer = await desk.staff.move(found["replacement_order_id"], "returned_to_origin")
    assert answer.status_code == 200, answer.text
    assert await stock(shop, "K-XL") == {"K-XL": (10, 0)}
    assert await credit(shop, buyer) == 149900
    await desk.bring_to(path, "completed")


async def test_twenty_replacements_and_one_leaves(shop: Shop, buyer: Buyer, desk: Desk) -> None:
    path = await made(buyer, asking(await delivered(buyer, desk, K_M=1), new="K-L"))
    await desk.bring_to(path, "received")
    answers = await asyncio.gather(*(patiently(desk.move, path, "replacement_shipped") for _ in range(20)))
    assert Counter(one.status_code for one in answers) == {200: 1, 409: 19}
    assert await shop.store.orders.count({"exchange_id": {"$ne": None}}) == 1
    assert await shop.store.payments.count({"type": PaymentType.EXCHANGE}) == 1
    assert await stock(shop, "K-L") == {"K-L": (9, 0)}


async def test_the_dashboard_counts_them(client: AsyncClient, buyer: Buyer, desk: Desk, admin: make.Person) -> None:
    order = await delivered(buyer, desk, K_M=3)
    await desk.bring_to(await made(buyer, asking(order, 1)), "completed")
    await made(buyer, asking(order, 1, new="K-L"))
    called_off = await made(buyer, asking(order, 1))
    await desk.move(called_off, "rejected")
    found = (await client.get("/dashboard/overview", headers=admin.headers)).json()
    assert (found["returns"], found["exchanges"], found["orders"]) == (1, 1, 1)
    assert (found["revenue"], found["refunded"]) == ("2998.00", "1499.00")


async def test_refund_of_nobodys_store_credit_is_told_before_anything_moves(
    client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk
) -> None:
    """An account that was deleted meanwhile has no store credit: staff say where the money goes instead."""
    order = await delivered(buyer, desk, K_M=1)
    path = await made(buyer, asking(order, comment="Mine."))
    await desk.bring_to(path, "received")
    await shop.store.users.unwatched.delete_one({"_id": buyer.person.user.id})
    await shop.store.returns.anonymise(buyer.person.user.id)
    refused(await desk.move(path, "completed"), 422, "validation_error")
    assert (await desk.see(path))["status"] == "received"
    assert await stock(shop, "K-M") == {"K-M": (9, 0)}
    found = await desk.bring_to(path, "completed", refund_to="asha@okbank")
    assert (found["refund_to"], found["comment"]) == ("asha@okbank", None)
    await shop.store.users.add(buyer.person.user)


async def test_a_window_can_be_longer(shop: Shop, buyer: Buyer, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(monkeypatch, shop, return_window_days=30)
    order = await delivered(buyer, desk, K_M=1)
    row = await shop.store.orders.get(ObjectId(order["id"]))
    steps = [{**one.model_dump(), "at": one.at - timedelta(days=29)} for one in row.status_history]
    await shop.store.orders.unwatched.update_one({"_id": row.id}, {"$set": {"status_history": steps}})
    await made(buyer, asking(order))
