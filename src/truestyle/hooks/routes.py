"""/webhook-endpoints: whom the store tells of what happens in it."""

from typing import Annotated

from fastapi import Query, Response

from truestyle.auth.errors import StepUpRequired
from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.deps import Db, ShopDep, Version, allowed
from truestyle.hooks import service
from truestyle.hooks.models import (
    Delivery,
    DeliveryAnswer,
    DeliverySummary,
    DeliveryWaiting,
    EndpointAnswer,
    EndpointChange,
    EndpointCreate,
    EndpointSecret,
    SecretChange,
    TooManyEndpoints,
)
from truestyle.hooks.service import DeliveryFilters
from truestyle.infra.http.route import gathered, router
from truestyle.kit.errors import NotFound, VersionConflict, responses
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.types import Id

routes = router("/webhook-endpoints", tag="Webhooks")
Reader = Annotated[Caller, allowed(Permission.WEBHOOKS_READ)]
Writer = Annotated[Caller, allowed(Permission.WEBHOOKS_WRITE)]
Careful = Annotated[Caller, allowed(Permission.WEBHOOKS_WRITE, step_up=True)]
Listed = Annotated[PageQuery, paging("-created_at", "created_at")]


@routes.post("", status_code=201, responses=responses(TooManyEndpoints, StepUpRequired))
async def create_webhook_endpoint(
    body: EndpointCreate, response: Response, shop: ShopDep, _: Careful
) -> EndpointSecret:
    """Add an endpoint; its secret is shown this once."""
    made = await service.create(shop, body)
    response.headers["location"] = f"{shop.settings.shop.api_v1_prefix}/webhook-endpoints/{made.id}"
    return made


@routes.get("")
async def list_webhook_endpoints(
    store: Db,
    _: Reader,
    query: Listed,
    active: Annotated[bool | None, Query(description="Only those that are on, or off.")] = None,
) -> Page[EndpointAnswer]:
    """Whom the store tells of what happens in it."""
    return (await service.find(store, active, query)).page()


@routes.get("/{endpoint_id}", responses=responses(NotFound))
async def get_webhook_endpoint(endpoint_id: Id, store: Db, _: Reader) -> EndpointAnswer:
    """One endpoint."""
    return (await store.hooks.get(endpoint_id)).answer()


async def change_webhook_endpoint(
    endpoint_id: Id, body: EndpointChange, shop: ShopDep, _: Careful, version: Version
) -> EndpointAnswer:
    """Change where, of what, or whether it is told."""
    return await service.change(shop, endpoint_id, body, version)


for _method, _verb in (("PUT", "change"), ("PATCH", "patch")):
    routes.add_api_route(
        "/{endpoint_id}",
        change_webhook_endpoint,
        methods=[_method],
        responses=responses(NotFound, VersionConflict, StepUpRequired),
        name=f"{_verb}_webhook_endpoint",
    )


@routes.delete("/{endpoint_id}", status_code=204, responses=responses(NotFound))
async def remove_webhook_endpoint(endpoint_id: Id, store: Db, _: Writer) -> None:
    """Remove an endpoint; what still waits for it is not sent."""
    await service.remove(store, endpoint_id)


@routes.post("/{endpoint_id}/secret", responses=responses(NotFound, VersionConflict, StepUpRequired))
async def change_webhook_secret(endpoint_id: Id, body: SecretChange, shop: ShopDep, _: Careful) -> EndpointSecret:
    """Give it another secret, shown this once; the one before signs too for some hours."""
    return await service.change_secret(shop, endpoint_id, body)


@routes.post("/{endpoint_id}/ping", status_code=202, responses=responses(NotFound))
async def ping_webhook_endpoint(endpoint_id: Id, response: Response, shop: ShopDep, _: Writer) -> DeliverySummary:
    """Send a message that means nothing; how it went is in its delivery."""
    made = await service.ping(shop, endpoint_id)
    prefix = shop.settings.shop.api_v1_prefix
    response.headers["location"] = f"{prefix}/webhook-endpoints/{endpoint_id}/deliveries/{made.id}"
    return made.summary()


@routes.get("/{endpoint_id}/deliveries", responses=responses(NotFound))
async def list_webhook_deliveries(
    endpoint_id: Id,
    store: Db,
    _: Reader,
    filters: Annotated[DeliveryFilters, gathered(DeliveryFilters)],
    query: Listed,
) -> Page[DeliverySummary]:
    """What was sent to an endpoint, newest first."""
    return (await service.deliveries(store, endpoint_id, filters, query)).map(Delivery.summary).page()


@routes.get("/{endpoint_id}/deliveries/{delivery_id}", responses=responses(NotFound))
async def get_webhook_delivery(endpoint_id: Id, delivery_id: Id, store: Db, _: Reader) -> DeliveryAnswer:
    """One message, with each try."""
    return (await service.delivery(store, endpoint_id, delivery_id)).answer()


@routes.post(
    "/{endpoint_id}/deliveries/{delivery_id}/replay", status_code=202, responses=responses(NotFound, DeliveryWaiting)
)
async def replay_webhook_delivery(endpoint_id: Id, delivery_id: Id, shop: ShopDep, _: Writer) -> DeliverySummary:
    """Send a message again, the same bytes under the same id."""
    return (await service.replay(shop, endpoint_id, delivery_id)).summary()
