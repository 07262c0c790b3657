"""Checkout: waiting placements share one transaction, in which stock, orders, payments and events are all or nothing.

`place_batch` takes the write locks of all stock rows first, so that two workers who want the same SKU find out at the
first statement and not at the last; then it decides the placements in order, and writes each collection once.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bson import ObjectId

from truestyle.cart.models import Cart
from truestyle.cart.service import line_of, picture, terms
from truestyle.catalog.products.models import Product, ProductStatus, Variant
from truestyle.coupons import offers
from truestyle.coupons.discounts import Buyer, Offer, judge
from truestyle.coupons.errors import CouponInvalid, unknown
from truestyle.coupons.models import Coupon, Redemption
from truestyle.coupons.offers import Applied, item_of
from truestyle.infra.outbox import Event, event
from truestyle.inventory import service as inventory
from truestyle.inventory.models import Movement, Reason
from truestyle.inventory.repository import InsufficientStock
from truestyle.kit import clock
from truestyle.kit.errors import Problem, Unavailable
from truestyle.kit.groupcommit import GroupCommit
from truestyle.kit.idempotency import Claim, IdempotencyInProgress
from truestyle.kit.trail import Actor, ActorKind, acting
from truestyle.orders import amounts, delivery
from truestyle.orders.amounts import Amounts, Line
from truestyle.orders.errors import CartBusy, CartEmpty, CodUnavailable, PriceChanged
from truestyle.orders.flow import OrderStatus
from truestyle.orders.models import HistoryEntry, Order, OrderPayment, OrderPlaced
from truestyle.orders.reading import answer, frozen_item, quote_of, tax_totals
from truestyle.orders.repository import order_number
from truestyle.payments.models import Payment, PaymentStatus, PaymentType
from truestyle.store import Store
from truestyle.users.addresses import AddressFields

AT_THE_TILL = Actor(ActorKind.GUEST)  # whoever an order belongs to
BLOCK = 20  # order numbers a worker reserves at once; the rest of a block is lost on a restart


@dataclass(frozen=True)
class Placement:
    """A checkout that is ready to be decided: its cart as it was read, and where everything goes."""

    cart: Cart
    user_id: ObjectId | None
    email: str
    shipping: AddressFields
    billing: AddressFields
    payment: PaymentType
    expected_total: int | None = None
    notes: str | None = None
    offer: Offer | None = None
    insists: bool = False  # the buyer asked for this coupon: without it there is no order
    claim: Claim | None = None
    number: str = ""
    order_id: ObjectId = field(default_factory=ObjectId)

    @property
    def demand(self) -> dict[str, int]:
        """Pieces by SKU, summed over lines."""
        total: dict[str, int] = {}
        for item in self.cart.items:
            total[item.sku] = total.get(item.sku, 0) + item.quantity
        return total


@dataclass
class Desk:
    """What the placements of a batch are decided on; `available` goes down as they are accepted."""

    available: dict[str, int]
    versions: dict[ObjectId, int]
    products: dict[ObjectId, Product]
    held: set[bytes]
    coupons: dict[ObjectId, Coupon]
    buyers: dict[ObjectId, Buyer]  # by order, where there is a coupon
    taken: dict[str, int] = field(default_factory=dict)
    redeemed: list[Redemption] = field(default_factory=list)


class Till:
    """Where the checkouts of one process queue up."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._numbers: list[str] = []
        self.queue: GroupCommit[Placement, Order] = GroupCommit(self._run)

    async def place(self, placement: Placement) -> Order:
        """The order, or the Problem that stands in its way."""
        return await self.queue.submit(placement)

    async def _run(self, waiting: Sequence[Placement]) -> Sequence[Order | Exception]:
        numbered = [replace(one, number=await self._number()) for one in waiting]
        with acting(AT_THE_TILL):
            return await self._store.transaction(lambda tx: place_batch(tx, numbered))

    async def _number(self) -> str:
        if not self._numbers:
            moment = clock.now().astimezone(self._store.shop.zone)
            first = await self._store.counters.take(f"orders:{moment:%y}", BLOCK)
            prefix = self._store.shop.order_prefix
            self._numbers = [order_number(prefix, moment, first + step) for step in range(BLOCK)]
        return self._numbers.pop(0)


async def place_batch(tx: Store, placements: Sequence[Placement]) -> list[Order | Exception]:
    """An order or a Problem for each placement, in order; inside a transaction."""
    desk = await _open(tx, placements)
    moment = clock.now()
    results: list[Order | Exception] = []
    for placement in placements:
        try:
            results.append(_decide(tx, desk, placement))
        except Problem as problem:
            results.append(problem)
    placed = [(one, order) for one, order in zip(placements, results, strict=True) if isinstance(order, Order)]
    if not placed:
        return results
    if not await tx.stock.take(desk.taken, moment):
        raise Unavailable  # cannot be: the rows were locked when they were read
    orders = [order for _, order in placed]
    await tx.carts.empty([placement.cart.id for placement, _ in placed], moment)
    await tx.orders.write(orders)
    await tx.payments.write([_payment(order) for order in orders])
    await inventory.record(tx, [movement for order in orders for movement in _sold(order)])
    await tx.outbox.write([one for order in orders for one in _events(order)])
    await _redeem(tx, desk)
    await tx.claims.answer([(one.claim, placed_body(order)) for one, order in placed if one.claim is not None])
    sold_out = {sku for sku, count in desk.available.items() if count == 0 and sku in desk.taken}
    gone = {product.id for product in desk.products.values() if any(one.sku in sold_out for one in product.variants)}
    if gone:
        await inventory.refresh_flags(tx, gone)
    return results


async def _redeem(tx: Store, desk: Desk) -> None:
    uses = Counter(one.coupon_id for one in desk.redeemed)
    if uses and not await tx.coupons.use(uses):
        raise Unavailable  # cannot be: the rows were locked when they were read
    await tx.redemptions.write(desk.redeemed)


async def _open(tx: Store, placements: Sequence[Placement]) -> Desk:
    skus = {sku for one in placements for sku in one.demand}
    claims = [one.claim for one in placements if one.claim is not None]
    available = await tx.stock.lock(sorted(skus)) if skus else {}
    offered = {one.order_id: one for one in placements if one.offer is not None}
    coupons = await tx.coupons.lock([one.offer.coupon.id for one in offered.values() if one.offer]) if offered else {}
    return Desk(
        available=available,
        versions=await tx.carts.versions([one.cart.id for one in placements]),
        products=await tx.products.by_ids({item.product_id for one in placements for item in one.cart.items}),
        held=await tx.claims.held(claims) if claims else set(),
        coupons=coupons,
        buyers={
            key: await offers.buyer_of(tx, one.offer.coupon, one.user_id, one.email)
            for key, one in offered.items()
            if one.offer is not None
        },
    )


def _decide(tx: Store, desk: Desk, placement: Placement) -> Order:
    """Raises the Problem that stands in the way; changes the desk only when it accepts."""
    if placement.claim is not None and placement.claim.id not in desk.held:
        raise IdempotencyInProgress
    if not placement.cart.items:
        raise CartEmpty
    if desk.versions.get(placement.cart.id) != placement.cart.version:
        raise CartBusy
    chosen = [_variant(desk, placement, at) for at in range(len(placement.cart.items))]
    short = [
        (sku, count, desk.available.get(sku, 0))
        for sku, count in placement.demand.items()
        if desk.available.get(sku, 0) < count
    ]
    if short:
        raise InsufficientStock(short)
    lines = [line_of(*pair, item.quantity) for pair, item in zip(chosen, placement.cart.items, strict=True)]
    applied = _reduced(desk, placement, chosen)
    figures = price_for(tx, lines, placement.shipping, placement.payment, applied)
    if placement.expected_total is not None and placement.expected_total != figures.total:
        raise PriceChanged(quote=quote_of(tx.shop, chosen, figures, placement.shipping.pincode, desk.available))
    if placement.payment is PaymentType.COD and not delivery.cod_offered(
        tx.shop, placement.shipping.pincode, figures.total
    ):
        raise CodUnavailable
    for sku, count in placement.demand.items():
        desk.available[sku] -= count
        desk.taken[sku] = desk.taken.get(sku, 0) + count
    desk.versions[placement.cart.id] = -1  # the same cart again in this batch finds it gone
    order = _order(tx, placement, chosen, figures, applied)
    if applied is not None:
        desk.redeemed.append(_redemption(order, applied))
    return order


def _reduced(desk: Desk, placement: Placement, chosen: Sequence[tuple[Product, Variant]]) -> Applied | None:
    """The placement's coupon as it stands now, after those that came before. Raises CouponInvalid, CartBusy."""
    if placement.offer is None:
        return None
    items = [item_of(*pair, item.quantity) for pair, item in zip(chosen, placement.cart.items, strict=True)]
    key = placement.offer.coupon.id
    stored = desk.coupons.get(key)
    before = [one for one in desk.redeemed if one.coupon_id == key]
    mine = [one for one in before if one.email == placement.email or (one.user_id and one.user_id == placement.user_id)]
    buyer = desk.buyers[placement.order_id]
    try:
        if stored is None:
            raise unknown(placement.offer.coupon.code or "")
        offer = replace(
            placement.offer, coupon=stored.model_copy(update={"used_count": stored.used_count + len(before)})
        )
        counted = Buyer(buyer.uses + len(mine), buyer.ordered or bool(mine))
        return Applied(offer, judge(offer, items, clock.now(), counted))
    except CouponInvalid:
        if placement.insists:
            raise
        raise CartBusy from None  # it was given without being asked for: look which fits now


def _variant(desk: Desk, placement: Placement, at: int) -> tuple[Product, Variant]:
    item = placement.cart.items[at]
    product = desk.products.get(item.product_id)
    variant = product.variant(item.sku) if product and product.status is ProductStatus.ACTIVE else None
    if product is None or variant is None:
        raise InsufficientStock([(item.sku, item.quantity, 0)])
    return product, variant


def price_for(
    store: Store,
    lines: Sequence[Line],
    to: AddressFields,
    payment: PaymentType | None,
    applied: Applied | None = None,
) -> Amounts:
    """Amounts of lines delivered to an address and paid in some way, less a coupon."""
    fee = store.shop.cod_fee if payment is PaymentType.COD else 0
    intra = delivery.intra_state(store.shop, to.state, to.pincode)
    agreed = terms(store.shop, intra_state=intra, cod_fee=fee)
    return amounts.price(lines, agreed) if applied is None else amounts.price(*applied.on(lines, agreed))


def _redemption(order: Order, applied: Applied) -> Redemption:
    coupon = applied.offer.coupon
    return Redemption(
        coupon_id=coupon.id,
        code=coupon.code,
        order_id=order.id,
        user_id=order.user_id,
        email=order.email,
        discount=applied.reduction.total,
    )


def _order(
    tx: Store,
    placement: Placement,
    chosen: Sequence[tuple[Product, Variant]],
    figures: Amounts,
    applied: Applied | None,
) -> Order:
    moment = clock.now()
    items = [
        frozen_item(product, variant, priced, picture(product, variant, tx.shop))
        for (product, variant), priced in zip(chosen, figures.lines, strict=True)
    ]
    by = str(placement.user_id) if placement.user_id else "guest"
    history = [HistoryEntry(status=OrderStatus.PLACED, at=moment, by=by)]
    if placement.payment is PaymentType.COD:
        history.append(HistoryEntry(status=OrderStatus.CONFIRMED, at=moment, by="system", note="cash on delivery"))
    return Order(
        id=placement.order_id,
        number=placement.number,
        status=history[-1].status,
        status_history=history,
        items=items,
        subtotal=figures.subtotal,
        discount=figures.discount,
        coupon_code=applied.offer.coupon.code if applied else None,
        shipping=figures.shipping,
        tax=tax_totals(figures),
        total=figures.total,
        payment=OrderPayment(id=ObjectId(), type=placement.payment, status=PaymentStatus.PENDING),
        shipping_address=placement.shipping,
        billing_address=placement.billing,
        estimated_delivery=delivery.estimate(tx.shop, moment),
        notes=placement.notes,
        email=placement.email,
        user_id=placement.user_id,
        placed_at=moment,
        cart_key=placement.cart.key,
    )


def _payment(order: Order) -> Payment:
    return Payment(
        id=order.payment.id,
        order_id=order.id,
        buyer_id=order.user_id,
        type=order.payment.type,
        provider=order.payment.type,
        amount=order.total,
    )


def _sold(order: Order) -> list[Movement]:
    return [
        Movement(
            sku=item.sku,
            product_id=item.product_id,
            on_hand_delta=-item.quantity,
            reason=Reason.SOLD,
            order_id=order.id,
            actor_id=order.user_id,
        )
        for item in order.items
    ]


def _events(order: Order) -> list[Event]:
    facts = {"order_id": order.id, "number": order.number}
    sold = [{"product_id": item.product_id, "quantity": item.quantity} for item in order.items]
    return [
        event("order.placed", {**facts, "items": sold}, f"order.placed:{order.id}"),
        event("mail.order_confirmation", {**facts, "to": order.email}, f"mail.order_confirmation:{order.id}"),
    ]


def placed_body(order: Order) -> str:
    """The JSON of the 201, which a repeated request gets again to the letter."""
    return OrderPlaced(order_id=order.id, order=answer(order)).model_dump_json()
