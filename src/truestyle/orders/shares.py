"""What some pieces of a line are worth: pure, and without a paisa lost however the pieces are split up."""

from dataclasses import dataclass

from truestyle.kit.money import half_up
from truestyle.orders.models import OrderItem


@dataclass(frozen=True)
class Share:
    """The frozen amounts of some pieces of a line, in paise: `gross` = `taxable` + taxes."""

    gross: int
    taxable: int
    cgst: int
    sgst: int
    igst: int
    discount: int


def share(item: OrderItem, before: int, pieces: int) -> Share:
    """The amounts of `pieces` of a line of which `before` were settled already (given back, credited).

    Each amount is the difference of two rounded running totals, so all pieces together are the line to the paisa,
    and CGST and SGST stay equal. Raises ValueError: more pieces than the line has.
    """
    if not 0 <= before <= before + pieces <= item.quantity:
        msg = f"{before} and {pieces} of {item.quantity} pieces"
        raise ValueError(msg)

    def part(amount: int) -> int:
        return half_up(amount * (before + pieces), item.quantity) - half_up(amount * before, item.quantity)

    gross, cgst, igst = part(item.line_total), part(item.tax.cgst), part(item.tax.igst)
    return Share(gross, gross - 2 * cgst - igst, cgst, cgst, igst, part(item.discount))
