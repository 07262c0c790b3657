"""Restores where the data in place, or in the backup, is of another release."""

import asyncio
from pathlib import Path

import pytest
from bson import ObjectId
from fastapi import FastAPI

from tests.backups.keeping import ask, back_up, furnish, lose, restore
from tests.backups.test_order import erase
from tests.backups.test_processes import PATIENCE, truestyle
from truestyle.cli import backing_up
from truestyle.kit import clock
from truestyle.shop import Shop


async def test_a_store_of_a_newer_release_without_tables_is_replaced(app: FastAPI, shop: Shop, tmp_path: Path) -> None:
    """By the real command: nothing of what is there, and is not, matters to what is put in its place."""
    await furnish(app, shop, orders=1)
    folder = await back_up(shop)
    await lose(shop)
    newer = {"_id": 999, "name": "from-the-future", "additive": False, "finished_at": None}
    await shop.store.db["migrations"].insert_one(newer)
    (tmp_path / "elsewhere").mkdir()
    elsewhere = str(tmp_path / "elsewhere")
    process = truestyle(shop, tmp_path, "restore", folder.name, "--yes", TRUESTYLE_DATA=elsewhere)
    assert await asyncio.to_thread(process.wait, PATIENCE) == 0, (tmp_path / "restore.log").read_text()
    assert await shop.store.orders.count({}) == 1
    found = await shop.standing()
    assert (found.wrong, found.fresh) == (None, False)
    assert await shop.store.versions.is_prepared()


async def test_older_rows_of_some_collections_make_their_migrations_wait_again(app: FastAPI, shop: Shop) -> None:
    await furnish(app, shop, orders=1)
    folder = await back_up(shop, await ask(shop, ["orders"]))
    await restore(shop, folder)
    assert (await shop.standing()).wrong is None  # of this release: nobody has to do anything
    await shop.store.orders.unwatched.update_many({}, {"$unset": {"given_back": ""}})
    older = await back_up(shop, await ask(shop, ["orders"]))
    await shop.migrate(again=True)
    await restore(shop, older)
    assert [one.number for one in (await shop.standing()).waiting] == [2]
    assert await shop.migrate() == {"order-counts": 1}
    assert (await shop.standing()).wrong is None


async def test_one_order_of_an_older_backup_wants_another_look(
    app: FastAPI, shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    [lost] = await furnish(app, shop, orders=1)
    folder = await back_up(shop)
    for migrated_since in (False, True):
        if migrated_since:
            await shop.store.db["migrations"].update_one({"_id": 4}, {"$set": {"finished_at": clock.now()}})
        await erase(shop, ObjectId(lost), movements=False)
        capsys.readouterr()
        await backing_up.restore_order(shop, folder.name, lost)
        assert ("truestyle migrate --again" in capsys.readouterr().err) is migrated_since
