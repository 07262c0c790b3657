"""Address books."""

from typing import Literal

from bson import ObjectId

from truestyle.auth.models import Caller
from truestyle.kit.documents import Body, optional
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
        return await tx.addresses.put(Address(**body.model_dump(), user_id=caller.user_id))

    return await store.transaction(work)


async def change_address(
    store: Store, caller: Caller, key: ObjectId, body: AddressBookChange, version: int | None
) -> Address:
    """Change one of the caller's addresses. Raises NotFound, VersionConflict, ValidationFailed."""

    async def work(tx: Store) -> Address:
        await _hold_book(tx, caller)
        return await tx.addresses.edit(caller.user_id, key, body.sent(), version)

    return await store.transaction(work)


async def remove_address(store: Store, caller: Caller, key: ObjectId) -> None:
    """Delete one of the caller's addresses; if it was the default, the newest left takes over. Raises NotFound."""

    async def work(tx: Store) -> None:
        await _hold_book(tx, caller)
        await tx.addresses.drop(caller.user_id, key)

    await store.transaction(work)


async def _hold_book(tx: Store, caller: Caller) -> None:
    """Changes to one book take turns: each writes its user, so two at once conflict and one is retried."""
    await tx.users.touch(caller.user_id)
