"""One peer after the other: every act measured some times, each right after the yardstick."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any

from benchmarks.peers.peer import ADD, CHECKOUT, RACE, Open, Read, Write
from benchmarks.peers.tools import CONNECTIONS, Ask, Connection, load

FEW = 100  # answers
MORE = 5  # buyers than units, when they come one after the other


@dataclass(frozen=True)
class Pace:
    """How much is measured."""

    seconds: int  # of a read
    yard_seconds: int
    adds: int
    orders: int
    buyers: int
    units: int
    repeats: int


FULL = Pace(seconds=2, yard_seconds=1, adds=300, orders=150, buyers=200, units=20, repeats=3)
QUICK = Pace(seconds=1, yard_seconds=1, adds=48, orders=32, buyers=40, units=5, repeats=1)


@dataclass
class Row:
    """An act of a peer. `rates`: good answers a second; `multiples`: the same in Y; `told`: all else."""

    peer: str
    act: str
    way: str
    note: str
    size: int = 0  # bytes of an answer
    rates: list[float] = field(default_factory=list)
    multiples: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    unexpected: Counter[str] = field(default_factory=Counter)
    told: list[dict[str, Any]] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        """Everything."""
        return {**asdict(self), "unexpected": dict(self.unexpected)}


class Measuring:
    """Measures one peer."""

    def __init__(self, name: str, running: Open, pace: Pace, yard: str, say: Callable[[str], None]) -> None:
        self._name, self._running, self._pace, self._yard, self._say = name, running, pace, yard, say
        self._numbers = count(10_000_000, 10_000_000)  # each measurement counts on from a place of its own
        self.rows: list[Row] = []

    async def all(self, skus: Sequence[str], scarce: Sequence[str]) -> list[Row]:
        """Every act, again and again; one of `scarce` for each race."""
        races = iter(scarce)
        reads = [(self._row(one.act, one.way, one.note), one) for one in self._running.reads]
        writes = [(self._row(one.act, one.way, one.note), one) for one in self._running.writes]
        raced = [(self._row(RACE, one.way, one.note), one) for _, one in writes if one.act == CHECKOUT]
        for row, write in raced:
            await self._race(row, write, next(races), self._pace.units + MORE, 1)
        for turn in range(self._pace.repeats):
            for row, read in reads:
                await self._read(row, read)
            for row, write in writes:
                wanted = self._pace.adds if write.act == ADD else self._pace.orders
                start = turn * wanted * 7
                await self._write(row, write, [skus[(start + at * 7) % len(skus)] for at in range(wanted)])
            for row, write in raced:
                await self._race(row, write, next(races), self._pace.buyers, self._pace.buyers)
        return self.rows

    def _row(self, act: str, way: str, note: str) -> Row:
        row = Row(self._name, act, way, note)
        self.rows.append(row)
        return row

    async def _y(self) -> float:
        return (await load.get(self._yard, "/", self._pace.yard_seconds)).rate

    async def _read(self, row: Row, read: Read) -> None:
        number = next(self._numbers) % 90_000_000 if read.distinct else None
        path = read.path if number is None else f"{read.path}{number}"
        row.size = row.size or await self._size(Ask("GET", path, read.headers))
        yard = await self._y()
        found = await load.get(
            self._running.url, read.path, self._pace.seconds, headers=read.headers, distinct_from=number
        )
        if found.count < FEW:  # wrk forgets what is under way when its time is over, which is most of it then
            asks = [Ask("GET", path, read.headers)]
            found = await load.send(self._running.url, asks, CONNECTIONS, seconds=self._pace.seconds)
        self._keep(row, found, yard)

    async def _write(self, row: Row, write: Write, skus: Sequence[str]) -> None:
        asks = await write.prepare(skus)
        yard = await self._y()
        found = await load.send(self._running.url, asks, CONNECTIONS, expected=write.expected, proof=write.proof)
        self._keep(row, found, yard)

    async def _race(self, row: Row, write: Write, sku: str, buyers: int, at_once: int) -> None:
        """One after the other shows whether stock is looked at; all at once, whether that is enough."""
        asks = await write.prepare([sku] * buyers)
        yard = await self._y()
        found = await load.send(self._running.url, asks, at_once, expected=write.expected, proof=write.proof)
        self._keep(row, found, yard)
        told = {"buyers": buyers, "at_once": at_once, "units": self._pace.units, "seconds": found.seconds}
        told.update(asdict(await self._running.outcome(sku)))
        row.told[-1].update(told)
        self._say(f"  {told}")

    async def _size(self, ask: Ask) -> int:
        connection = Connection(self._running.url)
        got = await connection.send(ask)
        await connection.close()
        return len(got.content)

    def _keep(self, row: Row, found: load.Load, yard: float) -> None:
        row.rates.append(found.rate)
        row.multiples.append(found.rate / yard)
        row.p50.append(found.p50)
        row.p99.append(found.p99)
        row.unexpected.update(found.unexpected)
        row.told.append({**found.told(), "Y": yard})
        wrong = f", unexpected: {found.unexpected}" if found.unexpected else ""
        self._say(
            f"{self._name} {row.act} ({row.way}): {found.rate:.1f} a second, {found.rate / yard:.4f} Y, "
            f"p50 {found.p50} ms, p99 {found.p99} ms{wrong}"
        )
