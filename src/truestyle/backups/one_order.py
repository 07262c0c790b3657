"""Bringing back one order, and what belongs to it, out of a backup into the store as it is now.

Only what is missing is put back; what is there stays as it is. Stock, store credit, coupons and figures follow, in one
transaction, so that the books are clean afterwards. Nothing is sent to anybody: events come back as delivered.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bson
from bson import ObjectId
from bson.codec_options import CodecOptions
from pymongo.errors import BulkWriteError, DuplicateKeyError

from truestyle.backups import rehearsing
from truestyle.backups.making import Progress, quiet
from truestyle.backups.models import BackupFailedError
from truestyle.backups.repository import missing, put_back
from truestyle.dashboard import counting
from truestyle.infra.archive import Manifest
from truestyle.infra.outbox import KEPT, EventStatus
from truestyle.kit import clock
from truestyle.kit.repository import Row
from truestyle.store import Store

if TYPE_CHECKING:
    from truestyle.shop import Shop

ORDERS, MOVEMENTS, REDEMPTIONS, OUTBOX = "orders", "stock_movements", "coupon_redemptions", "outbox"
CREDIT = "store_credit"
# Collections whose rows belong to an order, and the field that says to which.
BELONGS = {
    "payments": "order_id",
    MOVEMENTS: "order_id",
    REDEMPTIONS: "order_id",
    "invoices": "order_id",
    "credit_notes": "order_id",
    "returns": "order_id",
    CREDIT: "order_id",
    OUTBOX: "payload.order_id",
}
AWARE: CodecOptions[Row] = CodecOptions(tz_aware=True)


@dataclass
class Found:
    """The rows of an order in a backup, and how many of them were put back."""

    taken_at: datetime
    rows: dict[str, list[Row]] = field(default_factory=dict)
    back: dict[str, int] = field(default_factory=dict)


async def bring_back(shop: "Shop", folder: Path, asked: str, progress: Progress = quiet) -> Found:
    """Put back what is missing of an order, by its id or number. Raises BackupDamagedError, BackupFailedError."""
    manifest = await rehearsing.verify(shop, folder, progress)
    found = await _read(shop, folder, manifest, asked)
    order = found.rows[ORDERS][0]
    user = order.get("user_id")
    if user is not None and not await shop.store.users.rows([user], ("_id",)):
        msg = "The account of the buyer is gone, so the order stays gone too: it has their name and address."
        raise BackupFailedError(msg)

    async def work(tx: Store) -> dict[str, int]:
        await tx.figures.lock(clock.now())
        back = {}
        for name, rows in found.rows.items():
            fresh = await missing(tx, name, rows)
            await put_back(tx, name, fresh)
            back[name] = len(fresh)
            if name == MOVEMENTS:
                await _follow_stock(tx, fresh)
            elif name == REDEMPTIONS:
                await _follow_coupons(tx, fresh)
            elif name == CREDIT:
                await _follow_credit(tx, fresh)
        await counting.recount(tx, orders=[order["_id"]])
        return back

    try:
        found.back = await shop.store.transaction(work)
    except (DuplicateKeyError, BulkWriteError) as error:
        msg = "Something else has its number or the reference of its payment by now. Nothing was changed."
        raise BackupFailedError(msg) from error
    return found


async def _read(shop: "Shop", folder: Path, manifest: Manifest, asked: str) -> Found:
    key = ObjectId(asked) if ObjectId.is_valid(asked) else None
    orders = [one async for one in _rows(shop, folder, manifest, ORDERS) if asked == one["number"] or one["_id"] == key]
    if not orders:
        msg = f"The backup has no order {asked}."
        raise BackupFailedError(msg)
    found = Found(manifest.taken_at, {ORDERS: orders})
    for name, path in BELONGS.items():
        rows = [one async for one in _rows(shop, folder, manifest, name) if _at(one, path) == orders[0]["_id"]]
        found.rows[name] = [_told(one) for one in rows] if name == OUTBOX else rows
    return found


async def _rows(shop: "Shop", folder: Path, manifest: Manifest, name: str) -> Any:
    part = manifest.part("mongo", name)
    if part is not None:
        async for batch in rehearsing.batches(shop, folder, manifest, part):
            for one in batch:
                yield bson.decode(one, AWARE)


def _at(row: Row, path: str) -> Any:
    value: Any = row
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _told(row: Row) -> Row:
    """An event as it is when it was delivered."""
    return {**row, "status": EventStatus.DELIVERED.value, "lease_until": None, "expires_at": clock.now() + KEPT}


async def _follow_stock(tx: Store, movements: list[Row]) -> None:
    for sku in sorted({one["sku"] for one in movements}):
        mine = [one for one in movements if one["sku"] == sku]
        on_hand, reserved = (sum(one[name] for one in mine) for name in ("on_hand_delta", "reserved_delta"))
        if not await tx.stock.follow(sku, on_hand, reserved):
            msg = f"There are too few pieces of {sku} left for what the order took. Nothing was changed."
            raise BackupFailedError(msg)


async def _follow_credit(tx: Store, entries: list[Row]) -> None:
    for user in sorted({one["user_id"] for one in entries}):
        delta = sum(one["delta"] for one in entries if one["user_id"] == user)
        if delta and await tx.credit_balances.shift(user, delta) is None:
            msg = "The buyer has too little store credit left for what paid the order. Nothing was changed."
            raise BackupFailedError(msg)


async def _follow_coupons(tx: Store, redemptions: list[Row]) -> None:
    for one in redemptions:
        if one["released_at"] is None and not await tx.coupons.use({one["coupon_id"]: 1}):
            msg = f"The coupon {one['code']} is used up or gone. Nothing was changed."
            raise BackupFailedError(msg)
