"""The carrier that is built in: a table of zones, which staff keep at /shipping-zones."""

from collections.abc import Callable, Sequence

from truestyle.shipping.carriers import Booking, Consignment, Destination, Offer
from truestyle.shipping.models import ShippingZone
from truestyle.shipping.repository import Zones
from truestyle.users.addresses import state_key

SUBJECT = "shipping"  # of the version that moves with every change of a zone
NOWHERE = 10**9


class Sheet:
    """The zones of one moment, ready to be asked: no more than a few look-ups, however many PIN codes they list."""

    def __init__(self, zones: Sequence[ShippingZone]) -> None:
        self.offers = [_offer(one) for one in zones]
        self._pins: dict[str, int] = {}
        self._states: dict[str, int] = {}
        self._home = self._else = NOWHERE
        for place, zone in enumerate(zones):
            for pin in zone.pincodes:
                self._pins.setdefault(pin, place)
            for state in zone.states:
                self._states.setdefault(state_key(state), place)
            if zone.home_state:
                self._home = min(self._home, place)
            elif not zone.pincodes and not zone.states:
                self._else = min(self._else, place)

    def offer(self, to: Destination | None, home: str) -> Offer:
        """The first zone that has the destination; `home` is the state that the store ships from."""
        places = [self._else]
        if to is not None:
            places += [self._pins.get(to.pincode[:length], NOWHERE) for length in range(1, len(to.pincode) + 1)]
            places.append(self._states.get(to.state, NOWHERE))
            if to.state == home:
                places.append(self._home)
        place = min(places)
        return self.offers[place] if place < NOWHERE else Offer()

    @property
    def varies(self) -> bool:
        """Whether the charge differs between zones (or between them and what is in none)."""
        charged = {(one.fee, one.free_from, one.always_charged) for one in self.offers}
        return bool(charged - {(None, None, False)})


class Table:
    """Zones as a carrier. Kept here as long as `version` says that nothing has changed; None: it is not sure."""

    books = False

    def __init__(self, zones: Zones, home: str, version: Callable[[], int | None] = lambda: None) -> None:
        self._zones, self._home, self._version = zones, state_key(home), version
        self._kept: tuple[int, Sheet] | None = None

    def forget(self) -> None:
        """Read the zones again."""
        self._kept = None

    async def _sheet(self) -> Sheet:
        version = self._version()
        if version is not None and self._kept is not None and self._kept[0] == version:
            return self._kept[1]
        sheet = Sheet(await self._zones.active())
        if version is not None:
            self._kept = (version, sheet)
        return sheet

    async def offer(self, to: Destination | None, weight: int | None = None) -> Offer:  # noqa: ARG002 - not by weight
        """What the table says."""
        return (await self._sheet()).offer(to, self._home)

    async def varies(self) -> bool:
        """Whether shipping costs differ."""
        return (await self._sheet()).varies

    async def book(self, consignment: Consignment) -> Booking | None:  # noqa: ARG002
        """Nobody to tell: staff hand the parcels over, and say who has them."""
        return None

    async def cancel(self, order_id: str) -> None:
        """Nobody to tell."""


def _offer(zone: ShippingZone) -> Offer:
    return Offer(
        zone=zone.name,
        deliverable=zone.deliverable,
        fee=zone.fee,
        free_from=zone.free_from,
        always_charged=zone.always_charged,
        days=zone.days,
        cod=zone.cod,
        cod_fee=zone.cod_fee,
        cod_ceiling=zone.cod_ceiling,
    )
