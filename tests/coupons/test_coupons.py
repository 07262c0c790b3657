"""/coupons and what carts and orders make of them, over HTTP."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.coupons.using import TEN, made, used
from tests.orders.buying import Buyer, refused
from truestyle.audit.service import audit, repair
from truestyle.coupons.repository import Coupons, Redemptions
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")


async def ask(client: AsyncClient, code: str, amount: str = "1000.00") -> dict[str, Any]:
    answer = await client.post("/coupons/validate", json={"code": code, "amount": amount})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_staff_make_change_and_delete_coupons(client: AsyncClient, staff: make.Person) -> None:
    coupon = await made(client, staff, code=" Diwali10 ", max_discount="500.00")
    assert (coupon["code"], coupon["value"], coupon["max_discount"]) == ("Diwali10", "10", "500.00")
    assert (coupon["used_count"], coupon["status"], coupon["automatic"]) == (0, "active", False)
    twice = await client.post("/coupons", json={**TEN, "code": "DIWALI10"}, headers=staff.headers)
    assert refused(twice, 409, "duplicate")["field"] == "code"
    path = f"/coupons/{coupon['id']}"
    changed = await client.put(path, json={"value": "12.5", "max_discount": None}, headers=staff.headers)
    assert (changed.json()["value"], changed.json()["max_discount"], changed.json()["version"]) == ("12.50", None, 2)
    stale = await client.patch(path, json={"value": "1"}, headers={**staff.headers, "if-match": '"1"'})
    refused(stale, 412, "version_conflict")
    listed = await client.get("/coupons", params={"code": "dIwAlI10"}, headers=staff.headers)
    assert [one["id"] for one in listed.json()["items"]] == [coupon["id"]]
    assert (await client.delete(path, headers=staff.headers)).status_code == 204
    refused(await client.get(path, headers=staff.headers), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"code": None}, "code"),
        ({"value": "100.01"}, "value"),
        ({"value": "0"}, "value"),
        ({"type": "fixed", "value": "0"}, "value"),
        ({"type": "buy_x_get_y"}, "buy"),
        ({"buy": {"x": 1, "y": 1}}, "buy"),
        ({"starts_at": "2026-11-02T00:00:00Z", "ends_at": "2026-11-02T00:00:00Z"}, "ends_at"),
        ({"product_ids": [str(ObjectId("0" * 24))]}, "product_ids"),
        ({"category_ids": [str(ObjectId("0" * 24))]}, "category_ids"),
        ({"brand_ids": [str(ObjectId("0" * 24))]}, "brand_ids"),
        ({"used_count": 5}, "used_count"),
    ],
)
async def test_coupons_that_make_no_sense_are_refused(
    client: AsyncClient, staff: make.Person, body: dict[str, Any], field: str
) -> None:
    answer = await client.post("/coupons", json={**TEN, **body}, headers=staff.headers)
    assert refused(answer, 422, "validation_error")["errors"][0]["loc"] == ["body", field]
    coupon = await made(client, staff)
    if field != "code":
        changed = await client.patch(f"/coupons/{coupon['id']}", json=body, headers=staff.headers)
        refused(changed, 422, "validation_error")


async def test_what_a_code_is_worth_is_told_in_words(client: AsyncClient, staff: make.Person) -> None:
    await made(client, staff, min_amount="999.00", max_discount="120.00")
    assert await ask(client, "ten") == {
        "valid": True,
        "discount_amount": "100.00",
        "final_amount": "900.00",
        "reason": None,
    }
    assert (await ask(client, " ＴＥＮ ", "5000.00"))["discount_amount"] == "120.00"
    low = await ask(client, "TEN", "998.99")
    assert (low["valid"], low["discount_amount"], low["final_amount"]) == (False, "0.00", "998.99")
    assert "₹999.00" in low["reason"]
    assert (await ask(client, "NONE"))["reason"] == "There is no coupon NONE."


async def test_a_coupon_in_the_cart_is_in_its_total_the_quote_and_the_order(
    client: AsyncClient, buyer: Buyer, staff: make.Person, kurta: str
) -> None:
    coupon = await made(client, staff)
    await buyer.fill(K_M=2)
    cart = (await client.post("/cart/coupon", json={"code": "ten"}, headers=buyer.headers)).json()
    assert (cart["coupon"]["code"], cart["coupon"]["discount"]) == ("TEN", "299.80")
    assert (cart["subtotal"], cart["discount"], cart["total"]) == ("2998.00", "299.80", "2698.20")
    quote = await client.post("/checkout/quote", json={"pincode": "560038"}, headers=buyer.headers)
    assert (quote.json()["discount"], quote.json()["total"]) == ("299.80", "2698.20")
    order = (await buyer.check_out(expected_total="2698.20")).json()["order"]
    assert (order["coupon_code"], order["discount"], order["total"]) == ("TEN", "299.80", "2698.20")
    (item,) = order["items"]
    assert (item["discount"], item["line_total"]) == ("299.80", "2698.20")
    assert "share of coupon TEN −299.80 → 2698.20" in item["explanation"]
    assert await used(client, staff, coupon["id"]) == 1
    assert (await client.get("/cart", headers=buyer.headers)).json()["coupon"] is None
    refused(await client.delete(f"/coupons/{coupon['id']}", headers=staff.headers), 409, "in_use")


async def test_a_coupon_can_be_taken_out_and_one_that_gives_nothing_is_not_put_in(
    client: AsyncClient, buyer: Buyer, staff: make.Person, kurta: str
) -> None:
    await made(client, staff)
    await made(client, staff, code="BIG", min_amount="5000.00")
    refused(await client.post("/cart/coupon", json={"code": "TEN"}, headers=buyer.headers), 409, "coupon_invalid")
    await buyer.fill(K_M=1)
    told = refused(
        await client.post("/cart/coupon", json={"code": "BIG"}, headers=buyer.headers), 409, "coupon_invalid"
    )
    assert "₹5000.00" in told["reason"]
    assert (await client.get("/cart", headers=buyer.headers)).json()["discount"] == "0.00"
    await client.post("/cart/coupon", json={"code": "TEN"}, headers=buyer.headers)
    cart = (await client.delete("/cart/coupon", headers=buyer.headers)).json()
    assert (cart["coupon"], cart["discount"]) == (None, "0.00")


async def test_a_cart_whose_coupon_fits_no_more_says_why_and_is_not_ordered_without_it(
    client: AsyncClient, shop: Shop, buyer: Buyer, staff: make.Person, kurta: str
) -> None:
    coupon = await made(client, staff)
    await buyer.fill(K_M=1)
    await client.post("/cart/coupon", json={"code": "TEN"}, headers=buyer.headers)
    await client.put(f"/coupons/{coupon['id']}", json={"status": "inactive"}, headers=staff.headers)
    cart = (await client.get("/cart", headers=buyer.headers)).json()
    assert (cart["coupon"]["discount"], cart["total"]) == ("0.00", "1499.00")
    assert cart["notices"] == ["TEN: This coupon is not active."]
    refused(await buyer.check_out(), 409, "coupon_invalid")
    refused(await buyer.check_out(coupon_code="NONE"), 409, "coupon_invalid")
    assert await shop.store.orders.count({}) == 0
    assert await shop.store.stock.available(["K-M"]) == {"K-M": 200}


async def test_calling_the_order_off_gives_the_use_back_once(
    client: AsyncClient, buyer: Buyer, staff: make.Person, kurta: str
) -> None:
    coupon = await made(client, staff, usage_limit_per_user=1)
    await buyer.fill(K_M=1)
    order = (await buyer.check_out(coupon_code="TEN")).json()["order"]
    await buyer.fill(K_M=1)
    told = refused(await buyer.check_out(coupon_code="TEN"), 409, "coupon_invalid")
    assert told["reason"] == "You have used this coupon already."
    path, body = f"/orders/{order['id']}/cancel", {"reason": "Changed my mind"}
    answers = await asyncio.gather(*(client.post(path, json=body, headers=buyer.headers) for _ in range(10)))
    assert Counter(one.status_code for one in answers) == {200: 1, 409: 9}
    assert await used(client, staff, coupon["id"]) == 0
    assert (await buyer.check_out(coupon_code="TEN")).status_code == 201
    assert await used(client, staff, coupon["id"]) == 1


async def test_a_first_order_is_told_by_account_and_by_address(
    client: AsyncClient, shop: Shop, buyer: Buyer, staff: make.Person, kurta: str
) -> None:
    await made(client, staff, first_order_only=True)
    await buyer.fill(K_M=1)
    assert (await buyer.check_out(coupon_code="TEN")).status_code == 201
    await buyer.fill(K_M=1)
    refused(await buyer.check_out(coupon_code="TEN"), 409, "coupon_invalid")
    guest = await client.post("/cart/add", json={"product_id": kurta, "sku": "K-M"})
    client.cookies.clear()
    token = {"x-cart-token": guest.json()["token"]}
    same = {**make.COD, "email": buyer.person.user.email, "coupon_code": "TEN"}
    refused(await client.post("/checkout", json=same, headers=token), 409, "coupon_invalid")
    other = {**same, "email": "somebody.else@example.com"}
    assert (await client.post("/checkout", json=other, headers=token)).status_code == 201


async def test_the_automatic_offer_that_saves_most_is_given_without_asking(
    client: AsyncClient, buyer: Buyer, staff: make.Person, kurta: str
) -> None:
    small = await made(client, staff, code=None, automatic=True, description="A little off")
    big = await made(
        client,
        staff,
        code=None,
        automatic=True,
        description="Two for one",
        type="buy_x_get_y",
        value="0",
        buy={"x": 1, "y": 1},
    )
    await buyer.fill(K_M=1)
    cart = (await client.get("/cart", headers=buyer.headers)).json()
    assert (cart["coupon"]["code"], cart["coupon"]["description"], cart["discount"]) == (None, "A little off", "149.90")
    await buyer.fill(K_M=2)
    assert (await client.get("/cart", headers=buyer.headers)).json()["discount"] == "1499.00"
    order = (await buyer.check_out()).json()["order"]
    assert (order["coupon_code"], order["total"]) == (None, "1499.00")
    assert [await used(client, staff, one["id"]) for one in (small, big)] == [0, 1]
    await made(client, staff)
    await buyer.fill(K_M=2)
    order = (await buyer.check_out(coupon_code="TEN")).json()["order"]
    assert order["discount"] == "299.80", "who gives a code gets that one"


async def test_the_window_is_by_the_clock_of_the_server(
    client: AsyncClient, buyer: Buyer, staff: make.Person, kurta: str
) -> None:
    starts = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    ends = starts + timedelta(hours=1)
    await made(client, staff, starts_at=starts.isoformat(), ends_at=ends.isoformat())
    for moment, valid in ((-1, False), (0, True), (3599, True), (3600, False)):
        with time_machine.travel(starts + timedelta(seconds=moment), tick=False):
            assert (await ask(client, "TEN"))["valid"] is valid, moment


async def test_goods_of_a_category_below_are_covered(
    client: AsyncClient, shop: Shop, buyer: Buyer, staff: make.Person
) -> None:
    above = (await client.post("/categories", json={"name": "Women"}, headers=staff.headers)).json()["id"]
    below = {"name": "Kurtas", "parent_id": above}
    key = (await client.post("/categories", json=below, headers=staff.headers)).json()["id"]
    await make.product(shop, variants=[{"sku": "IN"}], category_ids=[key])
    await make.product(shop, variants=[{"sku": "OUT"}])
    await made(client, staff, category_ids=[above])
    await buyer.fill(IN=1, OUT=1)
    order = (await buyer.check_out(coupon_code="TEN")).json()["order"]
    assert {one["sku"]: one["discount"] for one in order["items"]} == {"IN": "149.90", "OUT": "0.00"}


async def test_a_rehearsal_tells_what_a_coupon_would_have_cost_and_changes_nothing(
    client: AsyncClient, shop: Shop, buyer: Buyer, staff: make.Person, kurta: str
) -> None:
    await made(client, staff)
    for pieces in (1, 2, 3):
        await buyer.order(K_M=pieces)
    await buyer.fill(K_M=1)
    await buyer.check_out(coupon_code="TEN")
    gone = await buyer.order(K_M=1)
    await client.post(f"/orders/{gone['id']}/cancel", json={"reason": "No"}, headers=buyer.headers)
    draft = {"type": "percent", "value": "20", "min_amount": "2000.00", "max_discount": "700.00"}
    answer = await client.post("/coupons/simulate", json={"coupon": draft}, headers=staff.headers)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "orders": 3,
        "applied": 2,
        "left_out": 2,
        "discount": "1299.60",  # 20 % of 2998.00, and of 4497.00 at most 700.00
        "shipping": "0.00",
        "cost": "1299.60",
        "revenue": "8994.00",
        "revenue_with": "7694.40",
        "average_discount": "649.80",
        "buyers": 1,
        "complete": True,
    }
    first = {"type": "fixed", "value": "100.00", "first_order_only": True}
    told = await client.post("/coupons/simulate", json={"coupon": first}, headers=staff.headers)
    assert (told.json()["applied"], told.json()["cost"]) == (1, "100.00")
    assert await shop.store.redemptions.count({}) == 1
    wrong = {"coupon": {"type": "percent", "value": "101"}}
    refused(await client.post("/coupons/simulate", json=wrong, headers=staff.headers), 422, "validation_error")


async def test_the_audit_finds_a_count_that_is_wrong_and_mends_it(
    client: AsyncClient, shop: Shop, buyer: Buyer, staff: make.Person, kurta: str
) -> None:
    coupon = await made(client, staff)
    await buyer.fill(K_M=1)
    order = (await buyer.check_out(coupon_code="TEN")).json()["order"]
    await shop.store.coupons.recount(ObjectId(coupon["id"]), 7)
    report = await audit(shop)
    assert {one.invariant for one in report.breaches} == {"I3"}
    assert await repair(shop, report) == 1
    assert await used(client, staff, coupon["id"]) == 1
    where = {"order_id": ObjectId(order["id"])}
    await shop.store.redemptions.collection.update_one(where, {"$set": {"released_at": datetime.now(UTC)}})
    messages = {one.message for one in (await audit(shop)).breaches}
    assert messages == {"used_count is not the live redemptions", "a redemption does not stand as its order does"}
    await shop.store.redemptions.collection.update_one(where, {"$set": {"released_at": None}})


@pytest.mark.parametrize(
    ("repository", "where"),
    [
        (Coupons, {"key": "ten"}),
        (Coupons, {"status": "active"}),
        (Coupons, {"type": "fixed"}),
        (Coupons, {"automatic": True, "status": "active"}),
        (Redemptions, {"order_id": ObjectId("0" * 24)}),
        (Redemptions, {"coupon_id": ObjectId("0" * 24), "released_at": None}),
        (
            Redemptions,
            {
                "coupon_id": ObjectId("0" * 24),
                "released_at": None,
                "$or": [{"user_id": ObjectId("0" * 24)}, {"email": "a@example.com"}],
            },
        ),
    ],
)
async def test_nothing_is_scanned(shop: Shop, repository: type[Coupons | Redemptions], where: dict[str, Any]) -> None:
    plan = await repository(shop.store.db).unwatched.find(where).explain()
    assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])
