"""Payments in MongoDB, what providers told of them, and the sandbox's own books."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError

from truestyle.kit import clock
from truestyle.kit.errors import Duplicate
from truestyle.kit.repository import Collection, Repository, Row, duplicate_field, holding
from truestyle.kit.trail import Watch
from truestyle.payments.credit_models import CreditEntry
from truestyle.payments.models import (
    OPEN,
    Entry,
    EntryKind,
    EntryState,
    Payment,
    PaymentStatus,
    SandboxCharge,
    Webhook,
)
from truestyle.payments.providers.base import Result

BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)


class Payments(Repository[Payment]):
    """One row an attempt. A capture's reference is unique in the whole store."""

    document, name = Payment, "payments"
    # `action` may hold what a gateway's page in the shopper's browser needs, and nobody else is to have.
    watch = Watch(subject="buyer_id", upkeep=frozenset({"look_at"}), secret=frozenset({"action"}))
    indexes = (
        IndexModel([("order_id", 1), ("_id", -1)]),
        IndexModel([("buyer_id", 1), ("_id", -1)]),
        IndexModel([("status", 1), ("_id", -1)]),
        IndexModel([("type", 1), ("_id", -1)]),
        IndexModel("ledger.reference"),
        IndexModel([("ledger.state", 1), ("_id", -1)]),
        IndexModel([("provider", 1), ("ledger.at", 1)]),
        IndexModel("reference", unique=True, partialFilterExpression=holding("reference", "")),
        IndexModel(
            [("provider", 1), ("provider_reference", 1)],
            unique=True,
            partialFilterExpression=holding("provider_reference", ""),
        ),
        IndexModel("ledger.id"),
        IndexModel("look_at", partialFilterExpression=holding("look_at", BEFORE_ALL)),
    )

    async def write(self, payments: Sequence[Payment]) -> None:
        """Insert new payments, inside the transaction of their orders."""
        # Made with its order, whose entry tells of both.
        await self.unwatched.insert_many([one.dump() for one in payments], session=self.session)

    async def capture(self, key: ObjectId, amount: int, reference: str, moment: datetime) -> bool:
        """The money is here; False if it already was, or if it is not exactly this amount that was waited for.

        Raises Duplicate: the reference is that of another payment.
        """
        entry = Entry(kind=EntryKind.CAPTURE, amount=amount, reference=reference, at=moment)
        return await self._receive(
            {"_id": key, "captured_amount": 0, "amount": amount, "status": {"$ne": PaymentStatus.MISMATCH}},
            {
                "$set": {"status": PaymentStatus.PAID, "reference": reference, **_over(moment)},
                "$inc": {"captured_amount": amount, "version": 1},
                "$push": {"ledger": entry.model_dump()},
            },
        )

    async def receive_surplus(self, key: ObjectId, amount: int, reference: str, back: Entry, moment: datetime) -> bool:
        """Money is here that its order cannot take: it goes back under the entry `back`. False if there already was.

        Raises Duplicate: the reference is that of another payment.
        """
        entry = Entry(kind=EntryKind.CAPTURE, amount=amount, reference=reference, at=moment)
        return await self._receive(
            {"_id": key, "captured_amount": 0},
            {
                "$set": {
                    "status": PaymentStatus.REFUNDED,
                    "reference": reference,
                    "surplus": True,
                    "refunded_amount": amount,
                    **_over(moment),
                },
                "$inc": {"captured_amount": amount, "version": 1},
                "$push": {"ledger": {"$each": [entry.model_dump(), back.model_dump()]}},
            },
        )

    async def _receive(self, where: Row, update: Row) -> bool:
        try:
            done = await self.collection.update_one(where, update, session=self.session)
        except DuplicateKeyError as error:
            raise Duplicate(duplicate_field(error)) from error
        return done.modified_count == 1

    async def set_apart(self, key: ObjectId, moment: datetime) -> bool:
        """A payment of which all went back is in no figure of its order any more; False if it was not."""
        done = await self.collection.update_one(
            {"_id": key, "surplus": False, "$expr": {"$eq": ["$captured_amount", "$refunded_amount"]}},
            {"$set": {"surplus": True, "updated_at": moment}, "$inc": {"version": 1}},
            session=self.session,
        )
        return done.modified_count == 1

    async def owe(self, key: ObjectId, amount: int, moment: datetime) -> bool:
        """The order costs something else now; False unless the payment was still waiting."""
        done = await self.collection.update_one(
            {"_id": key, "status": PaymentStatus.PENDING, "captured_amount": 0},
            {"$set": {"amount": amount, "updated_at": moment}, "$inc": {"version": 1}},
            session=self.session,
        )
        return done.modified_count == 1

    async def told(
        self, key: ObjectId, sources: Sequence[PaymentStatus], status: PaymentStatus, **facts: Any
    ) -> Payment | None:
        """Go to a status in which no money moved, from one of `sources`; the payment after, or None."""
        return await self.change(key, {"$set": {"status": status, **facts}}, where={"status": {"$in": list(sources)}})

    async def begun(self, key: ObjectId, provider_reference: str, action: dict[str, str] | None) -> Payment | None:
        """The provider knows of it now, under this name; None if that was noted already. Raises Duplicate."""
        values = {"provider_reference": provider_reference, "action": action}
        return await self.change(key, {"$set": values}, where={"provider_reference": None})

    async def call_off(self, order_id: ObjectId, moment: datetime, *, but: ObjectId | None = None) -> list[Payment]:
        """Nothing more will be paid for an order (but one attempt); the attempts that were open."""
        where = {"order_id": order_id, "_id": {"$ne": but}}
        rows = [Payment.load(row) for row in await self.collection.find(where, session=self.session).to_list()]
        found = [one for one in rows if one.status in OPEN]
        if found:
            await self.collection.update_many(
                {"_id": {"$in": [one.id for one in found]}},
                {"$set": {"status": PaymentStatus.CANCELLED, **_over(moment)}, "$inc": {"version": 1}},
                session=self.session,
            )
        if looked_at := [one.id for one in rows if one.look_at is not None and one.status not in OPEN]:
            # Failed attempts are looked at until their order is over; that is upkeep, and nobody's doing.
            await self.unwatched.update_many(
                {"_id": {"$in": looked_at}}, {"$set": {"look_at": None}}, session=self.session
            )
        return found

    async def take_due(self, moment: datetime, pause: timedelta) -> Payment | None:
        """The payment that should be looked at first, which nobody else is given for `pause`, or until it expires."""
        later = moment + pause
        ends = {"$cond": [{"$gt": ["$expires_at", moment]}, {"$min": ["$expires_at", later]}, later]}
        # A lease, not a change.
        row = await self.unwatched.find_one_and_update(
            {"look_at": {"$gt": BEFORE_ALL, "$lte": moment}},
            [{"$set": {"look_at": ends}}],
            sort=[("look_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return None if row is None else Payment.load(row)

    async def look_no_more(self, key: ObjectId) -> None:
        """The sweep has nothing to do with it any more."""
        await self.unwatched.update_one({"_id": key}, {"$set": {"look_at": None}}, session=self.session)  # upkeep

    async def of_order(self, order_id: ObjectId) -> list[Payment]:
        """An order's payments, the oldest first."""
        rows = await self.collection.find({"order_id": order_id}, sort=[("_id", 1)], session=self.session).to_list()
        return [Payment.load(row) for row in rows]

    async def of_refund(self, refund_id: ObjectId) -> Payment | None:
        """The payment whose ledger has this refund."""
        return await self.first({"ledger.id": refund_id})

    async def give_back(self, payment: Payment, entry: Entry, status: PaymentStatus) -> Payment | None:
        """Note a refund (a negative entry); None if more would go back than came in, or the payment moved on."""
        room = {"$lte": [{"$add": ["$refunded_amount", -entry.amount]}, "$captured_amount"]}
        return await self.change(
            payment.id,
            {
                "$inc": {"refunded_amount": -entry.amount},
                "$push": {"ledger": entry.model_dump()},
                "$set": {"status": status},
            },
            where={"refunded_amount": payment.refunded_amount, "$expr": room},
        )

    async def settle_refund(
        self, payment: Payment, before: Entry, after: Mapping[str, Any], more: int, status: PaymentStatus
    ) -> Payment | None:
        """Change a refund's entry that still stands as `before`, and by `more` what was given back; else None."""
        room = {"$lte": [{"$add": ["$refunded_amount", more]}, "$captured_amount"]}
        return await self.change(
            payment.id,
            {
                "$inc": {"refunded_amount": more},
                "$set": {"status": status, **{f"ledger.$[one].{name}": value for name, value in after.items()}},
            },
            where={
                "ledger": {"$elemMatch": {"id": before.id, "kind": EntryKind.REFUND, "state": before.state}},
                "refunded_amount": payment.refunded_amount,
                "$expr": room,
            },
            array_filters=[{"one.id": before.id}],
        )

    async def anonymise(self, user_id: ObjectId) -> None:
        """Take a person out of theirs; the money stays."""
        await self.collection.update_many(
            {"buyer_id": user_id},
            {"$set": {"vpa": None, "card_id": None, "ledger.$[paid].to": "upi"}},
            array_filters=[{"paid.to": {"$regex": "@"}, "paid.state": {"$ne": EntryState.PENDING.value}}],
            session=self.session,
        )

    async def by_references(self, references: Sequence[str]) -> list[Payment]:
        """The payments whose ledger has entries under these references."""
        found = self.collection.find({"ledger.reference": {"$in": list(references)}}, session=self.session)
        return [Payment.load(row) async for row in found]

    async def moved_between(self, provider: str, first: datetime, last: datetime) -> AsyncIterator[Payment]:
        """A provider's payments in whose ledger something happened from `first` to `last`."""
        then = {"$elemMatch": {"at": {"$gte": first, "$lte": last}}}
        async for row in self.collection.find({"provider": provider, "ledger": then}, session=self.session):
            yield Payment.load(row)


def _over(moment: datetime) -> Row:
    return {"action": None, "look_at": None, "failure": None, "updated_at": moment}


class Webhooks(Repository[Webhook]):
    """What providers told, one row an event of theirs."""

    document, name = Webhook, "payment_webhooks"
    unaudited = "what providers told, as it came: what follows from it is in the trail"
    indexes = (
        IndexModel([("provider", 1), ("event_id", 1)], unique=True),
        IndexModel("expires_at", expireAfterSeconds=0),
    )

    async def known(self, provider: str, event_ids: Sequence[str]) -> set[str]:
        """Which of these events were told before."""
        where = {"provider": provider, "event_id": {"$in": list(event_ids)}}
        return {row["event_id"] async for row in self.collection.find(where, {"event_id": 1}, session=self.session)}

    async def write(self, webhooks: Sequence[Webhook]) -> None:
        """Keep events, in the transaction of what will apply them. Raises Duplicate."""
        for one in webhooks:
            await self.add(one)


class SandboxCharges(Repository[SandboxCharge]):
    """The books of the sandbox."""

    document, name = SandboxCharge, "sandbox_charges"
    unaudited = "the make-believe books of a make-believe gateway"
    indexes = (IndexModel("reference", unique=True), IndexModel("payment_id", unique=True))

    async def go_to(self, reference: str, result: Result, sources: Sequence[Result]) -> SandboxCharge | None:
        """The charge after the move, if it stood in one of `sources`."""
        row = await self.collection.find_one_and_update(
            {"reference": reference, "result": {"$in": list(sources)}},
            {"$set": {"result": result}},
            return_document=ReturnDocument.AFTER,
            session=self.session,
        )
        return None if row is None else SandboxCharge.load(row)

    async def note_refund(self, reference: str, refund_id: str) -> None:
        """Give back, once a refund's id."""
        await self.collection.update_one({"reference": reference}, {"$addToSet": {"refunds": refund_id}})


class CreditBalances(Collection):
    """`{_id: user_id, balance}`: what each person has left, never below zero."""

    name = "store_credit_balances"
    unaudited = "each is the sum of a person's entries, which are in the trail"

    async def of(self, user_id: ObjectId) -> int:
        """What a person has left, in paise."""
        row = await self.collection.find_one({"_id": user_id}, session=self.session)
        return int(row["balance"]) if row else 0

    async def lock(self, ids: Sequence[ObjectId]) -> dict[ObjectId, int]:
        """Take the write locks of these rows, in order, so that a conflict shows at once; then the balances.

        Only inside a transaction.
        """
        moment = clock.now()
        await self.collection.bulk_write(
            [UpdateOne({"_id": key}, {"$set": {"locked_at": moment}}) for key in sorted(ids)], session=self.session
        )
        rows = await self.collection.find({"_id": {"$in": list(ids)}}, session=self.session).to_list()
        return {row["_id"]: row["balance"] for row in rows}

    async def shift(self, user_id: ObjectId, delta: int) -> int | None:
        """Add to a balance, or take from it; what is left, or None if there was too little."""
        where: dict[str, Any] = {"_id": user_id}
        if delta < 0:
            where["balance"] = {"$gte": -delta}
        row = await self.collection.find_one_and_update(
            where,
            {"$inc": {"balance": delta}, "$set": {"updated_at": clock.now()}},
            upsert=delta > 0,
            return_document=ReturnDocument.AFTER,
            session=self.session,
        )
        return None if row is None else int(row["balance"])


class CreditEntries(Repository[CreditEntry]):
    """The append-only history of store credit."""

    document, name = CreditEntry, "store_credit"
    indexes = (
        IndexModel([("user_id", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("order_id", ASCENDING)], partialFilterExpression=holding("order_id")),
        IndexModel("refund_id"),
    )

    async def write(self, entries: Sequence[CreditEntry]) -> None:
        """Append, inside the transaction that shifted the balances."""
        if entries:
            await self.collection.insert_many([one.dump() for one in entries], session=self.session)

    async def anonymise(self, user_id: ObjectId) -> None:
        """Take what staff wrote about a person out of theirs; the amounts stay."""
        await self.collection.update_many({"user_id": user_id}, {"$set": {"reason": None}}, session=self.session)
