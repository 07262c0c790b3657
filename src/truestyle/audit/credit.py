"""I2 too: a refund is in its order once, and store credit is the sum of its rows."""

from collections.abc import AsyncIterator

from truestyle.audit.joining import side_by_side
from truestyle.audit.report import Breach
from truestyle.infra.snapshot import Snapshot
from truestyle.payments.credit_models import CreditCause
from truestyle.payments.models import CREDIT, EntryKind, EntryState, PaymentType

SUMS = (
    {"$group": {"_id": "$user_id", "balance": {"$sum": "$delta"}, "least": {"$min": "$balance_after"}}},
    {"$sort": {"_id": 1}},
)
TAKEN = (
    {"$match": {"cause": CreditCause.SPENT.value}},
    {"$group": {"_id": "$order_id", "amount": {"$sum": {"$multiply": ["$delta", -1]}}}},
    {"$sort": {"_id": 1}},
)
PAID = (
    {"$match": {"type": PaymentType.STORE_CREDIT.value}},
    {"$group": {"_id": "$order_id", "amount": {"$sum": "$captured_amount"}}},
    {"$sort": {"_id": 1}},
)
GIVEN = (
    {"$unwind": "$ledger"},
    {"$match": {"ledger.kind": EntryKind.REFUND.value}},
    {
        "$lookup": {
            "from": "store_credit",
            "localField": "ledger.id",
            "foreignField": "refund_id",
            "pipeline": [{"$project": {"delta": 1}}],
            "as": "credit",
        }
    },
    {"$project": {"entry": "$ledger", "credit": 1}},
)


async def balances(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """Each balance is the sum of its rows, and never was below zero."""
    right, kept = snapshot.grouped("store_credit", *SUMS), snapshot.rows("store_credit_balances")
    async for key, should, row in side_by_side(right, kept):
        yield 1
        if (should or {}).get("balance", 0) != (row or {}).get("balance", 0):
            yield Breach("I2", "store credit is not the sum of its rows", {"user_id": key})
        if min((row or {}).get("balance", 0), (should or {}).get("least", 0)) < 0:
            yield Breach("I2", "store credit is below zero", {"user_id": key})


async def spent(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """What was taken from balances for an order is what the order was paid with, and the other way round."""
    taken, paid = snapshot.grouped("store_credit", *TAKEN), snapshot.grouped("payments", *PAID)
    async for key, row, payment in side_by_side(taken, paid):
        yield 1
        if (row or {}).get("amount") != (payment or {}).get("amount"):
            yield Breach("I2", "store credit that was spent is not what it paid", {"order_id": key})


async def refunds(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """Each refund is of an amount that fits its state, and one to store credit is there once, to the paisa."""
    async for row in snapshot.grouped("payments", *GIVEN):
        yield 1
        entry, credit = row["entry"], [one["delta"] for one in row["credit"]]
        wanted = [-entry["amount"]] if entry["to"] == CREDIT else []
        if credit != wanted:
            yield Breach(
                "I2", "a refund and its store credit differ", {"payment_id": row["_id"], "refund": entry["id"]}
            )
        if entry["amount"] > 0 or (entry["amount"] == 0) != (entry["state"] == EntryState.FAILED):
            yield Breach("I2", "a refund's amount does not fit its state", {"payment_id": row["_id"]})
