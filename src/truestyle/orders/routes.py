"""/checkout and /orders."""

from typing import Annotated

from fastapi import Response

from truestyle.auth.errors import OtpExpired, OtpInvalid
from truestyle.auth.models import Caller, Message
from truestyle.auth.permissions import Permission
from truestyle.auth.tokens import ORDER_LIFE
from truestyle.cart.models import CartAnswer
from truestyle.coupons.errors import CouponInvalid
from truestyle.deps import (
    OPTIONAL_SIGN_IN,
    CartOwner,
    Db,
    OrderHolder,
    RepeatDep,
    ShopDep,
    SignedInCaller,
    Version,
    allowed,
)
from truestyle.infra.http.limits import Limit, limited
from truestyle.infra.http.route import changing, gathered, router
from truestyle.inventory.repository import InsufficientStock
from truestyle.kit.errors import NotFound, VersionConflict, responses
from truestyle.kit.idempotency import IdempotencyInProgress, IdempotencyKeyReused
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.types import Id
from truestyle.orders import cancelling, editing, listing, lookup, moving, placing, quoting, reordering, retrying
from truestyle.orders.errors import CartEmpty, CodUnavailable, NotDeliverable, NotEditable, PriceChanged
from truestyle.orders.flow import InvalidTransition
from truestyle.orders.listing import Filters
from truestyle.orders.models import (
    Cancel,
    FoundOrder,
    Lookup,
    LookupCode,
    OrderAnswer,
    OrderChange,
    OrderPlace,
    OrderPlaced,
    PayAgain,
    Quote,
    QuoteAsk,
    StatusMove,
    Track,
)
from truestyle.orders.reading import answer
from truestyle.payments.providers.base import PaymentFailed

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
    return await quoting.quote(store, owner, body)


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
    done = await placing.place(shop, owner, body, repeat)
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


@routes.post("/lookup", status_code=202)
@limited(Limit.OTP)
async def look_up_order(body: Lookup, shop: ShopDep) -> Message:
    """For guests: have a code sent to the order's address. Always the same answer."""
    await lookup.ask(shop.store, body)
    shop.worker.wake()
    return Message(message="If there is such an order, a code is on its way.")


@routes.post("/lookup/verify", responses=responses(OtpInvalid, OtpExpired))
@limited(Limit.OTP)
async def open_order(body: LookupCode, shop: ShopDep) -> FoundOrder:
    """For guests: the order, and a token with which to track, change or cancel it for an hour."""
    order, token = await lookup.verify(shop.store, shop.keys, body)
    return FoundOrder(
        **answer(order, shop.store.shop.return_window_days).model_dump(),
        lookup_token=token,
        expires_in=int(ORDER_LIFE.total_seconds()),
    )


@routes.get("/{order_id}", responses=responses(NotFound))
async def get_order(order_id: Id, store: Db, holder: OrderHolder) -> OrderAnswer:
    """One order."""
    return answer(await store.orders.get(order_id, **holder.within), store.shop.return_window_days)


@changing(
    routes,
    "/{order_id}",
    responses=responses(NotFound, NotEditable, NotDeliverable, CodUnavailable, InsufficientStock, VersionConflict),
)
async def change_order(
    order_id: Id, body: OrderChange, store: Db, holder: OrderHolder, version: Version
) -> OrderAnswer:
    """Before packing: change notes; while it is to be paid on delivery, also address and lines."""
    return answer(await editing.change(store, holder, order_id, body, version), store.shop.return_window_days)


@routes.delete("/{order_id}", status_code=204, responses=responses(NotFound, NotEditable))
async def archive_order(order_id: Id, store: Db, _: Staff) -> None:
    """Put a cancelled order away; it is never erased."""
    await moving.archive(store, order_id)


@routes.put("/{order_id}/status", responses=responses(NotFound, InvalidTransition))
async def move_order(order_id: Id, body: StatusMove, shop: ShopDep, caller: Staff) -> OrderAnswer:
    """Take an order to its next status."""
    moved = answer(await moving.move(shop.store, caller, order_id, body), shop.store.shop.return_window_days)
    shop.worker.wake()
    return moved


@routes.post("/{order_id}/cancel", responses=responses(NotFound, InvalidTransition))
async def cancel_order(order_id: Id, body: Cancel, shop: ShopDep, holder: OrderHolder) -> OrderAnswer:
    """Call an order off: the stock goes back, exactly once."""
    cancelled = answer(
        await cancelling.cancel(shop.store, holder, order_id, body.reason), shop.store.shop.return_window_days
    )
    shop.worker.wake()
    return cancelled


@routes.post(
    "/{order_id}/pay",
    response_model=OrderAnswer,
    responses=responses(
        NotFound, InvalidTransition, CodUnavailable, PaymentFailed, IdempotencyInProgress, IdempotencyKeyReused
    ),
)
async def pay_order(order_id: Id, body: PayAgain, shop: ShopDep, holder: OrderHolder, repeat: RepeatDep) -> Response:
    """Try to pay an order in another way, while it waits for its payment; what was tried before is called off."""
    text, replayed = await retrying.pay(shop, holder, order_id, body.payment, repeat)
    shop.worker.wake()
    return Response(text, 200, {"idempotency-replayed": "true"} if replayed else {}, "application/json")


@routes.post("/{order_id}/reorder", responses=responses(NotFound))
async def reorder(order_id: Id, store: Db, holder: OrderHolder, owner: CartOwner) -> CartAnswer:
    """Put what was ordered into the cart again; `notices` tells what cannot be."""
    return await reordering.again(store, holder, owner, order_id)


@routes.get("/{order_id}/track", responses=responses(NotFound))
async def track_order(order_id: Id, store: Db, holder: OrderHolder) -> Track:
    """Where an order is."""
    order = await store.orders.get(order_id, **holder.within)
    facts = {name: getattr(order, name) for name in Track.model_fields if name != "order_id"}
    return Track(order_id=order.id, **facts)
