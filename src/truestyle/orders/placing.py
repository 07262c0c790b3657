"""Turning a cart into an order."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import orjson
from bson import ObjectId

from truestyle.cart.models import Cart
from truestyle.cart.service import Owner
from truestyle.catalog.products.models import Product, ProductStatus, Variant
from truestyle.coupons import offers
from truestyle.coupons.discounts import Offer
from truestyle.coupons.offers import item_of
from truestyle.kit.errors import NotFound, Problem, Unavailable, ValidationFailed
from truestyle.kit.idempotency import Answered, Claim
from truestyle.orders import spending, starting
from truestyle.orders.checkout import ON_DELIVERY, Means, Placement, placed_body
from truestyle.orders.errors import CartBusy, CartEmpty, NotDeliverable
from truestyle.orders.flow import OrderStatus
from truestyle.orders.models import Order, OrderPlace, PaymentChoice
from truestyle.payments.models import PaymentStatus, PaymentType
from truestyle.payments.providers.chosen import collector
from truestyle.shipping.service import Service, service_to
from truestyle.store import Store
from truestyle.users.addresses import AddressFields, AddressWrite

if TYPE_CHECKING:
    from truestyle.shop import Shop

LOOKS = 3
Arrive = Callable[[], None]


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


async def place(shop: "Shop", owner: Owner, body: OrderPlace, repeat: Repeat) -> Outcome:
    """Turn the owner's cart into an order; under a key, once. Then, after the commit, its payment is begun.

    Raises CartEmpty, InsufficientStock, PriceChanged, NotDeliverable, CodUnavailable, ValidationFailed, NotFound,
    IdempotencyKeyReused, IdempotencyInProgress, CouponInvalid, Unavailable.
    """
    arrive = shop.till.queue.announce()  # those who come at the same time are served together
    try:
        return await _placed(shop, owner, body, repeat, arrive)
    finally:
        arrive()


async def _placed(shop: "Shop", owner: Owner, body: OrderPlace, repeat: Repeat, arrive: Arrive) -> Outcome:
    store = shop.store
    means = means_of(shop, body.payment)
    if repeat.key is None:
        return _outcome(await _begun(shop, await _place(shop, owner, body, means, None, arrive)))
    caller = str(owner.user_id or owner.token)
    lease = timedelta(seconds=store.shop.idempotency_lease_seconds)
    claim = await store.claims.claim(caller, repeat.key, repeat.body, lease)
    if isinstance(claim, Answered):
        return await _again(shop, claim)
    try:
        order = await _place(shop, owner, body, means, claim, arrive)
    except Unavailable:
        raise  # the order may yet be committed: the claim stays until its lease ends
    except Problem:
        await store.claims.release(claim)
        raise
    begun = await _begun(shop, order)
    if begun is not order:
        await store.claims.amend(claim, placed_body(begun))
    return _outcome(begun)


def means_of(shop: "Shop", choice: PaymentChoice) -> Means:
    """By whom a payment is collected, and with what. Raises Unavailable: nobody is set up for this kind."""
    provider = shop.providers.get(choice.type)
    if provider is None:
        msg = f"Payments by {choice.type} are not set up here."
        raise Unavailable(msg)
    if choice.type is PaymentType.COD:
        return ON_DELIVERY
    window = timedelta(minutes=shop.settings.payments.payment_window_minutes)
    return Means(collector(provider), window, choice.vpa, choice.card_id, choice.scenario)


async def _begun(shop: "Shop", order: Order) -> Order:
    return await starting.begin(shop, order) if order.status is OrderStatus.PLACED else order


async def _again(shop: "Shop", claim: Answered) -> Outcome:
    """The first answer. Where the process died before the payment was begun, it lacks what to do: that is added now."""
    kept = orjson.loads(claim.body)
    order_id, payment = kept["order_id"], kept["order"]["payment"]
    waits = payment["type"] != PaymentType.COD and payment["status"] == PaymentStatus.PENDING
    if waits and payment["action"] is None:
        order = await shop.store.orders.get(ObjectId(order_id))
        if order.status is OrderStatus.PLACED and str(order.payment.id) == payment["id"]:
            body = placed_body(await _begun(shop, order))
            if body != claim.body:
                await shop.store.claims.amend(claim.claim, body)
            return Outcome(body, order_id, replayed=True)
    return Outcome(claim.body, order_id, replayed=True)


def _outcome(order: Order) -> Outcome:
    return Outcome(placed_body(order), str(order.id), replayed=False)


async def _place(
    shop: "Shop", owner: Owner, body: OrderPlace, means: Means, claim: Claim | None, arrive: Arrive
) -> Order:
    store = shop.store
    spending.require_account(owner, wanted=body.use_store_credit)
    await require_card(store, owner.user_id, body.payment)
    shipping = await address_for(store, owner, body.address_id, body.address)
    billing = shipping
    if body.billing_address_id is not None:
        billing = await address_for(store, owner, body.billing_address_id, None)
    service = await service_to(store, shipping.state, shipping.pincode)
    if not service.deliverable:
        raise NotDeliverable
    email = await _email(shop, owner, body)
    for _ in range(LOOKS):
        cart = await shop.till.carts.one(owner)
        if cart is None or not cart.items:
            raise CartEmpty
        code = body.coupon_code or cart.coupon_code
        placement = Placement(
            cart=cart,
            user_id=owner.user_id,
            email=email,
            shipping=shipping,
            billing=billing,
            payment=body.payment.type,
            service=service,
            expected_total=body.expected_total,
            notes=body.notes,
            offer=await offers.of_code(store, code) if code else await _automatic(shop, owner, cart, email, service),
            insists=code is not None,
            claim=claim,
            means=means,
            gstin=body.gstin,
            use_store_credit=body.use_store_credit,
        )
        arrive()
        try:
            return await shop.till.place(placement)
        except CartBusy:  # changed, or ordered, since we read it: look again
            continue
    raise Unavailable


async def require_card(store: Store, user_id: ObjectId | None, choice: PaymentChoice) -> None:
    """Raises NotFound unless the card that was chosen, if any, is the buyer's own."""
    if choice.card_id is None:
        return
    if user_id is None:
        raise NotFound("There is no such card.")
    await store.cards.get(choice.card_id, user_id=user_id)


async def address_for(
    store: Store, owner: Owner, address_id: ObjectId | None, written: AddressWrite | None
) -> AddressFields:
    """The address that was chosen from one's book or written out. Raises NotFound, ValidationFailed."""
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


async def _email(shop: "Shop", owner: Owner, body: OrderPlace) -> str:
    if owner.user_id is not None:
        email = await shop.till.emails.one(owner.user_id)
        if email is None:
            raise NotFound
        return email
    if body.email is None:
        raise ValidationFailed("a guest needs an e-mail address", ("body", "email"))
    return body.email


async def _automatic(shop: "Shop", owner: Owner, cart: Cart, email: str, service: Service) -> Offer | None:
    """The offer without a code that saves most on this cart."""
    if not await shop.till.offers.one(True):  # noqa: FBT003 - there is but one thing to ask
        return None
    store = shop.store
    products = await store.products.by_ids({item.product_id for item in cart.items})
    items = [item_of(*one) for one in for_sale(cart, products)]
    best = await offers.best_automatic(store, items, service.terms(), owner.user_id, email)
    return best.offer if best else None


def for_sale(cart: Cart, products: Mapping[ObjectId, Product]) -> Iterator[tuple[Product, Variant, int]]:
    """The lines of a cart that can be bought: (product, variant, pieces)."""
    for item in cart.items:
        product = products.get(item.product_id)
        variant = product.variant(item.sku) if product and product.status is ProductStatus.ACTIVE else None
        if product is not None and variant is not None:
            yield product, variant, item.quantity
