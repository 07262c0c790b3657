"""Orders, one row each, as they stand."""

from truestyle.dashboard.figures import SOLD
from truestyle.exports.columns import Column, Kind, Values
from truestyle.exports.models import OrdersAsk
from truestyle.exports.sources import Batches, Plan, Source, between, given, read
from truestyle.infra.snapshot import Snapshot
from truestyle.kit.repository import Row
from truestyle.store import Store

COLUMNS = (
    Column("number", width=16, printed="Order", share=1.1),
    Column("placed_at", Kind.MOMENT, 20, "Placed", 1.3),
    Column("status", printed="Status", share=1.2),
    Column("sale", Kind.FLAG, 8),
    Column("payment_type", printed="Paid by", share=0.8),
    Column("payment_status", width=18, printed="Payment", share=1.2),
    Column("email", width=28),
    Column("full_name", width=24, printed="To", share=1.7),
    Column("phone", width=16),
    Column("address", width=40),
    Column("city", width=16, printed="City", share=1.1),
    Column("state", width=18),
    Column("pincode", width=10),
    Column("gstin", width=18),
    Column("items", width=40),
    Column("pieces", Kind.NUMBER, 8, "Pieces", 0.6),
    Column("subtotal", Kind.MONEY),
    Column("discount", Kind.MONEY),
    Column("coupon_code"),
    Column("shipping", Kind.MONEY),
    Column("total", Kind.MONEY, printed="Total"),
    Column("cgst", Kind.MONEY),
    Column("sgst", Kind.MONEY),
    Column("igst", Kind.MONEY),
    Column("tax", Kind.MONEY),
    Column("paid", Kind.MONEY, printed="Paid"),
    Column("refunded", Kind.MONEY, printed="Refunded"),
    Column("currency", width=9),
    Column("carrier"),
    Column("tracking_number", width=20),
    Column("notes", width=30),
    Column("updated_at", Kind.MOMENT, 20),
    Column("user_id", width=26),
    Column("order_id", width=26),
)
FIELDS = (
    *("number", "placed_at", "status", "payment.type", "payment.status", "email", "shipping_address", "gstin"),
    *("items.quantity", "items.sku", "subtotal", "discount", "coupon_code", "shipping", "total", "tax"),
    *("amount_paid", "amount_refunded", "currency", "tracking", "notes", "updated_at", "user_id"),
)


async def plan(store: Store, ask: OrdersAsk) -> Plan:
    """Orders as lists show them. Raises ValidationFailed."""
    named = given(status=ask.status, payment__status=ask.payment_status, user_id=ask.user_id)
    span = between(ask, store)
    where = {"archived_at": None, **named, **given(payment__type=ask.payment_type)}
    if span or not named:
        return Plan(store.orders, where | ({"placed_at": span} if span else {}), "placed_at")
    return Plan(store.orders, where)


async def batches(store: Store, snapshot: Snapshot, ask: OrdersAsk, plan: Plan) -> Batches:
    """A row an order."""
    del store, ask
    async for rows in read(snapshot, plan, FIELDS):
        yield len(rows), [_told(row) for row in rows]


def _told(row: Row) -> Values:
    to, tracking = row["shipping_address"], row.get("tracking") or {}
    cells = {
        **{name: row.get(name) for name in ("number", "placed_at", "status", "email", "gstin", "notes", "updated_at")},
        **{name: row.get(name) for name in ("subtotal", "discount", "coupon_code", "shipping", "total", "currency")},
        **{name: row["tax"][name] for name in ("cgst", "sgst", "igst")},
        **{name: to.get(name) for name in ("full_name", "phone", "city", "state", "pincode")},
        "sale": row["status"] in SOLD,
        "payment_type": row["payment"]["type"],
        "payment_status": row["payment"]["status"],
        "address": ", ".join(one for name in ("line1", "line2", "landmark") if (one := to.get(name))),
        "items": " | ".join(f"{item['quantity']} × {item['sku']}" for item in row["items"]),
        "pieces": sum(item["quantity"] for item in row["items"]),
        "tax": row["tax"]["total"],
        "paid": row.get("amount_paid", 0),
        "refunded": row.get("amount_refunded", 0),
        "carrier": tracking.get("carrier"),
        "tracking_number": tracking.get("number"),
        "user_id": str(row["user_id"]) if row.get("user_id") else None,
        "order_id": str(row["_id"]),
    }
    return [cells[one.name] for one in COLUMNS]


SOURCE = Source("Orders", COLUMNS, plan, batches)
