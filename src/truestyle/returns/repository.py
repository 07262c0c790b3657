"""Returns and exchanges in MongoDB: one row each, told apart by `kind`."""

from collections.abc import Iterable, Sequence
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel

from truestyle.kit.repository import Repository, holding
from truestyle.returns.fitting import FITTING, fitting_stages
from truestyle.returns.flow import LIVE, Kind, ReturnStatus
from truestyle.returns.models import Return, ReturnStep


class Returns(Repository[Return]):
    """One row a return or exchange. What stands where is in the filter of every move."""

    document, name = Return, "returns"
    indexes = (
        *(
            IndexModel([("kind", ASCENDING), (field, ASCENDING), ("_id", DESCENDING)])
            for field in ("user_id", "status", "order_id", "reason")
        ),
        IndexModel([("kind", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("order_id", ASCENDING)]),
        IndexModel([("items.product_id", ASCENDING), ("reason", ASCENDING), ("status", ASCENDING)]),
        IndexModel("image_ids", partialFilterExpression=holding("image_ids")),
    )

    async def move(
        self,
        found: Return,
        sources: Sequence[ReturnStatus],
        step: ReturnStep,
        more: dict[str, Any] | None = None,
    ) -> Return | None:
        """Go to `step.status` if it still stands in one of `sources`; the row after, or None."""
        return await self.change(
            found.id,
            {"$set": {"status": step.status, **(more or {})}, "$push": {"status_history": step.model_dump()}},
            where={"status": {"$in": list(sources)}},
        )

    async def settle(self, key: ObjectId, values: dict[str, Any]) -> Return | None:
        """Note what a move has brought about, in its transaction."""
        return await self.change(key, {"$set": values})

    async def how_many(self, kind: Kind) -> int:
        """How many are under way or done, those called off left out."""
        return await self.count({"kind": kind, "status": {"$in": list(LIVE)}})

    async def fitting(self, products: Iterable[ObjectId]) -> dict[ObjectId, dict[str, int]]:
        """Pieces that came back as too small and too large, by product; the products without any are left out."""
        ids = list(products)
        rows = await self.collection.aggregate(fitting_stages({"items.product_id": {"$in": ids}}), session=self.session)
        return {row["_id"]: {str(one): row[one] for one in FITTING} async for row in rows if row["_id"] in ids}

    async def anonymise(self, user_id: ObjectId) -> None:
        """Take a person's words and pictures out of what they sent back.

        Where money is to go stays as long as it has not gone there.
        """
        mine: dict[str, Any] = {"kind": {"$in": list(Kind)}, "user_id": user_id}
        ended = [ReturnStatus.COMPLETED, ReturnStatus.REJECTED, ReturnStatus.CANCELLED]
        await self.collection.update_many(mine, {"$set": {"comment": None, "image_ids": []}}, session=self.session)
        await self.collection.update_many(
            {**mine, "status": {"$in": ended}}, {"$set": {"refund_to": None}}, session=self.session
        )
