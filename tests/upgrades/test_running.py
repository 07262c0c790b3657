"""Migrations that are killed, doubled, overtaken, and those of another release."""

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests.conftest import make_settings
from tests.test_house import SOURCE
from tests.upgrades import touching
from tests.upgrades.touching import BATCH, ROWS, TOUCH
from truestyle.shop import Shop
from truestyle.store import Store
from truestyle.upgrades import service
from truestyle.upgrades.models import Migration, MigrationsLostError
from truestyle.upgrades.registry import MIGRATIONS
from truestyle.upgrades.repository import LOCK, Migrations

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def touched(mongo_uri: str, tmp_path: Path) -> AsyncIterator[Store]:
    """A store with rows to touch."""
    shop = Shop(make_settings(mongo_uri, tmp_path, mongo_db=touching.DATABASE))
    await shop.client.drop_database(touching.DATABASE)
    await shop.store.db["touched"].insert_many([{"times": 0} for _ in range(ROWS)])
    yield shop.store
    await shop.client.drop_database(touching.DATABASE)
    await shop.close()


async def times(store: Store) -> dict[int, int]:
    """How many rows were touched so often."""
    return dict(Counter([row["times"] async for row in store.db["touched"].find()]))


async def how_far(store: Store) -> int:
    return int((await store.migrations.every()).get(1, {}).get("changed", 0))


async def test_killed_again_and_again_each_row_is_changed_once(touched: Store, mongo_uri: str) -> None:
    """kill -9, where only the cursor says what was done; each run goes on where the one before it was."""
    seen = [0]
    for least in (300, 1000):
        with subprocess.Popen(  # noqa: S603, ASYNC220 - ourselves
            [sys.executable, "-m", "tests.upgrades.touching", mongo_uri],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ) as process:
            ends = time.monotonic() + 120
            while await how_far(touched) < least and time.monotonic() < ends:  # noqa: ASYNC110 - a process
                await asyncio.sleep(0.02)
            process.send_signal(signal.SIGKILL)
            process.wait()
        await asyncio.sleep(0.2)
        seen.append(await how_far(touched))
        row = (await touched.migrations.every())[1]
        assert row["finished_at"] is None, "killed too late to show anything"
        assert await touched.db["touched"].count_documents({"times": {"$gt": 0}}) == row["changed"]
    assert 0 < seen[1] < seen[2] < ROWS
    # The dead one's lock is waited for; nobody takes it away.
    assert await service.run(touched, [TOUCH]) == {"touch": ROWS - seen[2]}
    assert await times(touched) == {1: ROWS}
    assert (await touched.migrations.every())[1]["changed"] == ROWS


async def test_an_error_at_the_end_of_a_batch_undoes_that_batch_alone(
    touched: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, advance = itertools.count(1), Migrations.advance

    async def fails_at_the_third(self: Migrations, *given: Any) -> None:
        await advance(self, *given)
        if next(calls) == 3:
            raise RuntimeError("the disk is full")

    monkeypatch.setattr(Migrations, "advance", fails_at_the_third)
    with pytest.raises(RuntimeError, match="disk is full"):
        await service.run(touched, [TOUCH])
    assert await times(touched) == {1: 2 * BATCH, 0: ROWS - 2 * BATCH}
    assert (await touched.migrations.every())[1]["finished_at"] is None
    assert await service.run(touched, [TOUCH]) == {"touch": ROWS - 2 * BATCH}
    assert await times(touched) == {1: ROWS}


async def test_two_at_once_take_turns_and_the_second_finds_nothing_to_do(touched: Store) -> None:
    first, second = await asyncio.gather(service.run(touched, [TOUCH]), service.run(touched, [TOUCH]))
    assert sorted([first, second], key=len) == [{}, {"touch": ROWS}]
    assert await times(touched) == {1: ROWS}


async def test_who_was_given_up_for_dead_writes_no_more(touched: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, look = itertools.count(1), touched.migrations.after

    async def overtaken(*asked: Any) -> list[Any]:
        found = await look(*asked)
        if next(looks) == 3:
            await touched.db["migrations"].update_one({"_id": LOCK}, {"$set": {"owner": ObjectId()}})
        return found

    monkeypatch.setattr(touched.migrations, "after", overtaken)
    with pytest.raises(MigrationsLostError):
        await service.run(touched, [TOUCH])
    assert await times(touched) == {1: 2 * BATCH, 0: ROWS - 2 * BATCH}
    assert await how_far(touched) == 2 * BATCH


async def test_looking_changes_nothing(touched: Store) -> None:
    [plan] = await service.preview(touched, [TOUCH])
    assert (plan.documents, plan.changed, plan.finished) == (ROWS, 0, False)
    assert await times(touched) == {0: ROWS}
    assert await touched.migrations.count({}) == 0


async def test_rows_that_an_older_process_wrote_meanwhile_are_found_again(touched: Store) -> None:
    untouched = ({"$match": {"times": 0}},)
    one = Migration(1, "touch", "", "touched", untouched, touching.touch, batch=500)
    await service.run(touched, [one])
    await touched.db["touched"].insert_many([{"times": 0}, {"times": 0}])
    assert await service.run(touched, [one]) == {}
    assert [plan.documents for plan in await service.preview(touched, [one], again=True)] == [2]
    assert await service.run(touched, [one], again=True) == {"touch": 2}
    assert await times(touched) == {1: ROWS + 2}


def test_migrations_are_numbered_and_none_is_forgotten() -> None:
    assert [one.number for one in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))
    assert len({one.name for one in MIGRATIONS}) == len(MIGRATIONS)
    modules = sorted(path.stem for path in (SOURCE / "upgrades" / "steps").glob("m*.py"))
    assert modules == [f"m{one.number:04}_{one.name.replace('-', '_')}" for one in MIGRATIONS]


async def ready(client: AsyncClient) -> tuple[int, str]:
    answer = await client.get("http://test/health/ready")
    return answer.status_code, answer.json().get("detail") or ""


@pytest.mark.parametrize(("additive", "status"), [(False, 503), (True, 200)])
async def test_a_newer_release_was_here(client: AsyncClient, shop: Shop, additive: bool, status: int) -> None:
    """What only adds is no hindrance: the old processes go on until the new ones take over."""
    assert await ready(client) == (200, "")
    newer = {"_id": 999, "name": "from-the-future", "additive": additive, "finished_at": None}
    await shop.store.db["migrations"].insert_one(newer)
    try:
        found, words = await ready(client)
        assert found == status
        assert ("migration 999, from-the-future" in words) == (status == 503)
    finally:
        await shop.store.db["migrations"].delete_one({"_id": 999})
    assert await ready(client) == (200, "")


async def test_behind_it_is_not_ready_and_says_what_to_do(client: AsyncClient, shop: Shop) -> None:
    rows = shop.store.db["migrations"]
    before = await rows.find_one({"_id": 2})
    await rows.update_one({"_id": 2}, {"$set": {"finished_at": None}})
    try:
        status, words = await ready(client)
        assert status == 503
        assert "waiting: 2 order-counts" in words
        assert "`truestyle migrate`" in words
    finally:
        await rows.replace_one({"_id": 2}, before or {})


async def test_a_lock_of_somebody_dead_is_waited_for(touched: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "LEASE", timedelta(seconds=0.5))
    assert await touched.migrations.take(ObjectId(), service.LEASE)
    assert not await touched.migrations.take(ObjectId(), service.LEASE)
    began = time.monotonic()
    await service.run(touched, [Migration(1, "none", "", "nothing", (), touching.touch)])
    assert time.monotonic() - began > 0.3
