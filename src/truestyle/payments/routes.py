"""/payments: what came in for orders, and the doors of those who tell of it."""

import hmac
from typing import Annotated, Any

import orjson
from fastapi import Path, Query, Request, Response

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.deps import Db, RepeatDep, ShopDep, SignedInCaller, Version, allowed
from truestyle.infra.http.limits import Limit, limited
from truestyle.infra.http.route import changing, gathered, router
from truestyle.kit.errors import Duplicate, NotFound, VersionConflict, responses
from truestyle.kit.idempotency import IdempotencyInProgress, IdempotencyKeyReused
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.types import Id
from truestyle.orders.errors import NotEditable
from truestyle.orders.flow import InvalidTransition
from truestyle.payments import service, webhooks
from truestyle.payments.models import (
    Challenge,
    PaymentAnswer,
    PaymentChange,
    PaymentConfirm,
    PaymentRecord,
    PaymentType,
    Received,
)
from truestyle.payments.providers.base import WebhookSignatureInvalid
from truestyle.payments.providers.chosen import picture_key
from truestyle.payments.providers.sandbox import Sandbox
from truestyle.payments.service import AppendOnly, Filters

routes = router("/payments", tag="Payments")
Staff = Annotated[Caller, allowed(Permission.ORDERS_WRITE)]
Sorted = Annotated[PageQuery, paging("-created_at", "created_at")]
Sender = Annotated[PaymentType, Path(description="Who tells: the type of payment that they collect.")]
Key = Annotated[str, Query(min_length=32, max_length=32, pattern=r"^[0-9a-f]+$", description="From the action.")]


def _pictured(kind: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {kind: {"schema": {"type": "string", "format": "binary"}}}, "description": "The code"}}


@routes.post(
    "",
    status_code=201,
    response_model=PaymentAnswer,
    responses=responses(NotFound, Duplicate, InvalidTransition, IdempotencyInProgress, IdempotencyKeyReused),
)
async def create_payment(body: PaymentRecord, shop: ShopDep, caller: Staff, repeat: RepeatDep) -> Response:
    """Record a payment that was made outside: it pays its order."""
    text, replayed = await service.record(shop, caller, body, repeat)
    shop.worker.wake()
    headers = {"location": f"{shop.settings.shop.api_v1_prefix}/payments/{orjson.loads(text)['id']}"}
    if replayed:
        headers["idempotency-replayed"] = "true"
    return Response(text, 201, headers, "application/json")


@routes.get("")
async def list_payments(
    store: Db, caller: SignedInCaller, filters: Annotated[Filters, gathered(Filters)], query: Sorted
) -> Page[PaymentAnswer]:
    """One's own payments; with `orders:read`, everybody's."""
    return (await service.find(store, caller, filters, query)).map(lambda one: one.answer()).page()


@routes.post(
    "/webhooks/{provider}",
    responses=responses(NotFound, WebhookSignatureInvalid),
    openapi_extra={"x-any-query": True},
)
@limited(Limit.NONE)  # a gateway sends all of its from few addresses, and the signature comes before any work
async def receive_webhook(provider: Sender, request: Request, shop: ShopDep) -> Received:
    """What a provider tells: checked, kept, and applied afterwards."""
    await webhooks.receive(shop, provider, await request.body(), request.headers)
    shop.worker.wake()
    return Received()


@routes.post("/sandbox/{payment_id}/challenge", responses=responses(NotFound))
async def answer_challenge(payment_id: Id, body: Challenge, shop: ShopDep) -> Received:
    """Play the shopper at the sandbox's 3-D Secure page."""
    sandbox = shop.providers.get(PaymentType.SANDBOX)
    if not isinstance(sandbox, Sandbox):
        raise NotFound
    await sandbox.challenge(str(payment_id), passed=body.passed)
    shop.worker.wake()
    return Received()


@routes.get("/{payment_id}", responses=responses(NotFound))
async def get_payment(payment_id: Id, store: Db, caller: SignedInCaller) -> PaymentAnswer:
    """One payment."""
    return (await store.payments.get(payment_id, **service.within(caller))).answer()


@routes.get("/{payment_id}/qr.svg", response_class=Response, responses=responses(NotFound) | _pictured("image/svg+xml"))
async def payment_qr_svg(payment_id: Id, key: Key, shop: ShopDep) -> Response:
    """The QR code of a UPI payment, to any scale; for whoever was given its address."""
    return await _picture(shop, payment_id, key, "svg", "image/svg+xml")


@routes.get("/{payment_id}/qr.png", response_class=Response, responses=responses(NotFound) | _pictured("image/png"))
async def payment_qr_png(payment_id: Id, key: Key, shop: ShopDep) -> Response:
    """The QR code of a UPI payment, as pixels; for whoever was given its address."""
    return await _picture(shop, payment_id, key, "png", "image/png")


async def _picture(shop: ShopDep, payment_id: Id, key: str, kind: str, media: str) -> Response:
    if not hmac.compare_digest(key, picture_key(shop.settings, str(payment_id))):
        raise NotFound
    return Response(await service.picture(shop.store, payment_id, kind), media_type=media)


@routes.post("/{payment_id}/confirm", responses=responses(NotFound, Duplicate, NotEditable))
async def confirm_payment(payment_id: Id, body: PaymentConfirm, shop: ShopDep, caller: Staff) -> PaymentAnswer:
    """The money is in the bank, under this reference: the order is paid."""
    confirmed = await service.confirm(shop.store, caller, payment_id, body.reference)
    shop.worker.wake()
    return confirmed.answer()


@changing(routes, "/{payment_id}", responses=responses(NotFound, VersionConflict))
async def change_payment(payment_id: Id, body: PaymentChange, store: Db, _: Staff, version: Version) -> PaymentAnswer:
    """Change the notes of a payment; nothing else of it can be changed."""
    return (await service.change(store, payment_id, body, version)).answer()


@routes.delete("/{payment_id}", status_code=204, responses=responses(NotFound, AppendOnly))
async def remove_payment(payment_id: Id, store: Db, _: Staff) -> None:
    """Payments are kept for good."""
    await store.payments.get(payment_id)
    raise AppendOnly
