"""The whole way once, over HTTP."""

import httpx

from tests import make
from truestyle.shop import Shop


async def test_a_guest_buys_and_staff_deliver(client: httpx.AsyncClient, shop: Shop, staff: make.Person) -> None:
    product = await make.product(shop, stock=3)
    added = await client.post("/cart/add", json={"product_id": str(product.id), "quantity": 2})
    assert added.status_code == 200
    token = {"x-cart-token": added.headers["x-cart-token"]}

    placed = await client.post("/checkout", json={**make.COD, "email": "guest@example.com"}, headers=token)

    assert placed.status_code == 201, placed.text
    order = placed.json()["order"]
    assert order["status"] == "confirmed"
    assert order["total"] == "2998.00"
    assert (await shop.store.stock.available([product.variants[0].sku])) == {product.variants[0].sku: 1}
    for status in ("packed", "shipped", "out_for_delivery", "delivered"):
        moved = await client.put(f"/orders/{order['id']}/status", json={"status": status}, headers=staff.headers)
        assert moved.status_code == 200, moved.text
    assert moved.json()["amount_paid"] == "2998.00"
    assert moved.json()["payment"]["status"] == "paid"
