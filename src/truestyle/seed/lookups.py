"""The rows that the store's own codes need, and the few it opens with."""

from collections.abc import Sequence

from truestyle.catalog import lookups
from truestyle.catalog.lookups import Lookup
from truestyle.kit.resource import to_slug
from truestyle.orders.flow import OrderStatus
from truestyle.payments.models import PaymentStatus
from truestyle.returns.flow import ReturnStatus
from truestyle.store import Store
from truestyle.users.models import UserStatus

RETURN = tuple(one for one in ReturnStatus if one is not ReturnStatus.REPLACEMENT_SHIPPED)
SYSTEM: dict[type[Lookup], Sequence[str]] = {
    lookups.UserStatusRow: tuple(UserStatus),
    lookups.ReviewStatusRow: ("pending", "approved", "rejected"),
    lookups.OrderStatusRow: tuple(OrderStatus),
    lookups.ReturnStatusRow: RETURN,
    lookups.ExchangeStatusRow: tuple(ReturnStatus),
    lookups.PaymentTypeRow: ("cod", "upi", "card", "stripe", "razorpay", "sandbox"),
    lookups.PaymentStatusRow: tuple(PaymentStatus),
    lookups.CouponStatusRow: ("active", "inactive"),
}
OCCASIONS = ("Everyday", "Festive", "Party", "Travel", "Wedding", "Work")
LABELS = {"cod": "Cash on delivery", "upi": "UPI"}


async def seed_lookups(store: Store) -> int:
    """Add what is missing; rows that are there keep their labels and order. How many were new."""
    added = 0
    for document, codes in SYSTEM.items():
        added += await _add(store, document, [(code, _label(code), True) for code in codes])
    rows = [(to_slug(name), name, False) for name in OCCASIONS]
    return added + await _add(store, lookups.Occasion, rows)


def _label(code: str) -> str:
    return LABELS.get(code) or code.replace("_", " ").capitalize()


async def _add(store: Store, document: type[Lookup], rows: Sequence[tuple[str, str, bool]]) -> int:
    fields = [
        (
            code,
            {
                "name": name,
                "slug": to_slug(code),
                "description": None,
                "image_id": None,
                "sort_order": place * 10,
                "is_active": True,
                "is_system": is_system,
            },
        )
        for place, (code, name, is_system) in enumerate(rows)
    ]
    return await store.of(document).fill(fields)
