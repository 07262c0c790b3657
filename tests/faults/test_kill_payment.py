"""kill -9 at the seams of a payment: between order and provider, between webhook kept and applied."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import httpx
from tests import make
from tests.faults.shopping import patiently, rush
from tests.running import Process, environment, free_port

from truestyle.audit.service import audit
from truestyle.kit import clock
from truestyle.orders import expiring
from truestyle.orders.flow import OrderStatus
from truestyle.payments.models import PaymentType
from truestyle.payments.providers.base import Result
from truestyle.payments.providers.sandbox import SIGNATURE, Sandbox, webhook
from truestyle.shop import Shop

BUYERS, WEBHOOKS = 60, 30
PREPAID = {**make.COD, "payment": {"type": "sandbox", "scenario": "challenge"}}


async def test_killed_between_order_and_provider_every_payment_is_begun(fault_shop: Shop, tmp_path: Path) -> None:
    store = fault_shop.store
    product = await make.product(fault_shop, stock=BUYERS)
    sku = product.variants[0].sku
    people = [await make.person(fault_shop) for _ in range(BUYERS)]
    for one in people:
        await make.cart(fault_shop, one, {sku: 1})
    env = environment(fault_shop.settings, IDEMPOTENCY_LEASE_SECONDS="1")
    port = free_port()
    process = Process(["serve"], env, tmp_path, port)
    process.wait_ready()
    racing = asyncio.create_task(rush(process.url, people, PREPAID))
    while not await store.payments.count({"provider_reference": None}):  # noqa: ASYNC110 - placed and not begun
        await asyncio.sleep(0.001)
    process.kill()
    before = await racing
    left = await store.payments.count({"provider_reference": None})
    assert left, "killed too late to show anything"

    await asyncio.sleep(1.1)  # dead leases end
    process = Process(["serve"], env, tmp_path, port)
    process.wait_ready()
    for _ in range(5):  # where the dead process's locks kept a payment from being begun, whoever asks again begins it
        again = await patiently(process.url, people, PREPAID)
        if all(one.status != 201 or one.json()["order"]["payment"]["action"] for one in again.values()):
            break
    process.stop()
    assert {one.status for one in again.values()} == {201}, [one.content for one in again.values()][:3]
    for key, got in again.items():
        order = got.json()["order"]
        assert order["payment"]["action"]["kind"] == "challenge"
        assert key not in before or before[key].json()["order_id"] == order["id"]
    assert await store.payments.count({"provider_reference": None}) == 0
    assert await store.orders.count({}) == BUYERS == await store.sandbox.count({})
    row = (await store.stock.of([sku]))[sku]
    assert (row.on_hand, row.reserved, row.available) == (BUYERS, BUYERS, 0)
    report = await audit(fault_shop)
    assert report.clean, report.breaches


async def test_without_anybody_asking_again_the_sweep_begins_them(fault_shop: Shop, tmp_path: Path) -> None:
    store = fault_shop.store
    product = await make.product(fault_shop, stock=BUYERS)
    people = [await make.person(fault_shop) for _ in range(BUYERS)]
    for one in people:
        await make.cart(fault_shop, one, {product.variants[0].sku: 1})
    process = Process(["serve"], environment(fault_shop.settings), tmp_path, free_port())
    process.wait_ready()
    racing = asyncio.create_task(rush(process.url, people, PREPAID))
    while not await store.payments.count({"provider_reference": None}):  # noqa: ASYNC110 - placed and not begun
        await asyncio.sleep(0.001)
    process.kill()
    await racing
    placed = await store.orders.count({})
    assert await store.payments.count({"provider_reference": None}), "killed too late to show anything"
    past = clock.now() - timedelta(seconds=1)
    await store.payments.unwatched.update_many({"provider_reference": None}, {"$set": {"look_at": past}})
    while await expiring.sweep(fault_shop):
        pass
    assert await store.payments.count({"provider_reference": None}) == 0
    assert await store.sandbox.count({}) == placed
    report = await audit(fault_shop)
    assert report.clean, report.breaches


async def test_killed_between_webhook_kept_and_applied_it_is_applied(fault_shop: Shop, tmp_path: Path) -> None:
    store = fault_shop.store
    product = await make.product(fault_shop, stock=WEBHOOKS)
    people = [await make.person(fault_shop) for _ in range(WEBHOOKS)]
    for one in people:
        await make.cart(fault_shop, one, {product.variants[0].sku: 1})
    env = environment(fault_shop.settings)
    process = Process(["serve"], env, tmp_path, free_port())
    process.wait_ready()
    placed = await rush(process.url, people, PREPAID)
    assert {one.status for one in placed.values()} == {201}
    sandbox = fault_shop.providers[PaymentType.SANDBOX]
    assert isinstance(sandbox, Sandbox)
    bodies = []
    async for charge in store.sandbox.every({}):
        await store.sandbox.go_to(charge.reference, Result.PAID, [Result.PENDING])
        bodies.append(webhook(charge, (f"{charge.reference}.paid", Result.PAID, charge.amount), clock.now()))

    async def tell(client: httpx.AsyncClient, body: bytes) -> bool:
        with suppress(httpx.TransportError):
            headers = {SIGNATURE: sandbox.sign(body)}
            return (await client.post("/payments/webhooks/sandbox", content=body, headers=headers)).status_code == 200
        return False

    async with httpx.AsyncClient(base_url=f"{process.url}/api/v1", timeout=60) as client:
        telling = asyncio.gather(*(tell(client, one) for one in bodies))
        while not await store.webhooks.count({"applied_at": None}):  # noqa: ASYNC110 - kept and not applied
            await asyncio.sleep(0.001)
        process.kill()
        await telling
    assert await store.webhooks.count({"applied_at": None}), "killed too late to show anything"

    await store.outbox.collection.update_many({}, {"$set": {"lease_until": None}})  # as if a minute had passed
    process = Process(["serve"], env, tmp_path, free_port())
    process.wait_ready()
    async with httpx.AsyncClient(base_url=f"{process.url}/api/v1", timeout=60) as client:
        # As gateways do: what was not acknowledged is sent again; and one that was, too. The locks of a killed process
        # hold for some seconds.
        async with asyncio.timeout(60):
            while not all(await asyncio.gather(*(tell(client, one) for one in bodies))):  # noqa: ASYNC110
                await asyncio.sleep(0.5)
    while await store.webhooks.count({"applied_at": None}):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    process.stop()
    assert await store.orders.count({"status": OrderStatus.CONFIRMED}) == WEBHOOKS
    row = (await store.stock.of([product.variants[0].sku]))[product.variants[0].sku]
    assert (row.on_hand, row.reserved, row.available) == (0, 0, 0)
    assert await store.webhooks.count({}) == WEBHOOKS
    report = await audit(fault_shop)
    assert report.clean, report.breaches
