"""Whatever the rates, a quote, the cart and the order say the same to the paisa."""

from typing import Any

import pytest
from httpx import AsyncClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as some

from tests import make
from tests.orders.buying import Buyer
from tests.shipping.charging import FAR, HOME, METRO, REST, Zoning
from truestyle.kit import money
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")
STATES = {HOME: "Karnataka", METRO: "Maharashtra", REST: "Rajasthan", FAR: "Arunachal Pradesh"}
paise = some.integers(0, 30_000).map(money.wire)
rates = some.fixed_dictionaries(
    {
        "fee": some.none() | paise,
        "free_from": some.none() | some.integers(0, 500_000).map(money.wire),
        "always_charged": some.booleans(),
        "cod_fee": some.none() | paise,
        "days": some.none() | some.integers(1, 20),
    }
)
offers = some.none() | some.sampled_from(
    [
        {"type": "percent", "value": "33.33"},
        {"type": "fixed", "value": "123.45"},
        {"type": "free_shipping", "value": "0"},
    ]
)


@given(
    home=rates,
    rest=rates,
    pincode=some.sampled_from(sorted(STATES)),
    counts=some.lists(some.integers(0, 4), min_size=3, max_size=3).filter(any),
    offer=offers,
)
@hypothesis_settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
async def test_quote_cart_and_order_agree(
    client: AsyncClient,
    shop: Shop,
    zoning: Zoning,
    home: dict[str, Any],
    rest: dict[str, Any],
    pincode: str,
    counts: list[int],
    offer: dict[str, Any] | None,
) -> None:
    await shop.store.zones.collection.delete_many({})
    await shop.store.coupons.collection.update_many({}, {"$set": {"status": "inactive"}})
    await zoning.add("Home", home_state=True, **home)
    await zoning.add("Rest", sort_order=1, **rest)
    if offer is not None:
        body = {**offer, "automatic": True, "description": "Today"}
        assert (await client.post("/coupons", json=body, headers=zoning.staff.headers)).status_code == 201
    buyer = Buyer(client, shop, await make.person(shop))
    cart = {}
    for price, count in zip(("499.99", "2499.00", "2950.01"), counts, strict=True):
        product = await make.product(shop, price=price, mrp="3999", hsn_code="6204")
        if count:
            cart[product.variants[0].sku] = count
    await make.cart(shop, buyer.person, cart)
    address = {**make.ADDRESS, "state": STATES[pincode], "pincode": pincode}
    made = await client.post("/user-address", json=address, headers=buyer.headers)
    asked = {"address_id": made.json()["id"]}
    plain = (await client.post("/checkout/quote", json=asked, headers=buyer.headers)).json()
    shown = (await client.get("/cart", headers=buyer.headers)).json()
    assert {name: shown[name] for name in ("subtotal", "discount", "shipping", "total")} == {
        name: plain[name] for name in ("subtotal", "discount", "shipping", "total")
    }
    cod = (await client.post("/checkout/quote", json={**asked, "payment_type": "cod"}, headers=buyer.headers)).json()
    body = {**asked, "payment": {"type": "cod"}, "expected_total": cod["total"]}
    placed = await client.post("/checkout", json=body, headers=buyer.headers)
    assert placed.status_code == 201, placed.text
    order = placed.json()["order"]
    for name in ("subtotal", "discount", "shipping", "tax", "total", "estimated_delivery"):
        assert order[name] == cod[name], name
    for line, said in zip(order["items"], cod["items"], strict=True):
        assert {name: line[name] for name in ("sku", "discount", "taxable_value", "tax", "line_total")} == {
            name: said[name] for name in ("sku", "discount", "taxable_value", "tax", "line_total")
        }
