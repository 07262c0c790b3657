"""kill -9 at the seams of a refund: between ledger and gateway, and between the gateway and its being marked."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
from tests import make
from tests.faults.conftest import held
from tests.faults.shopping import rush
from tests.running import Process, environment, free_port

from truestyle.audit.service import audit
from truestyle.orders.flow import OrderStatus
from truestyle.payments.models import EntryKind, EntryState, SandboxCharge
from truestyle.shop import Shop

ORDERS = 3
WHY = {"amount": "100.00", "reason": "A button was missing"}
PREPAID = {**make.COD, "payment": {"type": "sandbox", "scenario": "approve"}}


async def paid_orders(shop: Shop, process: Process) -> None:
    product = await make.product(shop, stock=ORDERS)
    people = [await make.person(shop) for _ in range(ORDERS)]
    for one in people:
        await make.cart(shop, one, {product.variants[0].sku: 1})
    placed = await rush(process.url, people, PREPAID)
    assert {one.status for one in placed.values()} == {201}
    await until(lambda: shop.store.orders.count({"status": OrderStatus.CONFIRMED}), ORDERS)


async def refund_all(shop: Shop, process: Process) -> None:
    staff = await make.person(shop, "staff")
    async with httpx.AsyncClient(base_url=f"{process.url}/api/v1", timeout=60, headers=staff.headers) as client:
        async for order in shop.store.orders.every({}):
            answer = await client.post(f"/orders/{order.id}/refund", json=WHY)
            assert answer.status_code == 200, answer.text


async def until(count: Any, wanted: int) -> None:
    async with asyncio.timeout(60):
        while await count() != wanted:  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.02)


async def charges(shop: Shop) -> list[SandboxCharge]:
    return [one async for one in shop.store.sandbox.every({})]


def standing(shop: Shop, state: EntryState) -> Any:
    """How many payments have a refund that stands so."""
    where = {"ledger": {"$elemMatch": {"kind": EntryKind.REFUND, "state": state}}}
    return lambda: shop.store.payments.count(where)


async def goes_well(shop: Shop, env: dict[str, str], folder: Path) -> None:
    """Another process finishes what the dead one began: each repayment is there once, under its key."""
    await shop.store.outbox.collection.update_many({}, {"$set": {"lease_until": None}})  # as if a minute had passed
    process = Process(["serve"], env, folder, free_port())
    await asyncio.to_thread(process.wait_ready)
    await until(standing(shop, EntryState.DONE), ORDERS)
    await asyncio.to_thread(process.stop)
    for charge in await charges(shop):
        payment = await shop.store.payments.first({"provider_reference": charge.reference})
        assert payment is not None
        [refund] = [one for one in payment.ledger if one.kind is EntryKind.REFUND]
        assert charge.refunds == [str(refund.id)]
        assert (refund.amount, payment.refunded_amount) == (-10000, 10000)
    assert await shop.store.outbox.count({"topic": "mail.refund_paid"}) == ORDERS
    report = await audit(shop)
    assert report.clean, report.breaches


async def test_killed_between_ledger_and_gateway_it_is_paid_back_once(fault_shop: Shop, tmp_path: Path) -> None:
    env = environment(fault_shop.settings)
    process = Process(["serve"], env, tmp_path, free_port())
    await asyncio.to_thread(process.wait_ready)
    await paid_orders(fault_shop, process)
    async with held(fault_shop, "sandbox_charges"):  # the gateway does not come to it
        await refund_all(fault_shop, process)
        process.kill()
        assert await standing(fault_shop, EntryState.PENDING)() == ORDERS
        assert [one.refunds for one in await charges(fault_shop)] == [[]] * ORDERS
    await goes_well(fault_shop, env, tmp_path)


async def test_killed_between_the_gateway_and_its_being_marked_it_is_paid_back_once(
    fault_shop: Shop, tmp_path: Path
) -> None:
    env = environment(fault_shop.settings)
    process = Process(["serve"], env, tmp_path, free_port())
    await asyncio.to_thread(process.wait_ready)
    await paid_orders(fault_shop, process)
    async with held(fault_shop, "sandbox_charges"):
        await refund_all(fault_shop, process)
        process.kill()
    await fault_shop.store.outbox.collection.update_many({}, {"$set": {"lease_until": None}})
    async with held(fault_shop, "payments"):  # so that nothing can be marked
        process = Process(["serve"], env, tmp_path, free_port())
        await asyncio.to_thread(process.wait_ready)
        await until(lambda: fault_shop.store.sandbox.count({"refunds.0": {"$exists": True}}), ORDERS)
        process.kill()
        assert await standing(fault_shop, EntryState.PENDING)() == ORDERS
    await goes_well(fault_shop, env, tmp_path)
