"""Address books."""

from typing import Literal

from bson import ObjectId

from truestyle.auth.models import Caller
from truestyle.kit.documents import Body, optional
from truestyle.kit.errors import NotFound, ValidationFailed, VersionConflict
from truestyle.kit.types import Flag, Line, Phone, Pincode
from truestyle.store import Store
from truestyle.users.addresses import Address, AddressBookWrite, AddressType


class AddressBookChange(Body):
    """Changes to an address."""

    full_name: Line = optional()
    phone: Phone = optional()
    country: Literal["IN"] = optional()
    line1: Line = optional()
    line2: Line | None = None
    landmark: Line | None = None
    city: Line = optional()
    district: Line | None = None
    state: Line = optional()
    pincode: Pincode = optional()
    type: AddressType = optional()
    is_default: Flag = optional()


async def add_address(store: Store, caller: Caller, body: AddressBookWrite) -> Address:
    """Add to the caller's book; the first is the default, whatever it says."""

    async def work(tx: Store) -> Address:
        await _hold_book(tx, caller)
        first = await tx.addresses.first({"user_id": caller.user_id, "is_default": True}) is None
        address = Address(**body.model_dump(), user_id=caller.user_id)
        address.is_default = first or body.is_default
        if address.is_default:
            await _no_default(tx, caller)
        return await tx.addresses.add(address)

    return await store.transaction(work)


async def change_address(
    store: Store, caller: Caller, key: ObjectId, body: AddressBookChange, version: int | None
) -> Address:
    """Change one of the caller's addresses. Raises NotFound, VersionConflict, ValidationFailed."""

    async def work(tx: Store) -> Address:
        await _hold_book(tx, caller)
        before = await tx.addresses.get(key, user_id=caller.user_id)
        if version is not None and before.version != version:
            raise VersionConflict
        values = body.sent()
        if before.is_default and values.get("is_default") is False:
            raise ValidationFailed("make another address the default instead", ("body", "is_default"))
        if not values:
            return before
        if values.get("is_default"):
            await _no_default(tx, caller)
        changed = await tx.addresses.change(key, {"$set": values})
        if changed is None:
            raise NotFound
        return changed

    return await store.transaction(work)


async def remove_address(store: Store, caller: Caller, key: ObjectId) -> None:
    """Delete one of the caller's addresses; if it was the default, the newest left takes over. Raises NotFound."""

    async def work(tx: Store) -> None:
        await _hold_book(tx, caller)
        gone = await tx.addresses.get(key, user_id=caller.user_id)
        await tx.addresses.remove(key)
        if gone.is_default and (newest := await tx.addresses.newest(caller.user_id)) is not None:
            await tx.addresses.change(newest.id, {"$set": {"is_default": True}})

    await store.transaction(work)


async def _hold_book(tx: Store, caller: Caller) -> None:
    """Changes to one book take turns: each writes its user, so two at once conflict and one is retried."""
    await tx.users.touch(caller.user_id)


async def _no_default(tx: Store, caller: Caller) -> None:
    await tx.addresses.clear_default(caller.user_id)
