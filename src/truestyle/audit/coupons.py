"""I3: a coupon was used as often as its redemptions say, within its limits, and each redemption is of an order."""

from collections.abc import AsyncIterator

from truestyle.audit.joining import with_theirs
from truestyle.audit.report import Breach, Mend
from truestyle.infra.snapshot import Snapshot
from truestyle.kit.repository import Row
from truestyle.orders.flow import OrderStatus

LIVE = (
    {"$match": {"released_at": None}},
    {"$group": {"_id": ["$coupon_id", {"$ifNull": ["$user_id", "$email"]}], "n": {"$sum": 1}}},
    {"$group": {"_id": {"$first": "$_id"}, "n": {"$sum": "$n"}, "most": {"$max": "$n"}}},
    {"$sort": {"_id": 1}},
)
SAID = ("coupon_id", "order_id", "released_at", "code", "discount")


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
        mine: Row = held if held is not None and held["_id"] == row["_id"] else {"n": 0, "most": 0}
        if row["used_count"] != mine["n"]:
            documents = {"coupon_id": row["_id"], "used_count": row["used_count"], "live": mine["n"]}
            yield Breach("I3", "used_count is not the live redemptions", documents, Mend.COUPON)
        if row["usage_limit"] is not None and mine["n"] > row["usage_limit"]:
            yield Breach("I3", "used more often than its limit", {"coupon": row["_id"]})
        if row["usage_limit_per_user"] is not None and mine["most"] > row["usage_limit_per_user"]:
            yield Breach("I3", "used by one person more often than its limit", {"coupon": row["_id"]})
        if held is mine:
            held = await anext(live, None)
    if held is not None:
        yield Breach("I3", "redemptions of a coupon that is not there", {"coupon": held["_id"]})


async def redemptions(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """Each redemption names its order, which has no other; it is released where that was called off, and only there."""
    orders = snapshot.rows("orders", fields=("status", "coupon_code", "discount", "replaces"))
    made = snapshot.rows("coupon_redemptions", fields=SAID, sort="order_id")
    async for order, mine in with_theirs(orders, made, "order_id"):
        yield len(mine)
        if order is None:
            yield Breach("I3", "a redemption without its order", {"redemption_id": mine[0]["_id"]})
            continue
        # An automatic offer of free shipping has neither code nor discount.
        # A replacement keeps what its first order saved, which was counted there.
        owes = order["coupon_code"] is not None or (order["discount"] and order.get("replaces") is None)
        if len(mine) > 1 or (not mine and owes):
            yield Breach("I3", "an order has not the one redemption of its coupon", {"order_id": order["_id"]})
        for row in mine:
            if (row["released_at"] is not None) != (order["status"] == OrderStatus.CANCELLED):
                yield Breach("I3", "a redemption does not stand as its order does", {"order_id": order["_id"]})
            elif (row["code"], row["discount"]) != (order["coupon_code"], order["discount"]):
                yield Breach("I3", "a redemption does not say what its order does", {"order_id": order["_id"]})
