"""From nothing to ready, and what a worker weighs."""

import asyncio
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.case import Bench, Case, Reading
from benchmarks.processes import PREFIX, developing
from truestyle.bench import load


async def _start(bench: Bench, *, empty: bool, again: bool = False) -> Reading:
    def started(folder: Path) -> Reading:
        with developing(folder, empty=empty) as process:
            return Reading(None, {"s": process.seconds, **_weight(process.resident())})

    with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
        reading = await asyncio.to_thread(started, Path(folder))
        return await asyncio.to_thread(started, Path(folder)) if again else reading


async def _weigh(bench: Bench) -> Reading:
    """After routes that read have answered for a while."""
    for path in ("/products", f"/products/{bench.stocked.products[0].id}", "/occasions"):
        await load.get(bench.url, PREFIX + path, 1)
    return Reading(None, _weight(bench.store.resident() if bench.store else []))


def _weight(workers: list[float]) -> dict[str, float]:
    return {"MB": max(workers)} if workers else {}


BUDGET = "≤ 10 s, ≤ 150 MB"
CASES = (
    Case("start-empty", "`dev --empty` in a new folder", partial(_start, empty=True), 0, budget="≤ 4 s, ≤ 150 MB"),
    Case("start-demo", "`dev` in a new folder", partial(_start, empty=False), 0, budget=BUDGET),
    Case("start-again", "`dev` on the demo data", partial(_start, empty=False, again=True), 0, budget=BUDGET),
    Case("memory", "the larger of 2 workers, after reads", _weigh, 2, budget="≤ 150 MB"),
)
