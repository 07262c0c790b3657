"""`truestyle` commands as processes of their own, forked from one that has imported everything.

What a process imports takes it seconds of computing, and the tests start over a hundred. Only one whose environment is
read while it imports has to begin from nothing (`tests/running.py`).
"""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path

PR_SET_PDEATHSIG = 1
PRELOADED = ["truestyle.main", "truestyle.cli.serving"]
_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(PRELOADED)


def fork_from(*modules: str) -> None:
    """From now on processes are forked from one that has imported these; a pytest has one such at a time."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined]  # noqa: SLF001 - nothing public ends it
    _server.set_forkserver_preload(list(modules) or PRELOADED)


def end_with_parent() -> None:
    """Runs in the child: a pytest that is killed leaves nothing behind (Linux)."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Forked:
    """As much of `subprocess.Popen` as is used. The process leads a session of its own; `log`: what it says."""

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str], folder: Path, log: Path) -> None:
        read, write = _server.Pipe(duplex=False)
        self._process = _server.Process(target=_become, args=(list(arguments), dict(env), folder, log, write))
        self._process.start()
        write.close()
        read.recv()  # it leads its session: whoever kills that now finds it
        read.close()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """Negative: the signal that ended it. None: it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """As `returncode`."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Until it has ended. Raises TimeoutExpired."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """If it still runs."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)


def _become(arguments: list[str], env: dict[str, str], folder: Path, log: Path, begun: Connection) -> None:
    os.setsid()
    end_with_parent()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    sys.argv = ["truestyle", *arguments]
    begun.send(None)
    begun.close()
    from truestyle.cli.app import app  # noqa: PLC0415 - what is imported here stays out of the tests

    app()
