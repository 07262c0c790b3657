"""From packing an order to reading its invoice."""

import asyncio
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Buyer, Staff, refused, settle
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")
JSON = {"accept": "application/json"}
STORE = {
    "name": "True Style",
    "legal_name": "True Style Retail Private Limited",
    "gstin": "29AAGCB7383J1Z4",
    "email": "care@truestyle.example",
    "addresses": [
        {"line1": "1, Park Street", "city": "Kolkata", "state": "West Bengal", "pincode": "700016"},
        {"line1": "12, 4th Cross", "city": "Bengaluru", "state": "karnataka", "pincode": "560038"},
    ],
}


async def data_of(client: AsyncClient, person: make.Person, order: dict[str, Any]) -> dict[str, Any]:
    answer = await client.get(f"/orders/{order['id']}/invoice", headers={**person.headers, **JSON})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    body: dict[str, Any] = answer.json()
    return body


async def test_packing_issues_the_invoice_with_what_the_law_wants(
    client: AsyncClient, shop: Shop, staff: make.Person, packer: Staff, buyer: Buyer, order: dict[str, Any]
) -> None:
    await client.post("/store-details", json=STORE, headers=staff.headers)
    refused(await client.get(f"/orders/{order['id']}/invoice", headers=buyer.headers), 409, "invoice_not_issued")
    packed = (await packer.move(order["id"], "packed")).json()

    found = await data_of(client, buyer.person, order)

    assert found["number"].startswith("TS/")
    assert len(found["number"]) == 14
    assert found["issued_at"] == packed["status_history"][-1]["at"]
    assert (found["order_id"], found["order_number"]) == (order["id"], order["number"])
    seller = found["seller"]
    assert (seller["legal_name"], seller["gstin"]) == (STORE["legal_name"], STORE["gstin"])
    assert (seller["line1"], seller["city"], seller["state"], seller["state_code"]) == (
        *("12, 4th Cross", "Bengaluru"),
        *("Karnataka", "29"),
    )
    assert found["place_of_supply"] == {"state": "Karnataka", "state_code": "29"}
    assert (found["inter_state"], found["reverse_charge"]) == (False, False)
    assert found["ship_to"]["name"] == make.ADDRESS["full_name"]
    assert found["buyer"]["gstin"] is None
    for line, item in zip(found["lines"], packed["items"], strict=True):
        same = ("sku", "name", "size", "color", "quantity", "unit_price", "discount", "taxable_value", "tax")
        assert {name: line[name] for name in (*same, "line_total")} == {
            name: item[name] for name in (*same, "line_total")
        }
        assert line["item_id"] == item["id"]
    assert [(one["hsn_code"], one["uqc"]) for one in found["lines"]] == [("6403", "PRS"), ("6211", "PCS")]
    assert found["shipping"] is None
    assert (found["totals"]["total"], found["totals"]["tax"]) == (packed["total"], packed["tax"]["total"])
    assert found["amount_in_words"] == "Rupees Seven Thousand Four Hundred Ninety-Six Only"
    assert found["payment"] == "cod"


async def test_without_words_about_the_store_the_settings_speak(
    client: AsyncClient, shop: Shop, buyer: Buyer, packed: dict[str, Any]
) -> None:
    seller = (await data_of(client, buyer.person, packed))["seller"]
    assert (seller["legal_name"], seller["gstin"], seller["state_code"]) == ("True Style", None, "29")


async def test_six_digits_of_the_hsn_code_where_that_is_set(
    client: AsyncClient, shop: Shop, buyer: Buyer, packer: Staff, order: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, shop, hsn_digits="6", invoice_prefix="X9")
    await packer.bring_to(order["id"], "packed")
    found = await data_of(client, buyer.person, order)
    assert [one["hsn_code"] for one in found["lines"]] == ["640399", "6211"]
    assert found["number"].startswith("X9/")


async def test_another_state_has_igst_and_shipping_the_highest_rate(
    client: AsyncClient, shop: Shop, buyer: Buyer, packer: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, shop, shipping_fee=9900)
    await make.product(shop, variants=[{"sku": "K-M", "size": "M"}])
    await make.product(shop, hsn_code="6403", price="2999.00", mrp="2999.00", variants=[{"sku": "J-7", "size": "7"}])
    await buyer.fill(K_M=1, J_7=1)
    away = {**make.ADDRESS, "state": "tamil nadu", "city": "Chennai", "pincode": "600001"}
    placed = (await buyer.check_out(address=away)).json()["order"]
    await packer.bring_to(placed["id"], "packed")

    found = await data_of(client, buyer.person, placed)

    assert found["inter_state"] is True
    assert found["place_of_supply"] == {"state": "Tamil Nadu", "state_code": "33"}
    shipping = found["shipping"]
    assert (shipping["hsn_code"], shipping["tax"]["rate"], shipping["line_total"]) == ("6403", "18", "99.00")
    assert (shipping["tax"]["igst"], shipping["taxable_value"]) == ("15.10", "83.90")
    totals = found["totals"]
    assert (totals["cgst"], totals["igst"], totals["total"]) == ("0.00", placed["tax"]["igst"], placed["total"])
    assert totals["shipping"] == "99.00"


async def test_the_financial_year_begins_at_midnight_in_india(
    client: AsyncClient, shop: Shop, packer: Staff, admin: make.Person
) -> None:
    await make.product(shop, variants=[{"sku": "K-M", "size": "M"}])
    numbers = []
    for moment in ("2027-03-31T18:29:59Z", "2027-03-31T18:30:00Z"):
        with time_machine.travel(moment, tick=False):
            buyer = Buyer(client, shop, await make.person(shop))
            staff = Staff(client, await make.person(shop, "staff"))
            order = await buyer.order(K_M=1)
            await staff.bring_to(order["id"], "packed")
            numbers.append((await data_of(client, buyer.person, order))["number"])
    assert [one[:7] for one in numbers] == ["TS/2627", "TS/2728"]
    assert numbers[1] == "TS/2728/000001"


async def test_packing_twenty_times_at_once_issues_one_invoice(
    shop: Shop, packer: Staff, order: dict[str, Any]
) -> None:
    answers = await asyncio.gather(*(packer.move(order["id"], "packed") for _ in range(20)))
    assert sorted(one.status_code for one in answers) == [200] + [409] * 19
    assert await shop.store.invoices.count({}) == 1


async def test_calling_off_before_packing_leaves_no_paper(
    client: AsyncClient, shop: Shop, buyer: Buyer, order: dict[str, Any]
) -> None:
    answer = await client.post(f"/orders/{order['id']}/cancel", json={"reason": "no"}, headers=buyer.headers)
    assert answer.status_code == 200
    assert await shop.store.invoices.count({}) == 0
    assert await shop.store.credit_notes.count({}) == 0
    listed = await client.get(f"/orders/{order['id']}/credit-notes", headers=buyer.headers)
    assert listed.json() == {"items": [], "last_day": None}


@pytest.mark.parametrize("way", ["cancelled", "returned_to_origin"])
async def test_what_is_undone_after_packing_is_credited_whole_and_once(
    client: AsyncClient, shop: Shop, buyer: Buyer, packer: Staff, packed: dict[str, Any], way: str
) -> None:
    if way == "returned_to_origin":
        await packer.move(packed["id"], "shipped")
    answers = await asyncio.gather(*(packer.move(packed["id"], way) for _ in range(20)))
    assert sorted(one.status_code for one in answers) == [200] + [409] * 19

    invoice = await data_of(client, buyer.person, packed)
    listed = (await client.get(f"/orders/{packed['id']}/credit-notes", headers=buyer.headers)).json()

    (note,) = listed["items"]
    assert note["number"].startswith("TC/")
    assert (note["cause"], note["commercial"]) == ("reversal", False)
    assert (note["invoice_id"], note["invoice_number"]) == (invoice["id"], invoice["number"])
    assert note["invoiced_at"] == invoice["issued_at"]
    assert note["lines"] == invoice["lines"]
    assert note["totals"] == invoice["totals"]
    assert note["amount_in_words"] == invoice["amount_in_words"]


async def test_papers_are_for_the_buyer_and_staff_alone(
    client: AsyncClient, shop: Shop, buyer: Buyer, staff: make.Person, packer: Staff, packed: dict[str, Any]
) -> None:
    await packer.move(packed["id"], "cancelled")
    key = packed["id"]
    note = (await client.get(f"/orders/{key}/credit-notes", headers=buyer.headers)).json()["items"][0]["id"]
    other = await make.person(shop)
    for path in (f"/orders/{key}/invoice", f"/orders/{key}/credit-notes", f"/orders/{key}/credit-notes/{note}"):
        assert (await client.get(path, headers=other.headers)).status_code == 404
        assert (await client.get(path)).status_code == 401
        for person in (buyer.person, staff):
            assert (await client.get(path, headers=person.headers)).status_code == 200
    assert (await client.get(f"/orders/{key}/credit-notes/{ObjectId()}", headers=buyer.headers)).status_code == 404


async def test_an_invoice_stays_as_it_is_when_its_order_is_anonymised(
    client: AsyncClient, shop: Shop, staff: make.Person, buyer: Buyer, packed: dict[str, Any]
) -> None:
    before = await data_of(client, staff, packed)
    await shop.store.orders.anonymise(buyer.person.user.id, "nobody@example.com")
    assert await data_of(client, staff, packed) == before
    assert before["buyer"]["name"] == make.ADDRESS["full_name"]
