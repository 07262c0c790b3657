"""`bench`: how fast a store reads, beside the least that a server in Python does."""

import asyncio
import secrets
import signal
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import httpx
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from truestyle.bench import report, service
from truestyle.bench.load import LoadFailedError
from truestyle.bench.processes import NotStartedError, Process, inherited, running, yardstick
from truestyle.bench.reads import NothingToMeasureError, reads_of
from truestyle.bench.report import Results
from truestyle.bench.service import Pace
from truestyle.cli.common import CommandFailedError, as_environment, console, database, plain_words
from truestyle.infra import mongo, telemetry
from truestyle.settings import Settings
from truestyle.shop import Shop, require

PATIENCE = 600.0  # seconds for a large catalogue to be read into memory
# What would write into the store, or tell others of what is only measured.
OFF = {
    "RATE_LIMIT_ENABLED": "false",  # everything comes from one address
    "LOG_REQUESTS": "false",
    "RUN_WORKER": "false",
    "OTEL_ENABLED": "false",
}
ELSEWHERE = ("POSTGRESQL_URI", "REDIS_HOST", "SENTRY_DSN", "ERROR_HOOK")
SECRETS = ("JWT_ACCESS_TOKEN_SECRET", "JWT_REFRESH_TOKEN_SECRET", "TOKEN_HASH_PEPPER")  # nobody signs in here


def bench(data: Path, *, quick: bool, path: Path | None) -> None:
    """Measure the store of a data folder and print the figures; `path`: write them there too."""
    signal.signal(signal.SIGTERM, _leave)
    telemetry.configure(json=True, level=40)
    with plain_words(), database(data, make=False) as settings:
        try:
            asyncio.run(_bench(settings, service.QUICK if quick else service.FULL, path))
        except (NotStartedError, NothingToMeasureError, LoadFailedError) as error:
            raise CommandFailedError(str(error)) from error


async def _bench(settings: Settings, pace: Pace, path: Path | None) -> None:
    results = Results(report.machine(await _mongodb(settings), pace.generator), service.TITLE)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="truestyle-bench-")))
        yard = stack.enter_context(yardstick(folder / "yardstick"))
        env = environment(settings, folder)
        store = stack.enter_context(running(["truestyle.bench.served"], env, folder / "store", "/health/live"))
        prefix = settings.shop.api_v1_prefix
        with console.status("Reading the catalogue into memory …"):
            await _read_in(store, prefix)
        reads = await reads_of(store.url, prefix)
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        ) as bars:
            task = bars.add_task("", total=pace.rounds * len(reads))
            bars.advance(task, -1)  # a step is told before it is taken

            def step(name: str) -> None:
                bars.update(task, advance=1, description=name)

            await service.measure(store, yard, reads, pace, results, step)
    report.show(results, console, [one.name for one in reads])
    before, after = results.load
    console.print(
        f"One process, {results.generator} over 16 connections; load {before} before, {after} after. Read the load "
        "first: figures of a machine that did other work say little. `Y's CPU`: an answer's CPU time as a multiple.",
        highlight=False,
    )
    if path is not None:
        results.write(path)
        console.print(f"Written to {path}", highlight=False)


def environment(settings: Settings, folder: Path) -> dict[str, str]:
    """The store's own settings for a process that only reads; what it must keep for itself is kept in `folder`."""
    own = {name: value for name, value in as_environment(settings).items() if name not in ELSEWHERE}
    ours = {name: secrets.token_hex(32) for name in SECRETS}
    return {**inherited(), **own, **OFF, **ours, "TRUESTYLE_DATA": str(folder)}


async def _mongodb(settings: Settings) -> str:
    """The version of MongoDB. Raises MongoRefusedError, StoreRefusedError, CommandFailedError."""
    shop = Shop(settings, reads_only=True)
    try:
        await mongo.require_replica_set(shop.client)
        found = await shop.standing()
        require(found)
        if found.fresh:
            msg = "This store was never opened. `truestyle dev` or `truestyle migrate` prepares it."
            raise CommandFailedError(msg)
        return str((await shop.client.server_info())["version"])
    finally:
        await shop.close()


async def _read_in(store: Process, prefix: str) -> None:
    """Wait until the index is there. Raises CommandFailedError."""
    ends = time.monotonic() + PATIENCE
    async with httpx.AsyncClient(base_url=store.url + prefix, timeout=30, trust_env=False) as client:
        while not (answer := await client.get("/products", params={"facets": "true"})).is_success:
            if time.monotonic() > ends or answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                msg = f"GET /products answered {answer.status_code}: {answer.text[:300]}"
                raise CommandFailedError(msg)


def _leave(_: int, __: FrameType | None) -> None:
    raise SystemExit(143)
