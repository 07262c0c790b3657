"""Taking returns and exchanges from one status to the next, with what each step brings about.

The guarded move is the first write of every step, so whoever comes second changes nothing.
"""

from collections.abc import Awaitable, Callable
from contextlib import nullcontext

from bson import ObjectId

from truestyle.inventory import service as inventory
from truestyle.inventory.models import Movement, Reason
from truestyle.inventory.repository import InsufficientStock
from truestyle.kit import clock
from truestyle.kit.errors import Forbidden, Unavailable
from truestyle.orders import numbering
from truestyle.returns import fit, settling, telling
from truestyle.returns.flow import NEXT, InvalidMove, Kind, ReturnStatus, before
from truestyle.returns.models import Return, ReturnMove, ReturnStep
from truestyle.returns.parties import Party
from truestyle.returns.step import Step
from truestyle.store import Store

S = ReturnStatus
DRAWING = (S.REPLACEMENT_SHIPPED, S.COMPLETED)


async def move(store: Store, party: Party, kind: Kind, key: ObjectId, body: ReturnMove) -> Return:
    """Take a return or an exchange to its next status. Who is not staff may only call their own off.

    Raises NotFound, Forbidden, InvalidMove, InsufficientStock, RefundExceedsCaptured, ValidationFailed, Unavailable.
    """
    await store.returns.get(key, kind=kind, **party.returns)
    if not party.staff and body.status is not S.CANCELLED:
        msg = "Only the store's staff decide about it; you may cancel."
        raise Forbidden(msg)
    number = await numbering.one(store) if body.status is S.REPLACEMENT_SHIPPED else None

    async def work(tx: Store) -> Return:
        found = await tx.returns.get(key, kind=kind, **party.returns)
        if body.status not in NEXT[kind][found.status]:  # who comes too late need not wait for a write
            raise InvalidMove(kind, found.status, body.status)
        moment = max(clock.now(), found.status_history[-1].at)
        taken = ReturnStep(status=body.status, at=moment, by=party.by, note=body.note)
        moved = await tx.returns.move(found, before(kind, body.status), taken)
        if moved is None:
            raise InvalidMove(kind, found.status, body.status)
        step = Step(found, moved, party, moment, body, number)
        if effect := EFFECTS.get(body.status):
            moved = await effect(tx, step)
        order = await tx.orders.get(moved.order_id)
        await tx.outbox.write([telling.mail(moved, order)])
        return moved

    # Who draws an invoice or a credit note waits for the others of the process instead of conflicting with them.
    async with store.drawing if body.status in DRAWING else nullcontext():
        return await store.transaction(work)


async def _approve(tx: Store, step: Step) -> Return:
    """An exchange keeps its new pieces ready. Raises InsufficientStock."""
    row = step.after
    wanted = step.wanted()
    if wanted:
        available = await tx.stock.lock(sorted(wanted))
        short = [(sku, count, available.get(sku, 0)) for sku, count in wanted.items() if available.get(sku, 0) < count]
        if short or not await tx.stock.reserve(wanted, step.moment):
            raise InsufficientStock(short)
        await _record(tx, step, Reason.RESERVED, 1)
    await tx.outbox.write([fit.event_of(row)])
    return row


async def _call_off(tx: Store, step: Step) -> Return:
    """What was kept ready is for sale again, and the pieces can be sent back another time.

    Goods that arrived and fail the check are sent back to the buyer: they were never booked in.
    """
    await _free(tx, step)
    if step.before.status is not S.REQUESTED:
        wanted = step.wanted()
        if wanted:
            if not await tx.stock.release(wanted, step.moment):
                raise Unavailable  # cannot be: they were set aside with the approval
            await _record(tx, step, Reason.RELEASED, -1)
        await tx.outbox.write([fit.event_of(step.after)])
    return step.after


async def _free(tx: Store, step: Step) -> None:
    order = await tx.orders.get(step.after.order_id)
    pieces = {key: -count for key, count in step.pieces().items()}
    if await tx.orders.count_pieces(order, "returned_quantity", pieces) is None:
        raise Unavailable  # cannot be: they were counted when it was asked for


async def _record(tx: Store, step: Step, reason: Reason, sign: int) -> None:
    movements = [
        Movement(
            sku=one.replacement.sku,
            product_id=one.product_id,
            reserved_delta=sign * one.quantity,
            reason=reason,
            order_id=step.after.order_id,
            return_id=step.after.id,
            actor_id=step.party.user_id,
        )
        for one in step.after.items
        if one.replacement is not None
    ]
    await inventory.record(tx, movements)
    await inventory.refresh_flags(tx, {one.product_id for one in movements})


EFFECTS: dict[ReturnStatus, Callable[[Store, Step], Awaitable[Return]]] = {
    S.APPROVED: _approve,
    S.REJECTED: _call_off,
    S.CANCELLED: _call_off,
    S.REPLACEMENT_SHIPPED: settling.ship_replacement,
    S.COMPLETED: settling.complete,
}
