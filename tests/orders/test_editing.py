"""What may still be changed before packing: the notes, and where a COD order goes."""

from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Buyer, Staff, refused, settle
from truestyle.auth.permissions import Permission
from truestyle.auth.repository import SUBJECT
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")
DELHI = {**make.ADDRESS, "city": "New Delhi", "state": "Delhi", "pincode": "110001"}


@pytest.fixture
async def order(shop: Shop, buyer: Buyer, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    settle(monkeypatch, shop, shipping_fee=11800)
    await make.product(shop, mrp="999", price="999", hsn_code="6205", variants=[{"sku": "A"}])
    await make.product(shop, mrp="4999", price="4999", hsn_code="6205", variants=[{"sku": "B"}])
    return await buyer.order(A=1, B=1)


async def put(buyer: Buyer, order: dict[str, Any], body: object, **headers: str) -> Any:
    return await buyer.client.put(f"/orders/{order['id']}", json=body, headers=buyer.headers | headers)


async def test_notes_can_be_written_and_cleared(order: dict[str, Any], buyer: Buyer) -> None:
    assert (await put(buyer, order, {"notes": " Ring twice "})).json()["notes"] == "Ring twice"
    cleared = (await put(buyer, order, {"notes": None})).json()
    assert (cleared["notes"], cleared["version"]) == (None, 3)


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_an_empty_change_changes_nothing(order: dict[str, Any], buyer: Buyer, method: str) -> None:
    answer = await buyer.client.request(method, f"/orders/{order['id']}", json={}, headers=buyer.headers)
    assert (answer.status_code, answer.json()) == (200, order)


async def test_with_the_address_the_taxes_move_and_the_total_stays(order: dict[str, Any], buyer: Buyer) -> None:
    assert order["tax"] == {"cgst": "414.07", "sgst": "414.07", "igst": "0.00", "total": "828.14"}
    moved = (await put(buyer, order, {"address": DELHI})).json()
    assert moved["shipping_address"]["city"] == "New Delhi"
    assert moved["tax"] == {"cgst": "0.00", "sgst": "0.00", "igst": "828.13", "total": "828.13"}
    assert [one["tax"] for one in moved["items"]] == [
        {"rate": "5", "cgst": "0.00", "sgst": "0.00", "igst": "47.57"},
        {"rate": "18", "cgst": "0.00", "sgst": "0.00", "igst": "762.56"},
    ]
    assert [one["taxable_value"] for one in moved["items"]] == ["951.43", "4236.44"]
    assert moved["items"][0]["explanation"][-1] == "includes 5 % GST (IGST) 47.57 on 951.43"
    for name in ("total", "subtotal", "shipping", "status", "payment"):
        assert moved[name] == order[name]
    back = (await put(buyer, order, {"address": make.ADDRESS})).json()
    same = {name: value for name, value in back.items() if name not in {"version", "updated_at"}}
    assert same == {name: order[name] for name in same}


async def test_an_address_of_the_book_serves_but_only_ones_own(
    order: dict[str, Any], buyer: Buyer, staff: make.Person
) -> None:
    mine = (await buyer.client.post("/user-address", json=DELHI, headers=buyer.headers)).json()["id"]
    theirs = (await buyer.client.post("/user-address", json=DELHI, headers=staff.headers)).json()["id"]
    for key in (theirs, str(ObjectId())):
        refused(await put(buyer, order, {"address_id": key}), 404, "not_found")
    assert (await put(buyer, order, {"address_id": mine})).json()["shipping_address"]["pincode"] == "110001"


@pytest.mark.parametrize(
    "body",
    [
        {"address": None},
        {"address_id": None},
        {"address": DELHI, "address_id": str(ObjectId())},
        {"address": {**DELHI, "pincode": "1"}},
        {"notes": "x" * 1001},
        {"status": "delivered"},
        {"total": "1.00"},
        {"payment": {"status": "paid"}},
    ],
)
async def test_a_malformed_or_greedy_change_changes_nothing(order: dict[str, Any], buyer: Buyer, body: object) -> None:
    refused(await put(buyer, order, body), 422, "validation_error")
    assert await buyer.see(order["id"]) == order


async def test_a_stale_version_changes_nothing(order: dict[str, Any], buyer: Buyer) -> None:
    assert (await put(buyer, order, {"notes": "A"}, **{"if-match": '"1"'})).status_code == 200
    refused(await put(buyer, order, {"notes": "B"}, **{"if-match": '"1"'}), 412, "version_conflict")
    assert (await buyer.see(order["id"]))["notes"] == "A"


async def test_an_address_that_cannot_be_served_is_refused(
    order: dict[str, Any], buyer: Buyer, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(await put(buyer, order, {"address": {**DELHI, "pincode": "999999"}}), 409, "not_deliverable")
    settle(monkeypatch, shop, cod_pincodes=["560038"])
    refused(await put(buyer, order, {"address": DELHI}), 409, "cod_unavailable")
    assert await buyer.see(order["id"]) == order


async def test_once_packed_nothing_can_be_changed(
    order: dict[str, Any], buyer: Buyer, client: AsyncClient, staff: make.Person
) -> None:
    await Staff(client, staff).bring_to(order["id"], "packed")
    before = await buyer.see(order["id"])
    for body in ({"notes": "late"}, {"address": DELHI}):
        refused(await put(buyer, order, body), 409, "not_editable")
    assert await buyer.see(order["id"]) == before


async def test_who_may_read_all_orders_may_not_therefore_change_them(
    order: dict[str, Any], buyer: Buyer, client: AsyncClient, shop: Shop
) -> None:
    grants = shop.store.role_permissions.collection
    rows = [{"role": "auditor", "permission": one} for one in (Permission.ACCOUNT, Permission.ORDERS_READ)]
    await grants.insert_many(rows)
    try:
        shop.push.saw(SUBJECT, await shop.store.versions.bump(SUBJECT))
        auditor = await make.person(shop, "auditor")
        path = f"/orders/{order['id']}"
        assert (await client.get(path, headers=auditor.headers)).status_code == 200
        for body in ({"notes": "mine"}, {"address": DELHI}):
            assert (await client.put(path, json=body, headers=auditor.headers)).status_code in {403, 404}
        cancel = await client.post(f"{path}/cancel", json={"reason": "x"}, headers=auditor.headers)
        assert cancel.status_code in {403, 404}
        assert await buyer.see(order["id"]) == order
    finally:
        await grants.delete_many({"role": "auditor"})
        shop.push.saw(SUBJECT, await shop.store.versions.bump(SUBJECT))


async def test_staff_may_change_a_buyers_order(order: dict[str, Any], client: AsyncClient, staff: make.Person) -> None:
    answer = await client.put(f"/orders/{order['id']}", json={"notes": "Call first"}, headers=staff.headers)
    assert answer.json()["notes"] == "Call first"
