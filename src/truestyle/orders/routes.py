"""/checkout and /orders."""

from typing import Annotated

from fastapi import Response

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.coupons.errors import CouponInvalid
from truestyle.deps import OPTIONAL_SIGN_IN, CartOwner, Db, RepeatDep, ShopDep, SignedInCaller, Version, allowed
from truestyle.infra.http.route import gathered, router
from truestyle.inventory.repository import InsufficientStock
from truestyle.kit.errors import NotFound, VersionConflict, responses
from truestyle.kit.idempotency import IdempotencyInProgress, IdempotencyKeyReused
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.types import Id
from truestyle.orders import listing, service
from truestyle.orders.errors import CartEmpty, CodUnavailable, NotDeliverable, NotEditable, PriceChanged
from truestyle.orders.flow import InvalidTransition
from truestyle.orders.listing import Filters
from truestyle.orders.models import (
    Cancel,
    OrderAnswer,
    OrderChange,
    OrderPlace,
    OrderPlaced,
    Quote,
    QuoteAsk,
    StatusMove,
    Track,
)
from truestyle.orders.reading import answer

checkout = router(tag="Checkout")
routes = router("/orders", tag="Orders")
Staff = Annotated[Caller, allowed(Permission.ORDERS_WRITE)]
Paged = Annotated[PageQuery, paging("-created_at", "created_at", "total", "-total")]
REFUSALS = responses(
    NotFound,
    CartEmpty,
    InsufficientStock,
    PriceChanged,
    NotDeliverable,
    CodUnavailable,
    CouponInvalid,
    IdempotencyInProgress,
    IdempotencyKeyReused,
)


@checkout.post(
    "/checkout/quote", openapi_extra=OPTIONAL_SIGN_IN, responses=responses(CartEmpty, CouponInvalid, NotFound)
)
async def quote_checkout(body: QuoteAsk, store: Db, owner: CartOwner) -> Quote:
    """What the cart would cost, delivered there; changes nothing."""
    return await service.quote(store, owner, body)


@checkout.post(
    "/checkout", status_code=201, response_model=OrderPlaced, responses=REFUSALS, openapi_extra=OPTIONAL_SIGN_IN
)
async def check_out(body: OrderPlace, shop: ShopDep, owner: CartOwner, repeat: RepeatDep) -> Response:
    """Turn the cart into an order."""
    return await _place(body, shop, owner, repeat)


@routes.post("", status_code=201, response_model=OrderPlaced, responses=REFUSALS, openapi_extra=OPTIONAL_SIGN_IN)
async def place_order(body: OrderPlace, shop: ShopDep, owner: CartOwner, repeat: RepeatDep) -> Response:
    """Turn the cart into an order (the same as /checkout)."""
    return await _place(body, shop, owner, repeat)


async def _place(body: OrderPlace, shop: ShopDep, owner: CartOwner, repeat: RepeatDep) -> Response:
    done = await service.place(shop.store, shop.till, owner, body, repeat)
    shop.worker.wake()
    headers = {"location": f"{shop.settings.shop.api_v1_prefix}/orders/{done.order_id}"}
    if done.replayed:
        headers["idempotency-replayed"] = "true"
    return Response(done.body, 201, headers, "application/json")


@routes.get("")
async def list_orders(
    store: Db, caller: SignedInCaller, filters: Annotated[Filters, gathered(Filters)], query: Paged
) -> Page[OrderAnswer]:
    """One's own orders; with `orders:read`, everybody's."""
    return (await listing.find(store, caller, filters, query)).page()


@routes.get("/history")
async def order_history(store: Db, caller: SignedInCaller, query: Paged) -> Page[OrderAnswer]:
    """One's own orders, whoever one is."""
    return (await listing.history(store, caller, query)).page()


@routes.get("/{order_id}", responses=responses(NotFound))
async def get_order(order_id: Id, store: Db, caller: SignedInCaller) -> OrderAnswer:
    """One order."""
    return answer(await store.orders.get(order_id, **service.within(caller)))


async def change_order(
    order_id: Id, body: OrderChange, store: Db, caller: SignedInCaller, version: Version
) -> OrderAnswer:
    """Change notes or, before packing and while nothing is paid, the address."""
    return answer(await service.change(store, caller, order_id, body, version))


for _method in ("PUT", "PATCH"):
    routes.add_api_route(
        "/{order_id}",
        change_order,
        methods=[_method],
        responses=responses(NotFound, NotEditable, NotDeliverable, CodUnavailable, VersionConflict),
        name="change_order" if _method == "PUT" else "patch_order",
    )


@routes.delete("/{order_id}", status_code=204, responses=responses(NotFound, NotEditable))
async def archive_order(order_id: Id, store: Db, _: Staff) -> None:
    """Put a cancelled order away; it is never erased."""
    await service.archive(store, order_id)


@routes.put("/{order_id}/status", responses=responses(NotFound, InvalidTransition))
async def move_order(order_id: Id, body: StatusMove, shop: ShopDep, caller: Staff) -> OrderAnswer:
    """Take an order to its next status."""
    moved = answer(await service.move(shop.store, caller, order_id, body))
    shop.worker.wake()
    return moved


@routes.post("/{order_id}/cancel", responses=responses(NotFound, InvalidTransition))
async def cancel_order(order_id: Id, body: Cancel, shop: ShopDep, caller: SignedInCaller) -> OrderAnswer:
    """Call an order off: the stock goes back, exactly once."""
    cancelled = answer(await service.cancel(shop.store, caller, order_id, body.reason))
    shop.worker.wake()
    return cancelled


@routes.get("/{order_id}/track", responses=responses(NotFound))
async def track_order(order_id: Id, store: Db, caller: SignedInCaller) -> Track:
    """Where an order is."""
    order = await store.orders.get(order_id, **service.within(caller))
    facts = {name: getattr(order, name) for name in Track.model_fields if name != "order_id"}
    return Track(order_id=order.id, **facts)
