"""Keeping cards and UPI addresses for the next time."""

from typing import Any

from bson import ObjectId

from truestyle.auth.models import Caller
from truestyle.kit import clock
from truestyle.kit.errors import NotFound, ValidationFailed
from truestyle.store import Store
from truestyle.wallet import cards
from truestyle.wallet.models import Card, CardChange, CardCreate, Upi, UpiChange, UpiCreate
from truestyle.wallet.vault import Vault

MOST = 20  # cards, and UPI addresses, of one person


async def add_card(store: Store, vault: Vault, caller: Caller, body: CardCreate) -> Card:
    """Keep a card. Raises ValidationFailed."""
    _require_not_over(body.expiry_month, body.expiry_year)
    number = body.number.get_secret_value() if body.number else None
    card = Card(
        user_id=caller.user_id,
        brand=cards.brand_of(number) if number else cards.UNKNOWN,
        last4=number[-4:] if number else None,
        holder_name=body.holder_name,
        expiry_month=body.expiry_month,
        expiry_year=body.expiry_year,
        number=vault.lock(number) if number else None,
        token=body.token.get_secret_value() if body.token else None,
    )

    async def work(tx: Store) -> Card:
        await _hold(tx, caller)
        if await tx.cards.count({"user_id": caller.user_id}) >= MOST:
            raise ValidationFailed(f"at most {MOST} cards are kept")
        return await tx.cards.add(card)

    return await store.transaction(work)


async def change_card(
    store: Store, vault: Vault, caller: Caller, key: ObjectId, body: CardChange, version: int | None
) -> Card:
    """Change name or expiry; the number is locked anew.

    Raises NotFound, ValidationFailed, VersionConflict.
    """
    before = await store.cards.get(key, user_id=caller.user_id)
    values: dict[str, Any] = body.sent()
    if not values:
        return before
    _require_not_over(values.get("expiry_month", before.expiry_month), values.get("expiry_year", before.expiry_year))
    values["number"] = vault.renew(before.number)
    changed = await store.cards.change(key, {"$set": values}, where={"user_id": caller.user_id}, version=version)
    if changed is None:
        raise NotFound
    return changed


def _require_not_over(month: int, year: int) -> None:
    if cards.is_over(month, year, clock.now()):
        raise ValidationFailed("this card has run out", ("body", "expiry_year"))


async def remove_card(store: Store, caller: Caller, key: ObjectId) -> None:
    """Keep a card no more. Raises NotFound."""
    if not await store.cards.remove(key, where={"user_id": caller.user_id}):
        raise NotFound


async def add_upi(store: Store, caller: Caller, body: UpiCreate) -> Upi:
    """Keep an address; the first is the default. Raises Duplicate, ValidationFailed."""

    async def work(tx: Store) -> Upi:
        await _hold(tx, caller)
        if await tx.upis.count({"user_id": caller.user_id}) >= MOST:
            raise ValidationFailed(f"at most {MOST} addresses are kept")
        return await tx.upis.put(Upi(user_id=caller.user_id, vpa=body.vpa, is_default=body.is_default))

    return await store.transaction(work)


async def change_upi(store: Store, caller: Caller, key: ObjectId, body: UpiChange, version: int | None) -> Upi:
    """Change an address. Raises NotFound, Duplicate, ValidationFailed, VersionConflict."""

    async def work(tx: Store) -> Upi:
        await _hold(tx, caller)
        return await tx.upis.edit(caller.user_id, key, body.sent(), version)

    return await store.transaction(work)


async def remove_upi(store: Store, caller: Caller, key: ObjectId) -> None:
    """Keep an address no more; if it was the default, the newest left takes over. Raises NotFound."""

    async def work(tx: Store) -> None:
        await _hold(tx, caller)
        await tx.upis.drop(caller.user_id, key)

    await store.transaction(work)


async def _hold(tx: Store, caller: Caller) -> None:
    """Changes to one wallet take turns: each writes its user, so two at once conflict and one is retried."""
    await tx.users.touch(caller.user_id)
