"""Staff give money of an order back: an amount, pieces of its lines, or all that is left."""

from collections.abc import Mapping
from typing import Annotated

from bson import ObjectId
from pydantic import Field, model_validator

from truestyle.auth.models import Caller
from truestyle.invoices import service as invoices
from truestyle.kit.documents import Body, example
from truestyle.kit.errors import ValidationFailed
from truestyle.kit.idempotency import Claim
from truestyle.kit.money import PositiveMoney
from truestyle.kit.types import Id, Line, rule
from truestyle.orders.models import Order
from truestyle.orders.reading import answer
from truestyle.orders.shares import share
from truestyle.orders.steps import TURNS, next_moment
from truestyle.payments.models import RefundTo
from truestyle.payments.refunding import RefundExceedsCaptured, give_back
from truestyle.store import Store

Pieces = Annotated[int, Field(strict=True, ge=1, le=1000)]


class RefundItem(Body):
    """Pieces of one line."""

    order_item_id: Id
    quantity: Pieces


class RefundAsk(Body):
    """What to give back: `amount`, or pieces of `items`; with neither, all that was paid and is still there."""

    amount: PositiveMoney | None = None
    items: Annotated[list[RefundItem], Field(min_length=1, max_length=200)] | None = None
    reason: Line
    refund_to: RefundTo | None = None

    model_config = example({"amount": "250.00", "reason": "A button was missing"})

    @model_validator(mode="after")
    def _not_both(self) -> "RefundAsk":
        if self.amount is not None and self.items is not None:
            msg = "takes either amount or items"
            raise rule(msg)
        return self


async def refund(store: Store, caller: Caller, key: ObjectId, ask: RefundAsk, claim: Claim | None) -> str:
    """Give money back; the order's JSON, which is the answer kept under `claim`.

    Raises NotFound, RefundExceedsCaptured, ValidationFailed.
    """
    once = f"refund:{claim.owner if claim else ObjectId()}"

    async def work(tx: Store) -> str:
        seen = await tx.orders.get(key)
        if seen.amount_paid - seen.amount_refunded < (ask.amount or 1):
            raise RefundExceedsCaptured  # plain to see, so nobody need wait for the lock
        order, amount, pieces = await _reckon(tx, await tx.orders.hold(key), ask)
        after = await give_back(
            tx, order, amount, reason=ask.reason, to=ask.refund_to, by=str(caller.user_id), once=once
        )
        await invoices.catch_up(
            tx, after, pieces, cause="refund", source=once, reason=ask.reason, moment=next_moment(after)
        )
        body = answer(after, tx.shop.return_window_days).model_dump_json()
        if claim is not None:
            await tx.claims.answer([(claim, body)])
        return body

    async with TURNS.of(key), invoices.turn(store, key):
        return await store.transaction(work)


async def _reckon(tx: Store, order: Order, ask: RefundAsk) -> tuple[Order, int, Mapping[ObjectId, int]]:
    """How much is meant, in paise, and of which pieces; those are counted as given back."""
    if ask.amount is not None:
        return order, ask.amount, {}
    if ask.items is not None:
        pieces = _pieces(order, ask.items)
        return *await take_pieces(tx, order, pieces), pieces
    left = order.amount_paid - order.amount_refunded
    all_of_it = {one.id: one.quantity - one.refunded_quantity for one in order.items}
    pieces = {line: count for line, count in all_of_it.items() if count}
    order, _ = await take_pieces(tx, order, pieces)
    return order, left, pieces


def _pieces(order: Order, items: list[RefundItem]) -> dict[ObjectId, int]:
    known, pieces = {one.id for one in order.items}, {}
    for at, one in enumerate(items):
        if one.order_item_id not in known or one.order_item_id in pieces:
            said = "is no line of this order, or named before"
            raise ValidationFailed(said, ("body", "items", at, "order_item_id"))
        pieces[one.order_item_id] = one.quantity
    return pieces


async def take_pieces(tx: Store, order: Order, pieces: Mapping[ObjectId, int]) -> tuple[Order, int]:
    """Count pieces of lines (by id) as given back; the order after, and what was paid for them, in paise.

    All pieces of a line together are what was paid for it, however they are split up. Raises RefundExceedsCaptured:
    a line has not so many left.
    """
    if not pieces:
        return order, 0
    lines = {one.id: one for one in order.items}
    if any(lines[key].refunded_quantity + count > lines[key].quantity for key, count in pieces.items()):
        raise RefundExceedsCaptured
    amount = sum(share(lines[key], lines[key].refunded_quantity, count).gross for key, count in pieces.items())
    settled = await tx.orders.count_pieces(order, "refunded_quantity", pieces)
    if settled is None:
        raise RefundExceedsCaptured
    return settled, amount
