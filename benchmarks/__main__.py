"""`uv run python -m benchmarks`: start everything, measure each case in turn with the yardsticks, stop everything.

Nothing needs to run beforehand. `wrk` is used for plain GETs when it is installed. A full run takes some fifteen
minutes on two cores, `--quick` five; figures of a machine that does other work at the same time say little.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks import buying, reads, starting, stock
from benchmarks.case import FULL, QUICK, Bench, Case, Pace
from benchmarks.ending import politely
from benchmarks.processes import environment, serving, settings_of, working
from truestyle.bench import report
from truestyle.bench.processes import yardstick
from truestyle.bench.report import Results
from truestyle.infra.local.server import LocalMongo
from truestyle.shop import Shop

CASES = (*reads.CASES, *buying.CASES, *starting.CASES)
RESULTS = Path(__file__).with_name("results")
PEOPLE = 30
TITLE = "Multiples of Y (bare Starlette) and J (single journaled inserts)"
console = Console(width=160)


def main() -> None:
    """Read the options, run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the store beside a yardstick.")
    parser.add_argument("--quick", action="store_true", help="short and rough, to see that everything works")
    parser.add_argument("--only", action="append", metavar="CASE", help="a case, or the beginning of some; repeatable")
    parser.add_argument("--json", type=Path, metavar="PATH", help="where to write the figures")
    parser.add_argument("--list", action="store_true", help="name the cases and end")
    options = parser.parse_args()
    chosen = [case for case in CASES if not options.only or case.name.startswith(tuple(options.only))]
    if options.list or not chosen:
        for case in CASES:
            console.print(f"{case.name:<20} {case.what}", highlight=False)
        parser.exit(0 if options.list else 2)
    path = options.json or RESULTS / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    asyncio.run(politely(_run(chosen, QUICK if options.quick else FULL, path), console))


async def _run(chosen: Sequence[Case], pace: Pace, path: Path) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="truestyle-bench-")))
        mongo = LocalMongo(folder)
        mongo.start()
        stack.callback(mongo.stop)
        results = Results(report.machine(mongo.version), TITLE)
        yard = stack.enter_context(yardstick(folder / "yardstick"))
        env = environment(mongo.uri, folder)
        shop = Shop(settings_of(env))
        try:
            await shop.open(work=False)
            await shop.prepare()
            console.print(f"Stocking {pace.products} products beside the demo catalogue …")
            stocked = await stock.fill(shop, pace.products, PEOPLE)
            for workers in sorted({case.workers for case in chosen}):
                group = [case for case in chosen if case.workers == workers]
                with ExitStack() as served:
                    process = served.enter_context(serving(env, folder / "serve", workers)) if workers else None
                    if workers:
                        served.enter_context(working(env, folder / "worker"))
                    await _measure(group, Bench(folder, pace, shop, stocked, yard, process), results)
        finally:
            await shop.close()
            if results.figures:
                results.write(path)
                report.show(results, console, [case.name for case in chosen])
                console.print(f"Written to {path}", highlight=False)


async def _measure(cases: Sequence[Case], bench: Bench, results: Results) -> None:
    """Each case in turn, again and again, always right after the yardsticks."""
    for turn in range(bench.pace.repeats):
        for case in cases:
            yard = await bench.yard()
            inserts = await bench.inserts() if case.inserts else None
            reading = await case.run(bench)
            figures = dict(reading.figures)
            if reading.rate is not None:
                if inserts:
                    figures = {"J": reading.rate / inserts, **figures}
                figures = {"Y": reading.rate / yard, **figures}
            results.add(case, figures, {**reading.told, "Y": yard, "J": inserts}, reading.unexpected)
            told = "  ".join(f"{value:.3g} {unit}" for unit, value in figures.items())
            console.print(f"[dim]{turn + 1}/{bench.pace.repeats} {case.name:<20} {told}[/]", highlight=False)


if __name__ == "__main__":
    main()
