"""Guests find their orders again: by number and address, with a code that goes there.

Asking answers the same, in the same time, for every number and address: the worker looks whether there is such an
order. Orders of accounts are not found this way; their buyers sign in.
"""

from truestyle.auth.codes import use_up
from truestyle.auth.models import Purpose
from truestyle.auth.service import Keys
from truestyle.infra.outbox import Event, event
from truestyle.kit.errors import NotFound
from truestyle.mail.service import letter
from truestyle.orders.models import Lookup, LookupCode, Order
from truestyle.store import Store

ASKED = "order.lookup_asked"
LETTER = "order_code"


async def ask(store: Store, body: Lookup) -> None:
    """Ask for a code."""
    await store.outbox.write([event(ASKED, {"number": body.number, "email": body.email})])


async def send_code(store: Store, keys: Keys, asked: Event) -> None:
    """Handle the event: send a code to the address of the order, if there is such an order."""
    order = await _find(store, asked.payload["number"], asked.payload["email"])
    issued = await keys.codes.issue(store, order.id, Purpose.ORDER, order.email) if order is not None else None
    if order is None or issued is None:
        return
    facts = {"number": order.number, "expires_at": issued.expires_at}
    await store.outbox.write([letter(LETTER, order.email, facts, box=keys.box, secret={"code": issued.code})])


async def verify(store: Store, keys: Keys, body: LookupCode) -> tuple[Order, str]:
    """The order, and a token with which its buyer may deal with it for a while. Raises OtpInvalid, OtpExpired."""
    order = await _find(store, body.number, body.email)
    row = await keys.codes.check(store, order.id if order is not None else None, Purpose.ORDER, body.code)
    await store.transaction(lambda tx: use_up(tx, row))
    if order is None:
        raise NotFound  # cannot be: a code is of an order
    return order, keys.tokens.order(order.id)


async def _find(store: Store, number: str, email: str) -> Order | None:
    return await store.orders.first({"number": number.upper(), "email": email, "user_id": None})
