"""A store with exactly the environment that compose.yaml gives: its three MongoDB nodes, PostgreSQL, Redis and an S3.

Only names become addresses of this machine. The image itself is not built here; what runs in it is.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.deploy.composed import ROOT, composed, environment_of
from tests.files.conftest import S3Server
from tests.running import Process, free_port, running_redis
from truestyle.infra.local.finder import find_mongod

NODES = ("mongo1", "mongo2", "mongo3")
WHERE = re.compile(r"\b(mongo[123]:27017|redis:6379|localstack:4566|mailpit:1025)\b")


@contextmanager
def nodes(folder: Path) -> Iterator[dict[str, str]]:
    """The three, with the words of the compose file, made a set by the configuration beside it."""
    mongod, ports = find_mongod(folder), {name: free_port() for name in NODES}
    processes = []
    try:
        for name, port in ports.items():
            (folder / name).mkdir()
            words = composed()["services"][name]["command"]
            own = ["--dbpath", str(folder / name), "--port", str(port), "--oplogSize", "64", "--nounixsocket"]
            given = [one if one != "--bind_ip_all" else "--bind_ip=127.0.0.1" for one in words[1:]]
            processes.append(
                subprocess.Popen(  # noqa: S603 - the binary that the finder checked
                    [mongod.path, *given, *own, "--wiredTigerCacheSizeGB", "0.25"],
                    env={**os.environ, **mongod.environment},
                    stdout=subprocess.DEVNULL,
                )
            )
        hosts = {f"{name}:27017": f"127.0.0.1:{port}" for name, port in ports.items()}
        config = (ROOT / "deploy/compose/mongo/replica-set.json").read_text()
        _initiate(json.loads(_here(config, hosts)), ports["mongo1"])
        yield hosts
    finally:
        for one in processes:
            one.kill()  # a primary that is told to end looks for another one first
        for one in processes:
            one.wait()


def _initiate(config: dict[str, object], port: int) -> None:
    ends = time.monotonic() + 60
    client: MongoClient[dict[str, object]]
    with MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=500) as client:
        while time.monotonic() < ends:
            try:
                if client.admin.command("hello").get("isWritablePrimary"):
                    return
                client.admin.command("replSetInitiate", config)
            except PyMongoError:
                pass
            time.sleep(0.05)
    raise AssertionError("no primary")


def _here(text: str, places: dict[str, str]) -> str:
    return WHERE.sub(lambda found: places.get(found[0], found[0]), text)


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory, postgresql: str) -> Iterator[dict[str, str]]:
    """What a container of the store finds, with the places where its neighbours are."""
    folder = tmp_path_factory.mktemp("composed")
    s3 = S3Server(folder)
    with nodes(folder) as places, running_redis(folder) as redis:
        places |= {"redis:6379": urlsplit(redis.url).netloc, "localstack:4566": urlsplit(s3.url).netloc}
        given = {name: _here(value, places) for name, value in environment_of("api1").items()}
        given["POSTGRESQL_URI"] = postgresql  # a socket of this machine
        for name in ("S3_BUCKET_NAME", "BACKUP_S3_BUCKET"):
            assert httpx.put(f"{s3.url}/{given[name]}").status_code == 200
        data = {"TRUESTYLE_DATA": str(folder / "data"), "BACKUP_BASE_PATH": str(folder / "data" / "backups")}
        yield {"PATH": "/usr/bin:/bin", "HOME": str(folder), **given, **data}
    s3.stop()


def test_a_composed_store_migrates_serves_and_works(env: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "truestyle.cli.app"]
    done = subprocess.run([*command, "migrate"], env=env, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    words = composed()["services"]["api1"]["command"]
    assert words[0] == "serve"
    api = Process(["serve", "--host", "127.0.0.1"], env, tmp_path, free_port())
    said = tmp_path / "process-worker.log"
    with said.open("wb") as log:
        worker = subprocess.Popen([*command, "worker"], env=env, cwd=tmp_path, stdout=log, stderr=log)  # noqa: S603
    try:
        api.wait_ready()
        while b"worker_started" not in said.read_bytes():
            assert worker.poll() is None
            time.sleep(0.05)
        health = httpx.get(f"{api.url}/health").json()
        assert {name: one["ok"] for name, one in health["checks"].items() if name != "mail"} == {
            **dict.fromkeys(("mongo", "sql", "cache", "storage", "worker"), True)
        }
        told = {name: one["detail"] for name, one in health["checks"].items()}
        assert (told["sql"], told["cache"], told["storage"]) == ("postgresql", "redis", "S3")
        sign_in = {"email": env["SEED_ADMIN_EMAIL"], "password": env["SEED_ADMIN_PASSWORD"]}
        assert httpx.post(f"{api.url}/api/v1/auth/login", json=sign_in).status_code == 200
        assert httpx.get(f"{api.url}/metrics").status_code == 404
        assert worker.poll() is None
    finally:
        worker.terminate()
        worker.wait(30)
        api.stop()
    assert worker.returncode == 0
    written = [one.name for one in (tmp_path).iterdir() if not one.name.startswith("process-")]
    assert written == []  # what is not under /data or /tmp may be read-only
