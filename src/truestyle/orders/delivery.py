"""Which state's taxes a delivery means. What it costs, and whether it can be, is `shipping.service`'s to say."""

from truestyle.setting_groups import ShopSettings
from truestyle.users import addresses


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
