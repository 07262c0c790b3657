from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Buyer, refused, settle, untouched
from truestyle.shop import Shop

HOME, AWAY, NOWHERE = "560038", "110001", "999999"


@pytest.fixture(autouse=True)
async def cart(shop: Shop, buyer: Buyer) -> None:
    await make.product(shop, stock=5, mrp="1999", price="999", hsn_code="6205", variants=[{"sku": "K-M", "size": "M"}])
    await buyer.fill(K_M=2)


async def quote(buyer: Buyer, **body: Any) -> dict[str, Any]:
    answer = await buyer.client.post("/checkout/quote", json=body, headers=buyer.headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_within_the_state_there_is_cgst_and_sgst(buyer: Buyer) -> None:
    body = await quote(buyer, pincode=HOME)
    assert (body["subtotal"], body["discount"], body["shipping"], body["total"]) == (
        "1998.00",
        "0.00",
        "0.00",
        "1998.00",
    )
    assert body["tax"] == {"cgst": "47.57", "sgst": "47.57", "igst": "0.00", "total": "95.14"}
    [item] = body["items"]
    assert (item["sku"], item["quantity"], item["unit_price"], item["line_total"]) == ("K-M", 2, "999.00", "1998.00")
    assert (item["taxable_value"], item["tax"]["rate"], item["available"]) == ("1902.86", "5", 5)
    assert (body["deliverable"], body["cod"], body["currency"]) == (True, {"available": True, "fee": "0.00"}, "INR")
    assert body["estimated_delivery"].endswith("Z")


async def test_across_a_state_border_there_is_igst(buyer: Buyer) -> None:
    tax = (await quote(buyer, pincode=AWAY))["tax"]
    assert tax == {"cgst": "0.00", "sgst": "0.00", "igst": "95.14", "total": "95.14"}


async def test_an_address_of_the_book_or_in_full_gives_the_same(buyer: Buyer) -> None:
    made = await buyer.client.post("/user-address", json=make.ADDRESS, headers=buyer.headers)
    by_id = await quote(buyer, address_id=made.json()["id"])
    assert by_id == await quote(buyer, address=make.ADDRESS) == await quote(buyer, pincode=HOME)


async def test_the_pin_decides_when_the_named_state_does_not_fit_it(buyer: Buyer) -> None:
    wrong = await quote(buyer, address={**make.ADDRESS, "state": "Kerala"})
    assert wrong["tax"]["igst"] == "0.00"


async def test_an_unknown_pin_is_priced_but_not_delivered_to(buyer: Buyer) -> None:
    body = await quote(buyer, pincode=NOWHERE)
    assert (body["deliverable"], body["cod"]["available"], body["estimated_delivery"]) == (False, False, None)
    assert body["total"] == "1998.00"


async def test_shipping_and_the_fee_of_cash_on_delivery_are_in_the_total(
    buyer: Buyer, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, shop, shipping_fee=4900, free_shipping_from=200000, cod_fee=2900)
    plain = await quote(buyer, pincode=HOME)
    assert (plain["shipping"], plain["total"], plain["cod"]["fee"]) == ("49.00", "2047.00", "29.00")
    cod = await quote(buyer, pincode=HOME, payment_type="cod")
    assert (cod["shipping"], cod["total"]) == ("78.00", "2076.00")
    settle(monkeypatch, shop, shipping_fee=4900, free_shipping_from=199800)
    assert (await quote(buyer, pincode=HOME))["shipping"] == "0.00"


@pytest.mark.parametrize(
    ("terms", "offered"),
    [
        ({"cod_ceiling": 199800}, True),
        ({"cod_ceiling": 199799}, False),
        ({"cod_pincodes": [HOME]}, True),
        ({"cod_pincodes": [AWAY]}, False),
    ],
)
async def test_cash_on_delivery_has_a_ceiling_and_an_area(
    buyer: Buyer, shop: Shop, monkeypatch: pytest.MonkeyPatch, terms: dict[str, Any], offered: bool
) -> None:
    settle(monkeypatch, shop, **terms)
    assert (await quote(buyer, pincode=HOME))["cod"]["available"] is offered


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"pincode": "12345"},
        {"pincode": 560038},
        {"pincode": HOME, "address": make.ADDRESS},
        {"pincode": HOME, "payment_type": "barter"},
        {"pincode": HOME, "total": "1.00"},
        {"address": {"pincode": HOME}},
    ],
)
async def test_a_malformed_question_is_refused(buyer: Buyer, body: dict[str, Any]) -> None:
    answer = await buyer.client.post("/checkout/quote", json=body, headers=buyer.headers)
    refused(answer, 422, "validation_error")


async def test_somebody_elses_address_does_not_exist(buyer: Buyer, staff: make.Person) -> None:
    made = await buyer.client.post("/user-address", json=make.ADDRESS, headers=staff.headers)
    for key in (made.json()["id"], str(ObjectId())):
        answer = await buyer.client.post("/checkout/quote", json={"address_id": key}, headers=buyer.headers)
        refused(answer, 404, "not_found")


async def test_an_empty_cart_has_no_quote_and_a_guest_may_ask(client: AsyncClient, shop: Shop) -> None:
    body = {"pincode": HOME}
    refused(await client.post("/checkout/quote", json=body), 409, "cart_empty")
    [product] = await shop.store.products.by_skus(["K-M"])
    added = await client.post("/cart/add", json={"product_id": str(product.id)})
    guest = {"x-cart-token": added.headers["x-cart-token"]}
    answer = await client.post("/checkout/quote", json=body, headers=guest)
    assert answer.json()["total"] == "999.00"


async def test_asking_changes_nothing(buyer: Buyer, shop: Shop) -> None:
    before = await shop.store.carts.first({"user_id": buyer.person.user.id})
    for pin in (HOME, AWAY):
        await quote(buyer, pincode=pin, payment_type="cod")
    assert await shop.store.carts.first({"user_id": buyer.person.user.id}) == before
    await untouched(shop, K_M=5)
