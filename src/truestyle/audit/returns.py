"""Returns and exchanges: what orders, stock, replacements and products say of them is what their rows say."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator

from bson import ObjectId

from truestyle.audit.joining import side_by_side
from truestyle.audit.report import Breach, Mend
from truestyle.infra.snapshot import Snapshot
from truestyle.inventory.models import Reason
from truestyle.kit.repository import Row
from truestyle.returns.fit import CHANGED
from truestyle.returns.fitting import FITTING, fitting_stages
from truestyle.returns.flow import CALLED_OFF, LIVE, Condition, Kind, ReturnStatus, is_path

S = ReturnStatus
SETTLED = {Kind.RETURN: (S.COMPLETED,), Kind.EXCHANGE: (S.REPLACEMENT_SHIPPED, S.COMPLETED)}
KEPT_READY = (S.APPROVED, S.PICKED_UP, S.RECEIVED, S.REPLACEMENT_SHIPPED, S.COMPLETED)
OF_ORDERS: tuple[Row, ...] = (
    {
        "$project": {
            **dict.fromkeys(("kind", "status", "order_id", "refund_amount", "replacement_order_id"), 1),
            **dict.fromkeys(("items.order_item_id", "items.quantity"), 1),
        }
    },
    {"$group": {"_id": "$order_id", "rows": {"$push": "$$ROOT"}}},
    {"$sort": {"_id": 1}},
)
MOVED: tuple[Row, ...] = (
    {"$match": {"return_id": {"$type": "objectId"}}},
    {
        "$group": {
            "_id": {"of": "$return_id", "sku": "$sku", "reason": "$reason"},
            "on_hand": {"$sum": "$on_hand_delta"},
            "reserved": {"$sum": "$reserved_delta"},
        }
    },
    {
        "$group": {
            "_id": "$_id.of",
            "sums": {
                "$push": {"sku": "$_id.sku", "reason": "$_id.reason", "on_hand": "$on_hand", "reserved": "$reserved"}
            },
        }
    },
    {"$sort": {"_id": 1}},
)
Sums = dict[tuple[str, str], tuple[int, int]]


async def pieces(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """I2: of each line, `returned_quantity` is what is under way or done; each settlement was paid for just once."""
    fields = ("items.id", "items.quantity", "items.returned_quantity", "items.refunded_quantity", "given_back")
    orders, returned = snapshot.rows("orders", fields=fields), snapshot.grouped("returns", *OF_ORDERS)
    async for key, order, found in side_by_side(orders, returned):
        yield 1
        rows = found["rows"] if found else []
        if order is None:
            yield Breach("I8", "a return of no order", {"order": key, "returns": [row["_id"] for row in rows]})
            continue
        for message in (*_wrong_lines(order, rows), *_wrong_settlements(order, rows)):
            yield Breach("I2", message, {"order_id": key, "returns": [row["_id"] for row in rows]})


def _wrong_lines(order: Row, rows: list[Row]) -> Iterator[str]:
    live: Counter[ObjectId] = Counter()
    for row in rows:
        if row["status"] in LIVE:
            live.update({one["order_item_id"]: 0 for one in row["items"]})
            for one in row["items"]:
                live[one["order_item_id"]] += one["quantity"]
    for item in order["items"]:
        back = item.get("returned_quantity", 0)
        if back != live.pop(item["id"], 0):
            yield "the pieces counted as returned are not those of the returns"
        if max(back, item.get("refunded_quantity", 0)) > item["quantity"]:
            yield "more came back, or was given back, than was bought"
    if any(live.values()):
        yield "a return of a line that the order does not have"


def _wrong_settlements(order: Row, rows: list[Row]) -> Iterator[str]:
    given: Counter[str] = Counter(order.get("given_back", ()))
    known = {str(row["_id"]) for row in rows}
    for key in given:
        what, ident, *_ = f"{key}:".split(":")
        if what in set(Kind) and ident not in known:
            yield "money was given for goods that are not settled, or twice"
    for row in rows:
        kind, status = Kind(row["kind"]), S(row["status"])
        settled = status in SETTLED[kind]
        times = given[f"{kind}:{row['_id']}"]
        if times > settled:
            yield "money was given for goods that are not settled, or twice"
        if kind is Kind.RETURN and settled and row["refund_amount"] and not times:
            yield "a completed return whose money was not given back"
        if kind is Kind.EXCHANGE and settled != (row.get("replacement_order_id") is not None):
            yield "an exchange and its replacement do not go together"


async def stock(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """I1: each return and exchange moved just the pieces that its status says."""
    rows = snapshot.rows("returns", fields=("kind", "status", "status_history.status", "condition", "items"))
    async for key, row, moved in side_by_side(rows, snapshot.grouped("stock_movements", *MOVED)):
        yield 1
        found = {
            (one["sku"], one["reason"]): (one["on_hand"], one["reserved"]) for one in (moved or {"sums": []})["sums"]
        }
        wanted = _movements(row) if row is not None else {}
        if found != wanted:
            yield Breach("I1", "stock did not move as this return says", {"return_id": key})


def _movements(row: Row) -> Sums:
    found: dict[tuple[str, str], list[int]] = {}

    def move(sku: str, reason: Reason, on_hand: int, reserved: int) -> None:
        sums = found.setdefault((sku, str(reason)), [0, 0])
        sums[0] += on_hand
        sums[1] += reserved

    status, path = S(row["status"]), [step["status"] for step in row["status_history"]]
    for one in row["items"]:
        count, new = one["quantity"], one.get("replacement")
        if new is not None and S.APPROVED in path:
            move(new["sku"], Reason.RESERVED, 0, count)
            if status in CALLED_OFF:
                move(new["sku"], Reason.RELEASED, 0, -count)
            if status in SETTLED[Kind.EXCHANGE]:
                move(new["sku"], Reason.SOLD, -count, -count)
        if status is S.COMPLETED:
            move(one["sku"], Reason.RESTOCKED, count, 0)
            if row["condition"] == Condition.DAMAGED:
                move(one["sku"], Reason.DAMAGED, -count, 0)
    return {key: (sums[0], sums[1]) for key, sums in found.items()}


async def histories(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """I5: every history is a legal path in time order that ends where the return stands."""
    async for row in snapshot.rows("returns", fields=("kind", "status", "status_history")):
        yield 1
        path = [S(step["status"]) for step in row["status_history"]]
        times = [step["at"] for step in row["status_history"]]
        if not is_path(Kind(row["kind"]), path) or times != sorted(times) or path[-1] != row["status"]:
            yield Breach("I5", "the history of a return is not a legal path to its status", {"return_id": row["_id"]})


async def fit(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """I10: what products say of sizes is what came back, unless an event still waits that will see to it."""
    waiting: set[ObjectId] = set()
    async for row in snapshot.rows("outbox", {"topic": CHANGED, "status": "waiting"}, ("payload",)):
        waiting.update(row["payload"]["product_ids"])
    products, back = snapshot.rows("products", fields=("fit",)), snapshot.grouped("returns", *fitting_stages({}))
    async for key, product, found in side_by_side(products, back):
        yield 1
        told = (product or {}).get("fit") or {}
        if product is None or key in waiting:
            continue
        if any(told.get(str(one), 0) != (found or {}).get(str(one), 0) for one in FITTING):
            yield Breach("I10", "the fit is not what came back for its size", {"fit_of": key}, Mend.FIT)
