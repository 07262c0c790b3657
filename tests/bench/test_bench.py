"""`truestyle bench`: what it tells, and that it leaves a store as it was. How fast anything is, no test says."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests import make
from tests.running import environment
from truestyle.bench import processes
from truestyle.bench.load import CONNECTIONS, get, send
from truestyle.bench.report import Results
from truestyle.bench.wire import Ask
from truestyle.catalog.lookups import Brand
from truestyle.settings import Settings
from truestyle.shop import Shop

READS = {"list", "brand", "facets", "search", "suggest", "detail", "lookups"}


def bench(env: Mapping[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-m", "truestyle.cli.app", "bench", *arguments],
        env={**env, "COLUMNS": "160"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


async def everything(shop: Shop) -> dict[str, Any]:
    """A hash of each collection's rows, and its indexes."""
    names = sorted(await shop.store.db.list_collection_names())
    hashes = (await shop.store.db.command("dbHash"))["collections"]
    return {name: (hashes.get(name), sorted(await shop.store.db[name].index_information())) for name in names}


async def test_it_measures_a_store_and_leaves_it_as_it_was(shop: Shop, settings: Settings, tmp_path: Path) -> None:
    brand = Brand(code="sutvana", name="Sutvana", slug="sutvana")
    await shop.store.of(Brand).add(brand)
    await make.product(shop, name="Indigo cotton kurta", brand_id=str(brand.id))
    await shop.worker.drain()
    before = await everything(shop)

    done = bench(environment(settings), tmp_path, "--quick", "--json", str(tmp_path / "figures.json"))

    assert done.returncode == 0, done.stderr
    assert await everything(shop) == before
    found = json.loads((tmp_path / "figures.json").read_text())
    assert set(found["cases"]) == READS | {f"{one}-cold" for one in READS} | {"live"}  # there is no picture
    assert found["machine"]["load_generator"] == "truestyle.bench.client"
    assert {*found["machine"]} >= {"cores", "python", "mongodb", "load_before"}
    for case in found["cases"].values():
        assert case["unexpected"] == {}
        figures = case["figures"]["Y"]
        assert 0 < figures["min"] <= figures["median"] <= figures["max"]
        assert len(figures["all"]) == len(case["measurements"]) == 3
        assert sys.platform != "linux" or case["figures"]["Y's CPU"]["min"] > 0
    assert "list-cold" in done.stdout
    assert "≥ 0.08 Y" in done.stdout


def test_a_folder_without_a_store_is_told_of_in_a_sentence(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}

    done = bench(env, tmp_path, "--data", str(tmp_path / "nothing"))

    assert done.returncode == 1
    assert "There is no store in" in done.stderr
    assert not (tmp_path / "nothing").exists()


async def test_a_store_without_products_is_told_of_too(shop: Shop, settings: Settings, tmp_path: Path) -> None:
    done = bench(environment(settings), tmp_path, "--quick")

    assert done.returncode == 1
    assert "no products that shoppers can see" in done.stderr
    assert await shop.store.products.count({}) == 0


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with processes.yardstick(tmp_path_factory.mktemp("yard")) as process:
        yield process


async def test_the_client_counts_every_answer(yard: processes.Process) -> None:
    asks = [Ask("GET", "/"), Ask("GET", "/not-there"), Ask("POST", "/", None, {"a": 1})] * 20

    found = await send(yard.url, asks, 4)

    assert (found.count, found.unexpected) == (60, {"404": 20, "405": 20})
    assert 0 < found.p50 <= found.p99


async def test_for_a_time_it_goes_round(yard: processes.Process) -> None:
    before = yard.cpu()

    found = await get(yard.url, "/", 0.1)

    assert found.count > CONNECTIONS
    assert found.unexpected == {}
    after = yard.cpu()
    assert before is None or after is None or after > before


async def test_a_server_that_is_gone_is_counted_not_waited_for() -> None:
    found = await send("http://127.0.0.1:9", [Ask("GET", "/")] * 3, 1)

    assert (found.count, found.unexpected) == (0, {"ConnectionRefusedError": 3})


def test_a_process_that_does_not_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(processes.NotStartedError, match="No module named"),
        processes.running(["truestyle.not_there"], processes.inherited(), tmp_path, "/"),
    ):
        pass


def test_a_table_says_what_was_not_as_expected() -> None:
    class Case:
        name, what, budget = "list", "20 cards", "≥ 0.8 Y"

    results = Results({"load_generator": "wrk", "load_before": [0.5]}, "title")
    results.add(Case(), {"Y": 0.9}, {}, {"503": 2})
    results.add(Case(), {"Y": 1.1}, {}, {"503": 1})

    assert results.json()["cases"]["list"]["figures"]["Y"] == {"min": 0.9, "median": 1.0, "max": 1.1, "all": [0.9, 1.1]}
    assert results.json()["cases"]["list"]["unexpected"] == {"503": 3}
