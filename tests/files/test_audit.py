"""I8 on each backend: a row for all bytes, its bytes for every row; no false alarm while the store goes on."""

import asyncio
import io
from datetime import timedelta
from typing import Any

import httpx
import pytest
from bson import ObjectId

from tests import make
from tests.files.conftest import S3Server
from tests.files.pictures import path, picture, upload
from truestyle.audit.service import audit
from truestyle.files import service
from truestyle.infra.storage import CHUNK, GridFSStorage
from truestyle.kit import clock
from truestyle.kit.errors import Unavailable
from truestyle.shop import Shop


async def breaches(shop: Shop) -> list[tuple[str, Any]]:
    found = (await audit(shop)).breaches
    return [(one.message, one.documents.get("file_id")) for one in found if one.invariant == "I8"]


async def test_a_file_without_its_bytes_is_found(client: httpx.AsyncClient, shop: Shop, staff: make.Person) -> None:
    kept = await upload(client, staff, picture())
    await client.get(path(kept), params={"w": 160})
    assert await breaches(shop) == []
    key = ObjectId(kept.json()["id"])
    await shop.storage.remove(key)
    assert await breaches(shop) == [("a file without its bytes", key)]
    assert (await client.get(path(kept))).status_code == 404
    await shop.storage.put(key, io.BytesIO(b"other"), 5, "image/png")
    assert await breaches(shop) == [("a file without its bytes", key)]


async def test_bytes_without_a_file_are_found_unless_somebody_will_see_to_them(shop: Shop) -> None:
    key = ObjectId()
    await shop.storage.put(key, io.BytesIO(b"bytes"), 5, "image/png")
    assert await breaches(shop) == [("bytes without a file", key)]
    staged = await service.stage(shop.store, shop.storage, io.BytesIO(b"bytes"), "image/png")
    assert staged.id != key
    assert await breaches(shop) == [("bytes without a file", key)]


async def test_uploads_and_deletions_meanwhile_are_no_breaches(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person
) -> None:
    small, going, made = picture(size=(20, 20)), True, 0

    async def trade() -> None:
        nonlocal made
        while going:
            kept = await upload(client, staff, small)
            await client.get(path(kept), params={"w": 160})
            made += 1
            if made % 2:
                assert (await client.delete(path(kept), headers=staff.headers)).status_code == 204

    traders = [asyncio.create_task(trade()) for _ in range(3)]
    found = [await breaches(shop) for _ in range(8)]
    going = False
    await asyncio.gather(*traders)
    assert found == [[]] * 8
    assert made > 8


async def test_what_is_left_of_a_broken_upload_is_bytes_without_a_file(shop: Shop, backend: str) -> None:
    if not isinstance(shop.storage, GridFSStorage):
        assert backend == "s3"  # where a file is there whole or not at all
        return
    key = ObjectId()
    await shop.store.db["images.chunks"].insert_one({"files_id": key, "n": 0, "data": b"x" * CHUNK})
    assert await breaches(shop) == [("bytes without a file", key)]
    await shop.storage.remove(key)
    assert await breaches(shop) == []


async def test_a_missing_chunk_is_found(shop: Shop, backend: str) -> None:
    if backend == "s3":
        return
    kept = await service.keep(shop.store, shop.storage, io.BytesIO(b"x" * (2 * CHUNK)), "image/png")
    assert await breaches(shop) == []
    await shop.store.db["images.chunks"].delete_one({"files_id": kept.id, "n": 1})
    assert await breaches(shop) == [("a file without its bytes", kept.id)]


async def test_who_comes_too_late_gets_no_row(shop: Shop) -> None:
    staged = await service.stage(shop.store, shop.storage, io.BytesIO(b"bytes"), "image/png")
    event = await shop.store.outbox.lease("main", clock.now() + service.SWEPT_AFTER + timedelta(seconds=1))
    assert event is not None
    with pytest.raises(Unavailable):
        await shop.store.transaction(lambda tx: service.adopt(tx, staged))
    await service.sweep(shop.store, shop.storage, event.payload["file_id"])
    assert await shop.store.files.count({}) == 0
    assert await shop.storage.find(staged.id) is None


async def test_an_audit_that_cannot_ask_the_storage_is_not_clean(shop: Shop, backend: str, s3: S3Server) -> None:
    if backend != "s3":
        return
    with s3.hung():
        assert await breaches(shop) == [("the storage is away, so nobody knows whether files have their bytes", None)]
    assert await breaches(shop) == []
