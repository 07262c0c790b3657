"""Roles, permissions and grants as data. A change holds here at once and everywhere within a second."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

from bson import ObjectId
from fastapi import Query
from pydantic import Field

from truestyle.auth.models import Grant, PermissionRow, RoleRow
from truestyle.auth.permissions import Role
from truestyle.auth.repository import SUBJECT
from truestyle.kit.documents import Body, example, optional
from truestyle.kit.errors import InUse, NotFound, ValidationFailed, VersionConflict
from truestyle.kit.types import Code, Line
from truestyle.shop import Shop
from truestyle.store import Store

Result = TypeVar("Result")
PermissionCode = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}:[a-z0-9_]{1,40}$", examples=["orders:read"])]
RoleFilter = Annotated[Code | None, Query(description="Only this role's.")]


class RoleCreate(Body):
    """A new role."""

    code: Code
    name: Line

    model_config = example({"code": "packer", "name": "Packer"})


class RoleWrite(Body):
    """A role's label."""

    name: Line = optional()


class PermissionCreate(Body):
    """A permission for integrations to ask about; the store's own are built in."""

    code: PermissionCode

    model_config = example({"code": "reports:read"})


class GrantWrite(Body):
    """One permission for one role."""

    role: Code
    permission: PermissionCode

    model_config = example({"role": "staff", "permission": "audit:read"})


class GrantChange(Body):
    """Another role or permission for a grant."""

    role: Code = optional()
    permission: PermissionCode = optional()


async def _changing(shop: Shop, work: Callable[[Store], Awaitable[Result]]) -> Result:
    """Run `work` and count the version of the policies up in the same transaction."""

    async def both(tx: Store) -> tuple[Result, int]:
        return await work(tx), await tx.versions.bump(SUBJECT)

    result, version = await shop.store.transaction(both)
    shop.push.saw(SUBJECT, version)
    return result


async def add_role(store: Store, body: RoleCreate) -> RoleRow:
    """A new role, which may do nothing yet. Raises Duplicate."""
    return await store.roles.add(RoleRow(code=body.code, name=body.name, is_system=False))


async def rename_role(store: Store, key: ObjectId, body: RoleWrite, version: int | None) -> RoleRow:
    """Another label. Raises NotFound, VersionConflict."""
    changed = await store.roles.change(key, {"$set": body.sent()}, version=version)
    if changed is None:
        raise NotFound
    return changed


async def remove_role(shop: Shop, key: ObjectId) -> None:
    """Delete a role with its grants. Raises NotFound, InUse when it is built in or somebody has it."""

    async def work(tx: Store) -> None:
        role = await tx.roles.get(key)
        if role.is_system or await tx.users.first({"role": role.code}) is not None:
            raise InUse
        await tx.role_permissions.forget_role(role.code)
        await tx.roles.remove(key)

    await _changing(shop, work)


async def add_permission(store: Store, body: PermissionCreate) -> PermissionRow:
    """A further permission. Raises Duplicate."""
    resource, action = body.code.split(":")
    return await store.permissions.add(PermissionRow(code=body.code, resource=resource, action=action, is_system=False))


async def remove_permission(store: Store, key: ObjectId) -> None:
    """Delete one that is not built in and that no role holds. Raises NotFound, InUse."""

    async def work(tx: Store) -> None:
        row = await tx.permissions.get(key)
        if row.is_system or await tx.role_permissions.first({"permission": row.code}) is not None:
            raise InUse
        await tx.permissions.remove(key)

    await store.transaction(work)


async def grant(shop: Shop, body: GrantWrite) -> Grant:
    """Let a role do something more. Raises ValidationFailed, Duplicate."""

    async def work(tx: Store) -> Grant:
        await _require_known(tx, body.role, body.permission)
        return await tx.role_permissions.add(Grant(role=body.role, permission=body.permission))

    return await _changing(shop, work)


async def change_grant(shop: Shop, key: ObjectId, body: GrantChange, version: int | None) -> Grant:
    """Point a grant elsewhere. Raises NotFound, ValidationFailed, Duplicate, InUse, VersionConflict."""

    async def work(tx: Store) -> Grant:
        before = await tx.role_permissions.get(key)
        if version is not None and before.version != version:
            raise VersionConflict
        values: dict[str, Any] = {name: value for name, value in body.sent().items() if getattr(before, name) != value}
        if not values:
            return before
        _require_not_admins(before)
        after = before.model_copy(update=values)
        await _require_known(tx, after.role, after.permission)
        changed = await tx.role_permissions.change(key, {"$set": values})
        if changed is None:
            raise NotFound
        return changed

    return await _changing(shop, work)


async def revoke(shop: Shop, key: ObjectId) -> None:
    """Take a permission from a role. Raises NotFound, InUse for the admin's own, who must keep all."""

    async def work(tx: Store) -> None:
        _require_not_admins(await tx.role_permissions.get(key))
        await tx.role_permissions.remove(key)

    await _changing(shop, work)


def _require_not_admins(row: Grant) -> None:
    if row.role == Role.ADMIN:
        msg = "The admin role keeps every permission, so that nobody can lock the store."
        raise InUse(msg)


async def _require_known(tx: Store, role: str, permission: str) -> None:
    if await tx.roles.first({"code": role}) is None:
        raise ValidationFailed("is not a role", ("body", "role"))
    if await tx.permissions.first({"code": permission}) is None:
        raise ValidationFailed("is not a permission", ("body", "permission"))
