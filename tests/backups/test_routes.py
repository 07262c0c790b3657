"""/backup-logs and /restore-logs over HTTP, with a worker that does what is asked."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import httpx
import pytest
import time_machine
from fastapi import FastAPI

from tests import make
from tests.backups.keeping import furnish
from truestyle.backups import service
from truestyle.events import handlers
from truestyle.infra.outbox import Worker
from truestyle.kit import clock
from truestyle.logs.models import LogKind
from truestyle.shop import Shop

FULL = {"scope": "full", "frequency": "once"}


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/v1") as client:
        yield client


async def work(shop: Shop) -> None:
    await Worker(shop.store.outbox, handlers(shop)).drain()


async def test_a_backup_is_made_told_and_restored(app: FastAPI, client: httpx.AsyncClient, shop: Shop) -> None:
    await furnish(app, shop, orders=1)
    admin = await make.person(shop, "admin")
    made = await client.post("/backup-logs", json={**FULL, "notes": "Before the sale."}, headers=admin.headers)
    assert made.status_code == 201, made.text
    row = made.json()
    assert (row["status"], row["path"], row["error"]) == ("waiting", None, None)
    assert made.headers["location"] == f"/api/v1/backup-logs/{row['id']}"
    unfit = await client.post(
        "/restore-logs", json={"backup_id": row["id"], "confirm": "True Style"}, headers=admin.headers
    )
    assert (unfit.status_code, unfit.json()["code"]) == (409, "backup_not_good")

    await work(shop)
    row = (await client.get(f"/backup-logs/{row['id']}", headers=admin.headers)).json()
    assert (row["status"], row["notes"], row["encrypted"]) == ("good", "Before the sale.", False)
    began, ended = (datetime.fromisoformat(row[name]) for name in ("started_at", "finished_at"))
    assert began <= ended
    folder = shop.settings.backups.backup_base_path / row["path"]
    assert folder.is_dir()
    assert row["size"] == sum(one.stat().st_size for one in folder.glob("*.gz"))
    job = (await client.get(f"/jobs/{row['job_id']}", headers=admin.headers)).json()
    assert (job["kind"], job["status"]) == ("backup", "done")
    health = (await client.get("/dashboard/system-health", headers=admin.headers)).json()
    told = health["last_backup_at"], health["failed_backups"], health["failed_restores"]
    assert told == (row["finished_at"], 0, 0)
    logged = await client.get("/logs", params={"kind": "backup"}, headers=admin.headers)
    assert [(one["outcome"], row["path"] in one["message"]) for one in logged.json()["items"]] == [("success", True)]

    late = await make.product(shop)
    body = {"backup_id": row["id"], "confirm": "Another Store"}
    refused = await client.post("/restore-logs", json=body, headers=admin.headers)
    assert (refused.status_code, refused.json()["errors"][0]["loc"]) == (422, ["body", "confirm"])
    body["confirm"] = shop.settings.shop.project_name
    asked = await client.post("/restore-logs", json=body, headers=admin.headers)
    assert asked.status_code == 201, asked.text
    await work(shop)
    await work(shop)  # what the restore had to tell is in the new store's outbox
    assert (await client.get("/restore-logs", headers=admin.headers)).status_code == 401  # everybody is signed out
    again = await make.person(shop, "admin")
    done = (await client.get(f"/restore-logs/{asked.json()['id']}", headers=again.headers)).json()
    assert (done["status"], done["error"], done["rows"], done["backup"]) == ("done", None, row["rows"], row["path"])
    job = await shop.store.jobs.last("restore")
    assert job is not None
    assert (str(job.id), job.status) == (done["job_id"], "done")
    assert (await client.get(f"/products/{late.id}")).status_code == 404
    logged = await client.get("/logs", params={"kind": "restore"}, headers=again.headers)
    assert [one["outcome"] for one in logged.json()["items"]] == ["success"]
    assert await shop.store.backup_logs.count({}) == 1  # the event of that backup, restored too, made no other


async def test_what_may_be_changed_and_removed(client: httpx.AsyncClient, shop: Shop) -> None:
    admin = await make.person(shop, "admin")
    body = {"scope": "collections", "collections": ["brands"], "frequency": "once"}
    row = (await client.post("/backup-logs", json=body, headers=admin.headers)).json()
    await work(shop)
    path = f"/backup-logs/{row['id']}"
    noted = await client.put(path, json={"notes": "kept for the accountant"}, headers=admin.headers)
    assert (noted.status_code, noted.json()["notes"]) == (200, "kept for the accountant")
    for change, status in (
        ({"status": "good"}, 422),
        ({"path": "../../etc"}, 422),
        ({"frequency": None}, 422),
        ({"scheduled_at": "2027-01-01T00:00:00Z"}, 409),
        ({"frequency": "daily"}, 409),
    ):
        assert (await client.put(path, json=change, headers=admin.headers)).status_code == status, change
    stale = await client.patch(path, json={"notes": "x"}, headers={**admin.headers, "if-match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "version_conflict")
    refused = await client.delete(path, headers=admin.headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "append_only")
    found = await client.get(path, headers=admin.headers)
    folder = shop.settings.backups.backup_base_path / found.json()["path"]
    assert folder.is_dir()

    unknown = {**body, "collections": ["brands", "../etc"]}
    assert (await client.post("/backup-logs", json=unknown, headers=admin.headers)).status_code == 422
    for names in (["sessions"], ["nonsense"], []):
        answer = await client.post("/backup-logs", json={**body, "collections": names}, headers=admin.headers)
        assert answer.status_code == 422, names
    for odd in ({"scope": "collections"}, {"scope": "full", "collections": ["brands"]}):
        assert (await client.post("/backup-logs", json=odd, headers=admin.headers)).status_code == 422, odd

    with time_machine.travel(clock.now() + timedelta(days=31), tick=True):
        after = await make.person(shop, "admin")
        gone = await client.delete(path, headers=after.headers)
        assert gone.status_code == 204, gone.text
        assert (await client.get(path, headers=after.headers)).status_code == 404
    assert not folder.exists()


async def test_a_row_of_backups_goes_on_and_each_is_made_once(client: httpx.AsyncClient, shop: Shop) -> None:
    admin = await make.person(shop, "admin")
    body = {"scope": "collections", "collections": ["brands"], "frequency": "daily"}
    first = (await client.post("/backup-logs", json=body, headers=admin.headers)).json()
    await work(shop)
    rows = await shop.store.backup_logs.collection.find(sort=[("_id", 1)]).to_list()
    assert [(row["status"], row["frequency"]) for row in rows] == [("good", "daily"), ("scheduled", "daily")]
    assert rows[1]["scheduled_at"] - rows[0]["scheduled_at"] == timedelta(days=1)
    assert await service.begin_due(shop.store) == 0  # not yet
    with time_machine.travel(clock.now() + timedelta(days=1, minutes=1), tick=True):
        begun = [await service.begin_due(shop.store) for _ in range(3)]
        assert begun == [1, 0, 0]
        await work(shop)
        again = await make.person(shop, "admin")
        listed = (await client.get("/backup-logs", params={"status": "good"}, headers=again.headers)).json()
        assert [one["id"] == first["id"] for one in listed["items"]] == [False, True]
        (waiting,) = await shop.store.backup_logs.collection.find({"status": "scheduled"}).to_list()
        stopped = await client.delete(f"/backup-logs/{waiting['_id']}", headers=again.headers)
        assert stopped.status_code == 204
    logged = await shop.logs.every(shop.logs.table.c.kind == LogKind.BACKUP, 10)
    assert len(logged) == 2


async def test_old_backups_go_but_for_the_last(client: httpx.AsyncClient, shop: Shop) -> None:
    admin = await make.person(shop, "admin")
    body = {"scope": "collections", "collections": ["brands"]}
    await client.post("/backup-logs", json=body, headers=admin.headers)
    await client.post("/backup-logs", json=FULL, headers=admin.headers)
    await work(shop)
    base = shop.settings.backups.backup_base_path
    assert len(list(base.iterdir())) == 2
    assert await service.expire(shop) == 0
    with time_machine.travel(clock.now() + timedelta(days=31), tick=True):
        assert await service.expire(shop) == 1
        assert await service.expire(shop) == 0
    rows = await shop.store.backup_logs.collection.find(sort=[("_id", 1)]).to_list()
    assert [(row["scope"], row["status"]) for row in rows] == [("collections", "expired"), ("full", "good")]
    assert [one.name for one in base.iterdir()] == [rows[1]["path"]]


@pytest.mark.parametrize("who", ["customer", "vendor", "staff"])
async def test_only_administrators_may(client: httpx.AsyncClient, shop: Shop, who: str) -> None:
    person = await make.person(shop, who)
    for path, body in (("/backup-logs", FULL), ("/restore-logs", {"backup_id": "0" * 24, "confirm": "True Style"})):
        assert (await client.post(path, json=body, headers=person.headers)).status_code == 403
        assert (await client.get(path, headers=person.headers)).status_code == 403
    assert await shop.store.backup_logs.count({}) == 0
    assert await shop.store.restore_logs.count({}) == 0
