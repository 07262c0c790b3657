"""`uv run python -m benchmarks.auditing`: `truestyle audit` of stores with 1,000, 10,000 and 100,000 orders.

It starts its own MongoDB, fills it (benchmarks/many.py), and audits in a process of its own, as the command does. The
CPU time of that process hardly depends on what else the machine does; the wall time does, so read the load first.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import many
from benchmarks.processes import environment, settings_of
from truestyle.audit import service
from truestyle.infra import telemetry
from truestyle.infra.local.server import LocalMongo
from truestyle.shop import Shop

SIZES = (1_000, 10_000, 100_000)
console = Console(width=140)


async def _fill(env: dict[str, str], size: int, days: int) -> None:
    shop = Shop(settings_of(env))
    try:
        await shop.open(work=False)
        await shop.prepare()
        await many.fill(shop, size, days=days)
        await shop.sealer.seal()
    finally:
        await shop.close()


async def _audit() -> dict[str, Any]:
    shop = Shop(settings_of(dict(os.environ)))
    took: dict[str, float] = {}
    try:
        began = time.perf_counter(), time.process_time()
        before = _kept("VmRSS")
        report = await service.audit(shop, took=took)
        wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
        peak = _kept("VmHWM")
    finally:
        await shop.close()
    return {
        "wall": wall,
        "cpu": cpu,
        "peak": peak / 1024,
        "grown": (peak - before) / 1024,
        "breaches": [f"{one.invariant} {one.message} {one.documents}" for one in report.breaches[:5]],
        "count": len(report.breaches),
        "rows": report.checked,
        "took": took,
    }


def _kept(name: str) -> int:
    """KB of this process: `VmRSS` now, `VmHWM` at most so far. Linux only."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def main() -> None:
    """Read the options, run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.auditing", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES, help="numbers of orders")
    parser.add_argument("--days", type=int, default=many.DAYS, help="how long ago the first was placed")
    parser.add_argument("--here", action="store_true", help="audit the store of the environment, and tell as JSON")
    options = parser.parse_args()
    telemetry.configure(json=False, level=40)
    if options.here:
        sys.stdout.write(json.dumps(asyncio.run(_audit())))
        return
    found: dict[int, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="truestyle-bench-") as folder:
        server = LocalMongo(Path(folder))
        server.start()
        try:
            for size in options.sizes:
                env = environment(server.uri, Path(folder), f"orders{size}")
                began = time.perf_counter()
                asyncio.run(_fill(env, size, options.days))
                console.print(
                    f"[dim]{size} orders in {time.perf_counter() - began:.0f} s; load {os.getloadavg()[0]:.1f}[/]"
                )
                command = [sys.executable, "-m", "benchmarks.auditing", "--here"]
                done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise SystemExit(done.stderr)
                found[size] = json.loads(done.stdout)
                console.print({name: value for name, value in found[size].items() if name not in {"rows", "took"}})
        finally:
            server.stop()
    table = Table("", *(f"{size:,} orders" for size in found))
    for name, form in (
        ("wall", "{:.1f} s"),
        ("cpu", "{:.1f} s"),
        ("peak", "{:.0f} MB"),
        ("grown", "{:.0f} MB"),
        ("count", "{} breaches"),
    ):
        table.add_row(name, *(form.format(one[name]) for one in found.values()))
    for name in next(iter(found.values()))["took"]:
        table.add_row(
            name, *(f"{one['took'][name]:.2f} s, {one['rows'].get(name, 0):,} rows" for one in found.values())
        )
    console.print(table)


if __name__ == "__main__":
    main()
