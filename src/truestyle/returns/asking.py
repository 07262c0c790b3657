"""Asking to send goods back. Which pieces are left is in the filter of the order's own write."""

from collections.abc import Sequence

from bson import ObjectId

from truestyle.cart.service import picture
from truestyle.files import service as files
from truestyle.kit import clock
from truestyle.kit.errors import NotFound, ValidationFailed
from truestyle.kit.idempotency import Claim
from truestyle.orders.models import Order, OrderItem
from truestyle.orders.steps import returnable_until
from truestyle.payments.models import CREDIT, ORIGINAL
from truestyle.payments.refunding import HAND_TO_HAND
from truestyle.returns import telling, worth
from truestyle.returns.errors import NotReturnable, ReturnWindowClosed
from truestyle.returns.flow import OUR_FAULT, Kind, ReturnStatus
from truestyle.returns.models import (
    ExchangeCreate,
    ExchangeItemWrite,
    Replacement,
    Return,
    ReturnCreate,
    ReturnItem,
    ReturnItemWrite,
    ReturnStep,
)
from truestyle.returns.parties import Party
from truestyle.returns.reading import answer
from truestyle.store import Store


async def ask(store: Store, party: Party, body: ReturnCreate | ExchangeCreate, claim: Claim | None = None) -> str:
    """A new return or exchange: the JSON of its answer, kept under `claim`.

    Raises NotFound, NotReturnable, ReturnWindowClosed, ValidationFailed, Unavailable.
    """
    kind = Kind.EXCHANGE if isinstance(body, ExchangeCreate) else Kind.RETURN

    async def work(tx: Store) -> str:
        order = await tx.orders.get(body.order_id, **party.orders)
        chosen = _chosen(order, body.items)
        _require_returnable(order, chosen, body, tx.shop.return_window_days)
        await hold_photos(tx, party, body.image_ids or [])
        asked: dict[ObjectId, int] = {}
        for item, wanted in chosen:
            asked[item.id] = asked.get(item.id, 0) + wanted.quantity
        held = await tx.orders.count_pieces(order, "returned_quantity", asked)
        if held is None:
            raise _none_left(order, asked)
        lines = await _lines(tx, order, chosen, body)
        row = Return(
            kind=kind,
            order_id=order.id,
            order_number=order.number,
            user_id=order.user_id,
            status_history=[ReturnStep(status=ReturnStatus.REQUESTED, at=clock.now(), by=party.by)],
            reason=body.reason,
            comment=body.comment,
            image_ids=body.image_ids or [],
            refund_to=body.refund_to,
            items=lines,
            amount=sum(one.amount for one in lines),
            price_difference=difference(order, lines),
        )
        await tx.returns.add(row)
        told = answer(row).model_dump_json()
        if claim is not None:
            await tx.claims.answer([(claim, told)])
        await tx.outbox.write([telling.mail(row, order)])
        return told

    return await store.transaction(work)


def difference(order: Order, lines: Sequence[ReturnItem]) -> int:
    """What replacements cost more than the lines were paid with; 0 where there are none."""
    items = {one.id: one for one in order.items}
    return sum(worth.cost(items[one.order_item_id], one) - one.amount for one in lines if one.replacement)


def _chosen(order: Order, wanted: Sequence[ReturnItemWrite]) -> list[tuple[OrderItem, ReturnItemWrite]]:
    items = {one.id: one for one in order.items}
    if any(one.order_item_id not in items for one in wanted):
        raise NotFound
    named = [(one.order_item_id, getattr(one, "new_sku", None)) for one in wanted]
    if len(set(named)) != len(named):
        raise ValidationFailed("names a line twice", ("body", "items"))
    return [(items[one.order_item_id], one) for one in wanted]


def _require_returnable(
    order: Order,
    chosen: Sequence[tuple[OrderItem, ReturnItemWrite]],
    body: ReturnCreate | ExchangeCreate,
    window_days: int,
) -> None:
    """Raises NotReturnable, ReturnWindowClosed, ValidationFailed."""
    until = returnable_until(order, window_days)
    if until is None:
        reason = "not_delivered"
        raise NotReturnable(reason, "Only what was delivered can be sent back.")
    if clock.now() > until:
        raise ReturnWindowClosed
    kept = [item.id for item, _ in chosen if not item.returnable]
    if kept and body.reason not in OUR_FAULT:  # what is wrong with goods is always ours to mend
        reason = "not_offered"
        raise NotReturnable(reason, "This product is sold without returns.", items=[str(one) for one in kept])
    back = body.refund_to in {None, ORIGINAL} and order.payment.type in HAND_TO_HAND
    if order.user_id is None and (back or body.refund_to == CREDIT):
        raise ValidationFailed("must be a UPI address: there is no account for store credit", ("body", "refund_to"))


def _none_left(order: Order, asked: dict[ObjectId, int]) -> NotReturnable:
    short = [
        {"order_item_id": str(one.id), "requested": asked[one.id], "returnable": one.quantity - one.returned_quantity}
        for one in order.items
        if asked.get(one.id, 0) > one.quantity - one.returned_quantity
    ]
    reason = "none_left"
    return NotReturnable(reason, "Fewer of these pieces are left to send back.", items=short)


async def _lines(
    tx: Store,
    order: Order,
    chosen: Sequence[tuple[OrderItem, ReturnItemWrite]],
    body: ReturnCreate | ExchangeCreate,
) -> list[ReturnItem]:
    before = {one.id: one.returned_quantity for one in order.items}
    lines = []
    for at, (item, wanted) in enumerate(chosen):
        instead = None
        if isinstance(wanted, ExchangeItemWrite):
            instead = await _replacement(tx, item, wanted, at, ours=body.reason in OUR_FAULT)
        lines.append(
            ReturnItem(
                order_item_id=item.id,
                **item.model_dump(include={"product_id", "sku", "name", "size", "color", "image_url"}),
                quantity=wanted.quantity,
                amount=worth.asked_for(item, before[item.id], wanted.quantity),
                replacement=instead,
            )
        )
        before[item.id] += wanted.quantity
    return lines


async def _replacement(tx: Store, item: OrderItem, wanted: ExchangeItemWrite, at: int, *, ours: bool) -> Replacement:
    """Raises NotFound, ValidationFailed: the same again is only for what was wrong with the first."""
    product = await tx.products.first({"_id": item.product_id})
    variant = product.variant(wanted.new_sku) if product else None
    if product is None or variant is None:
        msg = "This product has no such SKU."
        raise NotFound(msg)
    if variant.sku == item.sku and not ours:
        raise ValidationFailed("is the SKU that comes back", ("body", "items", at, "new_sku"))
    return worth.replacement(product, item, variant, picture(product, variant, tx.shop))


async def hold_photos(tx: Store, party: Party, photos: Sequence[ObjectId]) -> None:
    """Pictures of one's own; from now on nobody else sees them but staff, unless the shop shows them elsewhere.

    Raises ValidationFailed.
    """
    if len(set(photos)) != len(photos):
        raise ValidationFailed("names a picture twice", ("body", "image_ids"))
    for at, key in enumerate(photos):
        mine = await tx.files.first({"_id": key, "owner_id": party.user_id, **files.PICTURE}) if party.user_id else None
        if mine is None or not await tx.files.hold(key):
            raise ValidationFailed("names something that does not exist", ("body", "image_ids", at))
        if mine.public and not await tx.files.is_named(key, files.NAMED_BY):
            await tx.files.change(key, {"$set": {"public": False}})
