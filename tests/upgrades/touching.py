"""A migration that counts how often it touches each row, as a process that can be killed: `python -m … URI`."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import timedelta

from truestyle.infra import mongo
from truestyle.kit.repository import Row
from truestyle.setting_groups import ShopSettings
from truestyle.store import Store
from truestyle.upgrades import service
from truestyle.upgrades.models import Migration

DATABASE, ROWS, BATCH = "touching", 2000, 50


async def touch(tx: Store, rows: Sequence[Row]) -> int:
    keys = [row["_id"] for row in rows]
    done = await tx.db["touched"].update_many({"_id": {"$in": keys}}, {"$inc": {"times": 1}}, session=tx.session)
    await asyncio.sleep(0.01)  # so that a kill falls into the middle of one
    return done.matched_count


# Every row needs it, before and after: only the cursor keeps a row from being touched twice.
TOUCH = Migration(1, "touch", "Touches every row.", "touched", ({"$match": {}},), touch, batch=BATCH)


async def run(uri: str) -> None:
    async with mongo.connect(uri) as client:
        await service.run(Store(client, client[DATABASE], ShopSettings()), [TOUCH])


if __name__ == "__main__":
    service.LEASE, service.BEAT = timedelta(seconds=1), 0.3
    asyncio.run(run(sys.argv[1]))
