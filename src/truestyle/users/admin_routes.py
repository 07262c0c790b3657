"""/users for administrators, and what people may ask about their own data."""

from typing import Annotated

from fastapi import Response

from truestyle.auth.errors import AccountLocked, InvalidCredentials, StepUpRequired, WeakPassword
from truestyle.auth.models import Caller, Message
from truestyle.auth.permissions import Permission
from truestyle.deps import Db, DeviceDep, ShopDep, SignedInCaller, Version, allowed
from truestyle.infra.http.limits import Limit, limited
from truestyle.infra.http.route import changing, gathered, router
from truestyle.kit.errors import Duplicate, InUse, NotFound, VersionConflict, responses
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.types import Id
from truestyle.users import administration, privacy
from truestyle.users.administration import Filters
from truestyle.users.models import Farewell, RegisterAdmin, RoleChange, StatusChange, UserAnswer, UserChange
from truestyle.users.privacy import PersonalData

routes = router("/users", tag="Users")
Reader = Annotated[Caller, allowed(Permission.USERS_READ)]
Writer = Annotated[Caller, allowed(Permission.USERS_WRITE)]
Promoter = Annotated[Caller, allowed(Permission.USERS_WRITE, step_up=True)]


@routes.get("/me/export")
@limited(Limit.EXPORT)
async def export_my_data(shop: ShopDep, caller: SignedInCaller) -> PersonalData:
    """Everything that the store keeps of the caller."""
    return await privacy.export(shop, caller)


@routes.delete("/me", responses=responses(InvalidCredentials, AccountLocked, InUse))
@limited(Limit.LOGIN)
async def delete_me(body: Farewell, shop: ShopDep, caller: SignedInCaller, device: DeviceDep) -> Message:
    """Delete one's own account; orders stay, without the person."""
    await privacy.leave(shop.store, shop.keys, caller, device, body.password)
    return Message(message="Account deleted")


@routes.post("/me/delete", responses=responses(InvalidCredentials, AccountLocked, InUse))
@limited(Limit.LOGIN)
async def delete_my_account(body: Farewell, shop: ShopDep, caller: SignedInCaller, device: DeviceDep) -> Message:
    """Delete one's own account (for clients whose DELETE has no body)."""
    return await delete_me(body, shop, caller, device)


@routes.post("/create-admin", status_code=201, responses=responses(Duplicate, WeakPassword, StepUpRequired))
async def create_admin(body: RegisterAdmin, response: Response, shop: ShopDep, _: Promoter) -> UserAnswer:
    """Open an account for another administrator."""
    user = await administration.create_admin(shop.store, shop.keys, body)
    response.headers["location"] = f"{shop.settings.shop.api_v1_prefix}/users/{user.id}"
    return user.answer(shop.store.shop)


@routes.get("")
async def list_users(
    store: Db,
    _: Reader,
    filters: Annotated[Filters, gathered(Filters)],
    query: Annotated[PageQuery, paging("-created_at", "created_at")],
) -> Page[UserAnswer]:
    """Accounts, found by name, address, role and status."""
    return (await administration.find(store, filters, query)).page()


@routes.get("/{user_id}", responses=responses(NotFound))
async def get_user(user_id: Id, store: Db, _: Reader) -> UserAnswer:
    """One account."""
    return (await store.users.get(user_id)).answer(store.shop)


@changing(routes, "/{user_id}", responses=responses(NotFound, Duplicate, VersionConflict))
async def change_user(user_id: Id, body: UserChange, store: Db, _: Writer, version: Version) -> UserAnswer:
    """Change an account's data; what is left out stays."""
    return (await administration.change(store, user_id, body, version)).answer(store.shop)


@routes.put("/{user_id}/role", responses=responses(NotFound, InUse, StepUpRequired))
async def set_user_role(user_id: Id, body: RoleChange, shop: ShopDep, _: Promoter) -> UserAnswer:
    """Give an account another role."""
    return (await administration.set_role(shop.store, shop.keys, user_id, body.role)).answer(shop.store.shop)


@routes.put("/{user_id}/status", responses=responses(NotFound, InUse))
async def set_user_status(user_id: Id, body: StatusChange, shop: ShopDep, _: Writer) -> UserAnswer:
    """Suspend an account, or let it in again."""
    return (await administration.set_status(shop.store, shop.keys, user_id, body.status)).answer(shop.store.shop)


@routes.delete("/{user_id}", status_code=204, responses=responses(NotFound, InUse))
async def remove_user(user_id: Id, shop: ShopDep, _: Writer) -> None:
    """Delete an account with all that is the person's; orders stay, without the person."""
    await administration.remove(shop.store, shop.keys, user_id)
