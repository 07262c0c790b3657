"""Partial indexes: each is used when a value of what it holds is looked for."""

from typing import Any

from bson import ObjectId

from truestyle.kit.repository import Collection
from truestyle.shop import Shop


def stages(plan: Any) -> set[str]:
    if isinstance(plan, dict):
        return {plan["stage"] for _ in range("stage" in plan)}.union(*map(stages, plan.values()))
    return set().union(*map(stages, plan)) if isinstance(plan, list) else set()


def asked(index: dict[str, Any]) -> dict[str, Any]:
    """A query for one value of each field of the index, within its filter."""
    where: dict[str, Any] = dict.fromkeys(index["key"], ObjectId())
    for name, rule in index["partialFilterExpression"].items():
        where[name] = rule.get("$gte", ObjectId()) if isinstance(rule, dict) else rule
    return where


def partial(collection: Collection) -> list[dict[str, Any]]:
    return [one.document for one in collection.indexes if "partialFilterExpression" in one.document]


async def test_no_partial_index_is_there_in_vain(shop: Shop) -> None:
    unused, seen = [], 0
    for collection in shop.store.collections():
        for index in partial(collection):
            seen += 1
            found = shop.store.db[collection.name].find(asked(index), {"_id": 1}, collation=index.get("collation"))
            plan = (await found.explain())["queryPlanner"]["winningPlan"]
            if "COLLSCAN" in stages(plan):
                unused.append((collection.name, index["name"]))
    assert unused == []
    assert seen > 20
