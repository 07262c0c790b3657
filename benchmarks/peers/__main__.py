"""`uv run python -m benchmarks.peers`: the same catalogue and the same acts, True Style and others in one run.

`--install` first fetches what is missing of the peers that are chosen from their package registries, into a folder
outside the project (`--cache`); without it, who is not installed is named and left out. One peer runs at a time, each
with as many worker processes as the others, and every measurement is taken right after the yardstick Y.
"""

import argparse
import asyncio
import os
import platform
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from benchmarks.ending import politely
from benchmarks.peers.catalogue import Catalogue, catalogue
from benchmarks.peers.measuring import FULL, QUICK, Measuring, Pace
from benchmarks.peers.medusa import Medusa
from benchmarks.peers.oscar import Oscar
from benchmarks.peers.peer import CHECKOUT, WORKERS, Peer, Place
from benchmarks.peers.services import InstallFailedError, NotStartedError, postgres
from benchmarks.peers.telling import Told
from benchmarks.peers.tools import GENERATOR, yardstick
from benchmarks.peers.truestyle import TrueStyle
from benchmarks.peers.vendure import Vendure

PEERS: tuple[Peer, ...] = (TrueStyle(), Oscar(), Vendure(), Medusa())
TITLES = {peer.name: peer.title for peer in PEERS}
RESULTS = Path(__file__).parents[1] / "results"
PRODUCTS = 1000
RACES = 12  # pieces to race for: more than any peer has races in a run
console = Console(width=200)


def main() -> None:
    """Read the options, run."""
    names = list(TITLES)
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--only", metavar="NAMES", default=",".join(names), help=f"of {', '.join(names)}")
    parser.add_argument("--products", type=int, default=PRODUCTS, help="how many there are in the catalogue")
    parser.add_argument("--json", type=Path, metavar="PATH", help="where to write the figures")
    parser.add_argument("--cache", type=Path, default=_cache(), help="where peers are installed")
    parser.add_argument("--install", action="store_true", help="install what is missing: minutes, and a network")
    parser.add_argument("--quick", action="store_true", help="short and rough, to see that everything works")
    options = parser.parse_args()
    wanted = options.only.split(",")
    if unknown := set(wanted) - set(names):
        parser.error(f"no peer is called {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    chosen = [peer for peer in PEERS if peer.name in wanted]
    path = options.json or RESULTS / f"peers-{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    cache: Path = options.cache.expanduser().resolve()
    if options.install:
        _install(chosen, cache)
    pace = QUICK if options.quick else FULL
    asyncio.run(politely(_run(chosen, cache, pace, catalogue(options.products, RACES, pace.units), path), console))


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "truestyle-peers"


def _install(chosen: list[Peer], cache: Path) -> None:
    for peer in chosen:
        if lacks := peer.lacks(cache):
            console.print(f"{peer.title}: {lacks}; installing …", highlight=False)
            try:
                peer.install(cache)
            except InstallFailedError as error:
                console.print(f"{peer.title} could not be installed: {error}", highlight=False, markup=False)


async def _run(chosen: list[Peer], cache: Path, pace: Pace, wares: Catalogue, path: Path) -> None:
    told = Told(_machine(), asked={"products": len(wares.pieces), **vars(pace)})
    told.absent = {peer.name: lacks for peer in chosen if (lacks := peer.lacks(cache))}
    for name, lacks in told.absent.items():
        console.print(f"{TITLES[name]}: {lacks}; run with --install to have it", highlight=False)
    there = [peer for peer in chosen if peer.name not in told.absent]
    if not there:
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="truestyle-peers-")))
        yard = stack.enter_context(yardstick(folder / "yardstick"))
        database = stack.enter_context(postgres())
        for peer in there:
            console.print(f"{peer.title}: starting, with {len(wares.all)} products …", highlight=False)
            try:
                await _measure(
                    peer, Place(cache / peer.name, folder / peer.name, database, wares), yard.url, pace, told
                )
            except (RuntimeError, LookupError, ValueError, OSError, httpx.HTTPError) as error:  # the others go on
                told.absent[peer.name] = f"{type(error).__name__}: {error}"
                console.print(f"{peer.title} failed: {told.absent[peer.name]}", highlight=False, markup=False)
            told.machine = {**told.machine, "load_after": _load()}
            told.write(path)  # what there is, should the run be stopped
    told.show(console, TITLES)
    console.print(told.markdown(TITLES), highlight=False, markup=False, soft_wrap=True)
    console.print(f"Written to {path}", highlight=False)


async def _measure(peer: Peer, place: Place, yard: str, pace: Pace, told: Told) -> None:
    place.scratch.mkdir(parents=True)
    async with peer.open(place) as running:
        told.versions[peer.name], told.settings[peer.name] = running.versions, running.settings
        measuring = Measuring(peer.name, running, pace, yard, lambda line: console.print(f"[dim]{line}[/]"))
        scarce = [piece.skus[0] for piece in place.catalogue.scarce]
        ways = sum(write.act == CHECKOUT for write in running.writes)
        if (races := ways * (pace.repeats + 1)) > len(scarce):
            raise NotStartedError(f"{races} races, but only {len(scarce)} pieces to race for")
        told.rows += await measuring.all(place.catalogue.skus, scarce)


def _machine() -> dict[str, Any]:
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_generator": GENERATOR,
        "workers": WORKERS,
        "began": datetime.now(UTC).isoformat(),
        "load_before": _load(),
    }


def _load() -> list[float]:
    """The load averages of the last 1, 5 and 15 minutes."""
    return [round(one, 2) for one in os.getloadavg()] if hasattr(os, "getloadavg") else []


if __name__ == "__main__":
    main()
