"""MongoDB absent at the start, gone in the middle of requests, hung: said soon, and well again without a restart."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from tests import make
from tests.conftest import make_settings
from tests.faults.conftest import Tell
from tests.faults.shopping import Shopping, kept, settled
from tests.running import Process, environment, free_port

from truestyle.infra.local.server import LocalMongo
from truestyle.settings import Settings
from truestyle.shop import Shop

SHOPPERS = 8
SOON = 15.0  # seconds; MongoDB itself is given 10 for a call


@pytest.fixture
def own(tmp_path: Path) -> Iterator[LocalMongo]:
    """A MongoDB for this test alone, which it may kill and hang."""
    server = LocalMongo(tmp_path / "own", cache_gb=0.25)
    server.start()
    yield server
    if server.pid is not None:
        os.kill(server.pid, signal.SIGCONT)
    server.stop()


@pytest.fixture
async def alone(own: LocalMongo, tmp_path: Path) -> AsyncIterator[Shop]:
    """A store on it."""
    shop = Shop(settings_on(own.uri, tmp_path))
    await shop.open(work=False)
    await shop.prepare()
    await make.person(shop, "admin")
    yield shop
    await shop.close()


def settings_on(uri: str, folder: Path) -> Settings:
    return make_settings(uri, folder, mongo_db="away", idempotency_lease_seconds=1)


def env_of(settings: Settings) -> dict[str, str]:
    return environment(settings, IDEMPOTENCY_LEASE_SECONDS="1")


async def busy(alone: Shop, folder: Path) -> tuple[Process, Shopping]:
    """A server of it, with people who buy."""
    process = Process(["serve"], env_of(alone.settings), folder, free_port())
    await asyncio.to_thread(process.wait_ready)
    going = await Shopping.begun([process.url], alone, SHOPPERS)
    await going.placed(10)
    return process, going


def crash(server: LocalMongo) -> None:
    """SIGKILL, and nobody tidies up."""
    process = server._process  # noqa: SLF001 - waited for, as its next start would not
    assert process is not None
    process.kill()
    process.wait()


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_absent_at_the_start_it_is_said_in_a_sentence(command: str, tmp_path: Path) -> None:
    settings = settings_on(f"mongodb://127.0.0.1:{free_port()}/?replicaSet=truestyle&directConnection=true", tmp_path)
    began = time.monotonic()
    done = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-m", "truestyle.cli.app", command],
        env=env_of(settings),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "MongoDB does not answer at MONGO_URI" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert time.monotonic() - began < 55


async def test_gone_in_mid_request_nothing_is_lost_and_it_goes_on_by_itself(
    own: LocalMongo, alone: Shop, tmp_path: Path, figure: Tell
) -> None:
    process, going = await busy(alone, tmp_path)
    crash(own)
    async with httpx.AsyncClient(base_url=process.url, timeout=30) as client:
        began = time.monotonic()
        nobody = await client.get("/api/v1/orders", headers={"authorization": "Bearer made-up"})
        assert nobody.status_code == 401, "what needs no database is answered"
        ready, live = await client.get("/health/ready"), await client.get("/health/live")
        assert (ready.status_code, live.status_code) == (503, 200)
        assert time.monotonic() - began < SOON
    before = len(going.promised.orders)
    await said_later(going)
    own.start()
    again = time.monotonic()
    await going.placed(20)
    seconds = time.monotonic() - again
    promised = await going.finish()
    process.stop()
    assert before < len(promised.orders)
    assert promised.answers["503 service_unavailable"] > 0
    said = process.log.read_text()
    assert '"status": 500' not in said, [line for line in said.splitlines() if '"status": 500' in line][:3]
    figure(f"20 orders within {seconds:.2f} s of its being back; {promised.told()}")
    await settled(alone)
    await kept(alone, promised)


@pytest.mark.long
async def test_hung_it_is_said_soon_and_forgotten_when_it_goes_on(
    own: LocalMongo, alone: Shop, tmp_path: Path, figure: Tell
) -> None:
    process, going = await busy(alone, tmp_path)
    assert own.pid is not None
    os.kill(own.pid, signal.SIGSTOP)
    began = time.monotonic()
    await said_later(going)
    seconds = time.monotonic() - began
    os.kill(own.pid, signal.SIGCONT)
    await going.placed(20)
    promised = await going.finish()
    process.stop()
    figure(f"said so after {seconds:.2f} s; {promised.told()}")
    assert seconds < SOON + 10
    assert promised.answers["no answer in time"] == 0
    await settled(alone)
    await kept(alone, promised)


@pytest.mark.long
async def test_a_server_that_is_told_to_end_while_mongodb_is_away_does(
    own: LocalMongo, alone: Shop, tmp_path: Path, figure: Tell
) -> None:
    process, going = await busy(alone, tmp_path)
    crash(own)
    await asyncio.sleep(0.5)  # some are in the queue of the till
    began = time.monotonic()
    process.popen.terminate()
    await asyncio.to_thread(process.popen.wait, 120)
    seconds = time.monotonic() - began
    figure(f"ended after {seconds:.2f} s")
    own.start()
    again = Process(["serve"], env_of(alone.settings), tmp_path, int(process.url.rpartition(":")[2]))
    await asyncio.to_thread(again.wait_ready)
    await going.placed(10)
    promised = await going.finish()
    again.stop()
    assert seconds < 2 * SOON
    await settled(alone)
    await kept(alone, promised)


async def said_later(going: Shopping) -> None:
    """Until somebody was told 503."""
    async with asyncio.timeout(60):
        while not going.promised.answers["503 service_unavailable"]:  # noqa: ASYNC110 - other tasks ask
            await asyncio.sleep(0.05)
