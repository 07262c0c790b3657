"""A Razorpay for tests: orders, payments, captures and refunds as its API reference describes them.

The real one is on the internet only. This one keeps what it is told, checks the key, and refuses what Razorpay refuses.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from tests.payments.gateways.server import Answer, Asked

KEY_ID, KEY_SECRET, HOOK_SECRET = "rzp_test_truestyle01", "rzp-truestyle-secret-01", "hook-truestyle-newest"
Thing = dict[str, Any]


def _new(prefix: str) -> str:
    return prefix + secrets.token_hex(7)


def _refused(description: str, status: int = 400) -> Answer:
    error = {
        "code": "BAD_REQUEST_ERROR",
        "description": description,
        "source": "business",
        "step": "payment_initiation",
        "reason": "input_validation_failed",
        "metadata": {},
    }
    return status, json.dumps({"error": error}).encode()


@dataclass
class Razorpay:
    """What it has. `orders` and the rest by id."""

    orders: dict[str, Thing] = field(default_factory=dict)
    payments: dict[str, Thing] = field(default_factory=dict)
    refunds: dict[str, Thing] = field(default_factory=dict)
    keys: dict[str, tuple[bytes, Thing]] = field(default_factory=dict)
    slow_refunds: bool = False  # whether a refund is pending at first
    late: bool = False  # whether a payment is only reserved, as after a late authorisation

    async def answer(self, asked: Asked) -> Answer:  # noqa: PLR0911 - a line for each path
        wanted = "Basic " + base64.b64encode(f"{KEY_ID}:{KEY_SECRET}".encode()).decode()
        if asked.headers.get("authorization") != wanted:
            return _refused("Authentication failed", 401)
        body = json.loads(asked.body) if asked.body else {}
        match asked.method, asked.path.removeprefix("/v1/").split("/"):
            case "POST", ["orders"]:
                return self._order(body)
            case "GET", ["orders"]:
                return self._list([o for o in self.orders.values() if o["receipt"] == asked.query.get("receipt")])
            case "GET", ["orders", order, "payments"] if order in self.orders:
                return self._list([one for one in self.payments.values() if one["order_id"] == order])
            case "GET", ["payments", payment] if payment in self.payments:
                return self._one(self.payments[payment])
            case "POST", ["payments", payment, "capture"] if payment in self.payments:
                return self._capture(self.payments[payment], body)
            case "POST", ["payments", payment, "refund"] if payment in self.payments:
                return self._refund(self.payments[payment], body, asked)
        return _refused("The id provided does not exist")

    def _one(self, thing: Thing) -> Answer:
        return 200, json.dumps(thing).encode()

    def _list(self, things: list[Thing]) -> Answer:
        return self._one({"entity": "collection", "count": len(things), "items": things})

    def _order(self, body: Thing) -> Answer:
        if not isinstance(body.get("amount"), int) or body["amount"] < 100:
            return _refused("Order amount less than minimum amount allowed")
        if body.get("currency") != "INR" or len(body.get("receipt", "")) > 40 or len(body.get("notes", {})) > 15:
            return _refused("The order cannot be made")
        order = {
            "id": _new("order_"),
            "entity": "order",
            "amount": body["amount"],
            "amount_paid": 0,
            "amount_due": body["amount"],
            "currency": "INR",
            "receipt": body["receipt"],
            "status": "created",
            "attempts": 0,
            "notes": body.get("notes") or [],
            "created_at": int(time.time()),
        }
        self.orders[order["id"]] = order
        return self._one(order)

    def _capture(self, payment: Thing, body: Thing) -> Answer:
        if payment["status"] != "authorized":
            return _refused("This payment has already been captured")
        if body != {"amount": payment["amount"], "currency": payment["currency"]}:
            return _refused("Capture amount must be equal to the amount authorized")
        self._captured(payment)
        return self._one(payment)

    def _captured(self, payment: Thing) -> None:
        order = self.orders[payment["order_id"]]
        order |= {"status": "paid", "amount_paid": payment["amount"], "amount_due": order["amount"] - payment["amount"]}
        payment |= {
            "status": "captured",
            "captured": True,
            "fee": payment["amount"] // 50,
            "tax": payment["amount"] // 300,
        }

    def _refund(self, payment: Thing, body: Thing, asked: Asked) -> Answer:
        key = asked.headers.get("x-refund-idempotency")
        if key is not None and len(key) < 10:
            return _refused("The idempotency key is too short")
        if key in self.keys:
            before, refund = self.keys[key]
            if before != asked.body:
                return _refused("Different request with the same idempotency key has already been processed.")
            return self._one(refund)
        if not payment["captured"]:
            return _refused("The payment status should be captured for action to be taken")
        if body["amount"] > payment["amount"] - payment["amount_refunded"]:
            return _refused("The total refund amount is greater than the refund payment amount")
        refund = {
            "id": _new("rfnd_"),
            "entity": "refund",
            "amount": body["amount"],
            "currency": payment["currency"],
            "payment_id": payment["id"],
            "notes": body.get("notes") or [],
            "receipt": body.get("receipt"),
            "created_at": int(time.time()),
            "status": "pending" if self.slow_refunds else "processed",
            "speed_requested": body.get("speed", "normal"),
        }
        self.refunds[refund["id"]] = refund
        payment["amount_refunded"] += body["amount"]
        if payment["amount_refunded"] == payment["amount"]:
            payment["status"] = "refunded"
        if key is not None:
            self.keys[key] = asked.body, dict(refund)
        return self._one(refund)

    def pay(self, order_id: str, *, method: str = "upi", fails: str | None = None, amount: int | None = None) -> Thing:
        """What somebody does in Razorpay's checkout; `amount`: other than it should be."""
        order = self.orders[order_id]
        payment = {
            "id": _new("pay_"),
            "entity": "payment",
            "amount": amount or order["amount"],
            "currency": order["currency"],
            "status": "failed" if fails else "authorized",
            "order_id": order_id,
            "method": method,
            "amount_refunded": 0,
            "captured": False,
            "vpa": "asha@okbank" if method == "upi" else None,
            "email": "asha@example.com",
            "notes": [],
            "fee": None,
            "tax": None,
            "error_code": "BAD_REQUEST_ERROR" if fails else None,
            "error_description": fails,
            "created_at": int(time.time()),
        }
        order["attempts"] += 1
        order["status"] = "attempted"
        self.payments[payment["id"]] = payment
        if not fails and not self.late:
            self._captured(payment)
        return payment

    @staticmethod
    def signature(order_id: str, payment_id: str, secret: str = KEY_SECRET) -> str:
        """What the checkout's handler is given with them."""
        return hmac.new(secret.encode(), f"{order_id}|{payment_id}".encode(), hashlib.sha256).hexdigest()

    def event(
        self, kind: str, things: dict[str, Thing] | None = None, secret: str = HOOK_SECRET
    ) -> tuple[bytes, dict[str, str]]:
        """The body and headers of a webhook."""
        payload = {name: {"entity": thing} for name, thing in (things or {}).items()}
        event = {
            "entity": "event",
            "account_id": "acc_truestyle",
            "event": kind,
            "contains": list(things or {}),
            "payload": payload,
            "created_at": int(time.time()),
        }
        body = json.dumps(event).encode()
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return body, {
            "x-razorpay-signature": signature,
            "x-razorpay-event-id": secrets.token_hex(7),
            "content-type": "application/json",
        }
