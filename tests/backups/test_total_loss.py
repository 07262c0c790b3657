"""Everything is lost, and everything comes back."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests import make
from tests.backups.keeping import ask, back_up, files, forget_restore, furnish, hashes, lose, restore
from truestyle.audit.service import audit
from truestyle.backups.models import BackupStatus, RestoreStatus
from truestyle.infra import dump
from truestyle.infra.archive import read_manifest
from truestyle.shop import Shop

KEY = "an-encryption-key-of-tests-0123456789"
EITHER_WAY = pytest.mark.parametrize(
    ("dialect", "more"),
    [("sqlite", {"backup_enc_key": KEY}), ("postgresql", {})],
    indirect=["dialect"],
    ids=["sqlite-encrypted", "postgresql-plain"],
)


@EITHER_WAY
async def test_every_row_and_file_comes_back(app: FastAPI, shop: Shop, more: dict[str, Any]) -> None:
    placed = await furnish(app, shop)
    asked = await ask(shop)
    before, pictures = await hashes(shop), await files(shop)
    assert len(before) > 20
    assert len(pictures) == 2
    folder = await back_up(shop, asked)
    manifest = read_manifest(folder, [shop.settings.auth.token_hash_pepper.get_secret_value()])
    assert manifest.encrypted is bool(more)
    assert manifest.rows >= sum(rows for rows, _ in before.values())

    await lose(shop)
    await shop.prepare()  # as a new, empty store does when it opens
    assert await shop.store.orders.count({}) == 0
    told = await restore(shop, folder)

    assert (told.status, told.error, told.rows) == (RestoreStatus.DONE, None, manifest.rows)
    await forget_restore(shop)
    assert await hashes(shop) == before
    assert await files(shop) == pictures
    assert await shop.store.orders.count({}) == len(placed)
    kept = await shop.store.backup_logs.kept()
    assert [(one.status, one.path) for one in kept] == [(BackupStatus.GOOD, folder.name)]
    report = await audit(shop)
    assert report.clean, report.breaches
    assert await dump.staged(shop.store.db) == []
    assert [one for one in await shop.client.list_database_names() if "rehearsal" in one] == []


async def test_the_indexes_come_back_too(app: FastAPI, shop: Shop) -> None:
    await furnish(app, shop)
    names = await dump.names(shop.store.db)
    before = {name: await dump.indexes(shop.store.db, name) for name in names}
    folder = await back_up(shop)
    await lose(shop)
    await restore(shop, folder)
    assert {name: await dump.indexes(shop.store.db, name) for name in names} == before


async def test_what_came_after_is_gone_and_nobody_is_signed_in(app: FastAPI, shop: Shop) -> None:
    await furnish(app, shop)
    staff = await make.person(shop, "staff")
    folder = await back_up(shop)
    late = await make.product(shop)
    await shop.store.db["a_later_table"].insert_one({"a": 1})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/v1") as client:
        assert (await client.get("/auth/me", headers=staff.headers)).status_code == 200
        await restore(shop, folder)
        answer = await client.get("/auth/me", headers=staff.headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "token_revoked")
        assert (await client.get(f"/products/{late.id}")).status_code == 404
    assert await shop.store.sessions.count({}) == 0
    assert "a_later_table" not in await dump.names(shop.store.db)
    assert (await audit(shop)).clean


async def test_a_backup_of_some_collections_brings_back_just_those(app: FastAPI, shop: Shop) -> None:
    await furnish(app, shop)
    folder = await back_up(shop, await ask(shop, ["brands", "contact_us"]))
    assert sorted(one.name for one in folder.iterdir()) == [
        "manifest.hmac",
        "manifest.json",
        "mongo.brands.bson.gz",
        "sql.contact_us.bson.gz",
    ]
    before = await hashes(shop)
    await shop.store.db["brands"].delete_many({})
    async with shop.sql.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM contact_us")
    await restore(shop, folder)
    await forget_restore(shop)
    after = await hashes(shop)
    assert {**after, "audit": before["audit"]} == before  # there is that a restore was asked for
