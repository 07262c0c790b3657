"""Seeding twice, and seeding a store of an earlier release."""

from typing import Any

import pytest
from pydantic import SecretStr
from stdnum.in_ import gstin

from truestyle.auth.permissions import GRANTS, Permission, Role
from truestyle.catalog.lookups import OrderStatusRow
from truestyle.invoices.facts import seller_now
from truestyle.kit import clock
from truestyle.orders.flow import OrderStatus
from truestyle.seed import details, seed
from truestyle.settings import SettingsRefusedError
from truestyle.shop import Shop


async def test_seeding_again_changes_nothing(shop: Shop) -> None:
    async def everything() -> dict[str, Any]:
        return {one.name: await one.collection.find({}).sort("_id", 1).to_list() for one in shop.store.collections()}

    await shop.prepare()
    before = await everything()
    await shop.prepare()
    assert await everything() == before
    assert len(before["permissions"]) == len(Permission)
    assert len(before["role_permissions"]) == sum(len(held) for held in GRANTS.values())


async def test_what_an_owner_took_from_a_role_stays_taken(shop: Shop) -> None:
    row = {"role": Role.STAFF.value, "permission": Permission.STOCK_WRITE.value}
    kept = await shop.store.role_permissions.collection.find_one_and_delete(row)
    assert kept is not None
    try:
        await seed.essentials(shop)
        assert await shop.store.role_permissions.count(row) == 0
    finally:
        await shop.store.role_permissions.collection.insert_one(kept)


async def test_a_permission_that_a_release_brings_reaches_the_built_in_roles(shop: Shop) -> None:
    code = Permission.STOCK_WRITE.value
    version = shop.push.version("rbac")
    await shop.store.permissions.collection.delete_one({"code": code})
    await shop.store.role_permissions.collection.delete_many({"permission": code})
    await seed.essentials(shop)
    held = {
        row.role
        for row in [await shop.store.role_permissions.first({"permission": code, "role": r}) for r in Role]
        if row
    }
    assert held == {role for role, permissions in GRANTS.items() if code in permissions}
    assert version is not None
    assert (shop.push.version("rbac") or 0) > version


async def test_a_label_that_an_owner_changed_stays_changed(shop: Shop) -> None:
    statuses = shop.store.of(OrderStatusRow)
    row = await statuses.first({"code": OrderStatus.PACKED})
    assert row is not None
    assert row.is_system
    await statuses.change(row.id, {"$set": {"name": "In the box"}})
    await seed.essentials(shop)
    assert (await statuses.get(row.id)).name == "In the box"
    await statuses.change(row.id, {"$set": {"name": row.name}})


async def test_a_weak_password_of_the_admin_is_refused_by_the_name_of_its_setting(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = shop.settings.auth.model_copy(
        update={"seed_admin_email": "owner@example.com", "seed_admin_password": SecretStr("password123")}
    )
    monkeypatch.setattr(shop.settings, "auth", auth)
    with pytest.raises(SettingsRefusedError, match="SEED_ADMIN_PASSWORD") as refused:
        await seed.essentials(shop)
    assert "password123" not in str(refused.value)
    assert await shop.store.users.by_email("owner@example.com") is None


async def test_the_demo_store_is_registered(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """So its invoices are tax invoices; one that somebody introduced, or that is elsewhere, is left as it is."""
    elsewhere = shop.settings.shop.model_copy(update={"store_state": "Kerala"})
    with monkeypatch.context() as patch:
        patch.setattr(shop.settings, "shop", elsewhere)
        assert await details.introduce(shop) is False
    assert await details.introduce(shop) is True
    assert await details.introduce(shop) is False
    seller = await seller_now(shop.store, clock.now())
    assert (seller.gstin, seller.state_code) == (gstin.validate(details.GSTIN), details.GSTIN[:2])
    assert seller.line1 == "1 Example Street"
