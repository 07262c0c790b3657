"""UPI: an intent link and its QR code for the store's own address. Staff confirm it when the money is in the bank.

NPCI Linking Specification 1.6: `pa`, `pn`, `tr`, `tn` (at most 50 characters), `am`, `cu`; percent-encoded, a space as
`%20`. `tr` is alphanumeric and at most 35 characters long (since February 2025 banks refuse anything else).
"""

import io
import re
from collections.abc import Callable
from urllib.parse import quote

import segno

from truestyle.kit.money import wire
from truestyle.payments.models import PaymentType
from truestyle.payments.providers.base import Charge, Result, State
from truestyle.payments.providers.by_hand import ByHand

MARGIN, SCALE = 4, 8  # modules around the code, as its standard wants; pixels a module
LONGEST_NOTE, LONGEST_REFERENCE = 50, 35


def link(vpa: str, name: str, reference: str, note: str, amount: int, currency: str) -> str:
    """The intent link that UPI apps open: `amount` in paise."""
    asked = {
        "pa": vpa,
        "pn": name,
        "tr": reference,
        "tn": note[:LONGEST_NOTE],
        "am": wire(amount),
        "cu": currency,
    }
    return "upi://pay?" + "&".join(f"{key}={quote(value, safe='@')}" for key, value in asked.items())


def plain(text: str) -> str:
    """Only what banks take in a reference."""
    return re.sub(r"[^A-Za-z0-9]", "", text)[:LONGEST_REFERENCE]


def svg(content: str) -> bytes:
    """A QR code to scale."""
    out = io.BytesIO()
    segno.make(content, error="m", micro=False).save(out, kind="svg", border=MARGIN, scale=SCALE, nl=False)
    return out.getvalue()


def png(content: str) -> bytes:
    """A QR code as pixels."""
    out = io.BytesIO()
    segno.make(content, error="m", micro=False).save(out, kind="png", border=MARGIN, scale=SCALE)
    return out.getvalue()


class Upi(ByHand):
    """`upi`. `pictures`: where the QR code of a payment is, as SVG and as PNG.

    No bank knows of a link, so nobody can be asked, and it cannot be taken back: money that comes all the same is
    settled when staff find it.
    """

    def __init__(self, vpa: str, name: str, pictures: Callable[[str], tuple[str, str]]) -> None:
        super().__init__(PaymentType.UPI)
        self._vpa, self._name, self._pictures = vpa, name, pictures

    async def start(self, charge: Charge) -> State:
        """The link, and where its pictures are."""
        # The end of the payment's id tells the attempts of one order apart.
        reference = plain(charge.number)[: LONGEST_REFERENCE - 6] + charge.payment_id[-6:].upper()
        note = f"Order {plain(charge.number)}"
        asked = link(self._vpa, self._name, reference, note, charge.amount, charge.currency)
        as_svg, as_png = self._pictures(charge.payment_id)
        action = {"kind": "upi", "link": asked, "qr_svg": as_svg, "qr_png": as_png}
        return State(Result.PENDING, reference, action=action, payment_id=charge.payment_id)
