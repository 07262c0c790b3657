"""A snapshot is of the moment at which it was opened, however many read in it at once."""

import asyncio

from bson import ObjectId

from truestyle.infra.snapshot import Snapshot, snapshot
from truestyle.shop import Shop


async def seen(moment: Snapshot) -> int:
    return len([row async for row in moment.rows("wishlists")])


async def test_what_is_written_after_it_was_opened_is_not_in_it(shop: Shop) -> None:
    async with snapshot(shop.client, shop.store.db) as moment:
        await shop.store.db["wishlists"].insert_one({"_id": ObjectId(), "user_id": ObjectId()})
        assert list(await asyncio.gather(seen(moment), seen(moment))) == [0, 0]
    async with snapshot(shop.client, shop.store.db) as moment:
        assert await seen(moment) == 1
