"""What goes wrong while a backup is made: orders go on, the disk is full, MongoDB forgets, SQL is away."""

import asyncio
import errno
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import OperationalError

from tests import make
from tests.backups.keeping import ask, back_up, forget_restore, furnish, lose, restore
from truestyle.audit.service import audit
from truestyle.backups import rehearsing
from truestyle.backups.models import BackupFailedError, BackupStatus
from truestyle.infra import archive, dump, sql_dump
from truestyle.infra.archive import PartWriter
from truestyle.infra.dump import Batch
from truestyle.shop import Shop


async def test_orders_that_are_placed_meanwhile_are_in_it_whole_or_not_at_all(
    app: FastAPI, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail without the snapshot: orders without payments, and stock that was not what its movements say."""
    await furnish(app, shop, orders=1)
    product = await make.product(shop, stock=500)
    placed, going = list[str](), True
    plain = dump.rows

    async def slow(*args: Any, **more: Any) -> AsyncIterator[Batch]:
        await asyncio.sleep(0.05)
        async for one in plain(*args, **more):
            yield one

    monkeypatch.setattr(dump, "rows", slow)

    async def buy() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
            person = await make.person(shop)
            while going:
                await make.cart(shop, person, {product.variants[0].sku: 1})
                answer = await client.post("/checkout", json=make.COD, headers=person.headers)
                assert answer.status_code == 201, answer.text
                placed.append(answer.json()["order_id"])

    buying = asyncio.create_task(buy())
    while len(placed) < 2:  # noqa: ASYNC110 - the shopping is under way
        await asyncio.sleep(0.01)
    before = len(placed)
    folder = await back_up(shop)
    assert len(placed) > before, "nothing was bought meanwhile"
    going = False
    await buying

    await lose(shop)
    await restore(shop, folder)
    await forget_restore(shop)
    there = await shop.store.orders.count({})
    assert before + 1 <= there < len(placed) + 1
    await shop.sealer.seal()
    report = await audit(shop)
    assert [one for one in report.breaches if one.invariant != "I12"] == []  # events of orders wait to be counted


def nothing_left(base: Path) -> bool:
    return not base.exists() or list(base.iterdir()) == []


async def failed(shop: Shop, words: str) -> None:
    """A backup fails with these words, and leaves nothing on the disk or in a scratch database."""
    asked = await ask(shop)
    with pytest.raises(BackupFailedError, match=words):
        await back_up(shop, asked)
    row = await shop.store.backup_logs.get(asked.id)
    assert (row.status, row.path, row.size) == (BackupStatus.FAILED, None, None)
    assert row.error is not None
    assert words in row.error
    assert nothing_left(shop.settings.backups.backup_base_path)
    assert not [one for one in await shop.client.list_database_names() if rehearsing.SCRATCH in one]


async def test_a_full_disk_leaves_nothing_half_done(app: FastAPI, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    await furnish(app, shop, orders=1)
    plain, written = PartWriter._keep, 0  # noqa: SLF001 - the one place that writes

    def keep(self: PartWriter, content: bytes) -> None:
        nonlocal written
        written += len(content)
        if written > 40_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        plain(self, content)

    monkeypatch.setattr(PartWriter, "_keep", keep)
    await failed(shop, "no room left on the disk")
    assert written > 40_000
    monkeypatch.undo()
    assert (await back_up(shop)).is_dir()  # and later all is well


async def test_a_disk_that_is_full_when_the_manifest_is_written(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archive, "write_through", full)
    await failed(shop, "no room left on the disk")


async def test_a_moment_that_mongodb_forgot_is_said_so(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real SnapshotTooOld: MongoDB remembers for a second here, and reading takes longer."""
    await shop.client.admin.command("setParameter", 1, minSnapshotHistoryWindowInSeconds=1)
    plain = dump.rows

    async def slow(*args: Any, **more: Any) -> AsyncIterator[Batch]:
        for number in range(8):
            await shop.store.jobs.collection.insert_one({"n": number})  # MongoDB forgets as it goes on
            await asyncio.sleep(0.5)
        async for one in plain(*args, **more):
            yield one

    monkeypatch.setattr(dump, "rows", slow)
    try:
        await failed(shop, "minSnapshotHistoryWindowInSeconds")
    finally:
        await shop.client.admin.command("setParameter", 1, minSnapshotHistoryWindowInSeconds=300)


async def test_a_backup_whose_rows_come_back_as_others_is_not_good(
    app: FastAPI, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await furnish(app, shop, orders=1)
    plain = dump.write

    async def forgetful(db: Any, name: str, documents: list[bytes]) -> None:
        await plain(db, name, documents[1:] if name == "users" else documents)

    monkeypatch.setattr(dump, "write", forgetful)
    await failed(shop, "mongo.users came back as something else")


async def test_sql_that_is_away_is_said_so(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("connect", {}, ConnectionRefusedError())

    monkeypatch.setattr(sql_dump, "patient", away)
    await failed(shop, "SQL database does not answer")
