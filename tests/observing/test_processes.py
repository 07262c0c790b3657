"""Several processes: whichever is asked tells for all of them; a worker tells at a port of its own."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.observing.samples import Samples, samples_of
from tests.running import Process, environment, free_port
from truestyle.infra import metrics
from truestyle.infra.outbox import event
from truestyle.settings import Settings
from truestyle.shop import Shop

PATIENCE = 240  # seconds: each start imports the whole app, which takes a minute on a busy machine
ALIVE = ("truestyle_http_requests_total", "GET", "/health/live", "200")


def scraped(url: str) -> Samples:
    """By a connection of its own, so that any of the processes may answer."""
    answer = httpx.get(f"{url}/metrics", timeout=10)
    assert answer.status_code == 200, answer.text
    return samples_of(answer.text)


def until(act: Callable[[], Any]) -> Any:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        try:
            if found := act():
                return found
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError("in vain")


def children(process: int) -> set[int]:
    told = Path(f"/proc/{process}/task/{process}/children").read_text()
    return {int(one) for one in told.split() if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()}


def of(found: Samples, name: str, *labels: str) -> float:
    return found[name, *labels]


@pytest.mark.long  # two starts of the whole app
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_any_of_two_workers_tells_what_both_did(settings: Settings, shop: Shop, tmp_path: Path) -> None:
    env = environment(settings, METRICS_ENABLED="true", TMPDIR=str(tmp_path))
    process = Process(["serve", "--workers", "2"], env, tmp_path, free_port())
    try:
        until(lambda: of(scraped(process.url), "truestyle_processes") == 2)
        before = of(scraped(process.url), *ALIVE) if ALIVE in scraped(process.url) else 0
        for _ in range(40):
            assert httpx.get(f"{process.url}/health/live").status_code == 200
        told = [scraped(process.url) for _ in range(10)]
        assert {of(one, *ALIVE) - before for one in told} == {40}
        assert {of(one, "truestyle_processes") for one in told} == {2}
        both = of(told[0], "truestyle_mongo_connections", "open")
        assert both >= 4, "two processes, and each has several"
        assert of(told[0], "process_resident_memory_bytes") > 100e6
        before_it = children(process.popen.pid)
        assert len(before_it) == 2
        victim = before_it.pop()
        os.kill(victim, signal.SIGKILL)
        until(lambda: len(children(process.popen.pid) - {victim}) == 2)
        until(lambda: of(scraped(process.url), "truestyle_processes") == 2)
        assert of(scraped(process.url), *ALIVE) - before == 40, "what it counted still counts"
        assert of(scraped(process.url), "truestyle_mongo_connections", "open") < 2 * both, "what it held does not"
    finally:
        process.stop()
    assert not list(tmp_path.glob("truestyle-metrics-*")), "nothing is left behind"


COUNTING = """
import sys
from truestyle.infra import metrics
metrics.PLACED.labels("placed").inc(int(sys.argv[1]))
metrics.BATCH.observe(3)
metrics.CONNECTIONS.labels("open").set(int(sys.argv[1]))
print("counted", flush=True)
sys.stdin.read()
"""
TELLING = "import sys; from truestyle.infra import metrics; sys.stdout.write(metrics.told({}).decode())"


def test_processes_that_share_a_folder_tell_the_same_and_a_dead_ones_counts_stay(tmp_path: Path) -> None:
    env = {**os.environ, metrics.SHARED: str(tmp_path)}

    def counting(count: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", COUNTING, str(count)]
        return subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603

    def told() -> tuple[float, ...]:
        command = [sys.executable, "-c", TELLING]
        found = samples_of(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)  # noqa: S603
        return (
            of(found, "truestyle_orders_total", "placed"),
            of(found, "truestyle_checkout_batch_orders_count"),
            of(found, "truestyle_checkout_batch_orders_bucket", "4.0"),
            of(found, "truestyle_mongo_connections", "open"),
            of(found, "truestyle_processes"),
        )

    both = [counting(5), counting(7)]
    try:
        for one in both:
            assert one.stdout is not None
            assert one.stdout.readline() == "counted\n"
        # Whoever tells is the third process.
        assert told() == (12, 2, 2, 12, 3)
        both[0].kill()
        both[0].wait()
        assert told() == (12, 2, 2, 7, 2)
    finally:
        for one in both:
            one.communicate()


def worker(env: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "worker.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "truestyle.cli.app", "worker"], env=env, cwd=folder, stdout=log, stderr=log
        )


@pytest.mark.long  # two starts of it
async def test_a_worker_tells_what_it_delivered(settings: Settings, shop: Shop, tmp_path: Path) -> None:
    port = free_port()
    env = environment(settings, WORKER_METRICS_PORT=str(port))
    await shop.store.outbox.write([event("log.rows", {"rows": []}) for _ in range(3)])
    process, second = worker(env, tmp_path), None
    try:
        done = ("truestyle_outbox_deliveries_total", "delivered", "log.rows")
        url = f"http://127.0.0.1:{port}"
        # In a thread: the shop here must go on hearing from MongoDB.
        found = await asyncio.to_thread(until, lambda: (now := scraped(url)).get(done) == 3 and now)
        assert of(found, "truestyle_processes") == 1
        assert of(found, "process_resident_memory_bytes") > 50e6
        second = worker(env, tmp_path)
        assert await asyncio.to_thread(second.wait, PATIENCE) == 1
        assert f"WORKER_METRICS_PORT {port}" in (tmp_path / "worker.log").read_text()
    finally:
        for one in filter(None, (process, second)):
            one.terminate()
            await asyncio.to_thread(one.wait, PATIENCE)


def test_a_folder_that_was_chosen_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "counter_1.db").write_bytes(b"of another life")
    (tmp_path / "notes.txt").write_text("of somebody else")
    metrics.forget(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["notes.txt"]


def test_a_number_that_is_somebody_elses_by_now_is_no_process_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(process: int, _: int) -> None:
        raise {10: ProcessLookupError, 11: PermissionError}.get(process, AssertionError)

    for process in (10, 11):
        (tmp_path / f"gauge_livesum_{process}.db").write_bytes(b"")
    monkeypatch.setattr(os, "kill", kill)
    assert metrics.alive(tmp_path) == []
    assert list(tmp_path.iterdir()) == [], "what they had open is over"


def test_a_port_of_its_own_is_open_as_long_as_it_is_wanted() -> None:
    port = free_port()
    with metrics.served("127.0.0.1", port):
        found = samples_of(httpx.get(f"http://127.0.0.1:{port}/metrics").text)
        assert of(found, "truestyle_processes") == 1
        assert of(found, "process_resident_memory_bytes") > 10e6
        with (
            pytest.raises(metrics.PortTakenError, match=f"WORKER_METRICS_PORT {port}"),
            metrics.served("127.0.0.1", port),
        ):
            pass
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics")
    with metrics.served("127.0.0.1", None):
        pass
