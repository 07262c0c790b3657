"""What a cart would cost."""

from truestyle.cart import service as carts
from truestyle.cart.service import Owner, line_of
from truestyle.coupons import offers
from truestyle.coupons.offers import Applied, item_of
from truestyle.kit.errors import ValidationFailed
from truestyle.orders import spending
from truestyle.orders.checkout import price_for
from truestyle.orders.errors import CartEmpty
from truestyle.orders.models import Quote, QuoteAsk
from truestyle.orders.placing import address_for, for_sale
from truestyle.orders.reading import quote_of
from truestyle.shipping.service import service_to
from truestyle.store import Store


async def quote(store: Store, owner: Owner, ask: QuoteAsk) -> Quote:
    """What the cart would cost, delivered there; nothing is changed.

    Raises CartEmpty, CouponInvalid, NotFound, ValidationFailed.
    """
    spending.require_account(owner, wanted=ask.use_store_credit)
    given = [one is not None for one in (ask.address_id, ask.address, ask.pincode)]
    if sum(given) != 1:
        raise ValidationFailed("give one of address_id, address and pincode", ("body", "pincode"))
    if ask.pincode is not None:
        service = await service_to(store, None, ask.pincode)
    else:
        to = await address_for(store, owner, ask.address_id, ask.address)
        service = await service_to(store, to.state, to.pincode)
    cart = await carts.get(store, owner)
    products = await store.products.by_ids({item.product_id for item in cart.items})
    chosen = list(for_sale(cart, products))
    if not chosen:
        raise CartEmpty
    lines, items = [line_of(*one) for one in chosen], [item_of(*one) for one in chosen]
    code = ask.coupon_code or cart.coupon_code
    if code is not None:
        applied: Applied | None = await offers.apply(store, code, items, owner.user_id)
    else:
        applied = await offers.best_automatic(store, items, service.terms(), owner.user_id)
    available = await store.stock.available(line.sku for line in lines)
    balance = 0
    if ask.use_store_credit and owner.user_id is not None:
        balance = await store.credit_balances.of(owner.user_id)
    figures, used = spending.reckon(
        lambda payment: price_for(lines, service, payment, applied), ask.payment_type, balance
    )
    return quote_of(store.shop, [(one, variant) for one, variant, _ in chosen], figures, service, available, used)
