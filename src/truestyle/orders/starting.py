"""Payments of orders at their providers: begun after the commit, asked about, and ended. Never in a transaction."""

import asyncio
from typing import TYPE_CHECKING

import structlog

from truestyle.infra.outbox import Event
from truestyle.orders import paying
from truestyle.orders.models import Order
from truestyle.payments.models import OPEN, Payment, PaymentType
from truestyle.payments.providers.base import Charge, Provider, ProviderAwayError, Result, State
from truestyle.store import Store

if TYPE_CHECKING:
    from truestyle.shop import Shop

PATIENCE = 10.0  # seconds that a provider may take to answer
log = structlog.get_logger("payments")


def provider_of(shop: "Shop", payment: Payment) -> Provider | None:
    """Who collects a payment; None if that is nobody, or nobody who is set up here any more."""
    known = payment.provider in set(PaymentType)
    return shop.providers.get(PaymentType(payment.provider)) if known else None


async def charge_of(store: Store, payment: Payment, order: Order) -> Charge:
    """What is to be collected, as a provider is told."""
    source: str | None = payment.scenario or payment.vpa
    if payment.card_id is not None:
        card = await store.cards.first({"_id": payment.card_id, "user_id": order.user_id})
        source = card.token if card is not None else None
    return Charge(
        payment_id=str(payment.id),
        order_id=str(order.id),
        number=order.number,
        amount=payment.amount,
        currency=payment.currency,
        email=order.email,
        expires_at=payment.expires_at,
        source=source,
    )


async def begin(shop: "Shop", order: Order) -> Order:
    """Begin to collect the newest attempt of an order; the order as it stands then.

    May be called any number of times. Never fails: what could not be begun now, the sweep begins later.
    """
    payment = await shop.store.payments.get(order.payment.id)
    provider = provider_of(shop, payment)
    if provider is None or payment.provider_reference is not None or payment.status not in OPEN:
        return await shop.store.orders.get(order.id)
    try:
        charge = await charge_of(shop.store, payment, order)
        async with asyncio.timeout(PATIENCE):
            state = await provider.start(charge)
        await paying.settle(shop.store, _about(payment, state), provider=payment.provider)
    except (ProviderAwayError, TimeoutError) as error:
        log.warning("payment_not_begun", payment_id=str(payment.id), error=type(error).__name__)
    except Exception:
        log.exception("payment_not_begun", payment_id=str(payment.id))
    return await shop.store.orders.get(order.id)


async def ask(shop: "Shop", payment: Payment, order: Order, *, ending: bool = False) -> Payment:
    """Ask how a payment stands, or (`ending`) end it, and apply the answer. Raises ProviderAwayError, TimeoutError."""
    provider = provider_of(shop, payment)
    if provider is None or payment.provider_reference is None:
        return payment
    charge = await charge_of(shop.store, payment, order)
    async with asyncio.timeout(PATIENCE):
        act = provider.call_off if ending else provider.ask
        state = await act(charge, payment.provider_reference)
    if ending and state.result is not Result.PAID:
        return payment  # whoever ends it says what becomes of it
    return await paying.settle(shop.store, _about(payment, state), provider=payment.provider)


def _about(payment: Payment, state: State) -> State:
    if state.payment_id is not None:
        return state
    return State(**{**vars(state), "payment_id": str(payment.id)})


async def call_off(shop: "Shop", one: Event) -> None:
    """Handle `payment.called_off`: the provider is told; what was paid before that, is. Raises ProviderAwayError."""
    payment = await shop.store.payments.get(one.payload["payment_id"])
    await ask(shop, payment, await shop.store.orders.get(payment.order_id), ending=True)
