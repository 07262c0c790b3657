"""kill -9 of a worker in the middle of a job: another one finishes it, and nothing is there twice."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

from tests import make
from tests.catalog.rows import large
from tests.running import Process, environment

from truestyle.audit.service import audit
from truestyle.catalog.importing import job as importing
from truestyle.jobs.models import JobStatus
from truestyle.shop import Shop

PRODUCTS, SIZES = 150, ("S", "M")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


async def test_an_import_whose_worker_dies_is_finished_by_another(fault_shop: Shop, tmp_path: Path) -> None:
    store = fault_shop.store
    admin = await make.person(fault_shop, "admin")
    content = large(PRODUCTS, SIZES).encode()
    job = await importing.submit(fault_shop, admin.caller, content, name="large.csv", dry_run=False)
    env, ends = environment(fault_shop.settings), time.monotonic() + 120
    worker = Process(["worker"], env, tmp_path, None)
    while not await store.products.count({}):
        assert time.monotonic() < ends, worker.log.read_text()[-3000:]
        await asyncio.sleep(0.002)
    worker.kill()
    written = await store.products.count({})
    assert 0 < written < PRODUCTS, "killed too late to show anything"
    assert (await store.jobs.get(job.id)).status is JobStatus.RUNNING

    # As if the dead worker's leases had run out.
    await store.outbox.collection.update_many({}, {"$set": {"lease_until": None}})
    await store.jobs.collection.update_one({"_id": job.id}, {"$set": {"updated_at": LONG_AGO}})
    another = Process(["worker"], env, tmp_path, None)
    while (await store.jobs.get(job.id)).status is JobStatus.RUNNING:
        assert time.monotonic() < ends, another.log.read_text()[-3000:]
        await asyncio.sleep(0.05)
    another.stop()
    done = await store.jobs.get(job.id)
    assert (done.status, done.errors) == (JobStatus.DONE, [])
    assert await store.products.count({}) == PRODUCTS
    assert await store.stock.count({}) == PRODUCTS * len(SIZES)
    opened = await store.movements.collection.distinct("sku")
    assert len(opened) == await store.movements.count({}), "a SKU was stocked twice"
    await fault_shop.worker.drain()
    report = await audit(fault_shop)
    assert report.clean, report.breaches
