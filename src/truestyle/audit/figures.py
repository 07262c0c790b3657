"""I12: the dashboards' figures are the sums of what they count.

Two questions, both exact at any moment of a live store: is every order and account counted as what it is now, unless an
event still waits that will see to it; and is every figure the sum of what was counted?
"""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from bson import ObjectId

from truestyle.audit.joining import side_by_side
from truestyle.audit.report import Breach, Look, Mend
from truestyle.dashboard import counting
from truestyle.dashboard.figures import (
    ALL,
    ORDER_FIELDS,
    USER_FIELDS,
    amounts,
    of_day,
    order_facts,
    present,
    user_facts,
)
from truestyle.infra.snapshot import Snapshot

SOURCES = (("order", "orders", ORDER_FIELDS, order_facts), ("user", "users", USER_FIELDS, user_facts))
SUMS = {name: {"$sum": f"${name}"} for name in ("quantity", "revenue")}
BY_DAY: tuple[dict[str, Any], ...] = (
    {"$match": {"kind": "order", "sale": {"$ne": None}}},
    {"$unwind": "$sale.goods"},
    {"$set": {"quantity": "$sale.goods.quantity", "revenue": "$sale.goods.revenue"}},
    {"$group": {"_id": {"$concat": ["$day", ":", {"$toString": "$sale.goods.product_id"}]}, **SUMS}},
    {"$sort": {"_id": 1}},
)
OVER_DAYS: tuple[dict[str, Any], ...] = (
    {"$match": {"day": {"$ne": ALL}}},
    {"$group": {"_id": {"$concat": [f"{ALL}:", {"$toString": "$product_id"}]}, **SUMS}},
    {"$sort": {"_id": 1}},
)
BY_BUYER: tuple[dict[str, Any], ...] = (
    {"$match": {"sale.user_id": {"$type": "objectId"}}},
    {"$group": {"_id": "$sale.user_id", "orders": {"$sum": 1}, "revenue": {"$sum": "$sale.revenue"}}},
    {"$sort": {"_id": 1}},
)
SOLD: tuple[dict[str, Any], ...] = (
    {"$match": {"day": ALL, "quantity": {"$ne": 0}}},
    {"$project": {"_id": "$product_id", "quantity": 1}},
    {"$sort": {"_id": 1}},
)


@dataclass
class Waiting:
    """What events that wait will still count."""

    ids: set[ObjectId] = field(default_factory=set)
    everything: bool = False


def sums_in(zone: ZoneInfo) -> Look:
    """I12, for a store in this time zone."""

    async def look(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
        waiting = await _waiting(snapshot)
        days: dict[str, Counter[str]] = defaultdict(Counter)
        async for found in _sources(snapshot, zone, waiting, days):
            yield found
        parts = [_buyers(snapshot, days[ALL]), _days(snapshot, days), _products(snapshot)]
        for part in parts if waiting.everything else [*parts, _popularity(snapshot)]:
            async for breach in part:
                yield breach

    return look


async def _sources(
    snapshot: Snapshot, zone: ZoneInfo, waiting: Waiting, days: dict[str, Counter[str]]
) -> AsyncIterator[Breach | int]:
    """Every order and account beside what it was counted as; the latter is summed up in `days`."""
    for kind, collection, fields, facts_of in SOURCES:
        sources = snapshot.rows(collection, fields=fields)
        counted = snapshot.rows("counted", {"kind": kind})
        async for key, row, facts in side_by_side(sources, counted):
            yield 1
            if facts is not None:
                del facts["_id"]
                for name, amount in of_day(facts):
                    days[facts["day"]][name] += amount
                    days[ALL][name] += amount
            now = None if row is None else facts_of(row, zone)
            if now != facts and key not in waiting.ids and not waiting.everything:
                documents = {"counted": key, "as": facts, "is": now}
                yield Breach("I12", f"this {kind} is not counted as what it is", documents, Mend.FIGURES)


async def _waiting(snapshot: Snapshot) -> Waiting:
    found = Waiting()
    topics = [*counting.TOPICS, counting.RECOUNT]
    async for row in snapshot.rows("outbox", {"topic": {"$in": topics}, "status": "waiting"}, ("topic", "payload")):
        if row["topic"] == counting.RECOUNT:
            found.everything = True
        else:
            found.ids |= {row["payload"][name] for name in ("order_id", "user_id") if name in row["payload"]}
    return found


async def _buyers(snapshot: Snapshot, total: Counter[str]) -> AsyncIterator[Breach]:
    right, kept = snapshot.grouped("counted", *BY_BUYER), snapshot.rows("figure_buyers")
    async for key, should, row in side_by_side(right, kept):
        wanted, found = amounts(should), amounts(row)
        if wanted != found:
            yield Breach(
                "I12",
                "a buyer's figures are not their sums",
                {"buyer": key, "is": found, "should": wanted},
                Mend.FIGURES,
            )
        total["buyers"] += wanted.get("orders", 0) > 0
        total["repeat_buyers"] += wanted.get("orders", 0) > 1


async def _days(snapshot: Snapshot, right: dict[str, Counter[str]]) -> AsyncIterator[Breach]:
    left = dict(right)
    async for row in snapshot.rows("figures"):
        wanted, found = present(left.pop(row["_id"], Counter())), amounts(row)
        if wanted != found:
            differ = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
            documents = {
                "day": row["_id"],
                "is": {name: found.get(name, 0) for name in differ},
                "should": {name: wanted.get(name, 0) for name in differ},
            }
            yield Breach("I12", "a day's figures are not their sums", documents, Mend.FIGURES)
    for day, fields in left.items():
        if wanted := present(fields):
            yield Breach(
                "I12", "a day's figures are not their sums", {"day": day, "is": {}, "should": wanted}, Mend.FIGURES
            )


async def _products(snapshot: Snapshot) -> AsyncIterator[Breach]:
    for right, where in (
        (snapshot.grouped("counted", *BY_DAY), {"day": {"$ne": ALL}}),
        (snapshot.grouped("figure_products", *OVER_DAYS), {"day": ALL}),
    ):
        async for key, should, row in side_by_side(right, snapshot.rows("figure_products", where)):
            wanted, found = amounts(should), amounts(row)
            if wanted != found:
                documents = {"product_day": key, "is": found, "should": wanted}
                yield Breach("I12", "a product's figures are not their sums", documents, Mend.FIGURES)


async def _popularity(snapshot: Snapshot) -> AsyncIterator[Breach]:
    sold, products = snapshot.grouped("figure_products", *SOLD), snapshot.rows("products", fields=("popularity",))
    async for key, should, row in side_by_side(sold, products):
        if row is not None and row["popularity"] != (should or {}).get("quantity", 0):
            documents = {"popularity": key, "is": row["popularity"], "should": (should or {}).get("quantity", 0)}
            yield Breach("I12", "a product's popularity is not what was sold of it", documents, Mend.FIGURES)
