"""What a carrier is: who brings parcels, for how much, how fast, and where one can watch.

`offer` is asked before a checkout is decided, never inside its transaction. What it gives is a card of rates: the
charge depends on the goods after their discounts, which only the checkout knows.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote


@dataclass(frozen=True)
class Destination:
    """Where a parcel goes: `state` in the spelling of the PIN directory."""

    pincode: str
    state: str


@dataclass(frozen=True)
class Offer:
    """What a carrier says of a destination, in paise with tax. None: as the settings of the store say.

    `free_from` is the goods total from which the charge falls away, unless it is `always_charged`.
    """

    zone: str | None = None
    deliverable: bool = True
    fee: int | None = None
    free_from: int | None = None
    always_charged: bool = False
    days: int | None = None
    cod: bool = True
    cod_fee: int | None = None
    cod_ceiling: int | None = None


@dataclass(frozen=True)
class Consignment:
    """A packed order, for whoever fetches it. `collect`: paise to take at the door. `weight`: grams, if known."""

    order_id: str
    number: str
    to: Destination
    full_name: str
    phone: str
    lines: tuple[str, ...]
    goods: int
    collect: int = 0
    weight: int | None = None


@dataclass(frozen=True)
class Booking:
    """What a carrier answers to a booking."""

    carrier: str
    number: str
    url: str | None = None


class Carrier(Protocol):
    """Somebody who brings parcels. `books`: whether parcels are announced to it once packed."""

    books: bool

    async def offer(self, to: Destination | None, weight: int | None = None) -> Offer:
        """Its terms for a destination; for None, where there is no knowing yet. `weight` in grams, if known."""
        ...

    async def varies(self) -> bool:
        """Whether the terms differ from one destination to another."""
        ...

    async def book(self, consignment: Consignment) -> Booking | None:
        """Have a parcel fetched; the same order again changes nothing. Raises what makes the outbox try again."""
        ...

    async def cancel(self, order_id: str) -> None:
        """The parcel is not sent after all; once more changes nothing."""
        ...


# Where a parcel can be watched, by the carrier's name in small letters without spaces.
TRACKING = {
    "bluedart": "https://www.bluedart.com/trackdartresultthirdparty?trackFor=0&trackNo={number}",
    "delhivery": "https://www.delhivery.com/track-v2/package/{number}",
    "ekart": "https://ekartlogistics.com/shipmenttrack/{number}",
    "indiapost": "https://www.indiapost.gov.in/_layouts/15/DOP.Portal.Tracking/TrackConsignment.aspx",
    "xpressbees": "https://www.xpressbees.com/shipment/tracking?awbNo={number}",
}


PAGE = re.compile(r"[^=]{1,60}=https?://[^\s<>\"]{1,400}")


def require_pages(pages: list[str]) -> list[str]:
    """Further pages, like `acme=https://acme.example/track/{number}`. Raises ValueError for anything else."""
    if not all(PAGE.fullmatch(one) for one in pages):
        msg = "must be like acme=https://acme.example/track/{number}"
        raise ValueError(msg)
    return pages


def tracking_url(carrier: str, number: str, pages: Iterable[str] = ()) -> str | None:
    """The page of a parcel, for the carriers that we know and for further `pages`; else None."""
    more = {_plain(name): page for name, _, page in (one.partition("=") for one in pages)}
    page = {**TRACKING, **more}.get(_plain(carrier))
    return page.replace("{number}", quote(number, safe="")) if page else None


def _plain(name: str) -> str:
    return "".join(name.lower().split())
