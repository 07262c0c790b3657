"""`truestyle` commands as processes that are measured, each stopped when its block ends."""

import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from truestyle.bench.processes import Process, inherited, running, stop
from truestyle.settings import Settings

PREFIX = "/api/v1"


def environment(mongo_uri: str, folder: Path, database: str = "bench") -> dict[str, str]:
    """What a production process needs, with secrets made for this run."""
    return {
        **inherited(),
        "ENVIRONMENT": "production",
        "MONGO_URI": mongo_uri,
        "MONGO_DB": database,
        "TRUESTYLE_DATA": str(folder),
        "JWT_ACCESS_TOKEN_SECRET": secrets.token_hex(32),
        "JWT_REFRESH_TOKEN_SECRET": secrets.token_hex(32),
        "TOKEN_HASH_PEPPER": secrets.token_hex(32),
        "REFRESH_COOKIE_SECURE": "true",
        "RATE_LIMIT_ENABLED": "false",  # everything here comes from one address
        "RUN_WORKER": "false",  # it has a process of its own, which runs all the while
    }


def settings_of(env: Mapping[str, str]) -> Settings:
    """The same settings for this process."""
    return Settings.load(environ=env)


@contextmanager
def serving(env: Mapping[str, str], folder: Path, workers: int) -> Iterator[Process]:
    """`truestyle serve`."""
    with running(["truestyle.cli.app", "serve", "--workers", str(workers)], env, folder, "/health/ready") as process:
        yield process


@contextmanager
def working(env: Mapping[str, str], folder: Path) -> Iterator[None]:
    """`truestyle worker`, which delivers what orders leave to be done while more are placed."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "worker.log").open("wb") as output:
        command = [sys.executable, "-m", "truestyle.cli.app", "worker"]
        process = subprocess.Popen(
            command, env=dict(env), cwd=folder, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield
    finally:
        stop(process)


@contextmanager
def developing(folder: Path, *, empty: bool) -> Iterator[Process]:
    """`truestyle dev` on a data folder, with a MongoDB of its own."""
    arguments = ["truestyle.cli.app", "dev", "--data", str(folder / "store"), *(["--empty"] if empty else [])]
    with running(arguments, inherited(), folder, "/health/ready") as process:
        yield process
