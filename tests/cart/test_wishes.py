"""/wishlist-items: liking, choosing, and moving to the cart."""

import asyncio

import httpx

from tests import make
from truestyle.shop import Shop


async def test_the_life_of_a_wish(client: httpx.AsyncClient, shop: Shop, shopper: make.Person) -> None:
    product = await make.product(shop, variants=[{"sku": "W-M", "size": "M"}, {"sku": "W-L", "size": "L"}])
    key, mine = str(product.id), shopper.headers

    made = await client.post("/wishlist-items", json={"product_id": key}, headers=mine)
    assert made.status_code == 201, made.text
    wish = made.json()
    assert made.headers["location"] == f"/api/v1/wishlist-items/{wish['id']}"
    assert (wish["name"], wish["price"], wish["sku"], wish["in_stock"]) == (product.name, "1499.00", None, True)
    again = await client.post("/wishlist-items", json={"product_id": key}, headers=mine)
    assert (again.status_code, again.json()["code"]) == (409, "duplicate")

    chosen = await client.put(f"/wishlist-items/{wish['id']}", json={"sku": "W-L"}, headers=mine)
    assert (chosen.json()["sku"], chosen.json()["size"]) == ("W-L", "L")
    unknown = await client.put(f"/wishlist-items/{wish['id']}", json={"sku": "NOPE"}, headers=mine)
    assert unknown.status_code == 404
    listed = (await client.get("/wishlist-items", headers=mine)).json()
    assert (listed["total"], [one["sku"] for one in listed["items"]]) == (1, ["W-L"])

    assert (await client.delete(f"/wishlist-items/{wish['id']}", headers=mine)).status_code == 204
    assert (await client.delete(f"/wishlist-items/{wish['id']}", headers=mine)).status_code == 404
    assert (await client.get("/wishlist-items", headers=mine)).json()["items"] == []


async def test_moving_to_the_cart_takes_it_off_the_list(
    client: httpx.AsyncClient, shop: Shop, shopper: make.Person
) -> None:
    product = await make.product(shop, stock=2, variants=[{"sku": "W-M", "size": "M"}, {"sku": "W-L", "size": "L"}])
    wish = (await client.post("/wishlist-items", json={"product_id": str(product.id)}, headers=shopper.headers)).json()
    path = f"/wishlist-items/{wish['id']}/move-to-cart"

    undecided = await client.post(path, json={}, headers=shopper.headers)
    assert undecided.status_code == 422
    too_many = await client.post(path, json={"size": "M", "quantity": 3}, headers=shopper.headers)
    assert (too_many.status_code, too_many.json()["code"]) == (409, "insufficient_stock")
    assert (await client.get("/wishlist-items", headers=shopper.headers)).json()["total"] == 1

    moved = await client.post(path, json={"size": "M", "quantity": 2}, headers=shopper.headers)
    assert moved.status_code == 200
    assert [(one["sku"], one["quantity"]) for one in moved.json()["items"]] == [("W-M", 2)]
    assert (await client.get("/wishlist-items", headers=shopper.headers)).json()["total"] == 0


async def test_twenty_likes_at_once_are_one(client: httpx.AsyncClient, shop: Shop, shopper: make.Person) -> None:
    body = {"product_id": str((await make.product(shop)).id)}
    answers = await asyncio.gather(
        *(client.post("/wishlist-items", json=body, headers=shopper.headers) for _ in range(20))
    )
    assert sorted(one.status_code for one in answers) == [201] + [409] * 19
    assert (await client.get("/wishlist-items", headers=shopper.headers)).json()["total"] == 1


async def test_anothers_wish_is_not_there(client: httpx.AsyncClient, shop: Shop, shopper: make.Person) -> None:
    product = await make.product(shop)
    wish = (await client.post("/wishlist-items", json={"product_id": str(product.id)}, headers=shopper.headers)).json()
    other = await make.person(shop)
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/move-to-cart")):
        answer = await client.request(
            method, f"/wishlist-items/{wish['id']}{path}", json={} if path else None, headers=other.headers
        )
        assert answer.status_code == 404
    assert (await client.get("/wishlist-items", headers=shopper.headers)).json()["total"] == 1
