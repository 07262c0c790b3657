"""/users for administrators: search, roles, status, deletion, and the last admin."""

import asyncio

import httpx
import pytest

from tests import make
from truestyle.audit.service import audit
from truestyle.shop import Shop

NEW = {"email": "second@example.com", "password": "a long and unlikely phrase", "full_name": "Second Admin"}


async def test_accounts_are_found_by_name_address_role_and_status(
    client: httpx.AsyncClient, shop: Shop, admin: make.Person, staff: make.Person, shopper: make.Person
) -> None:
    await client.put(f"/users/{shopper.user.id}", json={"full_name": "Nandini Śarma Rao"}, headers=admin.headers)
    await client.put(f"/users/{staff.user.id}/status", json={"status": "suspended"}, headers=admin.headers)

    async def found(**query: str) -> set[str]:
        answer = await client.get("/users/", params=query, headers=admin.headers)
        assert answer.status_code == 200, answer.text
        return {one["id"] for one in answer.json()["items"]}

    assert await found(q="nand") == await found(q="RAO nandini") == {str(shopper.user.id)}
    assert await found(q=shopper.user.email[:9]) >= {str(shopper.user.id)}
    assert await found(q="andini") == await found(q=".*") == set()
    assert await found(role="admin") == {str(admin.user.id)}
    assert await found(status="suspended") == {str(staff.user.id)}
    one = (await client.get(f"/users/{shopper.user.id}", headers=admin.headers)).json()
    assert "password_hash" not in one
    assert "words" not in one


async def test_a_new_admin_can_administer_at_once(client: httpx.AsyncClient, admin: make.Person) -> None:
    made = await client.post("/users/create-admin", json=NEW, headers=admin.headers)
    assert (made.status_code, made.json()["role"]) == (201, "admin")
    body = {"email": NEW["email"], "password": NEW["password"]}
    token = (await client.post("/auth/login", json=body)).json()["access_token"]
    assert (await client.get("/users/", headers={"authorization": f"Bearer {token}"})).status_code == 200
    again = await client.post("/users/create-admin", json=NEW, headers=admin.headers)
    assert (again.status_code, again.json()["field"]) == (409, "email")


async def test_a_role_holds_at_once(client: httpx.AsyncClient, admin: make.Person, shopper: make.Person) -> None:
    body = {"name": "Sutvana"}
    assert (await client.post("/brands", json=body, headers=shopper.headers)).status_code == 403
    changed = await client.put(f"/users/{shopper.user.id}/role", json={"role": "staff"}, headers=admin.headers)
    assert changed.json()["role"] == "staff"
    assert (await client.post("/brands", json=body, headers=shopper.headers)).status_code == 201
    await client.put(f"/users/{shopper.user.id}/role", json={"role": "customer"}, headers=admin.headers)
    assert (await client.post("/brands", json={"name": "X"}, headers=shopper.headers)).status_code == 403
    unknown = await client.put(f"/users/{shopper.user.id}/role", json={"role": "king"}, headers=admin.headers)
    assert unknown.status_code == 422


async def test_a_suspended_account_is_out_at_once(
    client: httpx.AsyncClient, admin: make.Person, shopper: make.Person
) -> None:
    assert (await client.get("/auth/me", headers=shopper.headers)).status_code == 200
    await client.put(f"/users/{shopper.user.id}/status", json={"status": "suspended"}, headers=admin.headers)
    out = await client.get("/auth/me", headers=shopper.headers)
    assert (out.status_code, out.json()["code"]) == (401, "token_revoked")
    await client.put(f"/users/{shopper.user.id}/status", json={"status": "active"}, headers=admin.headers)
    assert (await client.get("/auth/me", headers=shopper.headers)).status_code == 401


@pytest.mark.parametrize("act", ["delete", "suspend", "demote", "leave"])
async def test_the_last_admin_stays(act: str, client: httpx.AsyncClient, shop: Shop, admin: make.Person) -> None:
    path = f"/users/{admin.user.id}"
    hashed = await shop.keys.passwords.hash(NEW["password"])
    await shop.store.users.change(admin.user.id, {"$set": {"password_hash": hashed}})
    answers = {
        "delete": lambda: client.delete(path, headers=admin.headers),
        "suspend": lambda: client.put(f"{path}/status", json={"status": "suspended"}, headers=admin.headers),
        "demote": lambda: client.put(f"{path}/role", json={"role": "staff"}, headers=admin.headers),
        "leave": lambda: client.post("/users/me/delete", json={"password": NEW["password"]}, headers=admin.headers),
    }
    refused = await answers[act]()
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert (await client.get("/users/", headers=admin.headers)).status_code == 200


async def test_two_admins_who_demote_each_other_at_once_leave_one(client: httpx.AsyncClient, shop: Shop) -> None:
    for _ in range(3):
        one, other = await make.person(shop, "admin"), await make.person(shop, "admin")
        answers = await asyncio.gather(
            client.put(f"/users/{one.user.id}/role", json={"role": "customer"}, headers=other.headers),
            client.put(f"/users/{other.user.id}/role", json={"role": "customer"}, headers=one.headers),
        )
        assert sorted(answer.status_code for answer in answers) in ([200, 409], [200, 403])
        assert await shop.store.users.active_admins() == 1
        await shop.store.users.collection.delete_many({})


async def test_deleting_takes_all_that_is_the_persons_and_leaves_the_orders(
    client: httpx.AsyncClient, shop: Shop, admin: make.Person, shopper: make.Person
) -> None:
    product = await make.product(shop)
    await client.post("/user-address", json=make.ADDRESS, headers=shopper.headers)
    await make.cart(shop, shopper, {product.variants[0].sku: 1})
    order = (await client.post("/checkout", json=make.COD, headers=shopper.headers)).json()["order"]
    await make.cart(shop, shopper, {product.variants[0].sku: 1})
    await client.post("/wishlist-items", json={"product_id": str(product.id)}, headers=shopper.headers)

    gone = await client.delete(f"/users/{shopper.user.id}", headers=admin.headers)

    assert gone.status_code == 204
    mine = {"user_id": shopper.user.id}
    for collection in (shop.store.carts, shop.store.wishlists, shop.store.addresses, shop.store.sessions):
        assert await collection.count(mine) == 0, collection.name
    assert (await client.get(f"/users/{shopper.user.id}", headers=admin.headers)).status_code == 404
    assert (await client.get("/auth/me", headers=shopper.headers)).status_code == 401
    kept = (await client.get(f"/orders/{order['id']}", headers=admin.headers)).json()
    assert (kept["total"], kept["items"], kept["tax"]) == (order["total"], order["items"], order["tax"])
    assert kept["shipping_address"]["state"] == "Karnataka"
    assert "Asha" not in str(kept)
    assert shopper.user.email not in str(kept)
    report = await audit(shop)
    assert report.clean, report.breaches


async def test_people_take_their_data_and_leave(client: httpx.AsyncClient, shop: Shop, admin: make.Person) -> None:
    del admin  # somebody must stay
    body = {**NEW, "email": "leaver@example.com", "full_name": "Leaver"}
    await client.post("/auth/register", json=body)
    sign_in = {"email": body["email"], "password": body["password"]}
    token = (await client.post("/auth/login", json=sign_in)).json()["access_token"]
    mine = {"authorization": f"Bearer {token}"}
    await client.post("/user-address", json=make.ADDRESS, headers=mine)

    data = (await client.get("/users/me/export", headers=mine)).json()
    assert data["profile"]["email"] == body["email"]
    assert [one["pincode"] for one in data["addresses"]] == ["560038"]
    assert len(data["sessions"]) == 1
    assert "refresh_hash" not in str(data)

    wrong = await client.request("DELETE", "/users/me", json={"password": "not this one"}, headers=mine)
    assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_credentials")
    right = await client.request("DELETE", "/users/me", json={"password": body["password"]}, headers=mine)
    assert right.status_code == 200
    assert (await client.post("/auth/login", json=sign_in)).status_code == 401
    assert await shop.store.users.by_email(body["email"]) is None
