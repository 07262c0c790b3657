"""Another attempt to pay an order: after a decline, or because the shopper thinks better of how to pay."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
from bson import ObjectId

from truestyle.kit import clock
from truestyle.kit.errors import Problem, Unavailable
from truestyle.kit.idempotency import Answered, Claim
from truestyle.orders import goods, starting, tax
from truestyle.orders.access import Holder
from truestyle.orders.cancelling import call_off_events
from truestyle.orders.checkout import Means, first_payment
from truestyle.orders.errors import CodUnavailable
from truestyle.orders.flow import InvalidTransition, OrderStatus
from truestyle.orders.models import HistoryEntry, Order, OrderPayment, PaymentChoice, TaxTotals
from truestyle.orders.placing import Repeat, means_of, require_card
from truestyle.orders.reading import answer, payable
from truestyle.orders.steps import TURNS, changed_event, next_moment, told
from truestyle.payments.models import PaymentStatus, PaymentType
from truestyle.payments.providers.base import PaymentFailed
from truestyle.shipping.service import Service, service_to
from truestyle.store import Store

if TYPE_CHECKING:
    from truestyle.shop import Shop


async def pay(shop: "Shop", holder: Holder, key: ObjectId, choice: PaymentChoice, repeat: Repeat) -> tuple[str, bool]:
    """Try to pay an order in this way; what was tried before is called off. Its JSON, and whether it is a repetition.

    Raises PaymentFailed: the new attempt was declined; NotFound, InvalidTransition, CodUnavailable, Unavailable,
    IdempotencyKeyReused, IdempotencyInProgress.
    """
    store = shop.store
    order = await store.orders.get(key, **holder.own)
    means = means_of(shop, choice)
    await require_card(store, order.user_id, choice)
    to = order.shipping_address
    service = await service_to(store, to.state, to.pincode)
    claim: Claim | None = None
    if repeat.key is not None:
        lease = timedelta(seconds=store.shop.idempotency_lease_seconds)
        # The key is of the caller, whatever it was used for: `pay` of another order has another fingerprint.
        claimed = await store.claims.claim(str(holder.user_id or key), repeat.key, key.binary + repeat.body, lease)
        if isinstance(claimed, Answered):
            return claimed.body, True
        claim = claimed
    try:
        tried = await _attempt(shop, key, choice, means, claim, service)
        paid = await _finish(shop, tried)
    except Unavailable:
        raise
    except Problem:
        if claim is not None:
            await store.claims.drop(claim)
        raise
    body = _body(paid, store.shop.return_window_days)
    if claim is not None:
        await store.claims.amend(claim, body)
    return body, False


def _body(order: Order, window_days: int) -> str:
    return orjson.dumps(answer(order, window_days).model_dump(mode="json")).decode()


async def _attempt(
    shop: "Shop", key: ObjectId, choice: PaymentChoice, means: Means, claim: Claim | None, service: Service
) -> Order:
    async def work(tx: Store) -> Order:
        before = await tx.orders.get(key)
        if not payable(before):
            raise InvalidTransition(before.status, OrderStatus.CONFIRMED)
        cod = choice.type is PaymentType.COD
        changed = await (_on_delivery(tx, before, service) if cod else _prepaid(tx, before, choice))
        moment = clock.now()
        others = await tx.payments.call_off(key, moment)
        await tx.payments.write([first_payment(changed, means)])
        await tx.outbox.write(call_off_events(others))
        if claim is not None:
            await tx.claims.answer([(claim, _body(changed, tx.shop.return_window_days))])
        return changed

    async with TURNS.of(key):
        return await shop.store.transaction(work)


async def _prepaid(tx: Store, before: Order, choice: PaymentChoice) -> Order:
    new = OrderPayment(
        id=ObjectId(), type=choice.type, status=PaymentStatus.PENDING, expires_at=before.payment.expires_at
    )
    return await _replaced(tx, before, {"payment": new.model_dump()})


async def _on_delivery(tx: Store, before: Order, service: Service) -> Order:
    """Cash on delivery after all: the goods are the buyer's, and the fee for it is added."""
    fee = service.cod_fee
    dearer = before.model_copy(update={"shipping": before.shipping + fee, "total": before.total + fee})
    if not service.takes_cod(dearer.total):
        raise CodUnavailable
    new = OrderPayment(id=ObjectId(), type=PaymentType.COD, status=PaymentStatus.PENDING)
    values: dict[str, Any] = {"payment": new.model_dump()}
    if fee:
        values |= {"shipping": dearer.shipping, "total": dearer.total, **_taxed(dearer, service)}
    moment = next_moment(before)
    by = str(before.user_id) if before.user_id else "guest"
    entry = HistoryEntry(status=OrderStatus.CONFIRMED, at=moment, by=by, note="cash on delivery")
    await goods.sell_reserved(tx, before, moment, by)
    moved = await _replaced(tx, before, values, entry)
    await tx.outbox.write([told(moved), changed_event(moved)])
    return moved


def _taxed(order: Order, service: Service) -> dict[str, Any]:
    """The taxes of an order whose shipping costs something else: those of its lines stay."""
    highest = max(int(item.tax.rate) for item in order.items)
    parts = [item.tax for item in order.items]
    shipping = tax.split(order.shipping, highest, intra_state=service.intra)
    cgst, sgst, igst = (
        sum(getattr(one, name) for one in parts) + getattr(shipping, name) for name in ("cgst", "sgst", "igst")
    )
    return {"tax": TaxTotals(cgst=cgst, sgst=sgst, igst=igst, total=cgst + sgst + igst).model_dump()}


async def _replaced(tx: Store, before: Order, values: dict[str, Any], entry: HistoryEntry | None = None) -> Order:
    where = {"payment.id": before.payment.id, "amount_paid": before.amount_paid}
    if entry is not None:
        found = await tx.orders.move(before.id, [OrderStatus.PLACED], entry, values, where=where)
    else:
        found = await tx.orders.change(before.id, {"$set": values}, where={**where, "status": OrderStatus.PLACED})
    if found is None:
        raise Unavailable  # cannot be: we see what we read
    return found


async def _finish(shop: "Shop", order: Order) -> Order:
    if order.payment.type is PaymentType.COD:
        return order
    begun = await starting.begin(shop, order)
    if begun.payment.id == order.payment.id and begun.payment.status is PaymentStatus.FAILED:
        raise PaymentFailed
    return begun
