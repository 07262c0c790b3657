"""What a case is, and what it is given."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bson import ObjectId
from pymongo import AsyncMongoClient

from benchmarks.stock import Stocked
from truestyle.bench import load
from truestyle.bench.processes import Process
from truestyle.infra import mongo
from truestyle.shop import Shop


@dataclass(frozen=True)
class Pace:
    """How long and how much is measured."""

    seconds: int  # of a read case
    yard_seconds: int
    orders: int
    logins: int
    products: int
    repeats: int


FULL = Pace(seconds=3, yard_seconds=2, orders=1000, logins=150, products=1000, repeats=3)
QUICK = Pace(seconds=1, yard_seconds=1, orders=200, logins=30, products=100, repeats=3)


@dataclass(frozen=True)
class Bench:
    """The running things that cases measure."""

    folder: Path
    pace: Pace
    shop: Shop
    stocked: Stocked
    yardstick: Process
    store: Process | None

    @property
    def url(self) -> str:
        """Where the store listens."""
        if self.store is None:
            msg = "this case starts its own processes"
            raise RuntimeError(msg)
        return self.store.url

    def cpu(self) -> float:
        """Seconds of CPU that the store's processes have used so far. Linux only, else 0."""
        return (self.store.cpu() if self.store else None) or 0.0

    async def yard(self) -> float:
        """Y: requests a second of the yardstick, now."""
        return (await load.get(self.yardstick.url, "/", self.pace.yard_seconds)).rate

    async def inserts(self) -> float:
        """J: single journaled inserts a second, one after the other, now."""
        uri = self.shop.settings.data.mongo_uri or ""
        client: AsyncMongoClient[dict[str, Any]] = mongo.connect(uri)  # w: majority, j: true
        async with client:
            collection = client["yardstick"]["inserts"]
            await collection.insert_one({"_id": ObjectId(), "number": 0})
            began, count = time.perf_counter(), 0
            while time.perf_counter() - began < self.pace.yard_seconds:
                await collection.insert_one({"_id": ObjectId(), "number": count})
                count += 1
            rate = count / (time.perf_counter() - began)
            await client.drop_database("yardstick")
        return rate


@dataclass(frozen=True)
class Reading:
    """What one measurement of a case gave, besides the yardsticks taken just before it."""

    rate: float | None = None  # a second: becomes a multiple of Y, and of J where the case asks for it
    figures: dict[str, float] = field(default_factory=dict)  # more of them, by unit
    told: dict[str, Any] = field(default_factory=dict)  # for the JSON
    unexpected: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, found: load.Load, **figures: float) -> "Reading":
        """From a load; latencies are among the figures when asked for."""
        return cls(found.rate, figures, found.told(), found.unexpected)


@dataclass(frozen=True)
class Case:
    """One thing that is measured. `workers`: processes that serve it, 0 when it starts its own."""

    name: str
    what: str
    run: Callable[[Bench], Awaitable[Reading]]
    workers: int = 1
    inserts: bool = False  # compared with J too
    budget: str = ""
