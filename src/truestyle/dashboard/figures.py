"""What counts: pure functions from an order or an account to the figures that it adds to.

A figure belongs to the day on which the order was placed (or the account opened) in the store's zone, and says how
that order stands now. `docs/concepts/figures.md` says the same in words.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bson import ObjectId

from truestyle.kit import money
from truestyle.kit.repository import Row
from truestyle.orders import delivery
from truestyle.orders.flow import OrderStatus
from truestyle.users.addresses import STATE_CODES

ALL = "all"  # the key of the sums over every day
ELSEWHERE = "00"  # an address whose state has no GST code
PENDING = (OrderStatus.PLACED, OrderStatus.CONFIRMED, OrderStatus.PACKED)
SOLD = frozenset(OrderStatus) - {OrderStatus.PLACED, OrderStatus.CANCELLED, OrderStatus.RETURNED_TO_ORIGIN}
ORDER_FIELDS = (
    *("placed_at", "status", "total", "amount_refunded", "discount", "shipping", "tax.total", "user_id"),
    *("items.product_id", "items.quantity", "items.line_total", "items.refunded_quantity"),
    *("shipping_address.state", "shipping_address.pincode", "payment.type"),
)
USER_FIELDS = ("created_at",)


@dataclass
class Tally:
    """Amounts by field: of days (and ALL), of (day or ALL, product), and of buyers."""

    days: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    products: dict[tuple[str, ObjectId], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    buyers: dict[ObjectId, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, facts: Row) -> None:
        """Count a source in."""
        self._count(facts, 1)

    def take(self, facts: Row) -> None:
        """Count a source out."""
        self._count(facts, -1)

    def _count(self, facts: Row, sign: int) -> None:
        sale = facts.get("sale")
        for day in (facts["day"], ALL):
            for name, amount in of_day(facts):
                self.days[day][name] += sign * amount
            for goods in sale["goods"] if sale else ():
                row = self.products[day, goods["product_id"]]
                row["quantity"] += sign * goods["quantity"]
                row["revenue"] += sign * goods["revenue"]
        if sale and sale["user_id"] is not None:
            self.buyers[sale["user_id"]]["orders"] += sign
            self.buyers[sale["user_id"]]["revenue"] += sign * sale["revenue"]


def of_day(facts: Row) -> Iterator[tuple[str, int]]:
    """What a source adds to its day, by dotted field."""
    if facts["kind"] == "user":
        yield "users", 1
        return
    yield f"statuses.{facts['status']}", 1
    sale = facts["sale"]
    if sale is None:
        return
    yield "pieces", sum(one["quantity"] for one in sale["goods"])
    for name in ("discount", "shipping", "tax", "refunded"):
        yield name, sale[name]
    guest = ["guests."] if sale["user_id"] is None else []
    for place in ("", f"payments.{sale['payment']}.", f"states.{sale['state']}.", *guest):
        yield f"{place}orders", 1
        yield f"{place}revenue", sale["revenue"]


def day_of(moment: datetime, zone: ZoneInfo) -> str:
    """The store's day of a moment, like `2026-11-21`."""
    return moment.astimezone(zone).date().isoformat()


def order_facts(order: Mapping[str, Any], zone: ZoneInfo) -> Row:
    """What an order (a row with ORDER_FIELDS) counts as now. It is a sale unless unpaid, cancelled or gone back."""
    facts: Row = {"kind": "order", "day": day_of(order["placed_at"], zone), "status": order["status"], "sale": None}
    if order["status"] in SOLD:
        to = order["shipping_address"]
        state = delivery.place_of_supply(to["state"], to["pincode"])
        facts["sale"] = {
            "revenue": order["total"] - order["amount_refunded"],
            "refunded": order["amount_refunded"],
            "discount": order["discount"],
            "shipping": order["shipping"],
            "tax": order["tax"]["total"],
            "state": STATE_CODES.get(state, ELSEWHERE),
            "payment": order["payment"]["type"],
            "user_id": order["user_id"],
            "goods": [_goods(item) for item in order["items"]],
        }
    return facts


def _goods(item: Mapping[str, Any]) -> Row:
    """What was sold of a line, less the pieces whose money was given back."""
    back, quantity, total = item.get("refunded_quantity", 0), item["quantity"], item["line_total"]
    revenue = total - money.half_up(total * back, quantity)
    return {"product_id": item["product_id"], "quantity": quantity - back, "revenue": revenue}


def user_facts(user: Mapping[str, Any], zone: ZoneInfo) -> Row:
    """What an account (a row with USER_FIELDS) counts as."""
    return {"kind": "user", "day": day_of(user["created_at"], zone)}


def amounts(row: Mapping[str, Any] | None, path: str = "") -> dict[str, int]:
    """The amounts of a stored row by dotted field, without those that are nothing."""
    found: dict[str, int] = {}
    for name, value in (row or {}).items():
        if isinstance(value, Mapping):
            found |= amounts(value, f"{path}{name}.")
        elif isinstance(value, int) and value:
            found[path + name] = value
    return found


def present(counter: Mapping[str, int]) -> dict[str, int]:
    """Without the fields that are nothing."""
    return {name: amount for name, amount in counter.items() if amount}


def nested(fields: Mapping[str, int]) -> Row:
    """The row that has these amounts."""
    row: Row = {}
    for path, amount in fields.items():
        *outer, name = path.split(".")
        inside = row
        for one in outer:
            inside = inside.setdefault(one, {})
        inside[name] = amount
    return row
