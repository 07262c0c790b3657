"""Invoices and credit notes in MongoDB."""

from datetime import datetime
from typing import Any, TypeVar

from bson import ObjectId
from pymongo import ASCENDING, IndexModel

from truestyle.invoices.models import CreditNote, Invoice
from truestyle.kit.repository import Repository, holding
from truestyle.kit.trail import Watch

OUTLINE = frozenset({"number", "order_id", "order_number", "issued_at", "invoice_number", "cause"})


P = TypeVar("P", Invoice, CreditNote)


class Papers(Repository[P]):
    """What invoices and credit notes have in common."""

    async def keep(self, key: ObjectId, pdf_id: ObjectId) -> bool:
        """Name the file of a paper; False if it has one."""
        # Nobody did it: the file follows from the row.
        done = await self.unwatched.update_one(
            {"_id": key, "pdf_id": None}, {"$set": {"pdf_id": pdf_id}}, session=self.session
        )
        return done.modified_count == 1

    async def issued(self, start: datetime, end: datetime, after: ObjectId | None, limit: int) -> list[P]:
        """Those issued from `start` on and before `end`, in order; beyond the one of `start` that `after` names."""
        where: dict[str, Any] = {"issued_at": {"$gte": start, "$lt": end}}
        if after is not None:
            beyond = {"$or": [{"issued_at": {"$gt": start}}, {"issued_at": start, "_id": {"$gt": after}}]}
            where = {"$and": [where, beyond]}
        order = [("issued_at", ASCENDING), ("_id", ASCENDING)]
        rows = await self.collection.find(where, sort=order, limit=limit, session=self.session).to_list()
        return [self.document.load(row) for row in rows]


class Invoices(Papers[Invoice]):
    """One row an invoice; one an order."""

    document, name = Invoice, "invoices"
    watch = Watch(outline=OUTLINE)
    indexes = (
        IndexModel("number", unique=True),
        IndexModel("order_id", unique=True),
        IndexModel([("series", ASCENDING), ("sequence", ASCENDING)], unique=True),
        IndexModel([("issued_at", ASCENDING), ("_id", ASCENDING)]),
        IndexModel("pdf_id", partialFilterExpression=holding("pdf_id")),
    )

    async def of_order(self, order_id: ObjectId) -> Invoice | None:
        """The order's invoice."""
        return await self.first({"order_id": order_id})

    async def credit(self, invoice: Invoice, amount: int) -> bool:
        """Count what a credit note takes back; False if the invoice has not that much left."""
        # It follows from the credit note, which has its own entry; and it makes two at once see each other.
        done = await self.unwatched.update_one(
            {"_id": invoice.id, "credited": {"$lte": invoice.totals.total - amount}},
            {"$inc": {"credited": amount}},
            session=self.session,
        )
        return done.matched_count == 1


class CreditNotes(Papers[CreditNote]):
    """One row a credit note; one for each source."""

    document, name = CreditNote, "credit_notes"
    watch = Watch(outline=OUTLINE)
    indexes = (
        IndexModel("number", unique=True, partialFilterExpression=holding("number", "")),
        IndexModel("source", unique=True),
        IndexModel(
            [("series", ASCENDING), ("sequence", ASCENDING)],
            unique=True,
            partialFilterExpression=holding("series", ""),
        ),
        IndexModel([("invoice_id", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("order_id", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("issued_at", ASCENDING), ("_id", ASCENDING)]),
        IndexModel("pdf_id", partialFilterExpression=holding("pdf_id")),
    )

    async def of_source(self, source: str) -> CreditNote | None:
        """The note for one return, refund or reversal."""
        return await self.first({"source": source})

    async def of_order(self, order_id: ObjectId) -> list[CreditNote]:
        """All notes of an order, oldest first."""
        rows = self.collection.find({"order_id": order_id}, sort=[("_id", 1)], session=self.session)
        return [self.document.load(row) async for row in rows]
