"""Payments as rows: reading them, and what staff say of them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from bson import ObjectId
from fastapi import Query

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.kit.errors import Duplicate, NotFound, Problem, Unavailable, ValidationFailed
from truestyle.kit.idempotency import Answered
from truestyle.kit.paging import Found, PageQuery
from truestyle.kit.types import Id
from truestyle.orders import paying
from truestyle.orders.errors import NotEditable
from truestyle.orders.flow import InvalidTransition, OrderStatus
from truestyle.orders.models import Order
from truestyle.orders.placing import Repeat
from truestyle.orders.steps import TURNS
from truestyle.payments.models import (
    BY_STAFF,
    EntryState,
    Payment,
    PaymentChange,
    PaymentRecord,
    PaymentStatus,
    PaymentType,
)
from truestyle.payments.providers import upi
from truestyle.payments.providers.base import Result, State
from truestyle.shipping.service import MOST_CASH
from truestyle.store import Store

if TYPE_CHECKING:
    from truestyle.shop import Shop

FIELDS = {"refund": "ledger.state"}  # where a filter is of another name
CONFIRMED_BY_STAFF = (PaymentType.UPI, PaymentType.CARD, BY_STAFF)  # providers who tell us nothing themselves


class AppendOnly(Problem):
    """Money that moved, or was to move, stays in the books."""

    status, code, detail = 409, "append_only", "Payments are kept for good."


@dataclass(frozen=True)
class Filters:
    """What a list of payments is narrowed to."""

    status: Annotated[PaymentStatus | None, Query(description="Where the payment stands.")] = None
    type: Annotated[PaymentType | None, Query(description="How it is paid.")] = None
    order_id: Annotated[Id | None, Query(description="Of which order.")] = None
    refund: Annotated[
        Literal[EntryState.PENDING, EntryState.FAILED] | None,
        Query(description="With a refund that waits to be paid out, or one that did not arrive."),
    ] = None


def within(caller: Caller) -> dict[str, Any]:
    """The filter for payments that the caller may see."""
    return {} if caller.may(Permission.ORDERS_READ) else {"buyer_id": caller.user_id}


async def find(store: Store, caller: Caller, filters: Filters, query: PageQuery) -> Found[Payment]:
    """One page of the payments that the caller may see."""
    where = {FIELDS.get(name, name): value for name, value in vars(filters).items() if value is not None}
    return await store.payments.find(where | within(caller), query)


async def change(store: Store, key: ObjectId, body: PaymentChange, version: int | None) -> Payment:
    """Notes; nothing else of a payment ever changes by hand. Raises NotFound, VersionConflict."""
    payment = await store.payments.get(key)
    values = body.sent()
    if not values:
        return payment
    changed = await store.payments.change(key, {"$set": values}, version=version)
    if changed is None:
        raise NotFound
    return changed


async def confirm(store: Store, caller: Caller, key: ObjectId, reference: str) -> Payment:
    """The money of a payment is in the bank, say staff; what then happens depends on its order.

    Raises NotFound, Duplicate: the reference is another payment's; NotEditable: its provider tells us itself.
    """
    payment = await store.payments.get(key)
    if payment.provider not in CONFIRMED_BY_STAFF:
        msg = "Whoever collects this payment confirms it too."
        raise NotEditable(msg)
    state = State(
        Result.PAID,
        payment.provider_reference or str(payment.id),
        payment.amount,
        payment.currency,
        reference=reference,
        payment_id=str(payment.id),
    )
    return await paying.settle(store, state, by=str(caller.user_id))


async def record(shop: "Shop", caller: Caller, body: PaymentRecord, repeat: Repeat) -> tuple[str, bool]:
    """A payment that was made outside pays its order; its JSON, and whether it is a repetition.

    Raises NotFound, Duplicate, InvalidTransition: the order waits for no payment; ValidationFailed,
    IdempotencyKeyReused, IdempotencyInProgress.
    """
    store, claim = shop.store, None
    if repeat.key is not None:
        lease = timedelta(seconds=store.shop.idempotency_lease_seconds)
        claimed = await store.claims.claim(str(caller.user_id), repeat.key, b"payments " + repeat.body, lease)
        if isinstance(claimed, Answered):
            return claimed.body, True
        claim = claimed

    async def work(tx: Store) -> Payment:
        order = await tx.orders.get(body.order_id)
        _require_owing(order, body)
        payment = Payment(
            order_id=order.id,
            buyer_id=order.user_id,
            type=body.type,
            provider=BY_STAFF,
            amount=order.total - order.amount_paid,
            notes=body.notes,
        )
        await tx.payments.add(payment)
        state = State(Result.PAID, str(payment.id), reference=body.reference, payment_id=str(payment.id))
        settled = await paying.settle(tx, state, by=str(caller.user_id))
        if settled.id != payment.id:  # known already, as money of this order
            raise Duplicate("reference")
        if claim is not None:
            await tx.claims.answer([(claim, settled.answer().model_dump_json())])
        return settled

    try:
        async with TURNS.of(body.order_id):
            settled = await store.transaction(work)
    except Unavailable:
        raise
    except Problem:
        if claim is not None:
            await store.claims.release(claim)
        raise
    return settled.answer().model_dump_json(), False


def _require_owing(order: Order, body: PaymentRecord) -> None:
    owed = order.total - order.amount_paid
    expired = order.expired_at is not None
    waits = order.status is OrderStatus.PLACED or order.status in paying.UNDER_WAY or expired
    if not waits or owed <= 0:
        raise InvalidTransition(order.status, OrderStatus.CONFIRMED)
    if body.type is PaymentType.COD and owed > MOST_CASH:
        raise ValidationFailed("two lakh rupees or more may not be taken in cash", ("body", "type"))
    if body.amount not in {None, owed}:
        raise ValidationFailed("must be what the order still owes", ("body", "amount"))


async def picture(store: Store, key: ObjectId, kind: str) -> bytes:
    """The QR code of a UPI payment that waits, as `svg` or `png`. Raises NotFound."""
    payment = await store.payments.get(key)
    asked = (payment.action or {}).get("link")
    if asked is None:
        raise NotFound
    return upi.svg(asked) if kind == "svg" else upi.png(asked)
