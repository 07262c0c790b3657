"""/contact-us: anybody writes, staff answer."""

from typing import Annotated

from fastapi import Depends, Response

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.contact import service
from truestyle.contact.models import ContactChange, ContactCreate, ContactMessage
from truestyle.contact.service import Filters
from truestyle.deps import ShopDep, Version, allowed
from truestyle.infra.http.limits import Limit, limited
from truestyle.infra.http.route import changing, router
from truestyle.kit.errors import NotFound, VersionConflict, responses
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.types import Id

routes = router("/contact-us", tag="Contact")
Reader = Annotated[Caller, allowed(Permission.CONTACT_READ)]
Writer = Annotated[Caller, allowed(Permission.CONTACT_WRITE)]


@routes.post("", status_code=201)
@limited(Limit.CONTACT)
async def create_contact_message(body: ContactCreate, response: Response, shop: ShopDep) -> ContactMessage:
    """Write to the store; the answer has a ticket number, and a mail acknowledges it."""
    message = await service.receive(shop, body)
    response.headers["location"] = f"{shop.settings.shop.api_v1_prefix}/contact-us/{message.id}"
    return message


@routes.get("")
async def list_contact_messages(
    shop: ShopDep,
    _: Reader,
    filters: Annotated[Filters, Depends()],
    query: Annotated[PageQuery, paging("-created_at", "created_at", "due_at", "-due_at")],
) -> Page[ContactMessage]:
    """What people wrote."""
    return (await service.find(shop, filters, query)).page()


@routes.get("/{message_id}", responses=responses(NotFound))
async def get_contact_message(message_id: Id, shop: ShopDep, _: Reader) -> ContactMessage:
    """One message."""
    return await shop.messages.get(message_id)


@changing(routes, "/{message_id}", responses=responses(NotFound, VersionConflict))
async def change_contact_message(
    message_id: Id, body: ContactChange, shop: ShopDep, _: Writer, version: Version
) -> ContactMessage:
    """Say how far it is."""
    return await service.change(shop, message_id, body, version)


@routes.delete("/{message_id}", status_code=204, responses=responses(NotFound))
async def remove_contact_message(message_id: Id, shop: ShopDep, _: Writer) -> None:
    """Delete a message."""
    await shop.messages.remove(message_id)
