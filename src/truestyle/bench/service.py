"""Measuring a served store beside the yardstick, in turn and several times over."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from truestyle.bench import load
from truestyle.bench.load import Client, Load
from truestyle.bench.processes import Process
from truestyle.bench.reads import Read
from truestyle.bench.report import Results

TITLE = "Multiples of Y: bare Starlette, 2 kB of JSON"
CPU = "Y's CPU"


@dataclass(frozen=True)
class Pace:
    """How long each measurement takes, and how often each is taken."""

    seconds: float
    rounds: int

    @property
    def generator(self) -> str:
        """What the requests come from: `wrk` counts in whole seconds."""
        return load.GENERATOR if self.seconds >= 1 else load.OWN


FULL, QUICK = Pace(1, 3), Pace(0.1, 3)


async def measure(
    store: Process, yard: Process, reads: Sequence[Read], pace: Pace, results: Results, step: Callable[[str], None]
) -> None:
    """Each read in turn, round after round, always right after the yardstick; `step` is told before each.

    Raises LoadFailedError where a read answers otherwise than it should.
    """
    bare = Read("yardstick", "bare Starlette", "/")
    async with Client() as client:
        for read in [one for _ in range(pace.rounds) for one in reads]:
            step(read.name)
            base, base_cpu = await _load(client, yard, bare, pace.seconds)
            found, cpu = await _load(client, store, read, pace.seconds)
            figures = {"Y": found.rate / base.rate}
            if cpu is not None and base_cpu is not None:
                figures[CPU] = cpu / base_cpu
            told = {**found.told(), "cpu_us": cpu, "Y": base.told(), "Y_cpu_us": base_cpu}
            results.add(read, figures, told, found.unexpected)


async def _load(client: Client, process: Process, read: Read, seconds: float) -> tuple[Load, float | None]:
    """What came of it, and the µs of CPU that an answer took."""
    before = process.cpu()
    found = await load.get(process.url, read.path, seconds, headers=read.headers, expected=read.expected, client=client)
    after = process.cpu()
    if before is None or after is None or not found.count:
        return found, None
    return found, round((after - before) / found.count * 1_000_000, 2)
