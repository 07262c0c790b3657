"""/roles, /permissions and /role-permissions."""

from typing import Annotated, Any

from fastapi import Response

from truestyle.auth import rbac
from truestyle.auth.errors import StepUpRequired
from truestyle.auth.models import Caller, Grant, PermissionRow, RoleRow
from truestyle.auth.permissions import Permission
from truestyle.auth.rbac import GrantChange, GrantWrite, PermissionCreate, RoleCreate, RoleFilter, RoleWrite
from truestyle.deps import Db, ShopDep, Version, allowed
from truestyle.infra.http.route import changing, router
from truestyle.kit.errors import Duplicate, InUse, NotFound, VersionConflict, responses
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.types import Id

routes = router(tag="Roles")
Reader = Annotated[Caller, allowed(Permission.RBAC_WRITE)]
Guard = Annotated[Caller, allowed(Permission.RBAC_WRITE, step_up=True)]
Paged = Annotated[PageQuery, paging("code", "-created_at", "created_at")]
GrantsPaged = Annotated[PageQuery, paging("created_at", "-created_at")]


def _location(response: Response, store: Any, path: str, key: object) -> None:
    response.headers["location"] = f"{store.shop.api_v1_prefix}{path}/{key}"


@routes.post("/roles", status_code=201, responses=responses(Duplicate, StepUpRequired))
async def create_role(body: RoleCreate, response: Response, store: Db, _: Guard) -> RoleRow:
    """Add a role, which may do nothing yet."""
    role = await rbac.add_role(store, body)
    _location(response, store, "/roles", role.id)
    return role


@routes.get("/roles")
async def list_roles(store: Db, query: Paged, _: Reader) -> Page[RoleRow]:
    """List roles."""
    return (await store.roles.find({}, query)).page()


@routes.get("/roles/{role_id}", responses=responses(NotFound))
async def get_role(role_id: Id, store: Db, _: Reader) -> RoleRow:
    """One role."""
    return await store.roles.get(role_id)


@changing(routes, "/roles/{role_id}", responses=responses(NotFound, VersionConflict, StepUpRequired))
async def change_role(role_id: Id, body: RoleWrite, store: Db, _: Guard, version: Version) -> RoleRow:
    """Rename a role."""
    if not body.model_fields_set:
        return await store.roles.get(role_id)
    return await rbac.rename_role(store, role_id, body, version)


@routes.delete("/roles/{role_id}", status_code=204, responses=responses(NotFound, InUse, StepUpRequired))
async def remove_role(role_id: Id, shop: ShopDep, _: Guard) -> None:
    """Delete a role that nobody has."""
    await rbac.remove_role(shop, role_id)


@routes.post("/permissions", status_code=201, responses=responses(Duplicate, StepUpRequired))
async def create_permission(body: PermissionCreate, response: Response, store: Db, _: Guard) -> PermissionRow:
    """Add a permission for integrations to ask about."""
    row = await rbac.add_permission(store, body)
    _location(response, store, "/permissions", row.id)
    return row


@routes.get("/permissions")
async def list_permissions(store: Db, query: Paged, _: Reader) -> Page[PermissionRow]:
    """List permissions."""
    return (await store.permissions.find({}, query)).page()


@routes.get("/permissions/{permission_id}", responses=responses(NotFound))
async def get_permission(permission_id: Id, store: Db, _: Reader) -> PermissionRow:
    """One permission."""
    return await store.permissions.get(permission_id)


@routes.delete("/permissions/{permission_id}", status_code=204, responses=responses(NotFound, InUse, StepUpRequired))
async def remove_permission(permission_id: Id, store: Db, _: Guard) -> None:
    """Delete a permission that is not built in and that no role holds."""
    await rbac.remove_permission(store, permission_id)


@routes.post("/role-permissions", status_code=201, responses=responses(Duplicate, StepUpRequired))
async def create_role_permission(body: GrantWrite, response: Response, shop: ShopDep, _: Guard) -> Grant:
    """Let a role do something more."""
    row = await rbac.grant(shop, body)
    _location(response, shop.store, "/role-permissions", row.id)
    return row


@routes.get("/role-permissions")
async def list_role_permissions(store: Db, query: GrantsPaged, _: Reader, role: RoleFilter = None) -> Page[Grant]:
    """Who may do what."""
    return (await store.role_permissions.find({} if role is None else {"role": role}, query)).page()


@routes.get("/role-permissions/{grant_id}", responses=responses(NotFound))
async def get_role_permission(grant_id: Id, store: Db, _: Reader) -> Grant:
    """One grant."""
    return await store.role_permissions.get(grant_id)


@changing(
    routes,
    "/role-permissions/{grant_id}",
    responses=responses(NotFound, Duplicate, InUse, VersionConflict, StepUpRequired),
)
async def change_role_permission(grant_id: Id, body: GrantChange, shop: ShopDep, _: Guard, version: Version) -> Grant:
    """Point a grant at another role or permission."""
    return await rbac.change_grant(shop, grant_id, body, version)


@routes.delete("/role-permissions/{grant_id}", status_code=204, responses=responses(NotFound, InUse, StepUpRequired))
async def remove_role_permission(grant_id: Id, shop: ShopDep, _: Guard) -> None:
    """Take a permission from a role."""
    await rbac.revoke(shop, grant_id)
