"""/audit: no write of a repository skips the trail, and none is in it that did not happen."""

from typing import Any

import httpx
import pytest
from bson import ObjectId
from pymongo import InsertOne, ReturnDocument, UpdateMany, UpdateOne
from tests import make

from truestyle.audit.service import audit
from truestyle.catalog.importing.models import STORE
from truestyle.catalog.importing.service import import_catalogue
from truestyle.kit.errors import NotFound
from truestyle.kit.trail import HIDDEN, Actor, ActorKind, Watch, Watched, acting
from truestyle.shop import Shop
from truestyle.store import Store

PASSWORD = "a long and unlikely phrase"
CATALOGUE = b"""slug,name,sku,size,color,mrp,price,stock
kurta,Kurta,K-1,M,Indigo,1999.00,1499.00,3
shirt,Shirt,S-1,M,White,999.00,799.00,2
"""


async def entries(client: httpx.AsyncClient, admin: make.Person, **query: str) -> list[dict[str, Any]]:
    answer = await client.get("/audit", params={"sort": "created_at", **query}, headers=admin.headers)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_it_tells_who_did_what_in_which_request_before_and_after(
    client: httpx.AsyncClient, admin: make.Person, staff: make.Person
) -> None:
    made = (await client.post("/brands", json={"name": "Sutvana"}, headers=staff.headers)).json()
    named = {**staff.headers, "x-request-id": "rename-1"}
    await client.put(f"/brands/{made['id']}", json={"name": "Sutvana Studio"}, headers=named)
    await client.put(f"/brands/{made['id']}", json={"name": "Sutvana Studio"}, headers=named)  # changes nothing
    await client.delete(f"/brands/{made['id']}", headers=admin.headers)
    created, changed, removed = await entries(client, admin, resource_id=made["id"])
    assert (created["action"], created["resource"], created["before"]) == ("create", "brands", None)
    assert created["after"]["name"] == "Sutvana"
    assert changed["actor"] == {"kind": "user", "id": str(staff.user.id)}
    assert (changed["action"], changed["request_id"]) == ("update", "rename-1")
    assert (changed["before"], changed["after"]) == ({"name": "Sutvana"}, {"name": "Sutvana Studio"})
    assert (removed["action"], removed["after"]) == ("delete", None)
    assert removed["actor"]["id"] == str(admin.user.id)
    assert removed["before"]["name"] == "Sutvana Studio"
    one = await client.get(f"/audit/{changed['id']}", headers=admin.headers)
    assert one.json() == changed


async def test_amounts_are_told_as_on_the_wire(client: httpx.AsyncClient, shop: Shop, admin: make.Person) -> None:
    product = await make.product(shop)
    await client.put(f"/products/{product.id}", json={"price": "1299.50"}, headers=admin.headers)
    (changed,) = await entries(client, admin, resource_id=str(product.id), action="update")
    assert changed["before"]["price"] == "1499.00"
    assert changed["after"]["price"] == "1299.50"
    assert {"in_stock", "sort_name", "version"} & changed["after"].keys() == set()


async def test_what_is_refused_leaves_no_entry(client: httpx.AsyncClient, admin: make.Person) -> None:
    await client.post("/brands", json={"name": "Sutvana"}, headers=admin.headers)
    before = await entries(client, admin)
    refused = await client.post("/brands", json={"name": "SUTVANA"}, headers=admin.headers)
    stale = {**admin.headers, "if-match": '"7"'}
    brand = (await client.get("/brands")).json()["items"][0]
    conflict = await client.put(f"/brands/{brand['id']}", json={"name": "X"}, headers=stale)
    assert (refused.status_code, conflict.status_code) == (409, 412)
    assert await entries(client, admin) == before


async def test_what_is_rolled_back_leaves_no_entry(store: Store) -> None:
    product_id = ObjectId()

    async def work(tx: Store) -> None:
        await tx.payments.collection.insert_one({"_id": ObjectId(), "order_id": product_id}, session=tx.session)
        raise NotFound

    count = await store.trail.count({})
    with pytest.raises(NotFound):
        await store.transaction(work)
    assert await store.trail.count({}) == count


async def test_a_password_is_told_to_have_changed_and_no_more(
    client: httpx.AsyncClient, shop: Shop, admin: make.Person
) -> None:
    body = {"email": "asha@example.com", "password": PASSWORD, "full_name": "Asha Rao"}
    user = (await client.post("/auth/register", json=body)).json()
    signed = await client.post("/auth/login", json={"email": body["email"], "password": PASSWORD})
    headers = {"authorization": f"Bearer {signed.json()['access_token']}"}
    fresh = {"current_password": PASSWORD, "new_password": "another unlikely phrase"}
    assert (await client.post("/auth/change-password", json=fresh, headers=headers)).status_code == 200
    created, changed = await entries(client, admin, resource_id=user["id"])
    assert created["actor"] == {"kind": "user", "id": user["id"]}
    assert created["after"]["password_hash"] == HIDDEN
    assert (changed["before"], changed["after"]) == ({"password_hash": HIDDEN}, {"password_hash": HIDDEN})
    async for row in shop.store.trail.collection.find():
        assert "argon2" not in (row["details"] or "")


async def test_an_order_is_its_buyers_and_a_move_of_it_the_staffs(
    client: httpx.AsyncClient, shop: Shop, admin: make.Person, staff: make.Person, shopper: make.Person
) -> None:
    product = await make.product(shop)
    await make.cart(shop, shopper, {product.variants[0].sku: 2})
    placed = (await client.post("/checkout", json=make.COD, headers=shopper.headers)).json()
    packed = await client.put(f"/orders/{placed['order_id']}/status", json={"status": "packed"}, headers=staff.headers)
    assert packed.status_code == 200
    created, moved = await entries(client, admin, resource="orders", resource_id=placed["order_id"])
    assert created["actor"] == {"kind": "user", "id": str(shopper.user.id)}
    assert created["after"]["total"] == placed["order"]["total"]
    assert "shipping_address" not in created["after"]
    assert moved["actor"]["id"] == str(staff.user.id)
    assert (moved["before"]["status"], moved["after"]["status"]) == ("confirmed", "packed")


async def test_a_guests_order_is_a_guests(client: httpx.AsyncClient, shop: Shop, admin: make.Person) -> None:
    product = await make.product(shop)
    added = await client.post("/cart/add", json={"product_id": str(product.id), "size": "M", "color": "Indigo"})
    token = {"x-cart-token": added.json()["token"]}
    placed = await client.post("/checkout", json={**make.COD, "email": "g@example.com"}, headers=token)
    (created,) = await entries(client, admin, resource="orders", resource_id=placed.json()["order_id"])
    assert created["actor"] == {"kind": "guest", "id": None}


async def test_an_import_is_the_commands_and_each_product_told_once(
    client: httpx.AsyncClient, shop: Shop, admin: make.Person
) -> None:
    with acting(Actor(ActorKind.COMMAND)):
        done = await import_catalogue(shop.store, shop.storage, CATALOGUE, name="some.csv", actor=STORE)
    assert done.products.created == 2
    told = await entries(client, admin, resource="products")
    assert [(one["action"], one["actor"]["kind"]) for one in told] == [("create", "command")] * 2


async def test_leaving_erases_what_was_told_and_keeps_the_chain(
    client: httpx.AsyncClient, shop: Shop, admin: make.Person
) -> None:
    leaver = await make.person(shop, "customer", phone="+919876543210")
    address = await client.post("/user-address", json=make.ADDRESS, headers=leaver.headers)
    assert address.status_code == 201
    await shop.sealer.seal()
    assert (await client.delete(f"/users/{leaver.user.id}", headers=admin.headers)).status_code == 204
    await shop.sealer.seal()
    told = await entries(client, admin, resource_id=str(leaver.user.id))
    assert [one["action"] for one in told] == ["create", "delete"]
    assert all(one["before"] is one["after"] is None and one["erased_at"] for one in told)
    async for row in shop.store.trail.collection.find():
        assert leaver.user.email not in str(row)
        assert "Indiranagar" not in str(row)
    assert [one for one in (await audit(shop)).breaches if one.invariant == "I11"] == []


@pytest.mark.parametrize("who", ["nobody", "shopper", "vendor", "staff"])
async def test_only_admins_read_it(
    client: httpx.AsyncClient, shop: Shop, who: str, staff: make.Person, vendor: make.Person, shopper: make.Person
) -> None:
    headers = {"nobody": {}, "shopper": shopper.headers, "vendor": vendor.headers, "staff": staff.headers}[who]
    expected = 401 if who == "nobody" else 403
    assert (await client.get("/audit", headers=headers)).status_code == expected
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert (await client.request(method, "/audit", headers=headers)).status_code == 405


async def test_filters_narrow_and_use_an_index(
    client: httpx.AsyncClient, shop: Shop, admin: make.Person, staff: make.Person
) -> None:
    for number in range(3):
        await client.post("/brands", json={"name": f"Brand {number}"}, headers=staff.headers)
    mine = await entries(client, admin, actor_id=str(staff.user.id), resource="brands")
    assert len(mine) == 3
    assert await entries(client, admin, to=mine[0]["created_at"], resource="brands") == []
    assert len(await entries(client, admin, **{"from": mine[0]["created_at"]}, resource="brands")) == 3
    assert len(await entries(client, admin, request_id=mine[1]["request_id"])) == 1
    for where in (
        {"resource": "brands"},
        {"resource_id": mine[0]["resource_id"]},
        {"actor.id": staff.user.id},
        {"action": "create"},
        {"request_id": mine[0]["request_id"]},
        {"created_at": {"$gte": staff.user.created_at}},
        {"sealed": False},
    ):
        plan = await shop.store.trail.collection.find(where, sort=[("_id", -1)], limit=21).explain()
        assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"]), where


class TestEveryKindOfWrite:
    """On a collection of its own, each write of PyMongo that a repository may use."""

    @pytest.fixture
    async def rows(self, store: Store) -> Any:
        watched = Watched(store.db, "watched_rows", Watch())
        await watched.database["watched_rows"].insert_many([{"_id": n, "n": n, "even": n % 2 == 0} for n in range(4)])
        yield watched
        await watched.database["watched_rows"].drop()

    async def told(self, store: Store) -> list[tuple[str, str, Any]]:
        found = store.trail.collection.find({"resource": "watched_rows"}, sort=[("_id", 1)])
        return [(row["action"], row["resource_id"], row["details"]) async for row in found]

    async def test_inserts(self, store: Store, rows: Watched) -> None:
        await rows.insert_one({"_id": 7, "n": 7})
        await rows.insert_many([{"_id": 8, "n": 8}, {"_id": 9, "n": 9}])
        assert [(one[0], one[1]) for one in await self.told(store)] == [
            ("create", "7"),
            ("create", "8"),
            ("create", "9"),
        ]

    async def test_updates(self, store: Store, rows: Watched) -> None:
        await rows.update_one({"even": True}, {"$inc": {"n": 10}})
        await rows.update_many({"even": False}, {"$inc": {"n": 10}})
        await rows.update_one({"_id": 3}, {"$set": {"n": 13, "updated_at": 1}})  # the same again
        await rows.replace_one({"_id": 2}, {"n": 20, "even": True})
        before = await rows.find_one_and_update({"_id": 2}, {"$inc": {"n": 1}})
        after = await rows.find_one_and_update({"_id": 2}, {"$inc": {"n": 1}}, return_document=ReturnDocument.AFTER)
        assert (before, after) == ({"_id": 2, "n": 20, "even": True}, {"_id": 2, "n": 22, "even": True})
        assert await self.told(store) == [
            ("update", "0", '{"before":{"n":0},"after":{"n":10}}'),
            ("update", "1", '{"before":{"n":1},"after":{"n":11}}'),
            ("update", "3", '{"before":{"n":3},"after":{"n":13}}'),
            ("update", "2", '{"before":{"n":2},"after":{"n":20}}'),
            ("update", "2", '{"before":{"n":20},"after":{"n":21}}'),
            ("update", "2", '{"before":{"n":21},"after":{"n":22}}'),
        ]

    async def test_upserts(self, store: Store, rows: Watched) -> None:
        await rows.update_one({"_id": 50}, {"$set": {"n": 1}}, upsert=True)
        await rows.find_one_and_update(
            {"_id": 51}, {"$set": {"n": 1}}, upsert=True, return_document=ReturnDocument.AFTER
        )
        await rows.find_one_and_update({"_id": 52}, {"$set": {"n": 1}}, upsert=True)
        assert [one[:2] for one in await self.told(store)] == [("create", "50"), ("create", "51"), ("create", "52")]

    async def test_deletes(self, store: Store, rows: Watched) -> None:
        await rows.delete_one({"_id": 0})
        await rows.delete_one({"_id": 100})
        await rows.find_one_and_delete({"_id": 1})
        await rows.delete_many({})
        assert [one[:2] for one in await self.told(store)] == [("delete", str(n)) for n in range(4)]

    async def test_bulk_writes(self, store: Store, rows: Watched) -> None:
        await rows.bulk_write(
            [
                InsertOne({"_id": 60, "n": 1}),
                UpdateOne({"_id": 0}, {"$set": {"n": 5}}),
                UpdateMany({"even": False}, {"$set": {"n": 6}}),
                UpdateOne({"_id": 61}, {"$set": {"n": 7}}, upsert=True),
            ]
        )
        told = {(one[0], one[1]) for one in await self.told(store)}
        assert told == {("create", "60"), ("update", "0"), ("update", "1"), ("update", "3"), ("create", "61")}
