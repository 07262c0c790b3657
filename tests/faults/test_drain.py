"""SIGTERM: what was accepted is finished, new requests go elsewhere, and the process is gone within ten seconds."""

import asyncio
import socket
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from tests import make
from tests.faults.conftest import Tell, held
from tests.faults.shopping import Shopping, kept, settled
from tests.running import Process, environment, free_port

from truestyle.audit.service import audit
from truestyle.bench.wire import Ask, Connection, Got
from truestyle.cli.serving import DRAIN
from truestyle.shop import Shop

BUYERS, SHOPPERS = 20, 8
LEFT = 5.0  # seconds beyond that which a machine that does other things may need to let go of everything


async def check_out(url: str, person: make.Person, number: int) -> Got:
    connection = Connection(url)
    headers = {**person.headers, "idempotency-key": f"drain-{number}"}
    try:
        return await connection.send(Ask("POST", "/api/v1/checkout", headers, make.COD))
    finally:
        await connection.close()


async def refuses(url: str) -> float:
    """The moment from which on nobody gets a connection."""
    port = int(url.rpartition(":")[2])
    ends = time.monotonic() + 30
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            return time.monotonic()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        assert time.monotonic() < ends, "it takes new connections still"
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.long)])
async def test_accepted_requests_finish_and_new_ones_go_elsewhere(
    fault_shop: Shop, tmp_path: Path, figure: Tell, workers: int
) -> None:
    product = await make.product(fault_shop, stock=BUYERS)
    people = [await make.person(fault_shop) for _ in range(BUYERS)]
    for one in people:
        await make.cart(fault_shop, one, {product.variants[0].sku: 1})
    env = environment(fault_shop.settings)
    leaving = Process(["serve", "--workers", str(workers)], env, tmp_path, free_port())
    staying = Process(["serve"], env, tmp_path, free_port())
    for process in (leaving, staying):
        await asyncio.to_thread(process.wait_ready)

    async with held(fault_shop, "stock"):  # nobody gets further than here
        asking = [asyncio.create_task(check_out(leaving.url, one, number)) for number, one in enumerate(people)]
        async with asyncio.timeout(30):
            while await fault_shop.store.claims.count({}) < BUYERS:  # noqa: ASYNC110 - all are accepted
                await asyncio.sleep(0.01)
        began = time.monotonic()
        leaving.popen.terminate()
        refused = await refuses(leaving.url) - began
        assert not any(one.done() for one in asking)
        async with httpx.AsyncClient(base_url=staying.url, timeout=30) as client:
            assert (await client.get("/api/v1/orders", headers=people[0].headers)).status_code == 200
    answers = await asyncio.gather(*asking)
    await asyncio.to_thread(leaving.popen.wait, 60)
    seconds = time.monotonic() - began
    staying.stop()
    figure(f"{BUYERS} accepted orders answered; new ones refused after {refused:.2f} s, gone after {seconds:.2f} s")
    assert {one.status for one in answers} == {201}, [one.content for one in answers if one.status != 201][:2]
    assert leaving.popen.returncode in {0, -15}
    assert seconds < DRAIN + LEFT
    assert await fault_shop.store.orders.count({}) == BUYERS
    report = await audit(fault_shop)
    assert report.clean, report.breaches


@pytest.mark.long
async def test_one_server_after_the_other_is_replaced_and_nobody_notices(
    fault_shop: Shop, tmp_path: Path, figure: Tell
) -> None:
    env = environment(fault_shop.settings, IDEMPOTENCY_LEASE_SECONDS="1")
    ports = [free_port(), free_port()]
    servers = [Process(["serve"], env, tmp_path, port) for port in ports]
    for one in servers:
        await asyncio.to_thread(one.wait_ready)
    going = await Shopping.begun([one.url for one in servers], fault_shop, SHOPPERS)
    took = []
    for number, port in enumerate(ports):
        await going.placed(10)
        began = time.monotonic()
        servers[number].popen.terminate()
        await asyncio.to_thread(servers[number].popen.wait, 60)
        took.append(time.monotonic() - began)
        servers[number] = Process(["serve"], env, tmp_path, port)
        await asyncio.to_thread(servers[number].wait_ready)
    await going.placed(10)
    promised = await going.finish()
    for one in servers:
        one.stop()
    figure(f"gone after {took[0]:.2f} and {took[1]:.2f} s; {promised.told()}")
    assert max(took) < DRAIN + LEFT
    assert not [one for one in promised.answers if one.startswith("5")], promised.told()
    await settled(fault_shop)
    await kept(fault_shop, promised)


@pytest.mark.long
async def test_a_client_that_stalls_keeps_no_server_from_ending(fault_shop: Shop, tmp_path: Path, figure: Tell) -> None:
    person = await make.person(fault_shop)
    process = Process(["serve"], environment(fault_shop.settings), tmp_path, free_port())
    process.wait_ready()
    with socket.create_connection(("127.0.0.1", int(process.url.rpartition(":")[2]))) as stalled:
        lines = [
            "POST /api/v1/user-address HTTP/1.1",
            "host: test",
            f"authorization: {person.headers['authorization']}",
            "content-type: application/json",
            "content-length: 1000",
        ]
        stalled.sendall("\r\n".join(lines).encode() + b"\r\n\r\n{")
        await asyncio.sleep(0.5)
        began = time.monotonic()
        process.popen.terminate()
        await asyncio.to_thread(process.popen.wait, 60)
        seconds = time.monotonic() - began
    figure(f"gone after {seconds:.2f} s")
    assert seconds < DRAIN + LEFT
