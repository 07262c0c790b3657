"""A disk that is full: orders go on, what needs room says so, leaves nothing half done, and is well with room again."""

import asyncio
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from tests import make
from tests.files.pictures import held, path, picture, upload
from tests.running import Process, environment, free_port

from truestyle.audit.service import audit
from truestyle.backups.models import BackupFailedError, BackupLog, BackupStatus, Scope
from truestyle.backups.running import back_up
from truestyle.infra.outbox import EventStatus
from truestyle.shop import Shop

LARGE = picture(size=(1300, 1000))  # more than is kept in memory while it comes in
WAITING = {"topic": "log.rows", "status": EventStatus.WAITING.value}
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Disk:
    """A real file system with little room."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Not a byte is left."""
        with self._ballast.open("wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(b"\0" * 4096)
            except OSError:
                pass

    def make_room(self) -> None:
        """There is some again."""
        self._ballast.unlink()


@contextmanager
def mounted(folder: Path, megabytes: int) -> Iterator[Disk]:
    """A tmpfs; skips the test where one may not be mounted."""
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    done = subprocess.run(["mount", *options], capture_output=True, check=False)  # noqa: S603, S607
    if done.returncode:
        pytest.skip("no tmpfs may be mounted here")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S603, S607


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with mounted(tmp_path / "small", 6) as found:
        yield found


async def until(true: Callable[[], Awaitable[object]], words: str) -> None:
    """Wait for what another process does."""
    ends = time.monotonic() + 60
    while not await true():
        assert time.monotonic() < ends, words
        await asyncio.sleep(0.1)


async def with_a_cart(shop: Shop) -> make.Person:
    """Made before rows are awaited: whoever makes people clears the log rows that wait."""
    person, product = await make.person(shop), await make.product(shop)
    await make.cart(shop, person, {product.variants[0].sku: 1})
    return person


async def order(client: httpx.AsyncClient, person: make.Person) -> int:
    return (await client.post("/checkout", json=make.COD, headers=person.headers)).status_code


async def caught_up(shop: Shop) -> bool:
    return not await shop.store.outbox.count(WAITING)


async def in_sql(client: httpx.AsyncClient, staff: make.Person, logged: str, count: int) -> bool:
    """Whether so many requests of a path are logged; the newest may be in the memory of the server still."""
    found = await client.get("/logs", params={"path": logged}, headers=staff.headers)
    assert found.status_code == 200, found.text
    return bool(found.json()["total"] == count)


async def test_no_room_for_an_upload_is_said_and_leaves_nothing(fault_shop: Shop, disk: Disk, tmp_path: Path) -> None:
    """Large uploads are on the disk of the server while they come in."""
    process = Process(["serve"], environment(fault_shop.settings, TMPDIR=str(disk.folder)), tmp_path, free_port())
    process.wait_ready()
    staff, buyer = await make.person(fault_shop, "staff"), await with_a_cart(fault_shop)
    async with httpx.AsyncClient(base_url=f"{process.url}/api/v1", timeout=60) as client:
        first = await upload(client, staff, LARGE)  # a folder that is full before its first use would not be used
        assert (await client.delete(path(first), headers=staff.headers)).status_code == 204
        disk.fill()
        refused = await upload(client, staff, LARGE)
        assert (refused.status_code, refused.json()["code"]) == (503, "service_unavailable"), refused.text
        assert await order(client, buyer) == 201
        assert (await held(fault_shop), await fault_shop.store.files.count({})) == (0, 0)
        disk.make_room()
        assert list(disk.folder.iterdir()) == []
        assert (await upload(client, staff, LARGE)).status_code == 201
    process.stop()
    report = await audit(fault_shop)
    assert report.clean, report.breaches


async def test_no_room_for_sqlite_holds_no_order_up_and_logs_catch_up(
    fault_shop: Shop, disk: Disk, tmp_path: Path
) -> None:
    env = environment(fault_shop.settings, TRUESTYLE_DATA=str(disk.folder))
    process = Process(["serve"], env, tmp_path, free_port())
    process.wait_ready()
    staff, buyers = await make.person(fault_shop, "staff"), [await with_a_cart(fault_shop) for _ in range(5)]
    async with httpx.AsyncClient(base_url=f"{process.url}/api/v1", timeout=60) as client:
        disk.fill()
        login = {"email": "nobody@example.com", "password": "not this one at all"}
        assert (await client.post("/auth/login", json=login)).status_code == 401
        for one in buyers:
            assert await order(client, one) == 201
        await until(lambda: fault_shop.store.outbox.count(WAITING), "rows wait in the outbox")
        disk.make_room()
        await fault_shop.store.outbox.collection.update_many(WAITING, {"$set": {"due_at": LONG_AGO}})
        await until(lambda: caught_up(fault_shop), "they are in SQL")
        for logged, count in (("/api/v1/checkout", 5), ("/api/v1/auth/login", 1)):
            await until(lambda: in_sql(client, staff, logged, count), logged)  # noqa: B023 - awaited here
    process.stop()
    report = await audit(fault_shop)
    assert report.clean, report.breaches


async def test_no_room_for_a_backup_is_said_and_leaves_nothing(fault_shop: Shop, disk: Disk) -> None:
    for _ in range(3):
        await make.product(fault_shop)
    base = disk.folder / "backups"
    base.mkdir()
    disk.fill()
    asked = await fault_shop.store.backup_logs.add(BackupLog(scope=Scope.FULL))
    with pytest.raises(BackupFailedError, match="no room left on the disk"):
        await back_up(fault_shop, asked, base)
    row = await fault_shop.store.backup_logs.get(asked.id)
    assert (row.status, row.path) == (BackupStatus.FAILED, None)
    assert list(base.iterdir()) == []
    disk.make_room()
    again = await fault_shop.store.backup_logs.add(BackupLog(scope=Scope.FULL))
    assert (await back_up(fault_shop, again, base)).folder.is_dir()
