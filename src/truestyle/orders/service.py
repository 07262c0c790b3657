"""What buyers and staff do with orders."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from bson import ObjectId

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.cart import service as carts
from truestyle.cart.models import Cart
from truestyle.cart.service import Owner, line_of
from truestyle.catalog.products.models import Product, ProductStatus, Variant
from truestyle.coupons import offers
from truestyle.coupons import service as coupons
from truestyle.coupons.discounts import Offer
from truestyle.coupons.offers import Applied, item_of
from truestyle.infra.outbox import Event, event
from truestyle.inventory import service as inventory
from truestyle.inventory.models import Movement, Reason
from truestyle.kit import clock
from truestyle.kit.errors import NotFound, Problem, Unavailable, ValidationFailed
from truestyle.kit.idempotency import Answered, Claim
from truestyle.orders import delivery, tax
from truestyle.orders.amounts import TAX_STEP, tax_step
from truestyle.orders.checkout import Placement, Till, placed_body, price_for
from truestyle.orders.errors import CartBusy, CartEmpty, CodUnavailable, NotDeliverable, NotEditable
from truestyle.orders.flow import CANCELLABLE, EDITABLE, InvalidTransition, OrderStatus, before
from truestyle.orders.models import (
    HistoryEntry,
    Order,
    OrderChange,
    OrderPlace,
    Quote,
    QuoteAsk,
    StatusMove,
    TaxTotals,
)
from truestyle.orders.reading import line_tax, quote_of
from truestyle.payments.models import PaymentStatus, PaymentType
from truestyle.store import Store
from truestyle.users.addresses import AddressFields, AddressWrite

LOOKS = 3


@dataclass(frozen=True)
class Repeat:
    """An Idempotency-Key, with the body that came with it."""

    key: str | None
    body: bytes


@dataclass(frozen=True)
class Outcome:
    """The JSON of a 201, the order's id, and whether it was given before."""

    body: str
    order_id: str
    replayed: bool


async def place(store: Store, till: Till, owner: Owner, body: OrderPlace, repeat: Repeat) -> Outcome:
    """Turn the owner's cart into an order; under a key, once.

    Raises CartEmpty, InsufficientStock, PriceChanged, NotDeliverable, CodUnavailable, ValidationFailed, NotFound,
    IdempotencyKeyReused, IdempotencyInProgress, CouponInvalid, Unavailable.
    """
    if repeat.key is None:
        return _outcome(await _place(store, till, owner, body, None))
    caller = str(owner.user_id or owner.token)
    lease = timedelta(seconds=store.shop.idempotency_lease_seconds)
    claim = await store.claims.claim(caller, repeat.key, repeat.body, lease)
    if isinstance(claim, Answered):
        return Outcome(claim.body, orjson.loads(claim.body)["order_id"], replayed=True)
    try:
        return _outcome(await _place(store, till, owner, body, claim))
    except Unavailable:
        raise  # the order may yet be committed: the claim stays until its lease ends
    except Problem:
        await store.claims.release(claim)
        raise


def _outcome(order: Order) -> Outcome:
    return Outcome(placed_body(order), str(order.id), replayed=False)


async def _place(store: Store, till: Till, owner: Owner, body: OrderPlace, claim: Claim | None) -> Order:
    shipping = await _address(store, owner, body.address_id, body.address)
    billing = shipping
    if body.billing_address_id is not None:
        billing = await _address(store, owner, body.billing_address_id, None)
    if not delivery.deliverable(shipping.pincode):
        raise NotDeliverable
    email = await _email(store, owner, body)
    for _ in range(LOOKS):
        cart = await carts.get(store, owner)
        if not cart.items:
            raise CartEmpty
        code = body.coupon_code or cart.coupon_code
        placement = Placement(
            cart=cart,
            user_id=owner.user_id,
            email=email,
            shipping=shipping,
            billing=billing,
            payment=body.payment.type,
            expected_total=body.expected_total,
            notes=body.notes,
            offer=await offers.of_code(store, code) if code else await _automatic(store, owner, cart, email),
            insists=code is not None,
            claim=claim,
        )
        try:
            return await till.place(placement)
        except CartBusy:  # changed, or ordered, since we read it: look again
            continue
    raise Unavailable


async def _address(
    store: Store, owner: Owner, address_id: ObjectId | None, written: AddressWrite | None
) -> AddressFields:
    if (address_id is None) == (written is None):
        raise ValidationFailed("give either address_id or address", ("body", "address"))
    if written is not None:
        return written.fields()
    found = None
    if owner.user_id is not None:
        found = await store.addresses.first({"_id": address_id, "user_id": owner.user_id})
    if found is None:
        raise NotFound("There is no such address.")
    return AddressFields.model_validate(found.model_dump(include=set(AddressFields.model_fields)))


async def _email(store: Store, owner: Owner, body: OrderPlace) -> str:
    if owner.user_id is not None:
        return (await store.users.get(owner.user_id)).email
    if body.email is None:
        raise ValidationFailed("a guest needs an e-mail address", ("body", "email"))
    return body.email


async def _automatic(store: Store, owner: Owner, cart: Cart, email: str) -> Offer | None:
    """The offer without a code that saves most on this cart."""
    if not await store.coupons.automatic(1):
        return None
    products = await store.products.by_ids({item.product_id for item in cart.items})
    items = [item_of(*one) for one in _for_sale(cart, products)]
    best = await offers.best_automatic(store, items, carts.terms(store.shop), owner.user_id, email)
    return best.offer if best else None


def _for_sale(cart: Cart, products: Mapping[ObjectId, Product]) -> Iterator[tuple[Product, Variant, int]]:
    for item in cart.items:
        product = products.get(item.product_id)
        variant = product.variant(item.sku) if product and product.status is ProductStatus.ACTIVE else None
        if product is not None and variant is not None:
            yield product, variant, item.quantity


async def quote(store: Store, owner: Owner, ask: QuoteAsk) -> Quote:
    """What the cart would cost, delivered there; nothing is changed.

    Raises CartEmpty, CouponInvalid, NotFound, ValidationFailed.
    """
    given = [one is not None for one in (ask.address_id, ask.address, ask.pincode)]
    if sum(given) != 1:
        raise ValidationFailed("give one of address_id, address and pincode", ("body", "pincode"))
    if ask.pincode is not None:
        state, pincode = delivery.place_of_supply(None, ask.pincode), ask.pincode
        to = AddressFields(full_name="", phone="", line1="", city="", state=state, pincode=pincode)
    else:
        to = await _address(store, owner, ask.address_id, ask.address)
    cart = await carts.get(store, owner)
    products = await store.products.by_ids({item.product_id for item in cart.items})
    chosen = list(_for_sale(cart, products))
    if not chosen:
        raise CartEmpty
    lines, items = [line_of(*one) for one in chosen], [item_of(*one) for one in chosen]
    code = ask.coupon_code or cart.coupon_code
    if code is not None:
        applied: Applied | None = await offers.apply(store, code, items, owner.user_id)
    else:
        applied = await offers.best_automatic(store, items, carts.terms(store.shop), owner.user_id)
    available = await store.stock.available(line.sku for line in lines)
    figures = price_for(store, lines, to, ask.payment_type, applied)
    return quote_of(store.shop, [(one, variant) for one, variant, _ in chosen], figures, to.pincode, available)


def within(caller: Caller) -> dict[str, Any]:
    """The filter for orders that the caller may see."""
    return {} if caller.may(Permission.ORDERS_READ) else {"user_id": caller.user_id}


def _own(caller: Caller) -> dict[str, Any]:
    """The filter for orders that the caller may change."""
    return {} if caller.may(Permission.ORDERS_WRITE) else {"user_id": caller.user_id}


async def cancel(store: Store, caller: Caller, key: ObjectId, reason: str) -> Order:
    """Call an order off: stock back, nothing to pay, exactly once. Raises NotFound, InvalidTransition."""
    await store.orders.get(key, **_own(caller))
    return await _undo(store, key, OrderStatus.CANCELLED, str(caller.user_id), reason, Reason.RESTOCKED)


async def move(store: Store, caller: Caller, key: ObjectId, body: StatusMove) -> Order:
    """Take an order to its next status. Raises NotFound, InvalidTransition."""
    by, status = str(caller.user_id), body.status
    if status is OrderStatus.CANCELLED:
        return await _undo(store, key, status, by, body.note, Reason.RESTOCKED)
    if status is OrderStatus.RETURNED_TO_ORIGIN:
        return await _undo(store, key, status, by, body.note, Reason.RETURNED_TO_ORIGIN)
    more: dict[str, Any] = {"tracking": body.tracking.model_dump()} if body.tracking else {}

    async def work(tx: Store) -> Order:
        order = await tx.orders.get(key)
        moment = _next_moment(order)
        entry = HistoryEntry(status=status, at=moment, by=by, note=body.note)
        paid: dict[str, Any] = {}
        if status is OrderStatus.DELIVERED and order.payment.type is PaymentType.COD:
            paid = {"amount_paid": order.total, "payment.status": PaymentStatus.PAID}
        moved = await tx.orders.move(key, before(status), entry, {**more, **paid})
        if moved is None:
            raise InvalidTransition(order.status, status)
        if paid and not await tx.payments.capture(order.payment.id, order.total, f"cod:{order.number}", moment):
            raise Unavailable
        await tx.outbox.write([_told(moved), changed_event(moved)])
        return moved

    return await store.transaction(work)


def _next_moment(order: Order) -> datetime:
    """Now, but never before the last step: the clocks of two processes may differ."""
    return max(clock.now(), order.status_history[-1].at)


async def _undo(store: Store, key: ObjectId, status: OrderStatus, by: str, note: str | None, reason: Reason) -> Order:
    """Cancel or take back: the guarded move first, so whoever comes second changes nothing."""
    sources = CANCELLABLE if status is OrderStatus.CANCELLED else before(status)

    async def work(tx: Store) -> Order:
        order = await tx.orders.get(key)
        moment = _next_moment(order)
        entry = HistoryEntry(status=status, at=moment, by=by, note=note)
        moved = await tx.orders.move(key, sources, entry, {"payment.status": PaymentStatus.CANCELLED})
        if moved is None:
            raise InvalidTransition(order.status, status)
        pieces: dict[str, int] = {}
        for item in moved.items:
            pieces[item.sku] = pieces.get(item.sku, 0) + item.quantity
        await tx.stock.put_back(pieces, moment)
        await inventory.record(
            tx,
            [
                Movement(
                    sku=item.sku,
                    product_id=item.product_id,
                    on_hand_delta=item.quantity,
                    reason=reason,
                    order_id=moved.id,
                    actor_id=ObjectId(by),
                )
                for item in moved.items
            ],
        )
        if not await tx.payments.call_off(moved.payment.id, moment):
            raise Unavailable
        await inventory.refresh_flags(tx, {item.product_id for item in moved.items})
        if status is OrderStatus.CANCELLED:
            await coupons.release(tx, moved.id, moment)
        await tx.outbox.write([_told(moved), changed_event(moved)])
        return moved

    return await store.transaction(work)


def _told(order: Order) -> Event:
    facts = {"order_id": order.id, "number": order.number, "status": order.status, "to": order.email}
    return event("mail.order_status", facts, f"mail.order_status:{order.id}:{order.status}")


def changed_event(order: Order) -> Event:
    """Whatever of an order counts somewhere else may be different from now on."""
    return event("order.changed", {"order_id": order.id}, f"order.changed:{order.id}:{order.version}")


async def change(store: Store, caller: Caller, key: ObjectId, body: OrderChange, version: int | None) -> Order:
    """Notes and, before packing, the address of a COD order, whose taxes follow.

    Raises NotFound, NotEditable, NotDeliverable, CodUnavailable, VersionConflict, ValidationFailed.
    """
    order = await store.orders.get(key, **_own(caller))
    sent = body.model_fields_set
    if not sent:
        return order
    values: dict[str, Any] = {"notes": body.notes} if "notes" in sent else {}
    if body.address_id is not None or body.address is not None:
        if order.payment.type is not PaymentType.COD:
            raise NotEditable
        to = await _address(store, Owner(order.user_id), body.address_id, body.address)
        if not delivery.deliverable(to.pincode):
            raise NotDeliverable
        if not delivery.cod_offered(store.shop, to.pincode, order.total):
            raise CodUnavailable
        values |= {"shipping_address": to.model_dump(), **_taxed(store, order, to)}
    where = {"status": {"$in": list(EDITABLE)}}

    async def work(tx: Store) -> Order:
        changed = await tx.orders.change(key, {"$set": values}, where=where, version=version)
        if changed is None:
            raise NotEditable
        if "shipping_address" in values:
            await tx.outbox.write([changed_event(changed)])
        return changed

    return await store.transaction(work)


def _taxed(store: Store, order: Order, to: AddressFields) -> dict[str, Any]:
    """The same amounts with the taxes of another place of supply."""
    intra = delivery.intra_state(store.shop, to.state, to.pincode)
    items, parts = [], []
    for item in order.items:
        taxes = tax.split(item.line_total, int(item.tax.rate), intra_state=intra)
        parts.append(taxes)
        said = [tax_step(taxes) if step.startswith(TAX_STEP) else step for step in item.explanation]
        update = {"tax": line_tax(taxes), "taxable_value": taxes.taxable, "explanation": said}
        items.append(item.model_copy(update=update).model_dump())
    parts.append(tax.split(order.shipping, max(one.rate for one in parts), intra_state=intra))
    cgst, sgst, igst = (sum(getattr(one, name) for one in parts) for name in ("cgst", "sgst", "igst"))
    totals = TaxTotals(cgst=cgst, sgst=sgst, igst=igst, total=cgst + sgst + igst)
    return {"items": items, "tax": totals.model_dump()}


async def archive(store: Store, key: ObjectId) -> None:
    """Put a cancelled order away; it is never erased. Raises NotFound, NotEditable."""
    await store.orders.get(key)
    done = await store.orders.change(
        key, {"$set": {"archived_at": clock.now()}}, where={"status": OrderStatus.CANCELLED}
    )
    if done is None:
        raise NotEditable("Only cancelled orders can be put away.")
