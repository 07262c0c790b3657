"""kill -9 in the middle of a restore leaves the old store or the new one, and it can be tried again."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from bson import ObjectId
from fastapi import FastAPI
from pymongo.errors import OperationFailure

from tests.backups.keeping import Hashes, back_up, forget_restore, furnish, hashes
from tests.running import environment
from truestyle.audit.service import audit
from truestyle.backups import restoring
from truestyle.backups.models import RestoreStatus
from truestyle.infra import dump
from truestyle.infra.maintenance import Phase
from truestyle.shop import Shop

PATIENCE = 120


def truestyle(shop: Shop, folder: Path, *arguments: str, **more: str) -> "subprocess.Popen[bytes]":
    env = environment(shop.settings, BACKUP_BASE_PATH=str(shop.settings.backups.backup_base_path), **more)
    with (folder / "restore.log").open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", "truestyle.cli.app", *arguments],
            env=env,
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


async def killed_at(shop: Shop, process: "subprocess.Popen[bytes]", phase: Phase) -> None:
    """SIGKILL as soon as the store is seen to be there; while swapping, once some collections were swapped."""
    ends, staged = time.monotonic() + PATIENCE, 0
    while True:
        assert time.monotonic() < ends
        assert process.poll() is None, "ended too early to show anything"
        now = await dump.staged(shop.store.db)
        staged = max(staged, len(now))
        if (await shop.store.maintenance.read()).get("phase") == phase and (
            len(now) > 5 if phase is Phase.LOADING else 0 < len(now) < staged
        ):
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@asynccontextmanager
async def in_use(shop: Shop, name: str) -> AsyncIterator[None]:
    """Nothing takes the place of a collection within: transactions, one begun before the last has ended, are in it."""

    async def use() -> None:
        last = None
        try:
            while True:
                one = shop.client.start_session()
                await one.start_transaction()
                try:
                    await shop.store.db[name].update_one({"_id": ObjectId()}, {"$set": {"used": True}}, session=one)
                except OperationFailure:  # somebody waits for the last one to end
                    await one.end_session()
                else:
                    if last is not None:
                        await last.end_session()
                    last = one
                await asyncio.sleep(1)
        finally:
            if last is not None:
                await last.end_session()

    task = asyncio.create_task(use())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def settled(shop: Shop) -> None:
    """A worker somewhere takes over once the dead one's lease has ended."""
    async with asyncio.timeout(60):
        while await restoring.held(shop):  # noqa: ASYNC110 - as a worker asks
            await asyncio.sleep(0.2)


@pytest.fixture
async def kept(app: FastAPI, shop: Shop) -> tuple[Path, Hashes, Hashes]:
    """A backup; what was in it; and what the store is like now, which is something else."""
    await furnish(app, shop)
    folder = await back_up(shop)
    await forget_backup(shop)
    then = await hashes(shop)
    await furnish(app, shop, orders=2)
    await shop.sealer.seal()
    return folder, then, await hashes(shop)


async def forget_backup(shop: Shop) -> None:
    await shop.store.outbox.collection.delete_many({"topic": "log.rows", "status": "waiting"})


def alike(one: Hashes, other: Hashes) -> list[str]:
    """The collections that differ; requests are logged, and asking for a restore is in the trail."""
    own = {"audit", "audit_head", "outbox", "sql.logs"}
    return sorted(name for name in one.keys() | other.keys() if name not in own and one.get(name) != other.get(name))


async def test_killed_while_it_loads_the_store_is_the_old_one(
    kept: tuple[Path, Hashes, Hashes], shop: Shop, tmp_path: Path
) -> None:
    folder, then, now = kept
    process = truestyle(shop, tmp_path, "restore", folder.name, "--yes")
    await killed_at(shop, process, Phase.LOADING)
    assert await dump.staged(shop.store.db) != []
    await settled(shop)
    assert alike(await hashes(shop), now) == []
    assert await dump.staged(shop.store.db) == []
    (row,) = await shop.store.restore_logs.collection.find().to_list()
    assert (row["status"], row["error"]) == (RestoreStatus.FAILED, "The process ended.")
    assert (await audit(shop)).clean

    again = truestyle(shop, tmp_path, "restore", folder.name, "--yes")
    assert await asyncio.to_thread(again.wait, PATIENCE) == 0, (tmp_path / "restore.log").read_text()
    await forget_restore(shop)
    assert alike(await hashes(shop), then) == []
    assert (await audit(shop)).clean


async def test_killed_while_it_swaps_the_store_is_the_new_one(
    kept: tuple[Path, Hashes, Hashes], app: FastAPI, shop: Shop, tmp_path: Path
) -> None:
    folder, then, now = kept
    assert alike(then, now) != []
    process = truestyle(shop, tmp_path, "restore", folder.name, "--yes")
    async with in_use(shop, "orders"):  # or all would be swapped between two looks
        await killed_at(shop, process, Phase.SWAPPING)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        answer = await client.get("/products")  # nobody sees half of both
        assert (answer.status_code, answer.json()["code"]) == (503, "maintenance")
        await settled(shop)
        assert (await client.get("/products")).status_code == 200
    await forget_restore(shop)
    assert alike(await hashes(shop), then) == []
    assert await dump.staged(shop.store.db) == []
    (row,) = await shop.store.restore_logs.collection.find().to_list()
    assert (row["status"], row["error"]) == (RestoreStatus.DONE, None)
    report = await audit(shop)
    assert report.clean, report.breaches
