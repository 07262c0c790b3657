"""Processes that are measured, each stopped when its block ends; what they cost, as Linux tells it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from truestyle.infra.local.server import die_with_parent

PATIENCE = 90  # seconds
NANOSECONDS = 1e9
KEPT = frozenset({"PATH", "HOME", "LANG", "TMPDIR", "TRUESTYLE_MONGOD"})


class NotStartedError(RuntimeError):
    """A process ended, or said nothing, before it answered; the message has its last words."""


@dataclass(frozen=True)
class Process:
    """A process that answers at `url`; `seconds` is what it took from its start to its first good answer."""

    url: str
    pid: int
    seconds: float
    log: Path

    def resident(self) -> list[float]:
        """Resident MB of each process that serves: its workers, or itself when it has none. Linux only, else []."""
        return [megabytes for pid in self._serving() if (megabytes := _resident(pid))]

    def cpu(self) -> float | None:
        """Seconds of CPU that those processes have used so far. Linux only, else None."""
        used = [_cpu(pid) for pid in self._serving()]
        return sum(used) if any(used) else None

    def _serving(self) -> list[int]:
        workers = [pid for pid in _children(self.pid) if "multiprocessing.spawn" in _command_line(pid)]
        return workers or [self.pid]


def inherited() -> dict[str, str]:
    """What a process needs to run here at all."""
    return {name: value for name, value in os.environ.items() if name in KEPT}


@contextmanager
def yardstick(folder: Path) -> Iterator[Process]:
    """The yardstick: uvicorn with bare Starlette, one worker."""
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "error"]
    with running(["uvicorn", "truestyle.bench.yardstick:app", *options], inherited(), folder, "/") as process:
        yield process


@contextmanager
def running(arguments: Sequence[str], env: Mapping[str, str], folder: Path, path: str) -> Iterator[Process]:
    """`python -m …` that is given a free `--port`, once it answers at `path`. Raises NotStartedError."""
    folder.mkdir(parents=True, exist_ok=True)
    port, began = _free_port(), time.perf_counter()
    url, log = f"http://127.0.0.1:{port}", folder / f"process-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", *arguments, "--port", str(port)],
            env=dict(env),
            cwd=folder,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=die_with_parent if sys.platform.startswith("linux") else None,  # noqa: PLW1509
        )
    try:
        while not _answers(url + path):
            if process.poll() is not None or time.perf_counter() - began > PATIENCE:
                raise NotStartedError(log.read_text(errors="replace")[-3000:])
            time.sleep(0.01)
        yield Process(url, process.pid, time.perf_counter() - began, log)
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End it politely; kill its whole session after PATIENCE."""
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


def _cpu(pid: int) -> float:
    """Of all its threads, to the nanosecond (`/proc/{pid}/stat` counts in hundredths of a second)."""
    used = 0
    for one in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError):  # a thread that has just ended
            used += int(one.read_text().split()[0])
    return used / NANOSECONDS
