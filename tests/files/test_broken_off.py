"""Uploads that break off: nothing is left, whoever died; and copies that several processes make at once."""

import asyncio
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from bson import ObjectId

from tests import make
from tests.files.conftest import S3Server
from tests.files.pictures import held, path, picture, upload
from tests.running import Process, environment, free_port
from truestyle.audit.service import audit
from truestyle.files import renditions, service
from truestyle.files.models import Format
from truestyle.infra.outbox import event
from truestyle.infra.storage import CHUNK
from truestyle.shop import Shop

LARGE = picture(size=(1300, 1000))  # a file on the disk of the server, while it comes in
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def process(shop: Shop, chosen: dict[str, Any], tmp_path: Path) -> Iterator[Process]:
    """A server of its own on the same store."""
    more = {name.upper(): str(value) for name, value in chosen.items()}
    env = environment(shop.settings, **more, TMPDIR=str(tmp_path))
    process = Process(["serve"], env, tmp_path, free_port())
    process.wait_ready()
    yield process
    process.stop()


def half_sent(url: str, who: make.Person) -> socket.socket:
    """A connection on which half an upload was sent."""
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    body = head + LARGE + b"\r\n--b--\r\n"
    lines = [
        "POST /api/v1/files/upload HTTP/1.1",
        "Host: test",
        f"Authorization: {who.headers['authorization']}",
        "Content-Type: multipart/form-data; boundary=b",
        f"Content-Length: {len(body)}",
    ]
    connection = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
    connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body[: len(body) // 2])
    return connection


async def nothing_is_left(shop: Shop) -> None:
    await shop.store.outbox.collection.update_many({}, {"$set": {"due_at": LONG_AGO}})
    await shop.worker.drain()
    assert await shop.store.files.count({}) == 0
    assert await held(shop) == 0


async def test_who_hangs_up_in_the_middle_leaves_nothing(shop: Shop, process: Process, staff: make.Person) -> None:
    assert len(LARGE) > 2_000_000
    with half_sent(process.url, staff):
        await asyncio.sleep(0.5)
    async with httpx.AsyncClient(base_url=f"{process.url}/api/v1") as client:
        assert (await upload(client, staff, picture())).status_code == 201
    assert (await held(shop), await shop.store.files.count({})) == (1, 1)
    ends, said = time.monotonic() + 20, ""
    while '"status": 499' not in said:
        assert time.monotonic() < ends, said[-3000:]
        await asyncio.sleep(0.05)
        said = process.log.read_text()
    assert "Traceback" not in said, said[-3000:]
    assert '"status": 5' not in said


async def test_a_server_killed_while_a_file_comes_in_leaves_nothing(
    shop: Shop, process: Process, staff: make.Person
) -> None:
    with half_sent(process.url, staff):
        await asyncio.sleep(0.3)
        process.kill()
    await nothing_is_left(shop)


async def test_a_server_killed_while_s3_takes_a_file_leaves_nothing(
    shop: Shop, process: Process, admin: make.Person, backend: str, s3: S3Server
) -> None:
    if backend != "s3":
        return
    async with httpx.AsyncClient(base_url=f"{process.url}/api/v1", timeout=30) as client:
        with s3.hung():
            sending = asyncio.create_task(upload(client, admin, LARGE))
            ends = time.monotonic() + 10
            while not await shop.store.outbox.count({"topic": "file.sweep"}):
                assert time.monotonic() < ends
                await asyncio.sleep(0.02)
            process.kill()
            with pytest.raises(httpx.TransportError):
                await sending
    await asyncio.sleep(0.3)  # S3 may have had all of it
    assert await shop.store.files.count({}) == 0
    assert [one for one in (await audit(shop)).breaches if one.invariant == "I8"] == []
    await nothing_is_left(shop)


async def test_chunks_of_a_killed_server_are_swept_up(shop: Shop, backend: str) -> None:
    if backend != "gridfs":
        return
    key = ObjectId()
    await shop.store.outbox.write([event(service.SWEEP, {"file_id": key})])
    await shop.store.db["images.chunks"].insert_one({"files_id": key, "n": 0, "data": b"x" * CHUNK})
    assert await held(shop) == 1
    await nothing_is_left(shop)


async def test_a_copy_that_several_processes_make_at_once_is_kept_once(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person
) -> None:
    source = await shop.store.files.get(ObjectId((await upload(client, staff, picture())).json()["id"]))
    # Straight to the making: `of` lets the askers of one process wait for one.
    made = await asyncio.gather(
        *(renditions.make(shop.store, shop.storage, source, 160, Format.WEBP) for _ in range(4))
    )
    assert len({one.id for one in made}) == 1
    assert await shop.store.files.count({"source_id": source.id}) == 1
    assert await held(shop) == 2
    served = await client.get(path_of(source.id), params={"w": 160})
    assert (served.status_code, served.headers["etag"]) == (200, made[0].etag)


async def test_a_copy_is_never_left_of_a_picture_that_is_deleted_meanwhile(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person
) -> None:
    for width in (160, 320) * 3:
        kept = await upload(client, staff, picture())
        asked, deleted = await asyncio.gather(
            client.get(path(kept), params={"w": width}), client.delete(path(kept), headers=staff.headers)
        )
        assert deleted.status_code == 204
        assert asked.status_code in {200, 404}
        assert (await client.get(path(kept), params={"w": width})).status_code == 404
    assert await shop.store.files.count({}) == 0
    assert await held(shop) == 0


def path_of(key: object) -> str:
    return f"/files/{key}"
