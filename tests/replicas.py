"""Three real mongods as one replica set, each of which a test may kill, hang and start again."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.running import ENDS_WITH_US, free_port
from truestyle.infra.local.finder import find_mongod

NAME, PATIENCE = "faults", 60.0
# A secondary that hears nothing of its primary for a second calls an election.
SETTINGS = {"electionTimeoutMillis": 1000, "heartbeatIntervalMillis": 500}
PRIMARY, SECONDARY = 1, 2


class Replicas:
    """The set; its members are known by their place."""

    def __init__(self, folder: Path, count: int = 3) -> None:
        self._folder = folder
        self._mongod = find_mongod(folder / "cache")
        self._ports = [free_port() for _ in range(count)]
        self.count = count
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * count
        self._hung: set[int] = set()

    @property
    def uri(self) -> str:
        """All members."""
        return f"mongodb://{','.join(f'127.0.0.1:{port}' for port in self._ports)}/?replicaSet={NAME}"

    def start(self) -> None:
        """Start every member, and wait for a primary with its secondaries."""
        for at in range(len(self._ports)):
            self.start_one(at)
        for at in range(len(self._ports)):
            self._ask(at, "ping", 1)  # which waits for it
        members = [{"_id": at, "host": f"127.0.0.1:{port}"} for at, port in enumerate(self._ports)]
        self._ask(0, "replSetInitiate", {"_id": NAME, "members": members, "settings": SETTINGS})
        self.wait_whole()

    def start_one(self, at: int) -> None:
        """Start a member on the data that it has; it takes a moment to be of use."""
        data = self._folder / f"mongod-{at}"
        data.mkdir(parents=True, exist_ok=True)
        arguments = [
            *("--dbpath", str(data), "--port", str(self._ports[at]), "--bind_ip", "127.0.0.1", "--nounixsocket"),
            *("--replSet", NAME, "--oplogSize", "64", "--wiredTigerCacheSizeGB", "0.25"),
            *("--setParameter", "transactionLifetimeLimitSeconds=5"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            *("--logpath", str(self._folder / f"mongod-{at}.log"), "--logappend"),
        ]
        self._processes[at] = subprocess.Popen(  # noqa: S603 - the binary that the finder checked
            [self._mongod.path, *arguments],
            env={**os.environ, **self._mongod.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **ENDS_WITH_US,
        )

    def primary(self) -> int:
        """Who it is, once there is one."""
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            states = self._states()
            if PRIMARY in states:
                return states.index(PRIMARY)
            time.sleep(0.1)
        raise AssertionError(states)

    def wait_whole(self) -> None:
        """Until there is a primary, and every other member follows it."""
        ends, wanted = time.monotonic() + PATIENCE, sorted([PRIMARY, *[SECONDARY] * (len(self._ports) - 1)])
        while sorted(states := self._states()) != wanted:
            assert time.monotonic() < ends, states
            time.sleep(0.1)

    def kill(self, at: int) -> None:
        """SIGKILL."""
        process = self._processes[at]
        assert process is not None
        process.kill()
        process.wait()

    def hang(self, at: int) -> None:
        """SIGSTOP: it neither answers nor hangs up."""
        self._signal(at, signal.SIGSTOP)
        self._hung.add(at)

    def go_on(self, at: int) -> None:
        """SIGCONT."""
        self._signal(at, signal.SIGCONT)
        self._hung.discard(at)

    def close(self) -> None:
        """End every member."""
        for at, process in enumerate(self._processes):
            if process is not None and process.poll() is None:
                self.kill(at)

    def _signal(self, at: int, number: signal.Signals) -> None:
        process = self._processes[at]
        assert process is not None
        process.send_signal(number)

    def _states(self) -> list[int]:
        """What a majority says of each member; [] while nobody who answers is sure."""
        for at, process in enumerate(self._processes):
            if process is None or process.poll() is not None or at in self._hung:
                continue
            try:
                members = self._ask(at, "replSetGetStatus", 1)["members"]
            except PyMongoError:
                continue
            states = [one["state"] for one in members]
            if PRIMARY in states:
                return states
        return []

    def _ask(self, at: int, command: str, value: Any) -> dict[str, Any]:
        with MongoClient[dict[str, Any]](
            "127.0.0.1", self._ports[at], directConnection=True, serverSelectionTimeoutMS=10_000, socketTimeoutMS=5000
        ) as client:
            return client.admin.command(command, value)


@contextmanager
def running_replicas(folder: Path) -> Iterator[Replicas]:
    """Three members, ended with the block."""
    found = Replicas(folder)
    try:
        found.start()
        yield found
    finally:
        found.close()
