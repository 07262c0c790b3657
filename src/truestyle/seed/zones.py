"""The zones that a store opens with. They charge what the settings say, until staff give them rates of their own."""

from truestyle.shipping.models import ShippingZone
from truestyle.shipping.table import SUBJECT
from truestyle.store import Store

METROS = ["110", "400", "500", "560", "600", "700"]  # Delhi, Mumbai, Hyderabad, Bengaluru, Chennai, Kolkata
FAR = [
    *("Arunachal Pradesh", "Assam", "Manipur", "Meghalaya", "Mizoram", "Nagaland", "Sikkim", "Tripura"),
    *("Jammu And Kashmir", "Ladakh", "Andaman And Nicobar Islands", "Lakshadweep"),
]


def zones() -> list[ShippingZone]:
    """From near to far."""
    return [
        ShippingZone(name="Home state", home_state=True, sort_order=100),
        ShippingZone(name="Metro cities", pincodes=METROS, sort_order=200),
        ShippingZone(name="North-east, Jammu and Kashmir, Ladakh, islands", states=FAR, sort_order=300),
        ShippingZone(name="Rest of India", sort_order=400),
    ]


async def seed_zones(store: Store) -> None:
    """Add them to a store that never had zones; what staff delete stays deleted."""

    async def work(tx: Store) -> None:
        if await tx.versions.bump(SUBJECT) == 1:
            await tx.zones.write(zones())

    if await store.versions.of(SUBJECT) == 0:
        await store.transaction(work)
