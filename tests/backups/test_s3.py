"""The copy in a bucket: made whole, read back, fetched when the disk is lost, and said when it cannot be made."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from tests.backups.keeping import ask, back_up, files, forget_restore, furnish, hashes, lose, restore
from tests.files.conftest import S3Server
from truestyle.audit.service import audit
from truestyle.backups import running, service
from truestyle.backups.models import BackupFailedError, BackupStatus
from truestyle.infra.s3 import Bucket, S3Storage
from truestyle.shop import Shop

NAME = "backups-of-tests"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    server = S3Server(tmp_path_factory.mktemp("moto"))
    yield server
    server.stop()


@pytest.fixture
def more(server: S3Server) -> dict[str, Any]:
    """Files in GridFS, backups in the bucket too."""
    return {
        "backup_s3_bucket": NAME,
        "s3_endpoint": server.url,
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
    }


@pytest.fixture
async def bucket(server: S3Server) -> None:
    storage = S3Storage(Bucket(NAME, "us-east-1", server.url, "test", SecretStr("test")))
    await storage.prepare(create=True)
    await storage.close()


async def test_the_store_comes_back_from_the_bucket_alone(bucket: None, app: FastAPI, shop: Shop) -> None:
    await furnish(app, shop)
    asked = await ask(shop)
    before, pictures = await hashes(shop), await files(shop)
    folder = await back_up(shop, asked)
    assert (await shop.store.backup_logs.get(asked.id)).copied_to_s3
    assert shop.attic is not None
    assert await shop.attic.names() == [folder.name]
    mine = {one.name: one.read_bytes() for one in folder.iterdir()}

    shutil.rmtree(folder.parent)
    await lose(shop)
    await shop.prepare()
    fetched = await running.fetch(shop, folder.name)
    assert {one.name: one.read_bytes() for one in fetched.iterdir()} == mine
    await restore(shop, fetched)
    await forget_restore(shop)
    assert await hashes(shop) == before
    assert await files(shop) == pictures
    assert (await audit(shop)).clean

    row = await shop.store.backup_logs.get(asked.id)
    await service._forget(shop, row)  # noqa: SLF001 - as retention does
    assert await shop.attic.names() == []
    assert not fetched.exists()


async def test_a_bucket_that_is_not_there_is_said_so(app: FastAPI, shop: Shop, tmp_path: Path) -> None:
    del app
    from truestyle.infra.attic import Attic  # noqa: PLC0415

    settings = shop.settings.files
    nowhere = Bucket("no-such-bucket", "us-east-1", settings.s3_endpoint, "test", SecretStr("test"))
    shop.attic = Attic(nowhere)
    asked = await ask(shop, ["brands"])
    with pytest.raises(BackupFailedError, match="BACKUP_S3_BUCKET could not be made"):
        await back_up(shop, asked)
    row = await shop.store.backup_logs.get(asked.id)
    assert (row.status, row.copied_to_s3) == (BackupStatus.FAILED, False)
    assert row.path is not None
    assert (shop.settings.backups.backup_base_path / row.path).is_dir()
