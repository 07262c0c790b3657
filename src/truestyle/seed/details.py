"""Who the demo store is, with what the law wants shown: so that its invoices are tax invoices.

Nobody is meant. The GSTIN has a right check digit, as the store asks for, and a PAN that is plainly made up: the last
there could ever be of a company, ZZZ… 9999Z.
"""

from truestyle.cms.content import Officer, Place, StoreDetails
from truestyle.shop import Shop
from truestyle.users.addresses import state_key

STATE, GSTIN = "Karnataka", "29ZZZCT9999Z1ZL"


async def introduce(shop: Shop) -> bool:
    """Add them to a store that has none and is where the demo store is; whether they were added."""
    table = shop.store.of(StoreDetails)
    if state_key(shop.settings.shop.store_state) != state_key(STATE) or await table.first({}) is not None:
        return False
    await table.add(
        StoreDetails(
            name=shop.settings.shop.project_name,
            legal_name=f"{shop.settings.shop.project_name} Demo Private Limited",
            gstin=GSTIN,
            email="care@truestyle.example",
            addresses=[Place(line1="1 Example Street", city="Bengaluru", state=STATE, pincode="560001")],
            grievance_officer=Officer(
                name="Meera Nair", designation="Grievance officer", email="grievance@truestyle.example"
            ),
        )
    )
    return True
