"""I8 for files: a row for all bytes, and its bytes for every row, wherever they are kept.

The storage has no snapshot: what does not fit together is looked at again, as it is now, before it is told.
"""

from collections.abc import AsyncIterator
from typing import Any

from truestyle.audit.joining import side_by_side
from truestyle.audit.report import Breach, Look
from truestyle.files import service as files
from truestyle.infra.snapshot import Snapshot
from truestyle.infra.storage import Storage
from truestyle.kit.errors import Unavailable
from truestyle.shop import Shop
from truestyle.store import Store


def of_files(shop: Shop) -> Look:
    """I8 for the files of this store."""

    async def look(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
        rows = snapshot.rows("files", fields=("size",))
        try:
            async for key, row, held in side_by_side(rows, _held(shop.storage)):
                yield 1
                if row is None and await _is_orphan(shop, key):
                    yield Breach("I8", "bytes without a file", {"file_id": key})
                if row is not None and row["size"] != (held or {}).get("size") and await _is_short(shop, key, row):
                    yield Breach("I8", "a file without its bytes", {"file_id": key})
        except Unavailable:
            yield Breach("I8", "the storage is away, so nobody knows whether files have their bytes", {})

    return look


async def _held(storage: Storage) -> AsyncIterator[dict[str, Any]]:
    async for one in storage.held():
        yield {"_id": one.key, "size": one.size}


async def _is_orphan(shop: Shop, key: Any) -> bool:
    """Whether bytes have neither a row nor, at the same moment, an event that will sweep them up; and are there."""

    async def unclaimed(tx: Store) -> bool:
        return await tx.files.first({"_id": key}) is None and not await tx.outbox.awaits(files.SWEEP, "file_id", key)

    return await shop.store.transaction(unclaimed) and await shop.storage.find(key) is not None


async def _is_short(shop: Shop, key: Any, row: dict[str, Any]) -> bool:
    """Whether a file that is still there lacks bytes."""
    # The bytes first: they are there before the row and after it.
    found = await shop.storage.find(key)
    return (found is None or found.size != row["size"]) and await shop.store.files.first({"_id": key}) is not None
