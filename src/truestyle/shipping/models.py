"""Zones: where parcels go, for how much and how fast."""

from typing import Annotated

from pydantic import AfterValidator, Field

from truestyle.kit.documents import Answer, Body, Document, example, optional
from truestyle.kit.money import Money, Paise
from truestyle.kit.types import Flag, Line, Timestamp, rule
from truestyle.users.addresses import STATE_CODES, state_key

MOST_ZONES, MOST_PINS = 200, 2000


def _state(name: str) -> str:
    key = state_key(name)
    if key not in STATE_CODES:
        msg = "must be a state or union territory of India"
        raise rule(msg)
    return key.title()


Pins = Annotated[list[Annotated[str, Field(pattern=r"^[1-9][0-9]{0,5}$")]], Field(max_length=MOST_PINS)]
States = Annotated[list[Annotated[Line, AfterValidator(_state)]], Field(max_length=len(STATE_CODES))]
Days = Annotated[int, Field(strict=True, ge=1, le=60)]
Place = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
PINS = "PIN codes, or what they begin with."
HOME = "Whether it is (also) the state that the store ships from."


class ShippingZone(Document):
    """Some destinations and what is charged there. The first zone, by `sort_order`, that has a destination counts.

    A zone without PIN codes and states, and not the home state, is everywhere. Null: as the settings say.
    """

    name: str
    pincodes: list[str] = Field(default_factory=list)
    states: list[str] = Field(default_factory=list)
    home_state: bool = False
    deliverable: bool = True
    fee: Paise | None = None
    free_from: Paise | None = None
    always_charged: bool = False
    days: int | None = None
    cod: bool = True
    cod_fee: Paise | None = None
    cod_ceiling: Paise | None = None
    sort_order: int = 0
    is_active: bool = True


class ZoneCreate(Body):
    """A new zone."""

    name: Line
    pincodes: Pins = Field(default_factory=list, description=PINS)
    states: States = Field(default_factory=list)
    home_state: Flag = Field(default=False, description=HOME)
    deliverable: Flag = Field(default=True, description="False: nothing is sent there.")
    fee: Money | None = Field(default=None, description="Charge for shipping, tax included.")
    free_from: Money | None = Field(default=None, description="Goods total from which shipping is free.")
    always_charged: Flag = Field(default=False, description="Shipping is never free here, whatever the total.")
    days: Days | None = Field(default=None, description="Days from order to estimated delivery.")
    cod: Flag = Field(default=True, description="Whether cash on delivery is offered.")
    cod_fee: Money | None = Field(default=None, description="Charge for cash on delivery, tax included.")
    cod_ceiling: Money | None = Field(default=None, description="Highest order total payable on delivery.")
    sort_order: Place = Field(default=0, description="The first zone that has a destination counts.")
    is_active: Flag = True

    model_config = example({"name": "Pune", "pincodes": ["411"], "fee": "49.00", "days": 2})


class ZoneChange(Body):
    """Changes to a zone."""

    name: Line = optional()
    pincodes: Pins = optional(description=PINS)
    states: States = optional()
    home_state: Flag = optional(description=HOME)
    deliverable: Flag = optional()
    fee: Money | None = None
    free_from: Money | None = None
    always_charged: Flag = optional()
    days: Days | None = None
    cod: Flag = optional()
    cod_fee: Money | None = None
    cod_ceiling: Money | None = None
    sort_order: Place = optional()
    is_active: Flag = optional()


class Serviceability(Answer):
    """What can be sent to a PIN code, for how much, and when it would be there."""

    pincode: str
    state: str | None
    zone: str | None
    deliverable: bool
    shipping_fee: Paise
    free_shipping_from: Paise | None
    cod: bool
    cod_fee: Paise
    cod_ceiling: Paise
    estimated_days: int | None
    estimated_delivery: Timestamp | None
