"""A process that asks the store for one thing, and is killed after a given command to MongoDB on the way."""

import asyncio
import json
import multiprocessing
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from bson.binary import UUID_SUBTYPE, Binary
from pymongo import monitoring
from tests.conftest import make_settings

from truestyle.infra import telemetry
from truestyle.infra.outbox import LANES
from truestyle.main import create_app

PATIENCE = 60.0
STORE = "FAULTS_STORE"  # in the environment of the process that others are forked from: what `make_settings` takes
IN_THE_BACKGROUND = {"getMore", "hello", "ping", "killCursors", "endSessions"}


@dataclass(frozen=True)
class Wish:
    """One request, under a key or not; `drain`: with what the outbox does of it."""

    method: str
    path: str
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    drain: bool = False

    async def ask(self, app: Any) -> httpx.Response:
        """Ask an app in this process."""
        content = {"content": self.body} if isinstance(self.body, bytes) else {"json": self.body}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/v1") as client:
            return await client.request(self.method, self.path, headers=dict(self.headers), **content)


class Killer(monitoring.CommandListener):
    """Ends this process after so many commands had their effect; then it says which sessions are orphans."""

    def __init__(self, after: int, orphans: Path) -> None:
        self._after, self._orphans = after, orphans
        self._count, self._sessions = 0, set[bytes]()
        self.armed = False

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Remember the session."""
        if "lsid" in event.command:
            self._sessions.add(bytes(event.command["lsid"]["id"]))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Count, and die."""
        if not self.armed or event.command_name in IN_THE_BACKGROUND:
            return
        self._count += 1
        if self._count == self._after:
            self._orphans.write_text(f"{event.command_name}\n" + "\n".join(one.hex() for one in self._sessions))
            os.kill(os.getpid(), signal.SIGKILL)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """It had no effect."""


def _built() -> Any:
    """The app, which takes the longest: built in the process that all others are forked from."""
    chosen = json.loads(os.environ[STORE])
    telemetry.configure(json=True, level=50)
    return create_app(
        make_settings(chosen["mongo_uri"], Path(chosen["data"]), **chosen["more"]), work=False, prepared=True
    )


APP = _built() if STORE in os.environ else None


def _in_the_process(wish: Wish, after: int, orphans: Path) -> None:
    killer = Killer(after, orphans)
    monitoring.register(killer)
    asyncio.run(_asked(APP, wish, killer))


async def _asked(app: Any, wish: Wish, killer: Killer) -> None:
    async with app.router.lifespan_context(app):
        shop = app.state.shop
        while not (shop.push.sure and shop.search.sure):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        killer.armed = True
        await wish.ask(app)
        while wish.drain and any([await shop.worker._one(lane) for lane in LANES]):  # noqa: SLF001 - without chores
            pass
        killer.armed = False


@dataclass(frozen=True)
class Stepper:
    """Begins such processes from one that has imported everything."""

    orphans: Path

    def kill(self, wish: Wish, after: int) -> tuple[str, list[Binary]] | None:
        """The command after which it was killed, and the sessions that it left; None if it came to its end before."""
        context = multiprocessing.get_context("forkserver")  # which forks from this module: `fork_from`
        process = context.Process(target=_in_the_process, args=(wish, after, self.orphans))
        process.start()
        try:
            process.join(PATIENCE)
            assert process.exitcode in {0, -signal.SIGKILL}, process.exitcode
            if process.exitcode == 0:
                return None
        finally:
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
        command, *sessions = self.orphans.read_text().splitlines()
        return command, [Binary(bytes.fromhex(one), UUID_SUBTYPE) for one in sessions]
