"""What the commands share: settings for a data folder, an opened store, plain words for what went wrong."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from truestyle.infra import telemetry
from truestyle.infra.local.finder import NoMongodError
from truestyle.infra.local.home import AlreadyRunningError, Home
from truestyle.infra.local.server import MongodFailedError
from truestyle.infra.mongo import MongoRefusedError
from truestyle.infra.storage import StorageRefusedError
from truestyle.kit.errors import Unavailable
from truestyle.kit.trail import Actor, ActorKind, act_as
from truestyle.settings import Settings, SettingsRefusedError
from truestyle.shop import Shop

Result = TypeVar("Result")
DataOption = Annotated[Path, typer.Option("--data", help="Folder of the store's data.", envvar="TRUESTYLE_DATA")]
DEFAULT_DATA = Path(".truestyle")


class CommandFailedError(RuntimeError):
    """A command could not do its work; the message says why."""


REFUSALS = (
    CommandFailedError,
    NoMongodError,
    AlreadyRunningError,
    MongodFailedError,
    MongoRefusedError,
    SettingsRefusedError,
    StorageRefusedError,
    Unavailable,
)
console = Console()
problems = Console(stderr=True)


@contextmanager
def plain_words() -> Iterator[None]:
    """What an operator can mend ends the command with a sentence, not a traceback."""
    try:
        yield
    except REFUSALS as error:
        problems.print(f"[bold red]✗[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error


def settings_for(home: Home, mongo_uri: str | None = None, **defaults: Any) -> Settings:
    """Settings where the environment beats what this folder would choose."""
    kept = home.secrets()
    own = {"truestyle_data": home.folder, "mongo_uri": mongo_uri, **kept, **defaults}
    return Settings.load(defaults=own)


@contextmanager
def database(data: Path) -> Iterator[Settings]:
    """Settings that reach a database: the one in MONGO_URI, the one running on this folder, or one started for now."""
    home = Home(data)
    given = settings_for(home)
    if given.data.mongo_uri is not None:
        yield given
        return
    with home.database() as uri:
        yield settings_for(home, uri, backend_base_url=home.running().get("url", "http://127.0.0.1:8000"))


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Shop]:
    """The store's parts, without an HTTP server and without an outbox worker."""
    shop = Shop(settings)
    try:
        yield await shop.open(work=False)
    finally:
        await shop.close()


def run(data: Path, work: Callable[[Shop], Awaitable[Result]], *, prepare: bool = True) -> Result:
    """Run `work` on the store of a data folder; `prepare`: with indexes and essential rows in place."""
    telemetry.configure(json=not sys.stderr.isatty(), level=30)

    async def inside(settings: Settings) -> Result:
        act_as(Actor(ActorKind.COMMAND))
        async with opened(settings) as shop:
            if prepare:
                await shop.prepare()
            return await work(shop)

    with plain_words(), database(data) as settings:
        return asyncio.run(inside(settings))
