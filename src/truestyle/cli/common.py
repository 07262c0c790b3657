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
from truestyle.infra.local.home import AlreadyRunningError, Home, NoStoreError
from truestyle.infra.local.server import MongodFailedError
from truestyle.infra.metrics import PortTakenError
from truestyle.infra.mongo import MongoRefusedError
from truestyle.infra.storage import StorageRefusedError
from truestyle.kit.errors import Unavailable
from truestyle.kit.trail import Actor, ActorKind, act_as
from truestyle.settings import Settings, SettingsRefusedError
from truestyle.shop import Shop
from truestyle.upgrades.models import MigrationsLostError, StoreRefusedError

Result = TypeVar("Result")
DataOption = Annotated[Path, typer.Option("--data", help="Folder of the store's data.", envvar="TRUESTYLE_DATA")]
DEFAULT_DATA = Path(".truestyle")


class CommandFailedError(RuntimeError):
    """A command could not do its work; the message says why."""


REFUSALS = (
    CommandFailedError,
    NoMongodError,
    NoStoreError,
    AlreadyRunningError,
    MongodFailedError,
    MongoRefusedError,
    PortTakenError,
    SettingsRefusedError,
    StorageRefusedError,
    StoreRefusedError,
    MigrationsLostError,
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


def as_environment(settings: Settings) -> dict[str, str]:
    """Settings, with their secrets, as a process reads them from its environment."""
    found: dict[str, str] = {}
    for group in settings.groups:
        for name, value in group.model_dump(exclude_none=True).items():
            secret = getattr(value, "get_secret_value", None)
            found[name.upper()] = secret() if secret else ",".join(value) if isinstance(value, list) else str(value)
    return found


@contextmanager
def database(data: Path, *, make: bool) -> Iterator[Settings]:
    """Settings that reach a database: the one in MONGO_URI, the one running on this folder, or one started for now.

    `make`: a new store where this folder has none. Raises NoStoreError otherwise, and then nothing was made.
    """
    home = Home(data)
    if Settings.load(defaults=home.kept()).data.mongo_uri is not None:
        yield settings_for(home)
        return
    with home.database(make=make) as uri:
        yield settings_for(home, uri, backend_base_url=home.running().get("url", "http://127.0.0.1:8000"))


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Shop]:
    """The store's parts, without an HTTP server and without an outbox worker."""
    shop = Shop(settings)
    try:
        yield await shop.open(work=False)
    finally:
        await shop.close()


def run(data: Path, work: Callable[[Shop], Awaitable[Result]], *, prepare: bool = True, make: bool = False) -> Result:
    """Run `work` on the store of a data folder.

    `prepare`: with indexes and essential rows in place; `make`: on a new store where the folder has none.
    """
    telemetry.configure(json=not sys.stderr.isatty(), level=30)

    async def inside(settings: Settings) -> Result:
        act_as(Actor(ActorKind.COMMAND))
        async with opened(settings) as shop:
            if prepare:
                await shop.prepare()
            return await work(shop)

    with plain_words(), database(data, make=make) as settings:
        return asyncio.run(inside(settings))
