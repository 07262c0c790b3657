"""What `truestyle restore` says before it touches anything."""

import io
import sys
from pathlib import Path
from typing import cast

import pytest

from truestyle.cli import backing_up
from truestyle.cli.common import CommandFailedError
from truestyle.infra.archive import MANIFEST
from truestyle.infra.attic import Attic
from truestyle.shop import Shop

NAME = "20261121T123139Z-6b018f2bd3795a3df87bd2d0"


class Bucket:
    """With nothing in it."""

    async def names(self) -> list[str]:
        return []


async def missing(shop: Shop, backup: str) -> str:
    with pytest.raises(CommandFailedError) as refused:
        await backing_up.restore(shop, backup, yes=True)
    return str(refused.value)


def put(shop: Shop) -> Path:
    folder: Path = shop.settings.backups.backup_base_path / NAME
    folder.mkdir(parents=True)
    (folder / MANIFEST).touch()
    return folder


async def test_where_there_is_no_backup_the_folder_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    base = shop.settings.backups.backup_base_path.resolve()
    monkeypatch.chdir(base.parent)
    shop.settings.backups = shop.settings.backups.model_copy(update={"backup_base_path": Path(base.name)})
    setting = "BACKUP_BASE_PATH names the folder."
    assert await missing(shop, "latest") == f"There is no backup in {base}. {setting}"
    put(shop)
    assert await missing(shop, "mine") == f"There is no backup mine in {base}. There is {NAME}. {setting}"
    shop.attic = cast("Attic", Bucket())
    assert f"no backup mine in {base} or in the bucket. There is" in await missing(shop, "mine")


async def test_where_nobody_can_be_asked_nothing_is_touched(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    put(shop)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(CommandFailedError, match=r"^Nothing was touched; --yes does not ask\.$"):
        await backing_up.restore(shop, "latest", yes=False)
    assert await shop.store.restore_logs.count({}) == 0
