"""The first command of the README, and its tour, as a newcomer would run them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from scripts.contract import Document
from scripts.walk import signed_in

from tests.running import Process, free_port
from truestyle.infra.local.home import Home
from truestyle.seed.seed import DEMO_ADMIN

ROOT = Path(__file__).parents[1]
# Fields of examples that name a row which nobody can know, or that want a cart.
UNKNOWN = {"product_id", "payment", "order_id", "user_id", "backup_id"}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, Path]]:
    folder = tmp_path_factory.mktemp("dev")
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "TRUESTYLE_DATA": str(folder / "store")}
    process = Process(["dev"], env, folder, free_port())
    process.wait_ready()
    yield process, folder
    process.stop()


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-m", "truestyle.cli.app", *arguments],
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "TRUESTYLE_DATA": str(folder / "store"), "COLUMNS": "200"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def tour(port: int) -> str:
    """The bash blocks of the README's tour, word for word but for the port."""
    text = (ROOT / "README.md").read_text()
    section = text[text.index("## Five minutes") : text.index("## Bring your catalogue")]
    return "set -e\n" + "\n".join(re.findall(r"```bash\n(.*?)```", section, re.DOTALL)).replace(":8000", f":{port}")


def test_the_tour_of_the_readme_works_word_for_word(opened: tuple[Process, Path]) -> None:
    process, folder = opened
    assert shutil.which("curl"), "the tour is told with curl"
    port = int(process.url.rsplit(":", 1)[1])

    done = subprocess.run(["/bin/bash", "-c", tour(port)], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603

    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.count("HTTP/1.1 201") == 2
    assert done.stdout.count("idempotency-replayed: true") == 1
    assert len(set(re.findall(r'"order_id":"([0-9a-f]{24})"', done.stdout))) == 1
    assert '"code"' not in re.sub(r'"code":"[a-z-]+","name"', "", done.stdout)


def test_a_second_store_on_the_same_data_says_so(opened: tuple[Process, Path]) -> None:
    done = command(opened[1], "dev", "--port", str(free_port()))
    assert done.returncode == 1
    assert "already running" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_goes_through_and_the_books_are_clean(opened: tuple[Process, Path]) -> None:
    shown = command(opened[1], "demo")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "The day went well." in shown.stdout
    for told in ("from her mail", "The credit note", "refund_exceeds_captured", "The books are clean"):
        assert told in shown.stdout
    audited = command(opened[1], "audit")
    assert audited.returncode == 0, audited.stdout
    assert "The books are clean." in audited.stdout


def test_the_docs_work_offline_and_have_the_dropdown(opened: tuple[Process, Path]) -> None:
    with httpx.Client(base_url=opened[0].url) as client:
        for path in ("/docs", "/redoc"):
            page = client.get(path)
            assert page.status_code == 200
            links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
            assert links
            assert all(link.startswith("/") for link in links)
            assert {client.get(link).status_code for link in links} == {200}
        assert 'select id="tag"' in client.get("/docs").text


def test_examples_are_accepted_as_they_stand_even_beside_the_demo(opened: tuple[Process, Path]) -> None:
    """Whoever tries `/docs` on a new store: but for what names a row that nobody can know, and an empty cart."""
    process, folder = opened
    with httpx.Client(base_url=process.url, timeout=30) as client:
        document = Document(client.get("/openapi.json").json())
        known = Home(folder / "store").secrets()[f"demo_password:{DEMO_ADMIN}"]
        headers = {"authorization": f"Bearer {signed_in(process.url, f'{DEMO_ADMIN}:{known}')}"}
        refused, accepted = {}, 0
        for one in document.operations():
            example = document.example(one)
            creates = one.method == "POST" and "201" in one.told["responses"] and "{" not in one.path
            if not creates or example is None or example.keys() & UNKNOWN:
                continue
            answer = client.post(one.path, json=example, headers=headers)
            accepted += answer.status_code == 201
            if answer.status_code != 201:
                refused[one.name] = answer.text
    assert refused == {}
    assert accepted > 25


def test_it_closes_cleanly_and_opens_again_with_everything(opened: tuple[Process, Path]) -> None:
    process, folder = opened
    with httpx.Client(base_url=process.url) as client:
        before = client.get("/api/v1/products", params={"page_size": 1}).json()
    process.popen.send_signal(signal.SIGINT)
    assert process.popen.wait(30) == 0
    assert "Closed." in process.log.read_text()

    seeded = command(folder, "seed")  # on the data of a closed store
    assert seeded.returncode == 0, seeded.stderr
    reopened = Process(
        ["dev", "--data", str(folder / "store")], {"PATH": "/usr/bin:/bin", "HOME": str(folder)}, folder, free_port()
    )
    try:
        reopened.wait_ready()
        with httpx.Client(base_url=reopened.url) as client:
            after = client.get("/api/v1/products", params={"page_size": 1}).json()
        assert (after["total"], after["items"][0]["id"]) == (before["total"], before["items"][0]["id"])
    finally:
        reopened.stop()


def test_a_store_whose_database_ended_says_so_and_closes(tmp_path: Path) -> None:
    process = Process(["dev", "--empty"], {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}, tmp_path, free_port())
    try:
        process.wait_ready()
        mongod = json.loads((tmp_path / ".truestyle" / "mongod.json").read_text())["pid"]
        os.kill(mongod, signal.SIGKILL)
        assert process.popen.wait(30) == 1
    finally:
        process.stop()
    log = process.log.read_text()
    assert "Our MongoDB ended, so the store closes." in log
    assert "Traceback" not in log
