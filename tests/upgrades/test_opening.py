"""A store that was never opened, as each command finds it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import make_settings
from tests.running import Process, environment
from truestyle.infra.outbox import EventStatus, event
from truestyle.shop import Shop


@pytest.fixture
async def fresh(mongo_uri: str, tmp_path: Path) -> AsyncIterator[Shop]:
    shop = Shop(make_settings(mongo_uri, tmp_path, mongo_db="never_opened"))
    await shop.client.drop_database("never_opened")
    yield shop
    await shop.client.drop_database("never_opened")
    await shop.close()


async def test_a_worker_waits_until_it_is_opened(fresh: Shop, tmp_path: Path) -> None:
    process = Process(["worker"], environment(fresh.settings), tmp_path, None)
    try:
        async with asyncio.timeout(60):
            while "worker_waits" not in process.log.read_text():
                assert process.popen.poll() is None, process.log.read_text()
                await asyncio.sleep(0.1)
        assert not await fresh.store.versions.was_prepared()
        await fresh.prepare()
        one = event("log.rows", {"rows": []})
        await fresh.store.outbox.write([one])
        async with asyncio.timeout(60):
            while (await fresh.store.outbox.get(one.id)).status is not EventStatus.DELIVERED:
                assert process.popen.poll() is None, process.log.read_text()
                await asyncio.sleep(0.1)
    finally:
        await asyncio.to_thread(process.stop)
    assert process.popen.returncode == 0, process.log.read_text()
