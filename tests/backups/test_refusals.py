"""A backup that is not what was written is refused with a sentence, before anything is touched."""

import hashlib
import hmac
import json
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from tests.backups.conftest import store_of
from tests.backups.keeping import Hashes, back_up, furnish, hashes, restore
from tests.conftest import make_settings
from truestyle.backups import rehearsing
from truestyle.backups.models import RestoreStatus
from truestyle.infra import archive, dump
from truestyle.infra.archive import BackupDamagedError
from truestyle.infra.box import derived
from truestyle.shop import Shop

KEY = "an-encryption-key-of-tests-0123456789"
Spoil = Callable[[Path], object]


@dataclass(frozen=True)
class Kept:
    """A store, and a good backup of it."""

    app: FastAPI
    folder: Path

    @property
    def shop(self) -> Shop:
        shop: Shop = self.app.state.shop
        return shop


@pytest.fixture(scope="module", params=[{}, {"backup_enc_key": KEY}], ids=["plain", "encrypted"])
async def keeping(
    request: pytest.FixtureRequest, mongo_uri: str, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str
) -> AsyncIterator[Kept]:
    settings = make_settings(mongo_uri, tmp_path_factory.mktemp("kept"), mongo_db="kept", **request.param)
    async with store_of(settings) as app:
        await furnish(app, app.state.shop, orders=1)
        yield Kept(app, await back_up(app.state.shop))


@pytest.fixture
def shop(keeping: Kept) -> Shop:
    return keeping.shop


@pytest.fixture
async def kept(keeping: Kept, shop: Shop, tmp_path: Path) -> tuple[Path, Hashes]:
    """A copy of the backup, to be spoilt, and what the store is like."""
    folder = shutil.copytree(keeping.folder, tmp_path / keeping.folder.name)
    await shop.store.restore_logs.collection.delete_many({})
    return folder, await hashes(shop)


def orders(folder: Path) -> Path:
    return next(one for one in folder.iterdir() if one.name.startswith("mongo.orders."))


def change_a_byte(folder: Path) -> None:
    content = bytearray(orders(folder).read_bytes())
    content[len(content) // 2] ^= 1
    orders(folder).write_bytes(content)


def cut_short(folder: Path) -> None:
    orders(folder).write_bytes(orders(folder).read_bytes()[:-7])


def take_away(folder: Path) -> None:
    orders(folder).unlink()


def link_elsewhere(folder: Path) -> None:
    file, secret = orders(folder), folder.parent / "secret"
    file.rename(secret)
    file.symlink_to(secret)


def swap_two(folder: Path) -> None:
    one, other = orders(folder), next(one for one in folder.iterdir() if one.name.startswith("mongo.users."))
    mine, theirs = one.read_bytes(), other.read_bytes()
    one.write_bytes(theirs)
    other.write_bytes(mine)


def change_the_manifest(folder: Path) -> None:
    file = folder / archive.MANIFEST
    file.write_text(file.read_text().replace('"rows": 1', '"rows": 0', 1))


def forget_the_signature(folder: Path) -> None:
    (folder / archive.SIGNATURE).write_text("")


def take_the_manifest(folder: Path) -> None:
    (folder / archive.MANIFEST).unlink()


async def refused(shop: Shop, folder: Path, before: Hashes, words: str) -> None:
    with pytest.raises(BackupDamagedError, match=words):
        await restore(shop, folder)
    rows = await shop.store.restore_logs.collection.find().to_list()
    assert [(row["status"], words in row["error"]) for row in rows] == [(RestoreStatus.FAILED, True)]
    after = await hashes(shop)
    ours = {name: before.get(name) for name in ("audit", "outbox")}  # that a restore was asked for, and failed
    assert {**after, **ours} == before
    assert await shop.store.maintenance.read() == {}  # nobody was ever kept out
    assert await dump.staged(shop.store.db) == []


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (change_a_byte, "mongo.orders is not what was written"),
        (cut_short, "mongo.orders is not what was written"),
        (take_away, "mongo.orders cannot be read"),
        (link_elsewhere, "mongo.orders cannot be read"),
        (swap_two, "is not what was written"),
        (change_the_manifest, "manifest is not signed by a key of this store"),
        (forget_the_signature, "manifest is not signed by a key of this store"),
        (take_the_manifest, "manifest.json cannot be read"),
    ],
)
async def test_what_was_changed_is_refused(kept: tuple[Path, Hashes], shop: Shop, spoil: Spoil, words: str) -> None:
    folder, before = kept
    spoil(folder)
    await refused(shop, folder, before, words)


def signed_anew(folder: Path, shop: Shop, change: Callable[[dict[str, Any]], object]) -> None:
    """What somebody could write who has the pepper: even then no path is followed."""
    manifest = json.loads((folder / archive.MANIFEST).read_text())
    change(manifest)
    content = json.dumps(manifest).encode()
    pepper = shop.settings.auth.token_hash_pepper.get_secret_value()
    key = derived(pepper, b"truestyle backup manifest", 32)
    (folder / archive.MANIFEST).write_bytes(content)
    (folder / archive.SIGNATURE).write_text(hmac.new(key, content, hashlib.sha256).hexdigest())


@pytest.mark.parametrize(
    "name",
    ["../orders", "/etc/passwd", "a/b", "..", ".hidden", "a\0b", "a\\..\\b", "x" * 200, "system.users", "sessions", ""],
)
async def test_no_name_leads_out_of_the_folder_or_where_nothing_may_be_put(
    kept: tuple[Path, Hashes], shop: Shop, name: str
) -> None:
    folder, before = kept

    def rename(manifest: dict[str, Any]) -> None:
        next(one for one in manifest["parts"] if one["name"] == "orders")["name"] = name

    signed_anew(folder, shop, rename)
    words = "has a part that no store has" if name in {"system.users", "sessions"} else "of a form that this release"
    await refused(shop, folder, before, words)


async def test_a_part_named_twice_is_refused(kept: tuple[Path, Hashes], shop: Shop) -> None:
    folder, before = kept
    signed_anew(folder, shop, lambda manifest: manifest["parts"].append(manifest["parts"][0]))
    await refused(shop, folder, before, "names a part twice")


async def test_a_later_release_is_refused(kept: tuple[Path, Hashes], shop: Shop) -> None:
    folder, before = kept
    signed_anew(folder, shop, lambda manifest: manifest.update(schema_version=99))
    await refused(shop, folder, before, "made by a later release")


async def test_another_pepper_is_refused(kept: tuple[Path, Hashes], shop: Shop, tmp_path: Path) -> None:
    folder, before = kept
    mine = shop.settings
    shop.settings = make_settings(str(mine.data.mongo_uri), tmp_path, token_hash_pepper="another" * 6)
    try:
        await refused(shop, folder, before, "made with another TOKEN_HASH_PEPPER")
    finally:
        shop.settings = mine


@pytest.mark.parametrize(("key", "words"), [("", "BACKUP_ENC_KEY is not set"), ("y" * 40, "does not open with BACKUP")])
async def test_another_encryption_key_is_refused(
    kept: tuple[Path, Hashes], shop: Shop, tmp_path: Path, key: str, words: str
) -> None:
    folder, before = kept
    if not archive.file_of(folder, "mongo.orders", encrypted=True).exists():
        return  # the plain one needs no key
    mine = shop.settings
    shop.settings = make_settings(str(mine.data.mongo_uri), tmp_path, backup_enc_key=key)
    try:
        await refused(shop, folder, before, words)
    finally:
        shop.settings = mine


async def test_keys_rotate(kept: tuple[Path, Hashes], shop: Shop, tmp_path: Path) -> None:
    folder, _ = kept
    mine = shop.settings
    pepper = mine.auth.token_hash_pepper.get_secret_value()
    rotated = {"token_hash_pepper": "n" * 40 + "," + pepper, "backup_enc_key": "m" * 40 + "," + KEY}
    shop.settings = make_settings(str(mine.data.mongo_uri), tmp_path, **rotated)
    try:
        manifest = await rehearsing.verify(shop, folder, lambda *_: None)
    finally:
        shop.settings = mine
    assert manifest.rows > 0
