"""What a peer is: installed apart from the project, started, filled, and asked the same as the others."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from benchmarks.peers.catalogue import Catalogue
from benchmarks.peers.services import Postgres
from benchmarks.peers.tools import Ask

LIST, SEARCH, DETAIL, ADD, CHECKOUT, RACE = "list", "search", "detail", "add to cart", "checkout", "race"
ACTS = (LIST, SEARCH, DETAIL, ADD, CHECKOUT, RACE)
WORKERS = 2
AT_ONCE = 8  # carts that are made ready side by side


async def prepared(make: Callable[[str], Awaitable[Ask]], skus: Iterable[str]) -> list[Ask]:
    """What `make` gives for each SKU, in their order, some at once: not measured, but it should not take long."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(sku: str) -> Ask:
        async with places:
            return await make(sku)

    return list(await asyncio.gather(*(one(sku) for sku in skus)))


@dataclass(frozen=True)
class Place:
    """Where a peer works: `cache` outlives the run, `scratch` does not."""

    cache: Path
    scratch: Path
    postgres: Callable[[], Postgres]  # started when it is first asked for
    catalogue: Catalogue
    workers: int = WORKERS


@dataclass(frozen=True)
class Read:
    """A GET. `way`: JSON, a page or GraphQL. `distinct`: a number that no two share goes at the path's end."""

    act: str
    way: str
    path: str
    note: str = ""
    distinct: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Write:
    """Adding to a cart, or buying what is in one.

    `prepare` gets a SKU for each request and does all that comes before, which is not measured. `proof` is what a good
    answer has in its body or its `Location`, where its status does not tell.
    """

    act: str
    way: str
    prepare: Callable[[Sequence[str]], Awaitable[list[Ask]]]
    note: str = ""
    expected: int = 200
    proof: str = ""


@dataclass(frozen=True)
class Outcome:
    """What the peer's own database says after a race: orders of that SKU, and units that nobody has bought."""

    orders: int
    left: int


class Open(Protocol):
    """A peer that runs, with the catalogue in it."""

    url: str
    versions: Mapping[str, str]
    settings: Sequence[str]  # those that matter, in sentences

    @property
    def reads(self) -> Sequence[Read]:
        """What shoppers look at."""
        ...

    @property
    def writes(self) -> Sequence[Write]:
        """How they put into a cart, and the ways in which they buy."""
        ...

    async def outcome(self, sku: str) -> Outcome:
        """What became of this SKU."""
        ...


class Peer(Protocol):
    """Something to compare with. `lacks` and `install` are about `cache`, a folder outside the project."""

    name: str
    title: str

    def lacks(self, cache: Path) -> str:
        """What is not there, in a sentence; nothing when it can run."""
        ...

    def install(self, cache: Path) -> None:
        """Fetch it from its registry, in the versions that are written here. Raises InstallFailedError."""
        ...

    def open(self, place: Place) -> AbstractAsyncContextManager[Open]:
        """Start it in production settings, filled with the catalogue. Raises NotStartedError."""
        ...
