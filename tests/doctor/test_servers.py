"""What the doctor says of servers and of the store: real ones, with each fault planted."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo import AsyncMongoClient

from tests import make
from tests.conftest import make_settings
from tests.mail.server import PASSWORD, Behaviour, smtp_server
from tests.running import RunningRedis, environment, free_port
from truestyle.backups.models import BackupLog, BackupStatus
from truestyle.cms.content import StoreDetails
from truestyle.doctor import books, servers
from truestyle.doctor.models import Finding, Verdict
from truestyle.infra.local.finder import find_mongod
from truestyle.infra.mongo import Server
from truestyle.infra.outbox import EventStatus, event
from truestyle.kit import clock
from truestyle.settings import Settings
from truestyle.shop import Shop

Looks = Callable[[Shop], Awaitable[list[Finding]]]
SECRET = "p1anted-password-of-redis"


@asynccontextmanager
async def other(shop: Shop, **more: Any) -> AsyncIterator[Shop]:
    """The store with other settings, not opened."""
    given = {"mongo_uri": str(shop.settings.data.mongo_uri), "data": shop.settings.data.truestyle_data, **more}
    found = Shop(make_settings(**given))
    try:
        yield found
    finally:
        await found.close()


async def said(look: Looks, shop: Shop) -> str:
    """The one thing that is wrong."""
    found = await look(shop)
    wrong = [one.says for one in found if one.verdict is Verdict.WRONG]
    assert len(wrong) == 1, found
    return wrong[0]


async def well(look: Looks, shop: Shop) -> None:
    assert {one.verdict for one in await look(shop)} == {Verdict.GOOD}


async def well_migrated(shop: Shop) -> None:
    found = await servers.database(shop)
    assert {one.verdict for one in found if one.part == "migrations"} == {Verdict.GOOD}


async def test_a_database_that_is_well_is_found_so(shop: Shop) -> None:
    found = {one.part: one for one in await servers.database(shop)}
    assert {name: one.verdict for name, one in found.items() if one.verdict is Verdict.WRONG} == {}
    assert found["migrations"].verdict is Verdict.GOOD


async def test_no_mongodb(shop: Shop) -> None:
    uri = f"mongodb://127.0.0.1:{free_port()}/?replicaSet=rs0&serverSelectionTimeoutMS=300"
    async with other(shop, mongo_uri=uri) as away:
        says = "MongoDB does not answer at MONGO_URI. Is it running, and is the address right?"
        assert await said(servers.database, away) == says


async def test_a_standalone_mongodb(shop: Shop, tmp_path: Path) -> None:
    port, mongod = free_port(), find_mongod(tmp_path / "cache")
    (tmp_path / "db").mkdir()
    arguments = ["--port", str(port), "--dbpath", str(tmp_path / "db"), "--bind_ip", "127.0.0.1", "--nounixsocket"]
    process = subprocess.Popen(  # noqa: S603, ASYNC220 - the mongod of the tests
        [mongod.path, *arguments, "--wiredTigerCacheSizeGB", "0.25"],
        env={**os.environ, **mongod.environment},
        stdout=subprocess.DEVNULL,
    )
    try:
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(f"mongodb://127.0.0.1:{port}")
        await client.admin.command("ping")
        await client.close()
        async with other(shop, mongo_uri=f"mongodb://127.0.0.1:{port}") as alone:
            assert "names a standalone MongoDB" in await said(servers.database, alone)
    finally:
        process.terminate()
        process.wait()


async def test_a_long_transaction_limit_is_told_with_the_command_that_mends_it(shop: Shop) -> None:
    admin = shop.client.admin
    before = await admin.command({"getParameter": 1, "transactionLifetimeLimitSeconds": 1})
    await admin.command({"setParameter": 1, "transactionLifetimeLimitSeconds": 60})
    try:
        found = [one for one in await servers.database(shop) if "transactionLifetimeLimitSeconds" in one.says]
        assert [one.verdict for one in found] == [Verdict.NOTE]
        assert "is 60" in found[0].says
        assert "setParameter: 1, transactionLifetimeLimitSeconds: 5" in found[0].says
    finally:
        limit = before["transactionLifetimeLimitSeconds"]
        await admin.command({"setParameter": 1, "transactionLifetimeLimitSeconds": limit})


async def test_a_missing_index_is_named(shop: Shop) -> None:
    await shop.store.orders.collection.drop_index("number_1")
    try:
        says = await said(servers.database, shop)
        assert says == "1 indexes are missing (orders.number_1): run `truestyle migrate`."
    finally:
        await shop.migrate()
    assert {one.verdict for one in await servers.database(shop) if one.part == "migrations"} == {Verdict.GOOD}


async def test_data_of_another_release(shop: Shop) -> None:
    rows, newer = shop.store.db["migrations"], {"_id": 999, "name": "from-the-future", "additive": False}
    try:
        await rows.update_one({"_id": 2}, {"$set": {"finished_at": None}})
        assert "waiting: 2 order-counts. Run `truestyle migrate`" in await said(servers.database, shop)
        await rows.insert_one(newer)
        assert "by a newer release (migration 999, from-the-future)" in await said(servers.database, shop)
    finally:
        await rows.delete_one({"_id": 999})
        await rows.update_one({"_id": 2}, {"$set": {"finished_at": clock.now()}})
    await well_migrated(shop)


async def test_a_database_of_no_release(shop: Shop) -> None:
    async with other(shop, mongo_db="never_prepared") as fresh:
        says = await said(servers.database, fresh)
        assert "indexes are missing (" in says
        assert says.endswith("run `truestyle migrate`.")
        await fresh.migrate()
        assert "was not prepared for this release" in await said(servers.database, fresh)
        await shop.client.drop_database("never_prepared")


GOOD_SERVER = Server((6, 0, 27), 3, 0, 0.1, 5, [], 0.5, "majority")
FAULTS: list[tuple[dict[str, Any], Verdict, str]] = [
    ({"version": (5, 0, 9)}, Verdict.WRONG, "MongoDB is 5.0.9: 6.0 or newer is needed"),
    ({"away": ["db2:27017"]}, Verdict.WRONG, "A member of the replica set is away (db2:27017)"),
    ({"arbiters": 1}, Verdict.NOTE, "The replica set has an arbiter"),
    ({"ahead": 5.0}, Verdict.NOTE, "MongoDB's clock is 5 s ahead of this machine's"),
    ({"ahead": -90.0}, Verdict.WRONG, "MongoDB's clock is 90 s behind this machine's"),
    ({"free": 0.1}, Verdict.NOTE, "MongoDB's disk is 90 % full"),
    ({"free": 0.02}, Verdict.WRONG, "MongoDB's disk is 98 % full"),
    ({"write_concern": "1"}, Verdict.WRONG, "Writes are not acknowledged by a majority"),
]


@pytest.mark.parametrize(("change", "verdict", "says"), FAULTS, ids=lambda one: str(one)[:30])
async def test_what_no_test_can_plant_for_real(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], verdict: Verdict, says: str
) -> None:
    """A mongod of another release, another's clock, a full disk: here only what it would have answered is planted."""
    from dataclasses import replace  # noqa: PLC0415

    async def answers(*_: Any) -> Server:
        return replace(GOOD_SERVER, **change)

    monkeypatch.setattr("truestyle.infra.mongo.examine", answers)
    [only] = [one for one in await servers.database(shop) if one.verdict is not Verdict.GOOD]
    assert (only.verdict, only.says.startswith(says)) == (verdict, True), only


async def test_a_clock_that_is_wrong_is_measured_against_mongodb(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    monkeypatch.setattr("truestyle.infra.mongo.time.time", lambda: real() - 45)
    [only] = [one for one in await servers.database(shop) if one.part == "clock"]
    assert (only.verdict, only.says) == (
        Verdict.WRONG,
        "MongoDB's clock is 45 s ahead of this machine's: let both follow NTP.",
    )


async def test_sql_that_is_away_or_not_migrated(shop: Shop, tmp_path: Path) -> None:
    await well(servers.tables, shop)
    async with other(shop, truestyle_data=tmp_path) as fresh:
        says = "The tables in SQLite are not of this release: run `truestyle migrate`."
        assert await said(servers.tables, fresh) == says
    async with other(shop, truestyle_data=tmp_path / "nowhere" / "at" / "all") as nowhere:
        assert "look at TRUESTYLE_DATA and who may write there" in await said(servers.tables, nowhere)
    async with other(shop, postgresql_uri=f"postgresql://store:{SECRET}@127.0.0.1:{free_port()}/store") as away:
        says = await said(servers.tables, away)
        assert "PostgreSQL does not answer" in says
        assert "look at POSTGRESQL_URI" in says
        assert SECRET not in says


async def test_redis_that_is_away_hangs_or_refuses(shop: Shop, redis: RunningRedis) -> None:
    async with other(shop, redis_host=redis.url) as with_redis:
        await well(servers.cache, with_redis)
        redis.hang()
        began = time.monotonic()
        assert "does not answer within 200 ms" in await said(servers.cache, with_redis)
        assert time.monotonic() - began < 3
        redis.go_on()
    from redis import Redis  # noqa: PLC0415

    with Redis.from_url(redis.url) as client:
        client.config_set("requirepass", SECRET)
    async with other(shop, redis_host=redis.url.replace("://", f"://:not-{SECRET}@")) as refused:
        assert await said(servers.cache, refused) == ("Redis refuses our name or password: mend them in REDIS_HOST.")
    redis.die()
    async with other(shop, redis_host=redis.url) as away:
        assert "Redis cannot be reached" in await said(servers.cache, away)


async def test_storage_is_written_to_and_read(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    await well(servers.storage, shop)
    assert await shop.store.db["images.files"].count_documents({}) == 0, "nothing is left behind"
    missing = {"storage_backend": "s3", "s3_bucket_name": "away", "s3_endpoint": f"http://127.0.0.1:{free_port()}"}
    async with other(shop, **missing, aws_access_key_id="key", aws_secret_access_key=SECRET) as away:
        assert "S3 takes no files" in await said(servers.storage, away)

    async def spoils(*_: Any) -> AsyncIterator[bytes]:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"other bytes"

        return pieces()

    monkeypatch.setattr(shop.storage, "open", spoils)
    assert "gave back other bytes" in await said(servers.storage, shop)


async def test_mail_servers_that_are_away_or_refuse(shop: Shop) -> None:
    there = {"mail_backend": "smtp", "mail_server": "127.0.0.1"}
    async with other(shop, **there, mail_port=free_port()) as away:
        assert "cannot be talked to" in await said(servers.mail, away)
    async with smtp_server(Behaviour(), auth=True) as port:
        named = {**there, "mail_port": port, "mail_username": "store"}
        async with other(shop, **named, mail_password=PASSWORD.decode()) as right:
            await well(servers.mail, right)
        async with other(shop, **named, mail_password=SECRET) as wrong:
            says = await said(servers.mail, wrong)
            assert "refuses MAIL_USERNAME and MAIL_PASSWORD" in says
            assert SECRET not in says


async def test_a_collector_of_traces_that_is_away(shop: Shop) -> None:
    assert await servers.collector(shop) == []
    port = free_port()
    async with other(shop) as found:
        chosen = found.settings.observing
        ours = chosen.model_copy(
            update={"otel_enabled": True, "otel_exporter_otlp_endpoint": f"http://127.0.0.1:{port}"}
        )
        found.settings.observing = ours
        assert f"No collector of traces answers at 127.0.0.1:{port}" in await said(servers.collector, found)
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port)
        async with server:
            await well(servers.collector, found)


async def test_backups(shop: Shop) -> None:
    [only] = await books.backups(shop)
    assert (only.verdict, only.says.startswith("There is no good backup")) == (Verdict.NOTE, True)
    ages = ((60, "60 hours"), (5, "5 hours"), (1, "1 hour"), (0.9, "less than an hour"))
    for hours, age in ages:
        moment = clock.now() - timedelta(hours=hours)
        await shop.store.backup_logs.add(BackupLog(id=ObjectId(), status=BackupStatus.GOOD, finished_at=moment))
        [only] = await books.backups(shop)
        assert only.verdict == (Verdict.NOTE if hours > 48 else Verdict.GOOD)
        assert f"backup is {age} old" in only.says


async def test_effects_that_are_late_or_were_given_up(shop: Shop) -> None:
    await well(books.outbox, shop)
    dead, another = (event("test.dead", {}).model_copy(update={"status": EventStatus.DEAD}) for _ in range(2))
    late = event("test.late", {}).model_copy(update={"due_at": clock.now() - timedelta(minutes=10)})
    # In hand, though due for long, and a job, which may take its time.
    held = late.model_copy(update={"id": ObjectId(), "key": "held", "lease_until": clock.now() + timedelta(minutes=1)})
    job = late.model_copy(update={"id": ObjectId(), "key": "job", "lane": "jobs"})
    await shop.store.outbox.write([held, job])
    await well(books.outbox, shop)
    await shop.store.outbox.write([dead])
    [only] = await books.outbox(shop)
    assert only.says == "1 effect was given up: see why with `truestyle outbox list`, mend it, and replay it."
    await shop.store.outbox.write([another, late])
    assert [one.says for one in await books.outbox(shop)] == [
        "2 effects were given up: see why with `truestyle outbox list`, mend it, and replay them.",
        "An effect has been due for 10 minutes: start `truestyle worker`, or look why it hangs.",
    ]


PLACE = {"line1": "1 MG Road", "city": "Bengaluru", "state": "Karnataka", "pincode": "560001"}
OFFICER = {"name": "Asha Rao", "email": "grievance@example.com", "phone": "+919876543210"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"gstin": None}, ["The store details have no GSTIN"]),
        ({"gstin": "27AAPFU0939F1ZV"}, ["The GSTIN is of another state than STORE_STATE"]),
        ({"addresses": []}, ["The store details have no address in STORE_STATE"]),
        ({"grievance_officer": None}, ["The store details name no grievance officer"]),
    ],
    ids=lambda one: str(one)[:24],
)
async def test_what_an_invoice_must_say(shop: Shop, change: dict[str, Any], says: list[str]) -> None:
    values = {
        "name": "True Style",
        "legal_name": "True Style Pvt Ltd",
        "gstin": "29AAGCB7383J1Z4",
        "addresses": [PLACE],
        "grievance_officer": OFFICER,
    }
    details = StoreDetails.model_validate({"id": ObjectId(), **values, **change})
    await shop.store.of(StoreDetails).add(details)
    found = [one.says for one in await books.papers(shop) if one.verdict is not Verdict.GOOD]
    assert [one.startswith(words) for one, words in zip(found, says, strict=True)] == [True]


async def test_without_details_and_people_it_says_so(shop: Shop) -> None:
    [only] = await books.papers(shop)
    assert "There are no store details" in only.says
    assert "There is no active administrator" in await said(books.people, shop)
    await make.person(shop, "admin")
    await well(books.people, shop)


def test_the_command_tells_it_to_programs_and_its_code_says_whether_all_is_well(
    settings: Settings, shop: Shop, tmp_path: Path
) -> None:
    secrets = {one for one in settings.secrets if len(one) > 8}
    env = environment(settings, MAIL_BACKEND="smtp", MAIL_PORT=str(free_port()), BACKUP_BASE_PATH=str(tmp_path))
    env |= {"COLUMNS": "200", "MONGO_URL": "planted", "REDIS_HOST": f"redis://:{SECRET}@127.0.0.1:{free_port()}/0"}
    done = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-m", "truestyle.cli.app", "doctor", "--json", "--data", str(tmp_path)],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert found["healthy"] is False
    wrong = {(one["part"], one["says"].split(" ")[0]) for one in found["findings"] if one["verdict"] == "wrong"}
    assert {("settings", "MONGO_URL"), ("redis", "Redis"), ("mail", "The"), ("people", "There")} <= wrong
    assert {"mongo", "migrations", "sql", "storage", "outbox"} <= {one["part"] for one in found["findings"]}
    told = done.stdout + done.stderr
    assert [one for one in (*secrets, SECRET) if one in told] == []
