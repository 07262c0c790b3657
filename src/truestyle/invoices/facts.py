"""What invoices say, gathered from orders, settings and the store's details."""

from collections.abc import Sequence
from datetime import datetime

from truestyle.cms.content import Place, StoreDetails
from truestyle.invoices.models import PaperLine, PaperTotals, Postal, Seller, Supply
from truestyle.orders import delivery
from truestyle.orders.models import LineTax, Order, OrderItem
from truestyle.store import Store
from truestyle.users import addresses
from truestyle.users.addresses import AddressFields

PAIRS = ("64", "6115")  # footwear, socks: counted in pairs


def state_name(state: str) -> str:
    """A state as GST's lists write it: "Jammu and Kashmir"."""
    words = addresses.state_key(state).removeprefix("THE ").title().split()
    return " ".join("and" if word == "And" else word for word in words)


def supply_of(where: AddressFields | str) -> Supply:
    """The state of a delivery, or of that name."""
    key = addresses.state_key(where) if isinstance(where, str) else delivery.place_of_supply(where.state, where.pincode)
    return Supply(state=state_name(key), state_code=addresses.STATE_CODES.get(key))


def postal(address: AddressFields, gstin: str | None = None) -> Postal:
    """A buyer's or recipient's address, with its state's code."""
    supply = supply_of(address)
    return Postal(
        name=address.full_name,
        line1=address.line1,
        line2=address.line2,
        landmark=address.landmark,
        city=address.city,
        state=supply.state,
        state_code=supply.state_code,
        pincode=address.pincode,
        phone=address.phone,
        gstin=gstin,
    )


async def seller_now(tx: Store, moment: datetime) -> Seller:
    """Who sells, as the newest words about the store say; by the settings alone where there are none."""
    rows = [one for one in await tx.of(StoreDetails).all() if one.is_active]
    rows = [
        one for one in rows if (one.starts_at or moment) <= moment and (one.ends_at is None or moment < one.ends_at)
    ]
    found = min(rows, key=lambda one: (one.sort_order, one.id), default=None)
    home = supply_of(tx.shop.store_state)
    if found is None:
        name = tx.shop.project_name
        return Seller(name=name, legal_name=name, state=home.state, state_code=home.state_code)
    place = _place(found.addresses, tx.shop.store_state)
    return Seller(
        name=found.name,
        legal_name=found.legal_name,
        gstin=found.gstin,
        email=found.email,
        website=found.website,
        phone=found.phone,
        line1=place and place.line1,
        line2=place and place.line2,
        city=place and place.city,
        pincode=place and place.pincode,
        state=home.state,
        state_code=home.state_code,
    )


def _place(places: Sequence[Place], state: str) -> Place | None:
    """The address in the state that the store ships from, else the first."""
    key = addresses.state_key(state)
    return next((one for one in places if addresses.state_key(one.state) == key), places[0] if places else None)


def goods_line(item: OrderItem, digits: int) -> PaperLine:
    """A line of goods, with as many digits of its HSN code as the store must show."""
    hsn = item.hsn_code
    return PaperLine(
        item_id=item.id,
        sku=item.sku,
        name=item.name,
        size=item.size,
        color=item.color,
        hsn_code=hsn and hsn[:digits],
        quantity=item.quantity,
        uqc="PRS" if (hsn or "").startswith(PAIRS) else "PCS",
        unit_price=item.unit_price,
        discount=item.discount,
        taxable_value=item.taxable_value,
        tax=item.tax,
        line_total=item.line_total,
    )


def shipping_line(order: Order, lines: Sequence[PaperLine]) -> PaperLine | None:
    """What delivery costs: part of a composite supply, so taxed and classified as the goods of the highest rate."""
    if not order.shipping:
        return None
    parts = [line.tax for line in lines]
    cgst, igst = (getattr(order.tax, name) - sum(getattr(one, name) for one in parts) for name in ("cgst", "igst"))
    principal = max(lines, key=lambda one: (int(one.tax.rate), one.line_total))
    return PaperLine(
        name="Shipping and handling",
        hsn_code=principal.hsn_code,
        quantity=0,
        uqc="OTH",
        unit_price=order.shipping,
        discount=0,
        taxable_value=order.shipping - 2 * cgst - igst,
        tax=LineTax(rate=principal.tax.rate, cgst=cgst, sgst=cgst, igst=igst),
        line_total=order.shipping,
    )


def totals_of(lines: Sequence[PaperLine], shipping: PaperLine | None) -> PaperTotals:
    """What the lines and shipping add up to."""
    every = [*lines, shipping] if shipping else list(lines)
    cgst, sgst, igst = (sum(getattr(one.tax, name) for one in every) for name in ("cgst", "sgst", "igst"))
    return PaperTotals(
        taxable_value=sum(one.taxable_value for one in every),
        cgst=cgst,
        sgst=sgst,
        igst=igst,
        tax=cgst + sgst + igst,
        discount=sum(one.discount for one in every),
        shipping=shipping.line_total if shipping else 0,
        total=sum(one.line_total for one in every),
    )
