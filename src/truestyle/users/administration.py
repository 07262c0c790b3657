"""What administrators do with accounts. The store always keeps one active admin."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from bson import ObjectId
from fastapi import Query

from truestyle.auth import service as auth
from truestyle.auth.permissions import Role
from truestyle.auth.service import Keys
from truestyle.files import service as files
from truestyle.infra.outbox import event
from truestyle.kit.errors import InUse, NotFound, ValidationFailed, VersionConflict
from truestyle.kit.paging import Found, PageQuery
from truestyle.kit.types import Code, Line
from truestyle.logs import service as logs
from truestyle.reviews import leaving as reviews
from truestyle.store import Store
from truestyle.users.models import Register, User, UserAnswer, UserChange, UserStatus, searchable


@dataclass(frozen=True)
class Filters:
    """What a list of accounts is narrowed to."""

    role: Annotated[Code | None, Query(description="Only this role's.")] = None
    status: Annotated[UserStatus | None, Query(description="Only active ones, or only suspended ones.")] = None
    q: Annotated[Line | None, Query(max_length=100, description="Beginnings of names, or of the address.")] = None


async def find(store: Store, filters: Filters, query: PageQuery) -> Found[UserAnswer]:
    """One page of accounts; every word of `q` must begin a word of the account."""
    where: dict[str, Any] = {}
    if filters.role is not None:
        where["role"] = filters.role
    if filters.status is not None:
        where["status"] = filters.status
    if filters.q:
        words = filters.q.casefold().split()[:5]
        where["$and"] = [{"words": {"$regex": "^" + re.escape(word)}} for word in words]
    return (await store.users.find(where, query)).map(lambda one: one.answer(store.shop))


async def create_admin(store: Store, keys: Keys, body: Register) -> User:
    """A new admin. Raises WeakPassword, Duplicate."""
    return await auth.register(store, keys, body, Role.ADMIN)


async def change(store: Store, key: ObjectId, body: UserChange, version: int | None) -> User:
    """Change an account's data. Raises NotFound, Duplicate, VersionConflict."""

    async def work(tx: Store) -> User:
        before = await tx.users.get(key)
        if version is not None and before.version != version:
            raise VersionConflict
        values = body.sent()
        fresh = {name: value for name, value in values.items() if getattr(before, name) != value}
        if not fresh:
            return before
        if "email" in fresh or "full_name" in fresh:
            name, email = fresh.get("full_name", before.full_name), fresh.get("email", before.email)
            fresh["words"] = searchable(name, email)
        fresh = before.model_copy(update=fresh).dump()
        kept = {name: fresh[name] for name in [*values, "words"]}
        changed = await tx.users.change(key, {"$set": kept})
        if changed is None:
            raise NotFound
        return changed

    return await store.transaction(work)


async def set_role(store: Store, keys: Keys, key: ObjectId, role: str) -> User:
    """Give an account a role; it holds here at once and everywhere within a second.

    Raises NotFound, ValidationFailed for an unknown role, InUse for the last active admin.
    """

    async def work(tx: Store) -> User:
        if await tx.roles.first({"code": role}) is None:
            raise ValidationFailed("is not a role", ("body", "role"))
        changed = await _change_standing(tx, key, {"role": role})
        await tx.revocations.changed(key, keys.tokens.life)
        return changed

    changed = await store.transaction(work)
    keys.gate.forget(user=key)
    return changed


async def set_status(store: Store, keys: Keys, key: ObjectId, status: UserStatus) -> User:
    """Suspend an account, which ends its sessions, or let it in again. Raises NotFound, InUse."""

    async def work(tx: Store) -> User:
        changed = await _change_standing(tx, key, {"status": status})
        if status is UserStatus.SUSPENDED:
            await auth.end_sessions(tx, keys, {"user_id": key})
        return changed

    changed = await store.transaction(work)
    keys.gate.forget(user=key)
    if status is UserStatus.ACTIVE:  # also the way in which an administrator unlocks
        await keys.lockout.forgive(changed.email)
        await keys.lockout.forgive_codes(key)
    return changed


async def _change_standing(tx: Store, key: ObjectId, values: dict[str, Any]) -> User:
    await tx.users.hold_admins()
    before = await tx.users.get(key)
    if all(getattr(before, name) == value for name, value in values.items()):
        return before
    changed = await tx.users.change(key, {"$set": values})
    if changed is None:
        raise NotFound
    await require_an_admin(tx)
    return changed


async def require_an_admin(tx: Store) -> None:
    """Raises InUse when no active admin would be left."""
    if not await tx.users.active_admins():
        msg = "The last active admin must stay."
        raise InUse(msg)


async def remove(store: Store, keys: Keys, key: ObjectId) -> None:
    """Delete an account with all that is the person's, in one transaction; orders stay, without the person.

    Raises NotFound, InUse for the last active admin.
    """

    async def work(tx: Store) -> None:
        await tx.users.hold_admins()
        user = await tx.users.get(key)
        await reviews.forget_person(tx, key)
        await tx.wishlists.remove_of(key)
        await tx.carts.remove_of(key)
        await tx.addresses.remove_all(key)
        await tx.cards.remove_all(key)
        await tx.upis.remove_all(key)
        await tx.orders.anonymise(key, f"deleted-{key}@invalid")
        await tx.redemptions.anonymise(key)
        await tx.payments.anonymise(key)
        await tx.credit.anonymise(key)
        await tx.returns.anonymise(key)
        await auth.end_sessions(tx, keys, {"user_id": key})
        await tx.sessions.remove_all(key)
        await tx.codes.remove_all(key)
        await tx.second_factors.forget(key)
        await tx.revocations.changed(key, keys.tokens.life)
        await tx.users.remove(user.id)
        await tx.trail.forget(key)
        await require_an_admin(tx)
        await tx.outbox.write(
            [
                event("user.removed", {"user_id": key}, f"user.removed:{key}"),
                event(files.FORGET, {"user_id": key}, f"{files.FORGET}:{key}"),
                logs.forgotten(key, user.email if user.email_verified else None),
            ]
        )

    await store.transaction(work)
    keys.gate.forget(user=key)
