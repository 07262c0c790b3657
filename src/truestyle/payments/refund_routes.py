"""Refunds of orders, and store credit."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Response
from pydantic import Field

from truestyle.auth.errors import StepUpRequired
from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.deps import Db, OrderHolder, RepeatDep, ShopDep, SignedInCaller, allowed
from truestyle.infra.http.route import router
from truestyle.kit.documents import Answer, Body, example
from truestyle.kit.errors import NotFound, responses
from truestyle.kit.idempotency import Claim, IdempotencyInProgress, IdempotencyKeyReused, once
from truestyle.kit.paging import PageQuery, paging
from truestyle.kit.types import Id, Line, ShortLine
from truestyle.orders import refunds
from truestyle.orders.models import OrderAnswer
from truestyle.orders.reading import answer
from truestyle.orders.refunds import RefundAsk
from truestyle.payments import credit, repaying
from truestyle.payments.credit_models import CreditAnswer, CreditGrant, CreditPage
from truestyle.payments.models import RefundAnswer, RefundTo
from truestyle.payments.refunding import RefundExceedsCaptured
from truestyle.payments.repaying import RefundSettled
from truestyle.shop import Shop

routes = router(tag="Refunds")
Cashier = Annotated[Caller, allowed(Permission.PAYMENTS_REFUND, step_up=True)]
Paged = Annotated[PageQuery, paging("-created_at", "created_at")]
REPEATED = (IdempotencyInProgress, IdempotencyKeyReused)


class RefundList(Answer):
    """The refunds of an order."""

    items: list[RefundAnswer]


class RefundPaid(Body):
    """Under which reference of the bank it was paid out."""

    reference: ShortLine

    model_config = example({"reference": "632514870921"})


class RefundFailed(Body):
    """How it is known that the money will not arrive."""

    reason: Line
    refund_to: RefundTo | None = Field(
        default=None,
        description="Where it goes instead, of a payment with `surplus`: that can only go back. Left out: as before.",
    )

    model_config = example({"reason": "The bank knows no such address"})


class RefundAgain(Body):
    """Where to, this time."""

    refund_to: RefundTo | None = Field(default=None)

    model_config = example({"refund_to": "asha.rao@okbank"})


async def _answered(
    shop: Shop,
    caller: Caller,
    repeat: RepeatDep,
    place: str,
    status: int,
    act: Callable[[Claim | None], Awaitable[str]],
) -> Response:
    body, replayed = await once(
        shop.store.claims,
        str(caller.user_id),
        repeat.key,
        place.encode() + b"\0" + repeat.body,
        shop.store.shop.idempotency_lease_seconds,
        act,
    )
    shop.worker.wake()
    headers = {"idempotency-replayed": "true"} if replayed else {}
    return Response(body, status, headers, "application/json")


@routes.post(
    "/orders/{order_id}/refund",
    response_model=OrderAnswer,
    responses=responses(NotFound, RefundExceedsCaptured, StepUpRequired, *REPEATED),
)
async def refund_order(order_id: Id, body: RefundAsk, shop: ShopDep, caller: Cashier, repeat: RepeatDep) -> Response:
    """Give money of an order back: an amount, pieces of its lines, or all that is left."""
    place = f"refund {order_id}"
    return await _answered(
        shop, caller, repeat, place, 200, lambda claim: refunds.refund(shop.store, caller, order_id, body, claim)
    )


@routes.get("/orders/{order_id}/refunds", responses=responses(NotFound))
async def list_refunds(order_id: Id, store: Db, holder: OrderHolder) -> RefundList:
    """How the refunds of an order stand."""
    order = await store.orders.get(order_id, **holder.within)
    return RefundList(items=await repaying.refunds_of(store, order.id))


@routes.post(
    "/payments/{payment_id}/refunds/{refund_id}/confirm",
    responses=responses(NotFound, RefundSettled, StepUpRequired),
)
async def confirm_refund(payment_id: Id, refund_id: Id, body: RefundPaid, shop: ShopDep, _: Cashier) -> RefundAnswer:
    """A refund was paid out, under this reference of the bank."""
    done = await repaying.confirm(shop.store, payment_id, refund_id, body.reference)
    shop.worker.wake()
    return done


@routes.post(
    "/payments/{payment_id}/refunds/{refund_id}/fail",
    responses=responses(NotFound, RefundSettled, StepUpRequired),
)
async def fail_refund(
    payment_id: Id, refund_id: Id, body: RefundFailed, shop: ShopDep, caller: Cashier
) -> RefundAnswer:
    """A refund will not arrive, as somebody has seen: its money can be given back again."""
    failed = await repaying.call_failed(
        shop.store, payment_id, refund_id, body.reason, body.refund_to, str(caller.user_id)
    )
    shop.worker.wake()
    return failed


@routes.post(
    "/payments/{payment_id}/refunds/{refund_id}/retry",
    responses=responses(NotFound, RefundSettled, RefundExceedsCaptured, StepUpRequired),
)
async def retry_refund(payment_id: Id, refund_id: Id, body: RefundAgain, shop: ShopDep, caller: Cashier) -> OrderAnswer:
    """Give back what a failed refund was for, once, perhaps to somewhere else."""
    order = await repaying.send_again(shop.store, payment_id, refund_id, body.refund_to, str(caller.user_id))
    shop.worker.wake()
    return answer(order, shop.store.shop.return_window_days)


@routes.get("/store-credit")
async def get_store_credit(store: Db, caller: SignedInCaller, query: Paged) -> CreditPage:
    """One's store credit, and how it came about."""
    return await credit.statement(store, caller.user_id, query)


@routes.post(
    "/store-credit",
    status_code=201,
    response_model=CreditAnswer,
    responses=responses(NotFound, StepUpRequired, *REPEATED),
)
async def grant_store_credit(body: CreditGrant, shop: ShopDep, caller: Cashier, repeat: RepeatDep) -> Response:
    """Give somebody store credit."""
    given = await _answered(
        shop, caller, repeat, "store-credit", 201, lambda claim: credit.granted(shop.store, body, claim)
    )
    given.headers["location"] = f"{shop.settings.shop.api_v1_prefix}/store-credit"
    return given
