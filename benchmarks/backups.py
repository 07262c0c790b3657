"""How long a backup and a restore take for each gigabyte: `python -m benchmarks.backups [MEGABYTES]`.

A database of its own, in a folder that is removed: four fifths pictures in GridFS (which nothing packs), one fifth rows
like those of orders.
"""

import asyncio
import io
import os
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

from bson import ObjectId

from truestyle.backups import making, restoring, running
from truestyle.backups.models import BackupLog, RestoreLog
from truestyle.infra.local.server import LocalMongo
from truestyle.settings import Settings
from truestyle.shop import Shop

PICTURE, ROWS = 400_000, 1000  # bytes; rows that are written together
GB = 1e9


def row(number: int) -> dict[str, object]:
    """About as large and as alike as a stored order."""
    items = [{"sku": f"KURTA-{number % 97}-{size}", "name": "Block-printed kurta", "price": 149900} for size in "SML"]
    address = {"full_name": f"Person {number}", "line1": f"{number}, 4th Cross", "city": "Bengaluru", "pin": "560038"}
    history = [{"status": one, "at": number} for one in ("placed", "confirmed", "packed", "shipped", "delivered")]
    return {"number": f"TS-26-{number:06d}", "items": items, "address": address, "history": history, "total": number}


async def fill(shop: Shop, size: int) -> None:
    """Put about `size` bytes into the database."""
    for _ in range(int(size * 0.8) // PICTURE):
        await shop.storage.put(ObjectId(), io.BytesIO(secrets.token_bytes(PICTURE)), PICTURE, "image/webp")
    rows = shop.store.db["rows_of_the_benchmark"]
    for first in range(0, int(size * 0.2) // 640, ROWS):
        await rows.insert_many([row(first + one) for one in range(ROWS)])


async def measure(settings: Settings, size: int) -> None:
    """Fill, back up, restore; print seconds."""
    shop = Shop(settings)
    try:
        await shop.open(work=False)
        await shop.prepare()
        await fill(shop, size)
        asked = BackupLog()
        await shop.store.backup_logs.add(asked)
        stages: dict[str, float] = {}

        def progress(stage: str, _: int, __: int) -> None:
            stages.setdefault(stage, time.perf_counter())

        began, cpu = time.perf_counter(), time.process_time()
        made = await making.make(shop, asked, settings.backups.backup_base_path, progress)
        ended = time.perf_counter()
        size = sum(one.size for one in made.manifest.parts)
        print(f"{size / 1e6:.0f} MB in {made.manifest.rows:,} rows, {made.manifest.stored / 1e6:.0f} MB stored")
        tell("backup, rehearsal included", ended - began, time.process_time() - cpu, size)
        tell("  of that until it is written", stages["Verifying"] - began, 0, size)
        restored = RestoreLog(backup=made.folder.name)
        await shop.store.restore_logs.add(restored)
        began, cpu = time.perf_counter(), time.process_time()
        async with running.alone(shop):
            await restoring.restore(shop, made.folder, restored)
        tell("restore", time.perf_counter() - began, time.process_time() - cpu, size)
    finally:
        await shop.close()


def tell(what: str, seconds: float, cpu: float, size: int) -> None:
    """One line."""
    of_it = f", {cpu:.1f} s of it our own CPU" if cpu else ""
    print(f"{what}: {seconds:.1f} s{of_it}: {seconds / size * GB:.0f} s a GB")


def main() -> None:
    """The size in megabytes is the only argument."""
    size = int(sys.argv[1]) * 1_000_000 if len(sys.argv) > 1 else 300_000_000
    folder = Path(tempfile.mkdtemp(prefix="truestyle-backups-"))
    mongo = LocalMongo(folder)
    mongo.start()
    made_up = {f"{name}_secret": secrets.token_urlsafe(48) for name in ("jwt_access_token", "jwt_refresh_token")}
    settings = Settings.load(
        environ={},
        mongo_uri=mongo.uri,
        truestyle_data=folder,
        backup_base_path=folder / "backups",
        token_hash_pepper=secrets.token_urlsafe(48),
        backup_enc_key=os.environ.get("BACKUP_ENC_KEY", ""),
        **made_up,
    )
    try:
        asyncio.run(measure(settings, size))
    finally:
        mongo.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
