"""A real mongod of our own: one node, a replica set, loopback only, its data in a folder."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import IO, Any, cast

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from truestyle.infra.local.finder import find_mongod

SET_NAME = "truestyle"
START_SECONDS = 60.0
STOP_SECONDS = 30.0
NOT_YET_INITIALIZED = 94
PR_SET_PDEATHSIG = 1


class MongodFailedError(RuntimeError):
    """mongod did not come up; the message has its last words."""


class LocalMongo:
    """`start` it, use `uri`, `stop` it. The data survives; so does a kill -9 of either process."""

    def __init__(self, data: Path, *, cache_gb: float = 0.5) -> None:
        self._data = data.resolve()
        self._cache_gb = cache_gb
        self._process: subprocess.Popen[bytes] | None = None
        self._told_to_stop = False
        self.port = 0
        self.version = ""

    @property
    def uri(self) -> str:
        """Where it listens."""
        return f"mongodb://127.0.0.1:{self.port}/?replicaSet={SET_NAME}&directConnection=true"

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Come up as primary. Raises NoMongodError, MongodFailedError."""
        files, state = self._data / "mongo", self._data / "mongod.json"
        files.mkdir(mode=0o700, parents=True, exist_ok=True)
        mongod = find_mongod(self._data / "cache")
        self.version = mongod.version
        _end_leftover(state, files)
        self.port = _free_port(_port_before(state))
        arguments = [
            *("--dbpath", str(files), "--port", str(self.port), "--bind_ip", "127.0.0.1", "--nounixsocket"),
            *("--replSet", SET_NAME, "--oplogSize", "64", "--wiredTigerCacheSizeGB", str(self._cache_gb)),
            # A killed worker's open transaction keeps its locks until it ends: seconds, not a minute.
            *("--setParameter", "transactionLifetimeLimitSeconds=5"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            *("--logpath", str(self._data / "mongod.log"), "--logappend"),
        ]
        self._told_to_stop = False
        self._process = subprocess.Popen(  # noqa: S603 - the binary that the finder checked
            [mongod.path, *arguments],
            env={**os.environ, **mongod.environment},
            stdin=subprocess.DEVNULL,
            stdout=cast("IO[bytes]", subprocess.DEVNULL),
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours to handle: the store drains first
            preexec_fn=die_with_parent if sys.platform.startswith("linux") else None,  # noqa: PLW1509
        )
        state.write_text(json.dumps({"pid": self._process.pid, "port": self.port}))
        self._become_primary()

    def _become_primary(self) -> None:
        ends = time.monotonic() + START_SECONDS
        member = {"_id": 0, "host": f"127.0.0.1:{self.port}"}
        with MongoClient[dict[str, Any]](
            "127.0.0.1", self.port, directConnection=True, serverSelectionTimeoutMS=500
        ) as client:
            while time.monotonic() < ends:
                if self._process is None or self._process.poll() is not None:
                    break
                try:
                    if client.admin.command("hello")["isWritablePrimary"]:
                        return
                    self._configure(client, member)
                except PyMongoError:
                    pass
                time.sleep(0.02)
        words = self._last_words()
        self.stop()
        msg = f"mongod did not start. Its last words: {words}"
        raise MongodFailedError(msg)

    def _configure(self, client: MongoClient[dict[str, Any]], member: dict[str, Any]) -> None:
        """Initiate the set on new data; on old data with another port, give the member its new address."""
        try:
            config = client.admin.command("replSetGetConfig")["config"]
        except OperationFailure as error:
            if error.code == NOT_YET_INITIALIZED:
                settings = {"electionTimeoutMillis": 1000, "heartbeatIntervalMillis": 500}
                client.admin.command("replSetInitiate", {"_id": SET_NAME, "members": [member], "settings": settings})
            return
        if config["members"][0]["host"] != member["host"]:
            config["members"][0]["host"] = member["host"]
            config["version"] += 1
            client.admin.command("replSetReconfig", config, force=True)

    def watch(self, ended: Callable[[str], None]) -> None:
        """Call `ended` with its last words, in a thread, should it end without being told to."""
        process = self._process

        def wait() -> None:
            if process is not None:
                process.wait()
                if not self._told_to_stop:
                    ended(self._last_words())

        Thread(target=wait, name="mongod", daemon=True).start()

    def stop(self) -> None:
        """A clean shutdown; kill after STOP_SECONDS."""
        if self._process is None:
            return
        self._told_to_stop = True
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        with suppress(FileNotFoundError):  # somebody removed the folder
            (self._data / "mongod.json").write_text(json.dumps({"pid": None, "port": self.port}))

    def _last_words(self) -> str:
        log = self._data / "mongod.log"
        lines = log.read_text(errors="replace").splitlines()[-40:] if log.exists() else []
        telling = [line for line in lines if '"s":"E"' in line or '"s":"F"' in line] or lines[-1:]
        return " | ".join(line[:300] for line in telling[-2:]) or "none"


def die_with_parent() -> None:
    """Runs in a child (Linux): a clean stop (SIGTERM) when the process that started it dies, however it dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _port_before(state: Path) -> int | None:
    try:
        return int(json.loads(state.read_text())["port"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _free_port(wanted: int | None) -> int:
    for port in (wanted, 0):
        if port is None:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    msg = "no free port on the loopback interface"
    raise MongodFailedError(msg)


def _end_leftover(state: Path, files: Path) -> None:
    """End a mongod that an earlier, killed store left on these files, and wait until it is gone."""
    try:
        pid = json.loads(state.read_text())["pid"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if not isinstance(pid, int) or str(files) not in _command_line(pid):
        return
    ends = time.monotonic() + STOP_SECONDS
    os.kill(pid, signal.SIGTERM)
    while str(files) in _command_line(pid):
        if time.monotonic() > ends:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _command_line(pid: int) -> str:
    proc = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self").exists():
        try:
            return proc.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    done = subprocess.run(  # noqa: S603 - macOS has no /proc
        ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout
