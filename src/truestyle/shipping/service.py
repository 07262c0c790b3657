"""One answer for everything about bringing goods somewhere: what it costs, whether it can be, and when it is there."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bson import ObjectId

from truestyle.kit import clock
from truestyle.orders.amounts import Terms
from truestyle.orders.delivery import intra_state, place_of_supply
from truestyle.setting_groups import ShopSettings
from truestyle.shipping.carriers import Destination, Offer
from truestyle.shipping.models import Serviceability
from truestyle.store import Store
from truestyle.users import addresses

MOST_CASH = 2_00_000_00 - 1  # paise: two lakh rupees or more may not be taken in cash (Income-tax Act, s. 269ST)


@dataclass(frozen=True)
class Service:
    """What is done for one destination, in paise with tax. `intra`: whether it is in the store's own state."""

    zone: str | None
    deliverable: bool
    fee: int
    free_from: int | None
    days: int
    cod: bool
    cod_fee: int
    cod_ceiling: int
    intra: bool = True

    def takes_cod(self, total: int) -> bool:
        """Whether an order of `total` paise can be paid on delivery."""
        return self.deliverable and self.cod and total <= self.cod_ceiling

    def arrives(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """When a parcel ordered at a moment should be there: the evening of that day in the store's zone."""
        day = moment.astimezone(zone) + timedelta(days=self.days)
        return day.replace(hour=21, minute=0, second=0, microsecond=0).astimezone(moment.tzinfo)

    def terms(self, *, cod: bool = False) -> Terms:
        """What the amounts of an order depend on, now."""
        return Terms(clock.now(), self.intra, self.fee, self.free_from, self.cod_fee if cod else 0)


async def service_to(store: Store, state: str | None, pincode: str) -> Service:
    """What is done for an address. No part of it is asked for inside a checkout's transaction."""
    place = place_of_supply(state, pincode)
    offer = await store.carrier.offer(Destination(pincode, place))
    shop = store.shop
    known = addresses.state_of(pincode) is not None
    listed = not shop.cod_pincodes or pincode in shop.cod_pincodes
    deliverable = known and offer.deliverable
    intra = intra_state(shop, state, pincode)
    return _service(shop, offer, deliverable=deliverable, cod=deliverable and listed and offer.cod, intra=intra)


async def service_of_cart(store: Store, user_id: ObjectId | None) -> Service:
    """What is done for a cart that nobody said yet where it goes: to the buyer's default address, if there is one."""
    if user_id is not None and await store.carrier.varies():
        home = await store.addresses.first({"user_id": user_id, "is_default": True})
        if home is not None:
            return await service_to(store, home.state, home.pincode)
    offer = await store.carrier.offer(None)
    return _service(store.shop, offer, deliverable=offer.deliverable, cod=offer.cod, intra=True)


def _service(shop: ShopSettings, offer: Offer, *, deliverable: bool, cod: bool, intra: bool) -> Service:
    free_from = shop.free_shipping_from if offer.free_from is None else offer.free_from
    return Service(
        zone=offer.zone,
        deliverable=deliverable,
        fee=shop.shipping_fee if offer.fee is None else offer.fee,
        free_from=None if offer.always_charged else free_from,
        days=shop.delivery_days if offer.days is None else offer.days,
        cod=cod,
        cod_fee=shop.cod_fee if offer.cod_fee is None else offer.cod_fee,
        cod_ceiling=min(shop.cod_ceiling if offer.cod_ceiling is None else offer.cod_ceiling, MOST_CASH),
        intra=intra,
    )


async def serviceability(store: Store, pincode: str) -> Serviceability:
    """What can be sent to a PIN code, for how much, and when it would be there."""
    service = await service_to(store, None, pincode)
    state = addresses.state_of(pincode)
    arrives = service.arrives(clock.now(), store.shop.zone) if service.deliverable else None
    return Serviceability(
        pincode=pincode,
        state=state.title() if state else None,
        zone=service.zone,
        deliverable=service.deliverable,
        shipping_fee=service.fee,
        free_shipping_from=service.free_from,
        cod=service.cod,
        cod_fee=service.cod_fee,
        cod_ceiling=service.cod_ceiling,
        estimated_days=service.days if service.deliverable else None,
        estimated_delivery=arrives,
    )
