"""Where we deliver, what is offered there, and which taxes that means."""

from datetime import datetime, timedelta

from truestyle.setting_groups import ShopSettings
from truestyle.users import addresses


def deliverable(pincode: str) -> bool:
    """Whether the PIN code is in the India Post directory."""
    return addresses.state_of(pincode) is not None


def place_of_supply(state: str | None, pincode: str) -> str:
    """The state of a delivery, in the directory's spelling.

    The buyer's word holds where the PIN code touches the state they name (some touch two); else the directory's.
    """
    named = addresses.state_key(state) if state else ""
    touched = addresses.states_of(pincode)
    if named in touched or not touched:
        return named
    return addresses.state_of(pincode) or touched[0]


def intra_state(shop: ShopSettings, state: str | None, pincode: str) -> bool:
    """Whether CGST and SGST apply (IGST Act s. 10(1)(ca): the delivery address decides)."""
    return place_of_supply(state, pincode) == addresses.state_key(shop.store_state)


def cod_offered(shop: ShopSettings, pincode: str, total: int) -> bool:
    """Whether an order of `total` paise can be paid on delivery there."""
    served = not shop.cod_pincodes or pincode in shop.cod_pincodes
    return deliverable(pincode) and served and total <= shop.cod_ceiling


def estimate(shop: ShopSettings, moment: datetime) -> datetime:
    """When a parcel ordered now should arrive: the end of that day in the store's zone."""
    day = (moment.astimezone(shop.zone) + timedelta(days=shop.delivery_days)).replace(
        hour=21, minute=0, second=0, microsecond=0
    )
    return day.astimezone(moment.tzinfo)
