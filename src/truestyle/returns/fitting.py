"""What counts as a word about a product's sizes."""

from typing import Any

from truestyle.returns.flow import LIVE, ReturnReason, ReturnStatus

FITTING = (ReturnReason.TOO_SMALL, ReturnReason.TOO_LARGE)
TAKEN_UP = tuple(one for one in LIVE if one is not ReturnStatus.REQUESTED)  # a mere request counts for nothing


def fitting_stages(where: dict[str, Any]) -> list[dict[str, Any]]:
    """Pieces by product and reason of what was sent back for its size and not called off."""
    match = {**where, "reason": {"$in": list(FITTING)}, "status": {"$in": list(TAKEN_UP)}}
    count = {str(one): {"$sum": {"$cond": [{"$eq": ["$reason", str(one)]}, "$items.quantity", 0]}} for one in FITTING}
    return [
        {"$match": match},
        {"$unwind": "$items"},
        {"$group": {"_id": "$items.product_id", **count}},
        {"$sort": {"_id": 1}},
    ]
