"""`demo`: a shopping day over HTTP, each step printed as it happened."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from truestyle.cli.common import CommandFailedError, console
from truestyle.cli.demo import aftersales, closing, shopping
from truestyle.cli.demo.day import Day
from truestyle.infra.local.home import Home
from truestyle.seed.seed import DEMO_ADMIN

PATIENCE = 180  # seconds for a store of our own to open: its catalogue is brought in and its pictures are drawn


def demo(data: Path, url: str | None, papers: Path | None = None) -> None:
    """Run the day on `url`, on the store running on `data`, or on one opened for it; keep its PDFs in `papers`.

    Raises CommandFailedError where a step answers otherwise than it should.
    """
    home = Home(data)
    running = url or home.running().get("url")
    if running is not None:
        _run(running, _admin(home), papers)
        return
    with tempfile.TemporaryDirectory(prefix="truestyle-demo-") as folder, _own_store(Path(folder)) as own:
        _run(own, _admin(Home(Path(folder))), papers)


def _run(url: str, admin: tuple[str, str], papers: Path | None) -> None:
    with httpx.Client(base_url=url.rstrip("/"), timeout=60) as client:
        day = Day(client, papers)
        staff = day.signed_in(*admin)
        ira = shopping.open_account(day)
        goods = shopping.look_around(day)
        order = shopping.buy(day, ira, staff, goods)
        order = shopping.deliver(day, ira, staff, order)
        aftersales.review(day, ira, staff, order)
        aftersales.send_back(day, ira, staff, order)
        aftersales.exchange(day, ira, staff, order, goods)
        aftersales.give_back(day, ira, staff, order)
        aftersales.think_again(day, ira, goods)
        closing.count(day, ira, staff)
        closing.audit(day, staff)
    console.print("\n[green]The day went well.[/]")


def _admin(home: Home) -> tuple[str, str]:
    email = os.environ.get("SEED_ADMIN_EMAIL", DEMO_ADMIN)
    password = os.environ.get("SEED_ADMIN_PASSWORD") or home.secrets().get(f"demo_password:{email}")
    if password is None:
        msg = "The admin's password is not known here. Set SEED_ADMIN_EMAIL and SEED_ADMIN_PASSWORD."
        raise CommandFailedError(msg)
    return email, password


@contextmanager
def _own_store(folder: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    console.print("[dim]No store is running here: opening one for the demo …[/]")
    command = [sys.executable, "-m", "truestyle.cli.app", "dev", "--port", str(port), "--data", str(folder)]
    with (folder / "store.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - ourselves
    try:
        ends = time.monotonic() + PATIENCE
        while not _ready(url):
            if process.poll() is not None or time.monotonic() > ends:
                raise CommandFailedError((folder / "store.log").read_text()[-2000:])
            time.sleep(0.1)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", timeout=2).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
