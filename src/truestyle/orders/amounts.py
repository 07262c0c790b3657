"""What an order costs: pure functions on paise, no database, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from truestyle.kit import money
from truestyle.orders import tax
from truestyle.orders.tax import Tax

TAX_STEP = "includes"


@dataclass(frozen=True)
class Line:
    """Some pieces of one SKU: `mrp`, `list_price` (before its discount) and `unit_price` (charged), per piece."""

    sku: str
    quantity: int
    mrp: int
    list_price: int
    unit_price: int
    hsn_code: str | None = None
    discount: int = 0
    offer: str = "coupon"


@dataclass(frozen=True)
class Terms:
    """What an order's amounts depend on beside its lines."""

    moment: datetime
    intra_state: bool
    shipping_fee: int = 0
    free_shipping_from: int | None = None
    cod_fee: int = 0
    ships_free: bool = False


@dataclass(frozen=True)
class Priced:
    """A line with its frozen amounts."""

    line: Line
    total: int
    tax: Tax
    explanation: list[str]


@dataclass(frozen=True)
class Amounts:
    """An order's amounts. `shipping` includes any COD fee; taxes are inside."""

    lines: list[Priced]
    subtotal: int
    discount: int
    shipping: int
    shipping_tax: Tax
    total: int

    @property
    def cgst(self) -> int:
        """Central tax of goods and shipping."""
        return sum(one.tax.cgst for one in self.lines) + self.shipping_tax.cgst

    @property
    def sgst(self) -> int:
        """State tax of goods and shipping."""
        return sum(one.tax.sgst for one in self.lines) + self.shipping_tax.sgst

    @property
    def igst(self) -> int:
        """Integrated tax of goods and shipping."""
        return sum(one.tax.igst for one in self.lines) + self.shipping_tax.igst


def price(lines: Sequence[Line], terms: Terms) -> Amounts:
    """Amounts of an order. Each line's rate is chosen after its discount share, by the value of a piece."""
    priced = [_price_line(line, terms) for line in lines]
    goods = sum(one.total for one in priced)
    shipping = 0 if not lines else _shipping(goods, terms) + terms.cod_fee
    highest = max((one.tax.rate for one in priced), default=0)
    return Amounts(
        lines=priced,
        subtotal=sum(line.quantity * line.unit_price for line in lines),
        discount=sum(line.discount for line in lines),
        shipping=shipping,
        shipping_tax=tax.split(shipping, highest, intra_state=terms.intra_state),
        total=goods + shipping,
    )


def _shipping(goods: int, terms: Terms) -> int:
    free = terms.free_shipping_from is not None and goods >= terms.free_shipping_from
    return 0 if free or terms.ships_free else terms.shipping_fee


def _price_line(line: Line, terms: Terms) -> Priced:
    total = line.quantity * line.unit_price - line.discount
    percent, flagged = tax.choose(tax.rate_for(line.hsn_code, terms.moment), total, line.quantity)
    taxes = tax.split(total, percent, intra_state=terms.intra_state, flagged=flagged)
    return Priced(line, total, taxes, _explain(line, total, taxes))


def tax_step(taxes: Tax) -> str:
    """The taxes inside a line, in words."""
    kind = "IGST" if taxes.igst else "CGST + SGST"
    return f"{TAX_STEP} {taxes.rate} % GST ({kind}) {money.wire(taxes.total)} on {money.wire(taxes.taxable)}"


def _explain(line: Line, total: int, taxes: Tax) -> list[str]:
    """The steps from MRP to line total, in words."""
    steps = [f"MRP {money.wire(line.mrp)}"]
    if line.list_price != line.mrp:
        steps.append(f"selling price {money.wire(line.list_price)}")
    if line.unit_price != line.list_price:
        steps.append(f"discount {money.wire(line.list_price - line.unit_price)} → {money.wire(line.unit_price)}")
    steps.append(f"{line.quantity} × {money.wire(line.unit_price)} = {money.wire(line.quantity * line.unit_price)}")
    if line.discount:
        steps.append(f"share of {line.offer} −{money.wire(line.discount)} → {money.wire(total)}")
    steps.append(tax_step(taxes))
    if taxes.flagged:
        steps.append("no GST rate fits this price; the higher one is charged")
    return steps
