"""A store with something of everything in it, and what of it must come back."""

import hashlib
from pathlib import Path

import httpx
from fastapi import FastAPI
from sqlalchemy import select

from tests import make
from tests.files.pictures import picture, upload
from truestyle.backups import running
from truestyle.backups.models import KEPT, LEFT_OUT, BackupLog, RestoreLog, Scope
from truestyle.events import handlers
from truestyle.infra import dump
from truestyle.infra.outbox import Worker
from truestyle.migrations.metadata import METADATA
from truestyle.shop import Shop

Hashes = dict[str, tuple[int, str]]
CONTACT = {"name": "Asha", "email": "asha@example.com", "subject": "Size", "message": "Is the M wide?"}


async def furnish(app: FastAPI, shop: Shop, orders: int = 3) -> list[str]:
    """People, pictures, orders, messages and log rows; the ids of the orders."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/v1") as client:
        admin, buyer = await make.person(shop, "admin"), await make.person(shop)
        for size in ((900, 700), (60, 40)):
            assert (await upload(client, admin, picture(size=size))).status_code == 201
        product = await make.product(shop, stock=50)
        placed = []
        for _ in range(orders):
            await make.cart(shop, buyer, {product.variants[0].sku: 2})
            answer = await client.post("/checkout", json=make.COD, headers=buyer.headers)
            assert answer.status_code == 201, answer.text
            placed.append(str(answer.json()["order_id"]))
        assert (await client.post("/contact-us", json=CONTACT)).status_code == 201
        assert (await client.post("/logs", json={"message": "Ünïcode ₹"}, headers=admin.headers)).status_code == 201
    await Worker(shop.store.outbox, handlers(shop)).drain()
    await shop.requests.flush()
    await shop.sealer.seal()
    return placed


async def hashes(shop: Shop) -> Hashes:
    """Rows and SHA-256 of every collection and table that a restore brings back, files by their bytes among them."""
    found: Hashes = {}
    db = shop.store.db
    for name in await dump.names(db):
        if name not in LEFT_OUT and name not in KEPT:
            content, rows = hashlib.sha256(), 0
            async for batch in dump.rows(db, name):
                content.update(batch.content)
                rows += batch.rows
            found[name] = (rows, content.hexdigest())
    async with shop.sql.connect() as connection:
        for table in METADATA.sorted_tables:
            told = (await connection.execute(select(table).order_by(table.c.id))).mappings().all()
            found[f"sql.{table.name}"] = (len(told), hashlib.sha256(repr(told).encode()).hexdigest())
    return {name: one for name, one in found.items() if one[0]}


async def files(shop: Shop) -> dict[str, str]:
    """SHA-256 of the bytes of every file, as the storage gives them."""
    found = {}
    async for held in shop.storage.held():
        pieces = await shop.storage.open(held.key)
        assert pieces is not None
        found[str(held.key)] = hashlib.sha256(b"".join([one async for one in pieces])).hexdigest()
    return found


async def ask(shop: Shop, collections: list[str] | None = None) -> BackupLog:
    """A backup that was asked for."""
    scope = Scope.FULL if collections is None else Scope.COLLECTIONS
    return await shop.store.backup_logs.add(BackupLog(scope=scope, collections=collections))


async def back_up(shop: Shop, asked: BackupLog | None = None) -> Path:
    """A backup that is good, and its folder."""
    made = await running.back_up(shop, asked or await ask(shop), shop.settings.backups.backup_base_path)
    return made.folder


async def restore(shop: Shop, folder: Path) -> RestoreLog:
    """Put it back; the row afterwards. Raises what restoring raises."""
    asked = RestoreLog(backup=folder.name)
    await shop.store.restore_logs.add(asked)
    async with running.alone(shop):
        await running.bring_back(shop, asked, folder)
    return await shop.store.restore_logs.get(asked.id)


async def forget_restore(shop: Shop) -> None:
    """The one event that a restore adds of itself."""
    await shop.store.outbox.collection.delete_many({"key": {"$regex": "^restore:"}})


async def lose(shop: Shop) -> None:
    """Everything is gone: every collection, every row."""
    await shop.client.drop_database(shop.store.db.name)
    async with shop.sql.begin() as connection:
        for table in METADATA.sorted_tables:
            await connection.execute(table.delete())
