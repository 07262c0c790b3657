"""The embedded mongod: started, stopped, killed, moved to another port, and refused in plain words."""

import os
import signal
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from tests.running import free_port
from truestyle.infra import mongo
from truestyle.infra.local.finder import NoMongodError, find_mongod
from truestyle.infra.local.home import AlreadyRunningError, Home
from truestyle.infra.local.server import LocalMongo


def rows(server: LocalMongo) -> list[dict[str, Any]]:
    with MongoClient[dict[str, Any]](server.uri) as client:
        return list(client.test.things.find({}, {"_id": 1}))


def write(server: LocalMongo, number: int) -> None:
    with MongoClient[dict[str, Any]](server.uri, w="majority", journal=True) as client:
        client.test.things.insert_one({"_id": number})


@contextmanager
def somebody_on(port: int) -> Iterator[None]:
    """Another program that has the port, and hangs up on whoever calls."""
    socketserver.TCPServer.allow_reuse_address = True
    with socketserver.TCPServer(("127.0.0.1", port), socketserver.BaseRequestHandler) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        yield
        other.shutdown()
        thread.join()


def test_data_survives_a_stop_a_kill_and_another_port(tmp_path: Path) -> None:
    server = LocalMongo(tmp_path, cache_gb=0.25)
    server.start()
    write(server, 1)
    server.stop()
    assert server.pid is None

    server.start()
    assert rows(server) == [{"_id": 1}]
    write(server, 2)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    server.stop()  # only picks up the dead process

    another = LocalMongo(tmp_path, cache_gb=0.25)
    with somebody_on(server.port):
        another.start()
    try:
        assert another.port != server.port
        assert rows(another) == [{"_id": 1}, {"_id": 2}]
        write(another, 3)
        assert rows(another) == [{"_id": 1}, {"_id": 2}, {"_id": 3}]
    finally:
        another.stop()


def test_it_listens_on_loopback_only_and_can_do_transactions(tmp_path: Path) -> None:
    server = LocalMongo(tmp_path, cache_gb=0.25)
    server.start()
    try:
        with MongoClient[dict[str, Any]](server.uri) as client:
            options = client.admin.command("getCmdLineOpts")["parsed"]
            assert options["net"]["bindIp"] == "127.0.0.1"
            assert options["setParameter"]["transactionLifetimeLimitSeconds"] == "5"
            with client.start_session() as session, session.start_transaction():
                client.test.things.insert_one({}, session=session)
    finally:
        server.stop()


def test_a_store_that_was_killed_leaves_no_mongod_in_the_way(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from truestyle.infra.local.server import LocalMongo;"
        "s = LocalMongo(Path(sys.argv[1]), cache_gb=0.25); s.start(); print(s.pid, flush=True); time.sleep(600)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)  # noqa: S603
    assert owner.stdout is not None
    assert int(owner.stdout.readline()) > 0
    owner.kill()
    owner.wait()
    owner.stdout.close()

    server = LocalMongo(tmp_path, cache_gb=0.25)
    server.start()
    write(server, 1)
    server.stop()


def test_where_no_mongod_can_run_a_sentence_tells_the_ways_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUESTYLE_MONGOD", "/bin/false")
    with pytest.raises(NoMongodError, match=r"install MongoDB.*TRUESTYLE_MONGOD.*MONGO_URI"):
        find_mongod(tmp_path)


async def test_a_standalone_mongod_is_refused_with_the_way_out(tmp_path: Path) -> None:
    mongod, port = find_mongod(tmp_path / "cache"), free_port()
    arguments = ["--dbpath", str(tmp_path), "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket"]
    process = subprocess.Popen(  # noqa: ASYNC220, S603
        [mongod.path, *arguments], env={**os.environ, **mongod.environment}, stdout=subprocess.DEVNULL
    )
    client = mongo.connect(
        f"mongodb://127.0.0.1:{port}/?directConnection=true&serverSelectionTimeoutMS=60000&timeoutMS=0"
    )
    try:
        await client.admin.command("ping")  # it may take its time to start
        with pytest.raises(mongo.MongoRefusedError, match=r"rs\.initiate"):
            await mongo.require_replica_set(client)
    finally:
        await client.close()
        process.terminate()
        process.wait()


async def test_an_absent_mongod_is_refused_in_plain_words() -> None:
    client = mongo.connect(f"mongodb://127.0.0.1:{free_port()}/?directConnection=true&serverSelectionTimeoutMS=200")
    with pytest.raises(mongo.MongoRefusedError, match="does not answer"):
        await mongo.require_replica_set(client)
    await client.close()


def test_a_folder_is_held_by_one_store_at_a_time(tmp_path: Path) -> None:
    one, other = Home(tmp_path), Home(tmp_path)
    with one.held():
        one.announce(url="http://127.0.0.1:8000")
        with pytest.raises(AlreadyRunningError, match=r"already running.*127\.0\.0\.1:8000"), other.held():
            pass
    with other.held():
        assert other.running() == {}


def test_a_folder_that_was_made_by_hand_is_closed_to_others(tmp_path: Path) -> None:
    ours, shared = tmp_path / "ours", tmp_path / "shared"
    for folder, mode in ((ours, 0o755), (shared, 0o1777)):
        folder.mkdir()
        folder.chmod(mode)
        with Home(folder).held():
            pass
    assert (ours.stat().st_mode & 0o7777, shared.stat().st_mode & 0o7777) == (0o700, 0o1777)


def test_secrets_are_made_once_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    first = Home(tmp_path).secrets()
    assert len(set(first.values())) == 3
    assert all(len(secret) >= 32 for secret in first.values())
    assert Home(tmp_path).secrets() == first
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
