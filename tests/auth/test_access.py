"""Who may do what: the built-in roles, and permissions as data."""

import pytest
from httpx import AsyncClient

from tests import make
from truestyle.auth.permissions import GRANTS, Permission, Role
from truestyle.auth.repository import SUBJECT
from truestyle.shop import Shop

NOWHERE = "65af0b12c4a1d2e3f4a5b6c7"
KURTA = {"name": "Kurta", "price": "999.00"}
STATUS = {"status": "packed"}
# (method, path, body, the statuses for nobody, customer, vendor, staff, admin)
MATRIX = [
    ("POST", "/brands", {"name": "N"}, (401, 403, 403, 201, 201)),
    ("PUT", f"/brands/{NOWHERE}", {"name": "N"}, (401, 403, 403, 404, 404)),
    ("PATCH", f"/brands/{NOWHERE}", {"name": "N"}, (401, 403, 403, 404, 404)),
    ("DELETE", f"/brands/{NOWHERE}", None, (401, 403, 403, 404, 404)),
    ("POST", "/categories", {"name": "N"}, (401, 403, 403, 201, 201)),
    ("PUT", f"/categories/{NOWHERE}", {"name": "N"}, (401, 403, 403, 404, 404)),
    ("POST", "/occasions", {"name": "N"}, (401, 403, 403, 201, 201)),
    ("POST", "/order-status", {"name": "N"}, (401, 403, 403, 201, 201)),
    ("POST", "/products", KURTA, (401, 403, 201, 201, 201)),
    ("PUT", f"/products/{NOWHERE}", {}, (401, 403, 404, 404, 404)),
    ("DELETE", f"/products/{NOWHERE}", None, (401, 403, 404, 404, 404)),
    ("PUT", f"/products/{NOWHERE}/stock", {"sku": "A", "delta": 1}, (401, 403, 404, 404, 404)),
    ("GET", f"/products/{NOWHERE}/stock-movements", None, (401, 403, 404, 404, 404)),
    ("GET", "/products", None, (200, 200, 200, 200, 200)),
    ("GET", "/brands", None, (200, 200, 200, 200, 200)),
    ("GET", "/cart", None, (200, 200, 200, 200, 200)),
    ("GET", "/orders", None, (401, 200, 200, 200, 200)),
    ("GET", f"/orders/{NOWHERE}", None, (401, 404, 404, 404, 404)),
    ("PUT", f"/orders/{NOWHERE}", {}, (401, 404, 404, 404, 404)),
    ("PUT", f"/orders/{NOWHERE}/status", STATUS, (401, 403, 403, 404, 404)),
    ("POST", f"/orders/{NOWHERE}/cancel", {"reason": "x"}, (401, 404, 404, 404, 404)),
    ("DELETE", f"/orders/{NOWHERE}", None, (401, 403, 403, 404, 404)),
    ("GET", "/user-address", None, (401, 200, 200, 200, 200)),
    ("GET", "/auth/me", None, (401, 200, 200, 200, 200)),
]


@pytest.mark.parametrize(("method", "path", "body", "statuses"), MATRIX, ids=lambda value: str(value)[:30])
async def test_each_role_gets_exactly_this_far(
    client: AsyncClient, shop: Shop, method: str, path: str, body: object, statuses: tuple[int, ...]
) -> None:
    for role, expected in zip((None, "customer", "vendor", "staff", "admin"), statuses, strict=True):
        headers = (await make.person(shop, role)).headers if role else {}
        sent = {**body, "name": f"{role}"} if isinstance(body, dict) and "name" in body else body
        answer = await client.request(method, path, json=sent, headers=headers)
        assert answer.status_code == expected, (role, answer.text)


async def test_permission_comes_before_validation(client: AsyncClient, shopper: make.Person) -> None:
    answer = await client.post("/brands", json={"nonsense": 1}, headers=shopper.headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await client.post("/brands", json={"nonsense": 1})).status_code == 401


async def test_the_vocabulary_and_the_grants_are_data(shop: Shop) -> None:
    assert set(await shop.store.permissions.collection.distinct("code")) == set(Permission)
    assert set(await shop.store.roles.collection.distinct("code")) >= set(Role)
    for role, permissions in GRANTS.items():
        assert set(await shop.store.role_permissions.of(role)) == set(permissions)


async def test_a_permission_given_or_taken_holds_from_the_next_request(client: AsyncClient, shop: Shop) -> None:
    person = await make.person(shop, "helper")
    grants = shop.store.role_permissions.collection

    async def changed() -> None:
        shop.push.saw(SUBJECT, await shop.store.versions.bump(SUBJECT))

    async def tries(name: str) -> int:
        return (await client.post("/brands", json={"name": name}, headers=person.headers)).status_code

    try:
        assert await tries("A") == 403
        await grants.insert_one({"role": "helper", "permission": Permission.BRANDS_WRITE})
        await changed()
        assert await tries("B") == 201
        await grants.delete_many({"role": "helper"})
        await changed()
        assert await tries("C") == 403
    finally:
        await grants.delete_many({"role": "helper"})
        await changed()
    assert await shop.store.db["brands"].count_documents({}) == 1


async def test_a_changed_role_holds_once_the_gate_forgets(client: AsyncClient, shop: Shop, staff: make.Person) -> None:
    assert (await client.post("/brands", json={"name": "A"}, headers=staff.headers)).status_code == 201
    await shop.store.users.collection.update_one({"_id": staff.user.id}, {"$set": {"role": "customer"}})
    shop.keys.gate.forget(user=staff.user.id)
    assert (await client.post("/brands", json={"name": "B"}, headers=staff.headers)).status_code == 403


async def test_while_the_change_stream_is_unsure_nothing_is_remembered(
    client: AsyncClient, shop: Shop, staff: make.Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(shop.push), "sure", False)
    assert (await client.post("/brands", json={"name": "A"}, headers=staff.headers)).status_code == 201
    await shop.store.users.collection.update_one({"_id": staff.user.id}, {"$set": {"role": "customer"}})
    assert (await client.post("/brands", json={"name": "B"}, headers=staff.headers)).status_code == 403
