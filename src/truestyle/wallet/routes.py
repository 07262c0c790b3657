"""/card-details and /upi-details: everybody's own, and nobody else's."""

from typing import Annotated

from fastapi import Response

from truestyle.deps import Db, ShopDep, SignedInCaller, Version
from truestyle.infra.http.route import changing, router
from truestyle.kit.errors import Duplicate, NotFound, VersionConflict, responses
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.types import Id
from truestyle.wallet import service
from truestyle.wallet.models import CardAnswer, CardChange, CardCreate, UpiAnswer, UpiChange, UpiCreate

routes = router(tag="Wallet")
Sorted = Annotated[PageQuery, paging("-created_at", "created_at")]


@routes.post("/card-details", status_code=201)
async def create_card(body: CardCreate, response: Response, shop: ShopDep, caller: SignedInCaller) -> CardAnswer:
    """Keep a card; its number is never shown again, and a CVV is not taken."""
    card = await service.add_card(shop.store, shop.vault, caller, body)
    response.headers["location"] = f"{shop.settings.shop.api_v1_prefix}/card-details/{card.id}"
    return card.answer()


@routes.get("/card-details")
async def list_cards(store: Db, caller: SignedInCaller, query: Sorted) -> Page[CardAnswer]:
    """One's kept cards."""
    return (await store.cards.find({"user_id": caller.user_id}, query)).map(lambda one: one.answer()).page()


@routes.get("/card-details/{card_id}", responses=responses(NotFound))
async def get_card(card_id: Id, store: Db, caller: SignedInCaller) -> CardAnswer:
    """One kept card."""
    return (await store.cards.get(card_id, user_id=caller.user_id)).answer()


@changing(routes, "/card-details/{card_id}", responses=responses(NotFound, VersionConflict))
async def change_card(
    card_id: Id, body: CardChange, shop: ShopDep, caller: SignedInCaller, version: Version
) -> CardAnswer:
    """Change the name on a card, or until when it is good."""
    return (await service.change_card(shop.store, shop.vault, caller, card_id, body, version)).answer()


@routes.delete("/card-details/{card_id}", status_code=204, responses=responses(NotFound))
async def remove_card(card_id: Id, store: Db, caller: SignedInCaller) -> None:
    """Keep a card no more."""
    await service.remove_card(store, caller, card_id)


@routes.post("/upi-details", status_code=201, responses=responses(Duplicate))
async def create_upi(body: UpiCreate, response: Response, store: Db, caller: SignedInCaller) -> UpiAnswer:
    """Keep a UPI address; the first is the default."""
    upi = await service.add_upi(store, caller, body)
    response.headers["location"] = f"{store.shop.api_v1_prefix}/upi-details/{upi.id}"
    return upi.answer()


@routes.get("/upi-details")
async def list_upis(store: Db, caller: SignedInCaller, query: Sorted) -> Page[UpiAnswer]:
    """One's kept UPI addresses."""
    return (await store.upis.find({"user_id": caller.user_id}, query)).map(lambda one: one.answer()).page()


@routes.get("/upi-details/{upi_id}", responses=responses(NotFound))
async def get_upi(upi_id: Id, store: Db, caller: SignedInCaller) -> UpiAnswer:
    """One kept UPI address."""
    return (await store.upis.get(upi_id, user_id=caller.user_id)).answer()


@changing(routes, "/upi-details/{upi_id}", responses=responses(NotFound, Duplicate, VersionConflict))
async def change_upi(upi_id: Id, body: UpiChange, store: Db, caller: SignedInCaller, version: Version) -> UpiAnswer:
    """Change a UPI address, or make it the default."""
    return (await service.change_upi(store, caller, upi_id, body, version)).answer()


@routes.delete("/upi-details/{upi_id}", status_code=204, responses=responses(NotFound))
async def remove_upi(upi_id: Id, store: Db, caller: SignedInCaller) -> None:
    """Keep a UPI address no more; the newest left becomes the default."""
    await service.remove_upi(store, caller, upi_id)
