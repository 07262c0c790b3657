"""What the law lets people ask of a store: their data, and to be forgotten."""

from typing import Any

from pydantic import Field

from truestyle.auth.models import Caller
from truestyle.auth.service import Device, Keys, require_password
from truestyle.files import service as files
from truestyle.files.models import FileAnswer
from truestyle.kit.documents import Answer
from truestyle.kit.paging import PageQuery
from truestyle.orders.models import OrderAnswer
from truestyle.orders.reading import answer
from truestyle.returns.flow import Kind
from truestyle.returns.models import ExchangeAnswer, ReturnAnswer
from truestyle.returns.reading import answer as returned
from truestyle.shop import Shop
from truestyle.store import Store
from truestyle.users import administration
from truestyle.users.addresses import Address
from truestyle.users.models import GoogleIdentity, UserAnswer
from truestyle.wallet.models import CardAnswer, UpiAnswer

MOST = 100
NEWEST = PageQuery("-created_at", size=MOST)


class PersonalData(Answer):
    """Everything that the store keeps of a person."""

    profile: UserAnswer
    google: GoogleIdentity | None
    addresses: list[Address]
    cards: list[CardAnswer]
    upis: list[UpiAnswer]
    orders: list[OrderAnswer]
    returns: list[ReturnAnswer | ExchangeAnswer]
    cart: list[dict[str, Any]]
    wishlist: list[dict[str, Any]]
    reviews: list[dict[str, Any]]
    ratings: list[dict[str, Any]]
    files: list[FileAnswer]
    sessions: list[dict[str, Any]]
    mfa: dict[str, Any] | None = Field(description="Whether codes are asked for; never the secret.")
    messages: list[dict[str, Any]] = Field(description="Written to the store; told once the e-mail is verified.")
    logs: list[dict[str, Any]] = Field(description="The newest of what the person did: sign-ins, requests.")


async def export(shop: Shop, caller: Caller) -> PersonalData:
    """All of it, in one piece. Raises Unavailable while the SQL side is away."""
    store, user = shop.store, await shop.store.users.get(caller.user_id)
    mine = {"user_id": caller.user_id}
    mine_too = {"owner_id": caller.user_id, **files.PICTURE}
    orders = [answer(one, store.shop.return_window_days) async for one in store.orders.every(mine)]
    cart, wishlist = await store.carts.first(mine), await store.wishlists.first(mine)
    sessions = (await store.sessions.find(mine, NEWEST)).items
    factor = await store.second_factors.of(caller.user_id)
    messages = await shop.messages.of(user.email, MOST) if user.email_verified else []
    return PersonalData(
        profile=user.answer(store.shop),
        google=user.google,
        addresses=[one async for one in store.addresses.every(mine)],
        cards=[one.answer() async for one in store.cards.every(mine)],
        upis=[one.answer() async for one in store.upis.every(mine)],
        orders=orders,
        returns=[returned(one) async for one in store.returns.every({"kind": {"$in": list(Kind)}, **mine})],
        cart=[one.model_dump(mode="json") for one in cart.items] if cart else [],
        wishlist=[one.model_dump(mode="json") for one in wishlist.items] if wishlist else [],
        reviews=[one.model_dump(mode="json") async for one in store.reviews.every(mine)],
        ratings=[one.model_dump(mode="json") async for one in store.ratings.every(mine)],
        files=[files.answer(one, store.shop) async for one in store.files.every(mine_too)],
        sessions=[
            one.model_dump(mode="json", include={"created_at", "last_used_at", "ip", "user_agent"}) for one in sessions
        ],
        mfa={"enabled_at": factor.enabled_at, "recovery_codes_left": factor.recovery_codes_left} if factor else None,
        messages=[one.model_dump(mode="json", exclude={"note"}) for one in messages],
        logs=[one.model_dump(mode="json", exclude_none=True) for one in await shop.logs.of(caller.user_id, MOST)],
    )


async def leave(store: Store, keys: Keys, caller: Caller, device: Device, password: str) -> None:
    """Delete the caller's own account. Raises InvalidCredentials, AccountLocked, InUse for the last admin."""
    await require_password(keys, await store.users.get(caller.user_id), password, device)
    await administration.remove(store, keys, caller.user_id)
