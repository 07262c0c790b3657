"""Payments in MongoDB."""

from collections.abc import Sequence
from datetime import datetime

from bson import ObjectId
from pymongo import IndexModel

from truestyle.kit.repository import Repository, holding
from truestyle.kit.trail import Watch
from truestyle.payments.models import Entry, Payment, PaymentStatus


class Payments(Repository[Payment]):
    """One row an attempt. A capture's reference is unique in the whole store."""

    document, name = Payment, "payments"
    watch = Watch(subject="buyer_id")
    indexes = (
        IndexModel([("order_id", 1), ("_id", -1)]),
        IndexModel([("buyer_id", 1), ("_id", -1)]),
        IndexModel([("status", 1), ("_id", -1)]),
        IndexModel("reference", unique=True, partialFilterExpression=holding("reference", "")),
    )

    async def write(self, payments: Sequence[Payment]) -> None:
        """Insert new payments, inside the transaction of their orders."""
        # Made with its order, whose entry tells of both.
        await self.unwatched.insert_many([one.dump() for one in payments], session=self.session)

    async def capture(self, key: ObjectId, amount: int, reference: str, moment: datetime) -> bool:
        """The money is here; False unless the payment was still waiting for exactly this amount."""
        entry = Entry(kind="capture", amount=amount, reference=reference, at=moment)
        done = await self.collection.update_one(
            {"_id": key, "status": PaymentStatus.PENDING, "amount": amount},
            {
                "$set": {"status": PaymentStatus.PAID, "reference": reference, "updated_at": moment},
                "$inc": {"captured_amount": amount, "version": 1},
                "$push": {"ledger": entry.model_dump()},
            },
            session=self.session,
        )
        return done.modified_count == 1

    async def call_off(self, key: ObjectId, moment: datetime) -> bool:
        """Nothing will be paid; False unless the payment was still waiting."""
        done = await self.collection.update_one(
            {"_id": key, "status": PaymentStatus.PENDING},
            {"$set": {"status": PaymentStatus.CANCELLED, "updated_at": moment}, "$inc": {"version": 1}},
            session=self.session,
        )
        return done.modified_count == 1
