"""/metrics: what Prometheus is told, and where it is not."""

import asyncio
import math
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest
from bson import ObjectId
from prometheus_client.parser import text_string_to_metric_families

from tests import make
from tests.observing.samples import grown, told
from tests.payments.paying import UTR, Till
from tests.payments.refunding import Cashier
from truestyle import measuring
from truestyle.backups.models import BackupLog, BackupStatus
from truestyle.infra import metrics, push, shelf
from truestyle.infra.outbox import LANES, EventStatus, HopelessError, NotYet, Worker, event
from truestyle.kit import clock
from truestyle.kit.errors import Forbidden
from truestyle.main import create_app
from truestyle.orders import paying
from truestyle.settings import Settings
from truestyle.shop import Shop
from truestyle.store import Store


async def test_requests_are_counted_by_route_and_not_by_path(client: httpx.AsyncClient) -> None:
    one = ("truestyle_http_requests_total", "GET", "/products/{product_id}", "404")
    nowhere = ("truestyle_http_requests_total", "none", "none", "404")
    before = await told(client)
    for number in range(3):
        assert (await client.get(f"/products/{number:024x}")).status_code == 404
        assert (await client.get(f"/nothing/of/{number}")).status_code == 404
        assert (await client.request(f"BREW{number}", "/products")).status_code == 405
    after = await told(client)
    assert after[one] - before.get(one, 0) == 3
    assert after[nowhere] - before.get(nowhere, 0) == 3
    assert not [key for key in after if "nothing" in str(key) or "BREW" in str(key)], "strangers add no series"
    took = ("truestyle_http_request_seconds_count", *one[1:3])
    assert after[took] - before.get(took, 0) == 3


async def test_orders_and_stock_outs_are_counted_by_what_became_of_them(
    client: httpx.AsyncClient, shop: Shop, till: Till
) -> None:
    before = await told(client)
    await till.buyer.fill(K_M=4)
    key = {"idempotency-key": "one-and-the-same"}
    for _ in range(3):
        assert (await till.buyer.check_out(headers=key)).status_code == 201
    assert (await till.buyer.check_out()).json()["code"] == "cart_empty"
    [row] = (await shop.store.stock.of(["K-M"])).values()
    sent = {"product_id": str(row.product_id), "sku": "K-M", "quantity": 2}
    assert (await client.post("/cart/add", json=sent, headers=till.buyer.headers)).json()[
        "code"
    ] == "insufficient_stock"
    await till.buyer.fill(K_M=1)
    await shop.store.stock.adjust("K-M", -1)  # while it is in the cart
    assert (await till.buyer.check_out()).json()["code"] == "insufficient_stock"
    after = await told(client)
    assert grown(before, after, "truestyle_orders_total") == {
        ("placed",): 1,
        ("replayed",): 2,
        ("cart_empty",): 1,
        ("insufficient_stock",): 1,
    }
    assert grown(before, after, "truestyle_stock_outs_total") == {("cart",): 1, ("checkout",): 1}
    assert grown(before, after, "truestyle_checkout_batch_orders_count")[()] >= 1
    assert after[("truestyle_skus_out_of_stock",)] == 1


async def test_payments_and_refunds_are_counted_once_they_are_committed(
    client: httpx.AsyncClient, shop: Shop, till: Till, cashier: Cashier
) -> None:
    before = await told(client)
    order = await till.order("upi")
    assert (await till.confirm(order)).status_code == 200
    await paying.settle(shop.store, await till.told(order, reference=UTR))  # known already
    await cashier.refund(order["id"], amount="10.00", refund_to="store_credit")
    after = await told(client)
    counted = grown(before, after, "truestyle_payments_total")
    assert counted == {("upi", "paid"): 1, ("upi", "unchanged"): 1}
    assert grown(before, after, "truestyle_refunds_total") == {
        ("begun", "store_credit"): 1,
        ("done", "store_credit"): 1,
    }
    assert (await cashier.ask(order["id"], amount="100000.00")).status_code == 409
    assert grown(after, await told(client), "truestyle_refunds_total") == {}


async def test_what_is_rolled_back_is_not_counted_and_what_is_tried_again_once(store: Store) -> None:
    counted: list[int] = []
    tries = 0
    await store.marks.collection.insert_one({"_id": "other"})

    async def work(tx: Store) -> None:
        nonlocal tries
        tries += 1
        await tx.marks.collection.insert_one({"_id": f"try-{tries}"}, session=tx.session)
        tx.afterwards(lambda: counted.append(tries))
        await tx.transaction(inner)
        if tries == 1:
            await store.marks.collection.update_one({"_id": "other"}, {"$set": {"n": 0}})
            await tx.marks.collection.update_one({"_id": "other"}, {"$set": {"n": 1}}, session=tx.session)

    async def inner(tx: Store) -> None:
        tx.afterwards(lambda: counted.append(100 + tries))

    await store.transaction(work)
    assert (tries, counted) == (2, [2, 102])

    async def fails(tx: Store) -> None:
        tx.afterwards(lambda: counted.append(0))
        raise Forbidden

    with pytest.raises(Forbidden):
        await store.transaction(fails)
    assert counted == [2, 102]


async def test_the_outbox_is_told_by_lane(client: httpx.AsyncClient, shop: Shop) -> None:
    old = event("test.waits", {}, lane="jobs").model_copy(update={"due_at": clock.now() - timedelta(minutes=5)})
    dead = event("mail.test", {}).model_copy(update={"status": EventStatus.DEAD})
    await shop.store.outbox.write([event("test.waits", {}), event("test.waits", {}), old, dead])
    found = await told(client)
    assert {key[1:]: value for key, value in found.items() if key[0] == "truestyle_outbox_events" and value} == {
        ("main", "waiting"): 2,
        ("jobs", "waiting"): 1,
        ("mail", "dead"): 1,
    }
    ages = {key[1]: value for key, value in found.items() if key[0] == "truestyle_outbox_age_seconds"}
    assert ages.keys() == LANES.keys()
    assert 300 <= ages["jobs"] < 400
    assert 0 <= ages["main"] < 60
    assert ages["mail"] == 0, "what is dead does not wait"


async def test_deliveries_are_counted_by_topic_and_result(client: httpx.AsyncClient, shop: Shop) -> None:
    async def handle(one: Any) -> None:
        if one.payload["error"] is not None:
            raise one.payload["error"]("not so")

    async def deliver(error: str) -> None:
        kinds = {"": None, "waits": NotYet, "dead": HopelessError, "failed": RuntimeError}

        async def wanted(one: Any) -> None:
            await handle(one.model_copy(update={"payload": {"error": kinds[one.payload["error"]]}}))

        await shop.store.outbox.write([event("test.count", {"error": error})])
        await Worker(shop.store.outbox, {"test.count": wanted}).drain()

    before = await told(client)
    for error in ("", "", "waits", "dead", "failed"):
        await deliver(error)
    await shop.store.outbox.write([event("test.nobody-knows-this", {})])
    await Worker(shop.store.outbox, {}).drain()
    after = await told(client)
    assert grown(before, after, "truestyle_outbox_deliveries_total") == {
        ("delivered", "test.count"): 2,
        ("waits", "test.count"): 1,
        ("dead", "test.count"): 1,
        ("failed", "test.count"): 1,
        ("waits", "other"): 1,
    }
    assert grown(before, after, "truestyle_errors_total") == {("outbox_handler_failed",): 1}
    assert grown(before, after, "truestyle_outbox_delivery_seconds_count") == {("main",): 6}


async def test_caches_tell_their_hits(
    client: httpx.AsyncClient, shopper: make.Person, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stream in (push, shelf):  # a machine that stands still for a second makes caches unsure, and right so
        monkeypatch.setattr(stream, "SILENCE", math.inf)
    async with asyncio.timeout(10):
        while not (shop.shelf.sure and shop.door.wide_open):  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)
    before = await told(client)
    for _ in range(3):
        assert (await client.get("/brands")).status_code == 200
    assert (await client.get("/brands", headers={"cache-control": "no-cache"})).status_code == 200
    for _ in range(3):
        assert (await client.get("/users/profile", headers=shopper.headers)).status_code == 200
    found = grown(before, await told(client), "truestyle_cache_reads_total")
    assert (found["pages", "hit"], found["pages", "miss"], found["pages", "passed"]) == (2, 1, 1)
    assert (found["tokens", "hit"], found["tokens", "miss"]) == (2, 1)


async def test_the_event_loop_and_the_pool_are_watched(client: httpx.AsyncClient, shop: Shop) -> None:
    lag = ("truestyle_event_loop_lag_seconds_bucket", "0.25")
    before = await told(client)
    await asyncio.sleep(0.05)
    time.sleep(0.9)  # noqa: ASYNC251 - the fault: nobody else gets a turn
    await asyncio.sleep(0.05)
    after = await told(client)
    count = ("truestyle_event_loop_lag_seconds_count",)
    assert after[count] - before[count] > after[lag] - before[lag], "it was late by more than 0.25 s"
    pool = {key[1]: value for key, value in after.items() if key[0] == "truestyle_mongo_connections"}
    assert pool["open"] >= 1
    assert 0 <= pool["in_use"] <= pool["open"]
    failed = shop.pool.failures  # of earlier tests, which called off or hung what they asked
    async with asyncio.TaskGroup() as group:
        for _ in range(90):
            group.create_task(shop.client.admin.command({"ping": 1}))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    async with asyncio.timeout(10):
        while shop.pool.waiting:  # noqa: ASYNC110 - what else goes on here may want one too
            await asyncio.sleep(0.01)
    assert shop.pool.failures == failed


async def test_backups_are_told_by_the_moment_of_the_last_good_one(client: httpx.AsyncClient, shop: Shop) -> None:
    assert (await told(client))[("truestyle_backup_last_good_timestamp_seconds",)] == 0
    moment = clock.now() - timedelta(hours=30)
    good = BackupLog(id=ObjectId(), status=BackupStatus.GOOD, finished_at=moment)
    bad = BackupLog(id=ObjectId(), status=BackupStatus.FAILED)
    old = BackupLog(id=ObjectId.from_datetime(moment), status=BackupStatus.FAILED)
    for one in (good, bad, old):
        await shop.store.backup_logs.add(one)
    found = await told(client)
    assert found[("truestyle_backup_last_good_timestamp_seconds",)] == pytest.approx(moment.timestamp())
    assert found[("truestyle_backups_failed",)] == 1


async def test_every_series_is_declared_with_its_labels(
    client: httpx.AsyncClient, till: Till, cashier: Cashier
) -> None:
    order = await till.order("upi")
    await till.confirm(order)
    await cashier.refund(order["id"], amount="10.00", refund_to="store_credit")
    await client.get("/brands")
    await till.shop.worker.drain()
    text = (await client.get("http://test/metrics")).text
    declared = {one.name: one for one in metrics.DECLARED}
    found = set()
    for family in text_string_to_metric_families(text):
        if family.name.startswith(("process_", "python_")):
            continue
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found.add(name)
        assert family.type == declared[name].kind
        for sample in family.samples:
            assert sample.labels.keys() - {"le"} == declared[name].labels.keys()
    assert declared.keys() - found == set()


async def test_what_cannot_be_looked_up_is_left_out(
    client: httpx.AsyncClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs() -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(shop.store.backup_logs, "last_good_at", hangs)
    monkeypatch.setattr(measuring, "WITHIN", 0.3)
    found = {key[0] for key in await told(client)}
    assert "truestyle_backup_last_good_timestamp_seconds" not in found
    assert {"truestyle_outbox_events", "truestyle_http_requests_total", "truestyle_build_info"} <= found


@pytest.mark.parametrize(
    ("environment", "enabled", "status"), [("production", None, 404), ("production", True, 200), ("test", False, 404)]
)
async def test_it_is_closed_in_production_unless_opened(
    shop: Shop, settings: Settings, environment: str, enabled: bool | None, status: int
) -> None:
    values: dict[str, Any] = {
        "mongo_uri": settings.data.mongo_uri,
        "environment": environment,
        "metrics_enabled": enabled,
    }
    app = create_app(Settings.load(environ={}, **values), work=False)
    app.state.shop = shop
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/metrics")).status_code == status
