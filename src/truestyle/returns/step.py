"""One step of a return, as those see it who bring about what follows from it."""

from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId

from truestyle.returns.models import Return, ReturnMove
from truestyle.returns.parties import Party


@dataclass(frozen=True)
class Step:
    """A move that was made: the row before and after it, by whom, when, as what was asked.

    `number` is kept ready for the order of a replacement.
    """

    before: Return
    after: Return
    party: Party
    moment: datetime
    body: ReturnMove
    number: str | None = None

    def pieces(self) -> dict[ObjectId, int]:
        """Pieces that come back, by line of the order."""
        found: dict[ObjectId, int] = {}
        for one in self.after.items:
            found[one.order_item_id] = found.get(one.order_item_id, 0) + one.quantity
        return found

    def wanted(self) -> dict[str, int]:
        """Pieces that are wanted instead, by SKU; none for a return."""
        found: dict[str, int] = {}
        for one in self.after.items:
            if one.replacement is not None:
                found[one.replacement.sku] = found.get(one.replacement.sku, 0) + one.quantity
        return found

    def back(self) -> dict[str, int]:
        """Pieces that come back, by SKU."""
        found: dict[str, int] = {}
        for one in self.after.items:
            found[one.sku] = found.get(one.sku, 0) + one.quantity
        return found

    @property
    def refund_to(self) -> str | None:
        """Where money goes: as staff say now, or as the buyer said."""
        return self.body.refund_to or self.after.refund_to
