"""Checkout: waiting placements share one transaction, in which stock, orders, payments and events are all or nothing.

`place_batch` takes the write locks of all stock rows first, so that two workers who want the same SKU find out at the
first statement and not at the last; then it decides the placements in order, and writes each collection once.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bson import ObjectId

from truestyle.cart.models import Cart
from truestyle.cart.service import line_of, picture
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
from truestyle.kit.idempotency import Claim, IdempotencyInProgress
from truestyle.orders import amounts, spending
from truestyle.orders.amounts import Amounts, Line
from truestyle.orders.errors import CartBusy, CartEmpty, CodUnavailable, PriceChanged
from truestyle.orders.flow import OrderStatus
from truestyle.orders.models import HistoryEntry, Order, OrderPayment, OrderPlaced
from truestyle.orders.reading import answer, frozen_item, quote_of, tax_totals
from truestyle.payments.models import Payment, PaymentStatus, PaymentType, Scenario
from truestyle.shipping.service import Service
from truestyle.store import Store
from truestyle.users.addresses import AddressFields

STARTED_WITHIN = timedelta(seconds=20)  # by whoever placed the order; then the sweep takes it for dead
# What confirms an order at once, and how its history says so; the others wait for their money.
AT_ONCE = {PaymentType.COD: "cash on delivery", PaymentType.STORE_CREDIT: "store credit"}


@dataclass(frozen=True)
class Means:
    """By whom a payment is collected, with what, and how long the goods are kept for it."""

    provider: str
    window: timedelta | None = None
    vpa: str | None = None
    card_id: ObjectId | None = None
    scenario: Scenario | None = None


ON_DELIVERY = Means(PaymentType.COD)


@dataclass(frozen=True)
class Placement:
    """A checkout that is ready to be decided: its cart as it was read, and where everything goes."""

    cart: Cart
    user_id: ObjectId | None
    email: str
    shipping: AddressFields
    billing: AddressFields
    payment: PaymentType
    service: Service  # what is done for the address, asked before: a transaction waits for no carrier
    expected_total: int | None = None
    notes: str | None = None
    offer: Offer | None = None
    insists: bool = False  # the buyer asked for this coupon: without it there is no order
    claim: Claim | None = None
    means: Means = ON_DELIVERY
    gstin: str | None = None
    use_store_credit: bool = False
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
    """What the placements of a batch are decided on; `available` and `credit` go down as they are accepted."""

    available: dict[str, int]
    versions: dict[ObjectId, int]
    products: dict[ObjectId, Product]
    held: set[bytes]
    coupons: dict[ObjectId, Coupon]
    buyers: dict[ObjectId, Buyer]  # by order, where there is a coupon
    credit: dict[ObjectId | None, int]  # of those who want to use theirs
    taken: dict[str, int] = field(default_factory=dict)
    reserved: dict[str, int] = field(default_factory=dict)
    redeemed: list[Redemption] = field(default_factory=list)


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
    if not (await _move(tx.stock.take, desk.taken, moment) and await _move(tx.stock.reserve, desk.reserved, moment)):
        raise Unavailable  # cannot be: the rows were locked when they were read
    orders = [order for _, order in placed]
    await tx.carts.empty([placement.cart.id for placement, _ in placed], moment)
    await tx.orders.write(orders)
    await tx.payments.write([row for one, order in placed for row in _payments(order, one.means)])
    await spending.spend(tx, orders)
    await inventory.record(tx, [movement for order in orders for movement in _sold(order)])
    await tx.outbox.write([one for order in orders for one in _events(order)])
    await _redeem(tx, desk)
    await tx.claims.answer([(one.claim, placed_body(order)) for one, order in placed if one.claim is not None])
    moved = desk.taken.keys() | desk.reserved.keys()
    sold_out = {sku for sku, count in desk.available.items() if count == 0 and sku in moved}
    gone = {product.id for product in desk.products.values() if any(one.sku in sold_out for one in product.variants)}
    if gone:
        await inventory.refresh_flags(tx, gone)
    return results


async def _move(
    act: Callable[[dict[str, int], datetime], Awaitable[bool]], pieces: dict[str, int], moment: datetime
) -> bool:
    return not pieces or await act(pieces, moment)


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
    spenders = {one.user_id for one in placements if one.use_store_credit and one.user_id is not None}
    credit = await tx.credit_balances.lock(sorted(spenders)) if spenders else {}
    return Desk(
        available=available,
        credit={key: balance for key, balance in credit.items()},  # noqa: C416 - the types differ
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
    figures, used = spending.reckon(
        lambda payment: price_for(lines, placement.service, payment, applied),
        placement.payment,
        desk.credit.get(placement.user_id, 0) if placement.use_store_credit else 0,
    )
    if placement.expected_total is not None and placement.expected_total != figures.total:
        raise PriceChanged(quote=quote_of(tx.shop, chosen, figures, placement.service, desk.available))
    order = _order(tx, placement, chosen, figures, applied, used)
    if order.payment.type is PaymentType.COD and not placement.service.takes_cod(figures.total):
        raise CodUnavailable
    moved = desk.reserved if order.status is OrderStatus.PLACED else desk.taken
    for sku, count in placement.demand.items():
        desk.available[sku] -= count
        moved[sku] = moved.get(sku, 0) + count
    if used:
        desk.credit[placement.user_id] -= used
    desk.versions[placement.cart.id] = -1  # the same cart again in this batch finds it gone
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
    lines: Sequence[Line], service: Service, payment: PaymentType | None, applied: Applied | None = None
) -> Amounts:
    """Amounts of lines delivered to an address and paid in some way, less a coupon."""
    agreed = service.terms(cod=payment is PaymentType.COD)
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
    used: int,
) -> Order:
    moment = clock.now()
    items = [
        frozen_item(product, variant, priced, picture(product, variant, tx.shop))
        for (product, variant), priced in zip(chosen, figures.lines, strict=True)
    ]
    by = str(placement.user_id) if placement.user_id else "guest"
    history = [HistoryEntry(status=OrderStatus.PLACED, at=moment, by=by)]
    payment = OrderPayment(id=ObjectId(), type=placement.payment, status=PaymentStatus.PENDING)
    if used and used == figures.total:
        payment.type, payment.status = PaymentType.STORE_CREDIT, PaymentStatus.PAID
    elif placement.means.window:
        payment.expires_at = moment + placement.means.window
    if payment.type in AT_ONCE:
        history.append(HistoryEntry(status=OrderStatus.CONFIRMED, at=moment, by="system", note=AT_ONCE[payment.type]))
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
        amount_paid=used,
        payment=payment,
        shipping_address=placement.shipping,
        billing_address=placement.billing,
        estimated_delivery=placement.service.arrives(moment, tx.shop.zone),
        notes=placement.notes,
        email=placement.email,
        gstin=placement.gstin,
        user_id=placement.user_id,
        placed_at=moment,
        cart_key=placement.cart.key,
    )


def _payments(order: Order, means: Means) -> list[Payment]:
    """The rows of a new order: of the credit that it uses, and of what pays the rest."""
    by_credit = [spending.row(order)] if order.amount_paid else []
    return by_credit if order.payment.type is PaymentType.STORE_CREDIT else [*by_credit, first_payment(order, means)]


def first_payment(order: Order, means: Means) -> Payment:
    """The row of an order's newest attempt to be paid, which the sweep looks at if nobody else does."""
    prepaid = means.window is not None
    return Payment(
        id=order.payment.id,
        order_id=order.id,
        buyer_id=order.user_id,
        type=order.payment.type,
        provider=means.provider,
        amount=order.total - order.amount_paid,
        expires_at=order.payment.expires_at,
        vpa=means.vpa,
        card_id=means.card_id,
        scenario=means.scenario,
        look_at=clock.now() + STARTED_WITHIN if prepaid else None,
    )


def _sold(order: Order) -> list[Movement]:
    sold = order.status is not OrderStatus.PLACED
    return [
        Movement(
            sku=item.sku,
            product_id=item.product_id,
            on_hand_delta=-item.quantity if sold else 0,
            reserved_delta=0 if sold else item.quantity,
            reason=Reason.SOLD if sold else Reason.RESERVED,
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
    return OrderPlaced(order_id=order.id, order=answer(order, 0)).model_dump_json()
