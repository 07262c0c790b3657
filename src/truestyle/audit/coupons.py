"""I3: a coupon was used as often as its redemptions say, within its limits, and each redemption is of an order."""

from collections import Counter
from collections.abc import AsyncIterator

from truestyle.audit.report import Breach
from truestyle.infra.snapshot import Snapshot
from truestyle.kit.repository import Row
from truestyle.orders.flow import OrderStatus

LIVE = (
    {"$match": {"released_at": None}},
    {"$group": {"_id": "$coupon_id", "people": {"$push": {"$ifNull": ["$user_id", "$email"]}}, "n": {"$sum": 1}}},
    {"$sort": {"_id": 1}},
)
WITH_ORDER = (
    {"$lookup": {"from": "orders", "localField": "order_id", "foreignField": "_id", "as": "order"}},
    {
        "$project": {
            "released_at": 1,
            "code": 1,
            "discount": 1,
            "order": {"_id": 1, "status": 1, "coupon_code": 1, "discount": 1},
        }
    },
)


async def uses(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """`used_count` is the live redemptions, and within the limits."""
    live = snapshot.grouped("coupon_redemptions", *LIVE)
    held = await anext(live, None)
    fields = ("used_count", "usage_limit", "usage_limit_per_user")
    async for row in snapshot.rows("coupons", fields=fields):
        yield 1
        while held is not None and held["_id"] < row["_id"]:
            yield Breach("I3", "redemptions of a coupon that is not there", {"coupon": held["_id"]})
            held = await anext(live, None)
        mine: Row = held if held is not None and held["_id"] == row["_id"] else {"n": 0, "people": []}
        if row["used_count"] != mine["n"]:
            yield Breach("I3", "used_count is not the live redemptions", {"coupon_id": row["_id"], "live": mine["n"]})
        if row["usage_limit"] is not None and mine["n"] > row["usage_limit"]:
            yield Breach("I3", "used more often than its limit", {"coupon": row["_id"]})
        most = max(Counter(mine["people"]).values(), default=0)
        if row["usage_limit_per_user"] is not None and most > row["usage_limit_per_user"]:
            yield Breach("I3", "used by one person more often than its limit", {"coupon": row["_id"]})
        if held is mine:
            held = await anext(live, None)
    if held is not None:
        yield Breach("I3", "redemptions of a coupon that is not there", {"coupon": held["_id"]})


async def redemptions(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """Each redemption names its order; it is released where that was called off, and only there."""
    async for row in snapshot.grouped("coupon_redemptions", *WITH_ORDER):
        yield 1
        order = next(iter(row["order"]), None)
        if order is None:
            yield Breach("I3", "a redemption without its order", {"redemption_id": row["_id"]})
        elif (row["released_at"] is not None) != (order["status"] == OrderStatus.CANCELLED):
            yield Breach("I3", "a redemption does not stand as its order does", {"order_id": order["_id"]})
        elif (row["code"], row["discount"]) != (order["coupon_code"], order["discount"]):
            yield Breach("I3", "a redemption does not say what its order does", {"order_id": order["_id"]})
