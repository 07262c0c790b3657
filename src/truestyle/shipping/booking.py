"""Telling a carrier of parcels, for carriers that want to be told. Nothing of it happens inside a transaction."""

from truestyle.infra.outbox import Event, event
from truestyle.orders.delivery import place_of_supply
from truestyle.orders.flow import OrderStatus
from truestyle.orders.models import Order, Tracking
from truestyle.payments.models import PaymentType
from truestyle.shipping.carriers import Consignment, Destination
from truestyle.store import Store

BOOK, CANCEL = "shipping.book", "shipping.cancel"


def parcel_events(tx: Store, before: OrderStatus, order: Order) -> list[Event]:
    """What the carrier has to hear of a step that an order just took."""
    if not tx.carrier.books:
        return []
    facts = {"order_id": order.id}
    if order.status is OrderStatus.PACKED:
        return [event(BOOK, facts, f"{BOOK}:{order.id}")]
    called_off = order.status is OrderStatus.CANCELLED and before is OrderStatus.PACKED
    return [event(CANCEL, facts, f"{CANCEL}:{order.id}")] if called_off else []


async def book(store: Store, one: Event) -> None:
    """Handle the event: announce the parcel, and keep under which number. Raises what makes it come again."""
    order = await store.orders.first({"_id": one.payload["order_id"]})
    if order is None or order.status is not OrderStatus.PACKED:
        return
    booking = await store.carrier.book(_consignment(order))
    if booking is not None:
        tracking = Tracking(carrier=booking.carrier, number=booking.number, url=booking.url)
        update = {"$set": {"tracking": tracking.model_dump()}}
        await store.orders.change(order.id, update, where={"tracking": None, "status": OrderStatus.PACKED})
    after = await store.orders.first({"_id": order.id})
    if after is None or after.status is OrderStatus.CANCELLED:  # the word of that may have been there before us
        await store.carrier.cancel(str(order.id))


async def cancel(store: Store, one: Event) -> None:
    """Handle the event: the parcel is not sent. Raises what makes it come again."""
    await store.carrier.cancel(str(one.payload["order_id"]))


def _consignment(order: Order) -> Consignment:
    to = order.shipping_address
    lines = (to.line1, to.line2, to.landmark, to.city, to.district, to.state)
    on_delivery = order.payment.type is PaymentType.COD
    return Consignment(
        order_id=str(order.id),
        number=order.number,
        to=Destination(to.pincode, place_of_supply(to.state, to.pincode)),
        full_name=to.full_name,
        phone=to.phone,
        lines=tuple(one for one in lines if one),
        goods=sum(item.line_total for item in order.items),
        collect=order.total - order.amount_paid if on_delivery else 0,
    )
