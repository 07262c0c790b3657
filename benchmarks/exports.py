"""What an export costs in memory and time: `python -m benchmarks.exports [ROWS [SUBJECT]]` (100,000; all).

A database of its own, in a folder that is removed. Each file is made by a process of its own, first of a hundredth of
the rows and then of all, so that what grows with them shows.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bson import ObjectId

from truestyle.exports import making
from truestyle.exports.models import ASKS, Subject
from truestyle.infra.local.server import LocalMongo
from truestyle.settings import Settings
from truestyle.shop import Shop

ADDRESS = {"full_name": "Asha Rao", "phone": "+919876543210", "line1": "12, 4th Cross, Indiranagar", "line2": None}
PLACE = {"landmark": None, "city": "Bengaluru", "state": "Karnataka", "pincode": "560038", "country": "IN"}
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=4)  # between two orders
TOGETHER = 2000  # rows that are written together
FORMATS = ("csv", "xlsx")


def order(number: int) -> dict[str, Any]:
    """What an export reads of a stored order, and about as large."""
    moment = EPOCH + number * STEP
    tax = {"cgst": 3569, "sgst": 3569, "igst": 0, "total": 7138}
    items = [
        {
            "id": ObjectId(),
            "product_id": ObjectId(),
            "sku": f"KURTA-{number % 97}-{size}",
            "quantity": 1,
            "name": "Block-printed kurta",
            "unit_price": 74950,
            "line_total": 74950,
            "refunded_quantity": 0,
            "explanation": ["MRP 1999.00", "selling price 1499.00", "includes 5 % GST (CGST + SGST) 71.38"],
        }
        for size in "SM"
    ]
    history = [{"status": one, "at": moment, "by": None} for one in ("placed", "confirmed", "packed", "delivered")]
    amounts = {"subtotal": 149900, "discount": 0, "shipping": 0, "total": 149900, "amount_paid": 149900}
    return {
        "_id": ObjectId(),
        "number": f"TS-26-{number:06d}",
        "cart_key": f"bench:{number}",
        "status": "delivered",
        "placed_at": moment,
        "updated_at": moment,
        "created_at": moment,
        "version": 5,
        "archived_at": None,
        "payment": {"id": ObjectId(), "type": "cod", "status": "paid"},
        "email": f"person{number}@example.com",
        "shipping_address": ADDRESS | PLACE,
        "billing_address": ADDRESS | PLACE,
        "user_id": ObjectId(),
        "items": items,
        "status_history": history,
        "tax": tax,
        "amount_refunded": 0,
        "currency": "INR",
        **amounts,
    }


def user(number: int) -> dict[str, Any]:
    """What an export reads of an account."""
    moment = EPOCH + number * STEP
    return {
        "_id": ObjectId(),
        "email": f"person{number}@example.com",
        "full_name": f"Person {number}",
        "phone": "+919876543210",
        "role": "customer",
        "status": "active",
        "email_verified": True,
        "created_at": moment,
        "updated_at": moment,
        "version": 1,
        "password_hash": "$argon2id$" + "x" * 80,
    }


async def fill(settings: Settings, first: int, last: int) -> None:
    """Orders and accounts by number."""
    shop = Shop(settings)
    try:
        await shop.open(work=False)
        await shop.prepare()
        for start in range(first, last, TOGETHER):
            numbers = range(start, min(start + TOGETHER, last))
            await shop.store.orders.unwatched.insert_many([order(one) for one in numbers])
            await shop.store.users.unwatched.insert_many([user(one) for one in numbers])
    finally:
        await shop.close()


async def measure(settings: Settings, subject: Subject, kind: str) -> None:
    """Make one file, and print what it took."""
    shop = Shop(settings)
    try:
        await shop.open(work=False)
        asked = making.new(subject, ASKS[subject].model_validate({"format": kind}))
        idle, began = _peak(), time.perf_counter()
        with tempfile.TemporaryFile() as file:
            made = await making.make(shop, asked, await making.planned(shop, asked), file)
        seconds = time.perf_counter() - began
        print(f"{subject:<9}{kind:<6}{made.rows:>8,}{seconds:>9.1f} s{made.size / 1e6:>9.1f} MB", end="")
        print(f"{idle:>9.0f} MB{_peak():>9.0f} MB", flush=True)
    finally:
        await shop.close()


def _peak() -> float:
    """Megabytes that this process ever held (`ru_maxrss` would begin with those of the one that started it)."""
    told = Path("/proc/self/status").read_text()
    return int(told.partition("VmHWM:")[2].split()[0]) / 1024


def settings_of(uri: str, folder: Path) -> Settings:
    """A store for nothing but this."""
    secrets = {"jwt_access_token_secret": "a" * 40, "jwt_refresh_token_secret": "b" * 40}
    plain = {"environment": "test", "truestyle_data": folder, "token_hash_pepper": "c" * 40}
    return Settings.load(environ={}, mongo_uri=uri, mongo_db="bench_exports", **plain, **secrets)


def main() -> None:
    """Fill, measure, fill up, measure."""
    if len(sys.argv) == 5:
        _, subject, kind, uri, folder = sys.argv
        asyncio.run(measure(settings_of(uri, Path(folder)), Subject(subject), kind))
        return
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    subjects = [Subject(sys.argv[2])] if len(sys.argv) > 2 else [Subject.ORDERS, Subject.USERS, Subject.SALES]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = LocalMongo(folder, cache_gb=0.5)
        server.start()
        try:
            print("subject  kind      rows       time      size     idle      peak")
            done = 0
            for count in (rows // 100, rows):
                asyncio.run(fill(settings_of(server.uri, folder), done, count))
                done = count
                for subject in subjects:
                    for kind in FORMATS:
                        command = [sys.executable, "-m", "benchmarks.exports", subject, kind, server.uri, name]
                        subprocess.run(command, check=True, env=os.environ)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
