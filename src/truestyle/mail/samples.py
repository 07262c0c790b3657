"""Made-up facts for each kind of mail: for previews, and for the test that all of them can be written."""

from datetime import timedelta
from typing import Any

from bson import ObjectId

from truestyle.kit import clock
from truestyle.orders.flow import OrderStatus
from truestyle.orders.models import HistoryEntry, LineTax, Order, OrderItem, OrderPayment, TaxTotals, Tracking
from truestyle.payments.models import PaymentStatus, PaymentType
from truestyle.returns.flow import Kind, ReturnStatus
from truestyle.users.addresses import AddressFields

NAME = "Asha Rao"


def facts_of(kind: str) -> dict[str, Any]:
    """Everything that the templates of this kind ask for."""
    now = clock.now()
    every: dict[str, Any] = {"name": NAME, "at": now, "expires_at": now + timedelta(minutes=10)}
    if kind == "return_status":
        return {"order": _order(), **_returned()}
    if kind.startswith("order_"):
        told = {"amount": 149900, "why": "paid twice", "reason": "Nobody at home", "number": "TS-26-000042"}
        return {**every, "order": _order(), "code": "012345", **told}
    if kind.startswith("refund_"):
        facts = {"amount": 149900, "where": "asha.rao@okbank", "reference": "632514870921"}
        return {"order": _order(), **facts, "why": "The gateway gives no answer."}
    more: dict[str, dict[str, Any]] = {
        "low_stock": {
            "product": "Indigo block-printed kurta",
            "sku": "KURTA-M-INDIGO",
            "available": 5,
            "low_stock_at": 5,
        },
        "contact_acknowledgement": {"number": "TSC-26-000042", "due_at": now + timedelta(days=30)},
        "integrity_breached": {
            "count": 2,
            "shown": ["I1: stock is not the sum of its movements"],
            "job_id": "65af0b12",
        },
        "webhook_off": {
            "url": "https://erp.example.com/truestyle",
            "failures": 96,
            "since": now - timedelta(days=1),
            "endpoint": "65af0b12c4a1d2e3f4a5b6c7",
        },
        "new_device": {"ip": "203.0.113.7", "user_agent": "Firefox on Linux"},
        "recovery_code_used": {"left": 9},
        "email_changing": {"new_email": "asha.rao@example.com"},
        "email_changed": {"new_email": "asha.rao@example.com"},
    }
    return {**every, "code": "012345", "token": "t" * 43, **more.get(kind, {})}


def _returned() -> dict[str, Any]:
    goods = {"quantity": 1, "name": "Indigo block-printed kurta", "size": "M", "color": "Indigo"}
    return {
        "kind": Kind.EXCHANGE,
        "status": ReturnStatus.REPLACEMENT_SHIPPED,
        "note": "The courier calls before coming.",
        "arrived": True,
        "goods": [{**goods, "instead": {"size": "L", "color": "Indigo"}}],
        "amount": 149900,
        "refund_amount": 0,
        "refund_to": None,
        "price_difference": 20000,
        "replacement_number": "TS-26-000057",
    }


def _order() -> Order:
    moment = clock.now()
    address = AddressFields(
        full_name=NAME,
        phone="+919876543210",
        line1="12, 4th Cross, Indiranagar",
        city="Bengaluru",
        state="Karnataka",
        pincode="560038",
    )
    tax = TaxTotals(cgst=3569, sgst=3569, igst=0, total=7138)
    item = OrderItem(
        id=ObjectId(),
        product_id=ObjectId(),
        sku="KURTA-M-INDIGO",
        name="Indigo block-printed kurta",
        size="M",
        color="Indigo",
        image_url=None,
        hsn_code="6206",
        quantity=1,
        unit_price=149900,
        mrp=199900,
        discount=0,
        taxable_value=142762,
        tax=LineTax(rate="5", cgst=3569, sgst=3569, igst=0),
        line_total=149900,
        returnable=True,
        explanation=[],
    )
    return Order(
        number="TS-26-000042",
        status=OrderStatus.SHIPPED,
        status_history=[HistoryEntry(status=OrderStatus.SHIPPED, at=moment, by=None)],
        items=[item],
        subtotal=149900,
        discount=0,
        shipping=0,
        tax=tax,
        total=149900,
        payment=OrderPayment(id=ObjectId(), type=PaymentType.COD, status=PaymentStatus.PENDING),
        shipping_address=address,
        billing_address=address,
        tracking=Tracking(carrier="India Post", number="EK123456789IN"),
        estimated_delivery=moment + timedelta(days=5),
        email="asha@example.com",
        placed_at=moment,
        cart_key="",
    )
