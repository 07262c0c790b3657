"""Roles and permissions as data: here at once, on another process within a second."""

from functools import partial
from pathlib import Path

import httpx
import pytest

from tests import make
from tests.running import environment, running
from tests.soon import soon
from truestyle.auth.permissions import Permission
from truestyle.shop import Shop


async def grants(client: httpx.AsyncClient, admin: make.Person, role: str) -> dict[str, str]:
    params = {"role": role, "page_size": "100"}
    listed = await client.get("/role-permissions", params=params, headers=admin.headers)
    return {one["permission"]: one["id"] for one in listed.json()["items"]}


async def packer(client: httpx.AsyncClient, shop: Shop, admin: make.Person) -> make.Person:
    """Somebody in a role of the owner's own making."""
    made = await client.post("/roles", json={"code": "packer", "name": "Packer"}, headers=admin.headers)
    assert made.status_code == 201
    return await make.person(shop, "packer")


@pytest.fixture(autouse=True)
async def only_built_in_roles(shop: Shop) -> None:
    await shop.store.roles.collection.delete_many({"is_system": False})
    await shop.store.role_permissions.collection.delete_many({"role": "packer"})
    await shop.store.permissions.collection.delete_many({"is_system": False})


async def test_a_new_role_may_do_what_it_is_granted_and_no_more(
    client: httpx.AsyncClient, shop: Shop, admin: make.Person
) -> None:
    person = await packer(client, shop, admin)
    assert (await client.get("/orders", headers=person.headers)).status_code == 403
    for permission in (Permission.ACCOUNT, Permission.ORDERS_READ):
        body = {"role": "packer", "permission": permission.value}
        assert (await client.post("/role-permissions", json=body, headers=admin.headers)).status_code == 201
    assert (await client.get("/orders", headers=person.headers)).status_code == 200
    assert (await client.post("/brands", json={"name": "X"}, headers=person.headers)).status_code == 403

    held = await grants(client, admin, "packer")
    gone = await client.delete(f"/role-permissions/{held['account:own']}", headers=admin.headers)
    assert gone.status_code == 204
    assert (await client.get("/orders", headers=person.headers)).status_code == 403


async def test_a_change_holds_on_another_process_within_a_second(
    client: httpx.AsyncClient, shop: Shop, admin: make.Person, tmp_path: Path
) -> None:
    person = await packer(client, shop, admin)
    body = {"role": "packer", "permission": Permission.ACCOUNT.value}
    with running(["serve"], environment(shop.settings), tmp_path) as other:
        async with httpx.AsyncClient(base_url=f"{other.url}/api/v1") as there:

            async def answers(status: int) -> bool:
                return (await there.get("/auth/me", headers=person.headers)).status_code == status

            assert await answers(403)
            granted = await client.post("/role-permissions", json=body, headers=admin.headers)
            await soon(partial(answers, 200))
            await client.delete(f"/role-permissions/{granted.json()['id']}", headers=admin.headers)
            await soon(partial(answers, 403))
            demoted = await client.put(
                f"/users/{person.user.id}/role", json={"role": "customer"}, headers=admin.headers
            )
            assert demoted.status_code == 200
            await soon(partial(answers, 200))


async def test_what_is_built_in_or_in_use_stays(client: httpx.AsyncClient, shop: Shop, admin: make.Person) -> None:
    await packer(client, shop, admin)
    roles = (await client.get("/roles", headers=admin.headers)).json()["items"]
    permissions = (await client.get("/permissions", params={"page_size": 100}, headers=admin.headers)).json()["items"]
    assert len(permissions) == len(Permission)
    for path in (
        *(f"/roles/{one['id']}" for one in roles),  # built in, or somebody has it
        f"/permissions/{permissions[0]['id']}",
        f"/role-permissions/{(await grants(client, admin, 'admin'))['rbac:write']}",
    ):
        refused = await client.delete(path, headers=admin.headers)
        assert (refused.status_code, refused.json()["code"]) == (409, "in_use"), path
    assert len((await client.get("/roles", headers=admin.headers)).json()["items"]) == len(roles)


async def test_a_role_that_nobody_has_goes_with_its_grants(
    client: httpx.AsyncClient, shop: Shop, admin: make.Person
) -> None:
    made = (await client.post("/roles", json={"code": "packer", "name": "Packer"}, headers=admin.headers)).json()
    body = {"role": "packer", "permission": "orders:read"}
    await client.post("/role-permissions", json=body, headers=admin.headers)
    assert (await client.delete(f"/roles/{made['id']}", headers=admin.headers)).status_code == 204
    assert await shop.store.role_permissions.count({"role": "packer"}) == 0


async def test_grants_name_what_exists_and_only_once(client: httpx.AsyncClient, admin: make.Person) -> None:
    for body in (
        {"role": "king", "permission": "orders:read"},
        {"role": "staff", "permission": "no:such"},
        {"role": "staff", "permission": "nonsense"},
    ):
        assert (await client.post("/role-permissions", json=body, headers=admin.headers)).status_code == 422
    twice = {"role": "staff", "permission": "orders:read"}
    refused = await client.post("/role-permissions", json=twice, headers=admin.headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "duplicate")


async def test_an_integration_can_have_a_permission_of_its_own(client: httpx.AsyncClient, admin: make.Person) -> None:
    made = await client.post("/permissions", json={"code": "reports:read"}, headers=admin.headers)
    assert (made.status_code, made.json()["resource"], made.json()["action"]) == (201, "reports", "read")
    granted = await client.post(
        "/role-permissions", json={"role": "vendor", "permission": "reports:read"}, headers=admin.headers
    )
    key = granted.json()["id"]
    assert (await client.delete(f"/permissions/{made.json()['id']}", headers=admin.headers)).status_code == 409
    moved = await client.put(f"/role-permissions/{key}", json={"role": "staff"}, headers=admin.headers)
    assert moved.json()["role"] == "staff"
    assert (await client.delete(f"/role-permissions/{key}", headers=admin.headers)).status_code == 204
    assert (await client.delete(f"/permissions/{made.json()['id']}", headers=admin.headers)).status_code == 204
