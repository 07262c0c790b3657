"""The processes that are measured: `truestyle` commands and the yardstick, each stopped when its block ends."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from truestyle.settings import Settings

PATIENCE = 90  # seconds
ROOT = Path(__file__).parents[1]
KEPT = {"PATH", "HOME", "LANG", "TMPDIR", "TRUESTYLE_MONGOD"}
PREFIX = "/api/v1"


@dataclass(frozen=True)
class Process:
    """A process that answers at `url`; `seconds` is what it took from its start to its first good answer."""

    url: str
    pid: int
    seconds: float

    def resident(self) -> list[float]:
        """Resident MB of each process that serves: its workers, or itself when it has none. Linux only, else []."""
        workers = [pid for pid in _children(self.pid) if "multiprocessing.spawn" in _command_line(pid)]
        return [megabytes for pid in workers or [self.pid] if (megabytes := _resident(pid))]


def environment(mongo_uri: str, folder: Path, database: str = "bench") -> dict[str, str]:
    """What a production process needs, with secrets made for this run."""
    return {
        **{name: value for name, value in os.environ.items() if name in KEPT},
        "ENVIRONMENT": "production",
        "MONGO_URI": mongo_uri,
        "MONGO_DB": database,
        "TRUESTYLE_DATA": str(folder),
        "JWT_ACCESS_TOKEN_SECRET": secrets.token_hex(32),
        "JWT_REFRESH_TOKEN_SECRET": secrets.token_hex(32),
        "TOKEN_HASH_PEPPER": secrets.token_hex(32),
        "REFRESH_COOKIE_SECURE": "true",
        "RATE_LIMIT_ENABLED": "false",  # everything here comes from one address
    }


def settings_of(env: Mapping[str, str]) -> Settings:
    """The same settings for this process."""
    return Settings.load(environ=env)


@contextmanager
def serving(env: Mapping[str, str], folder: Path, workers: int) -> Iterator[Process]:
    """`truestyle serve`."""
    with _running(["truestyle.cli.app", "serve", "--workers", str(workers)], env, folder, "/health/ready") as process:
        yield process


@contextmanager
def developing(folder: Path, *, empty: bool) -> Iterator[Process]:
    """`truestyle dev` on a data folder, with a MongoDB of its own."""
    env = {name: value for name, value in os.environ.items() if name in KEPT}
    arguments = ["truestyle.cli.app", "dev", "--data", str(folder / "store"), *(["--empty"] if empty else [])]
    with _running(arguments, env, folder, "/health/ready") as process:
        yield process


@contextmanager
def yardstick(folder: Path) -> Iterator[Process]:
    """The yardstick: uvicorn with bare Starlette, one worker."""
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "error"]
    arguments = ["uvicorn", "benchmarks.yardstick:app", *options]
    with _running(arguments, {**os.environ, "PYTHONPATH": str(ROOT)}, folder, "/") as process:
        yield process


@contextmanager
def _running(arguments: Sequence[str], env: Mapping[str, str], folder: Path, path: str) -> Iterator[Process]:
    folder.mkdir(parents=True, exist_ok=True)
    port, began = _free_port(), time.perf_counter()
    url, log = f"http://127.0.0.1:{port}", folder / f"process-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments, "--port", str(port)],
            env=dict(env),
            cwd=folder,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        while not _answers(url + path):
            if process.poll() is not None or time.perf_counter() - began > PATIENCE:
                raise RuntimeError(log.read_text(errors="replace")[-3000:])
            time.sleep(0.01)
        yield Process(url, process.pid, time.perf_counter() - began)
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # our own session, so nobody else is in it
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(one) for one in listed.read_text().split()] if listed.exists() else []


def _command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def _resident(pid: int) -> float | None:
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), None)
