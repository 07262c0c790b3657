"""`uv run python -m benchmarks.growth`: what a request costs with 1,000, 10,000 and 100,000 products and orders.

It starts its own MongoDB and yardstick and fills a store of each size (benchmarks/wares.py, benchmarks/many.py). Every
request goes past the cache of finished answers, one after the other over one connection, by turns with the yardstick.
Figures are multiples of the yardstick's: of the median time, and of the CPU time of the process that serves, which
other work on the machine disturbs less. MongoDB's own CPU time is not in the latter.

    uv run python -m benchmarks.growth --sizes 1000,10000 --json small.json
    uv run python -m benchmarks.growth --sizes 100000 --json large.json
    uv run python -m benchmarks.growth --draw small.json large.json --svg docs/performance-growth.svg
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

from pymongo import MongoClient
from rich.console import Console

from benchmarks import curves, many, wares
from benchmarks.asked import Case, cases_of
from benchmarks.processes import environment, serving, settings_of
from truestyle.audit import service as auditing
from truestyle.bench import load, report
from truestyle.bench.processes import Process, yardstick
from truestyle.bench.wire import Ask
from truestyle.catalog.products.reading import Filters
from truestyle.catalog.search import live, narrowing, service
from truestyle.catalog.search.live import Catalogue
from truestyle.infra import telemetry
from truestyle.infra.feed import Feed
from truestyle.infra.local.server import LocalMongo
from truestyle.kit.paging import PageQuery
from truestyle.shop import Shop

SIZES = (1_000, 10_000, 100_000)
TIMES, ROUNDS, WARM_UP = 60, 3, 10
INSIDE = 200  # questions within the process
COMMANDS = ("find", "aggregate", "count", "distinct", "insert", "update", "delete", "findAndModify")
console = Console(width=160, highlight=False)


async def _fill(env: dict[str, str], size: int, *, audited: bool) -> dict[str, float]:
    shop = Shop(settings_of(env))
    took: dict[str, float] = {}
    try:
        await shop.open(work=False)
        await shop.prepare()
        began = time.perf_counter()
        await wares.fill(shop, size - many.PRODUCTS)
        took["products"] = time.perf_counter() - began
        began = time.perf_counter()
        await many.fill(shop, size)
        await shop.sealer.seal()
        took["orders"] = time.perf_counter() - began
        if audited:
            breaches = (await auditing.audit(shop)).breaches
            console.print(
                f"audit: {len(breaches)} breaches", [f"{one.invariant} {one.message}" for one in breaches[:5]]
            )
    finally:
        await shop.close()
    return took


def _commands(uri: str) -> int:
    """How many commands of COMMANDS MongoDB was sent so far."""
    with MongoClient[dict[str, Any]](uri) as client:
        found = client.admin.command("serverStatus")["metrics"]["commands"]
    return sum(found[name]["total"] for name in COMMANDS)


async def _measure(case: Case, store: Process, yard: Process, uri: str, client: load.Client) -> dict[str, list[float]]:
    figures: dict[str, list[float]] = {}
    await client.send(store.url, case.asks(WARM_UP), 1)
    for _ in range(ROUNDS):
        base, base_cpu = await _one_by_one(client, yard, [Ask("GET", "/")] * TIMES * 2)
        commands = _commands(uri)
        found, cpu = await _one_by_one(client, store, case.asks(TIMES))
        if found.unexpected:
            raise load.LoadFailedError(f"{case.name}: {found.unexpected}")
        told = {
            "Y": found.p50 / base.p50,
            "ms": found.p50,
            "Y ms": base.p50,
            "commands": (_commands(uri) - commands) / found.count,
        }
        if cpu and base_cpu:
            told |= {"CPU": cpu / base_cpu, "CPU ms": cpu * 1000}
        for name, value in told.items():
            figures.setdefault(name, []).append(round(value, 3))
    return figures


async def _one_by_one(client: load.Client, process: Process, asks: Sequence[Ask]) -> tuple[load.Load, float | None]:
    before = process.cpu()
    found = await client.send(process.url, asks, 1)
    after = process.cpu()
    return found, None if before is None or after is None else (after - before) / found.count


async def _size(size: int, mongo: LocalMongo, folder: Path, yard: Process, *, audited: bool) -> dict[str, Any]:
    env = environment(mongo.uri, folder, f"size{size}")
    before = os.getloadavg()[0]
    filled = await _fill(env, size, audited=audited)
    console.print(
        f"{size:,}: filled in {filled['products']:.0f} s (products) and {filled['orders']:.0f} s (orders); "
        f"load {before:.1f} before, {os.getloadavg()[0]:.1f} now"
    )
    inside = await _inside_process(env)
    console.print(f"{size:,}: {inside}")
    shop = Shop(settings_of(env))
    figures: dict[str, dict[str, Any]] = {}
    with serving(env, folder / f"serve{size}", 1) as store:
        try:
            await shop.open(work=False)
            inside["ready"] = store.seconds
            await _read_in(store)
            inside["resident"] = store.resident()[0] if store.resident() else None
            inside["read_in"] = _read_seconds(store.log)
            async with load.Client() as client:
                for case in await cases_of(shop, store.url):
                    found = await _measure(case, store, yard, mongo.uri, client)
                    figures[case.name] = {"group": case.group, **found}
                    told = "  ".join(f"{name} {statistics.median(values):.3g}" for name, values in found.items())
                    console.print(f"[dim]{size:>7,} {case.name:<22} {told}[/]")
            inside["resident_after"] = store.resident()[0] if store.resident() else None
        finally:
            await shop.close()
    await _drop(mongo.uri, f"size{size}")
    load_after = os.getloadavg()[0]
    return {"cases": figures, "start": inside, "filled": filled, "load": [round(before, 2), round(load_after, 2)]}


async def _drop(uri: str, name: str) -> None:
    def drop() -> None:
        with MongoClient[dict[str, Any]](uri) as client:
            client.drop_database(name)

    await asyncio.to_thread(drop)


async def _read_in(store: Process) -> None:
    """Until the index is there."""
    while (await load.send(store.url, [Ask("GET", "/api/v1/products?facets=true")], 1)).unexpected:
        pass


def _read_seconds(log: Path) -> float | None:
    """How long the process that serves took to read its index, as its log says."""
    found = re.search(
        r'"seconds": ?([\d.]+)[^\n]*"event": ?"feed_read"|"event": ?"feed_read"[^\n]*"seconds": ?([\d.]+)',
        log.read_text(),
    )
    return float(found[1] or found[2]) if found else None


async def _inside_process(env: dict[str, str]) -> dict[str, Any]:
    """`_inside` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.growth", "--inside"]
    done = await asyncio.to_thread(subprocess.run, command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


class _Held:
    """A feed that has its mirror."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def mirror(self) -> Catalogue:
        """It."""
        return self._catalogue


async def _inside() -> dict[str, Any]:
    """The index: how long it takes to be built, what it weighs, and questions that no HTTP is in the way of."""
    shop = Shop(settings_of(dict(os.environ)))
    try:
        before, began, cpu = _resident(), time.perf_counter(), time.process_time()
        catalogue = await live.built(shop.store)
        told: dict[str, Any] = {
            "build_s": round(time.perf_counter() - began, 3),
            "build_cpu_s": round(time.process_time() - cpu, 3),
            "build_mb": round(_resident() - before, 1),
            "products": len(catalogue.index),
        }
        brands = list(catalogue.index.kinds["brand"])
        held, page = cast("Feed[Catalogue]", _Held(catalogue)), PageQuery("-popularity", 1, 20, None)

        async def whole(brand: str) -> None:
            filters = Filters(brand=[brand], size=["M"])
            await service.find(shop.store, held, None, filters, page, facets=True)

        async def index_only(brand: str) -> None:
            index, filters = catalogue.index, Filters(brand=[brand], size=["M"])
            shown = narrowing.visible(index, None)
            conditions = narrowing.conditions(index, filters, shown)
            narrowing.passing(shown, conditions).bit_count()
            narrowing.facets(index, shown, conditions)

        for name, ask in (("facets", whole), ("facets_index", index_only)):
            told |= await _timed(name, ask, brands)
    finally:
        await shop.close()
    return told


async def _timed(name: str, ask: Callable[[str], Awaitable[None]], brands: Sequence[str]) -> dict[str, float]:
    for brand in brands[:WARM_UP]:
        await ask(brand)
    took, cpu = list[float](), time.process_time()
    for at in range(INSIDE):
        began = time.perf_counter()
        await ask(brands[at % len(brands)])
        took.append(time.perf_counter() - began)
    used = (time.process_time() - cpu) / INSIDE
    return {f"{name}_ms": round(statistics.median(took) * 1000, 3), f"{name}_cpu_ms": round(used * 1000, 3)}


def _resident() -> float:
    """MB of this process. Linux only, else 0."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


async def _run(sizes: Sequence[int], path: Path | None, *, audited: bool) -> dict[str, Any]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="truestyle-growth-")))
        mongo = LocalMongo(folder, cache_gb=1)
        mongo.start()
        stack.callback(mongo.stop)
        yard = stack.enter_context(yardstick(folder / "yardstick"))
        found: dict[str, Any] = {"machine": report.machine(mongo.version, load.OWN), "sizes": {}}
        for size in sizes:
            found["sizes"][str(size)] = await _size(size, mongo, folder, yard, audited=audited)
            if path is not None:
                await asyncio.to_thread(path.write_text, json.dumps(found, indent=2) + "\n")
    return found


def main() -> None:
    """Read the options, run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description="How cost grows.")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="numbers of products and orders")
    parser.add_argument("--audit", action="store_true", help="audit each store before it is measured")
    parser.add_argument("--json", type=Path, metavar="PATH", help="where to write the figures")
    parser.add_argument("--svg", type=Path, metavar="PATH", help="where to draw them")
    parser.add_argument("--draw", type=Path, nargs="+", metavar="JSON", help="measure nothing: join what was written")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    telemetry.configure(json=True, level=40)
    if options.inside:
        sys.stdout.write(json.dumps(asyncio.run(_inside())))
        return
    if options.draw:
        found = curves.joined([json.loads(one.read_text()) for one in options.draw])
    else:
        sizes = [int(one) for one in options.sizes.split(",")]
        found = asyncio.run(_run(sizes, options.json, audited=options.audit))
    console.print(curves.markdown(found), soft_wrap=True, markup=False)
    if options.svg:
        options.svg.write_text(curves.svg(found))


if __name__ == "__main__":
    main()
