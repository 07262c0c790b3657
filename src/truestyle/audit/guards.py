"""I4: what keeps two of a kind out is there: every unique index that the code counts on."""

from collections.abc import AsyncIterator

from truestyle.audit.report import Breach, Look
from truestyle.infra.snapshot import Snapshot
from truestyle.shop import Shop


def of_uniqueness(shop: Shop) -> Look:
    """The unique indexes of this store. Indexes have no snapshot: they are looked at as they are now."""

    async def look(_: Snapshot) -> AsyncIterator[Breach | int]:
        for one in shop.store.collections():
            wanted = {
                str(index.document["name"]): dict(index.document["key"])
                for index in one.indexes
                if index.document.get("unique")
            }
            there = await one.unique_indexes() if wanted else {}
            yield len(wanted)
            for name, keys in wanted.items():
                if there.get(name) != keys:
                    yield Breach("I4", "a unique index is missing: run `truestyle migrate`", {one.name: name})

    return look
