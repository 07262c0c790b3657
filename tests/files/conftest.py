"""Each test here runs on GridFS and on S3: a real server (moto's) that speaks it over HTTP."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.conftest import empty, forget, make_settings
from tests.running import ENDS_WITH_US, free_port
from truestyle.main import create_app
from truestyle.shop import Shop

BACKENDS = ("gridfs", "s3")
PATIENCE = 30  # seconds


class S3Server:
    """moto's server in a process of its own."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        # With LocalStack's settings, as the seed has them.
        self.settings = {
            "storage_backend": "s3",
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
            "s3_bucket_name": "product-images",
            "s3_endpoint": self.url,
        }
        with (folder / "moto.log").open("ab") as log:
            command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
            self.popen = subprocess.Popen(command, stdout=log, stderr=log, **ENDS_WITH_US)  # noqa: S603 - our own dependency
        ends = time.monotonic() + PATIENCE
        while True:
            assert self.popen.poll() is None
            assert time.monotonic() < ends
            try:
                httpx.get(self.url, timeout=1)
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                return

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Within, it accepts connections and says nothing."""
        os.kill(self.popen.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.popen.pid, signal.SIGCONT)

    def stop(self) -> None:
        self.popen.terminate()
        self.popen.wait()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    server = S3Server(tmp_path_factory.mktemp("s3"))
    yield server
    server.stop()


@pytest.fixture(scope="session", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def chosen(backend: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    """The settings of a backend."""
    more = request.getfixturevalue("s3").settings if backend == "s3" else {}
    return {"mongo_db": f"files_{backend}", **more}


@pytest.fixture(scope="session")
async def app(
    chosen: dict[str, Any], mongo_uri: str, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str
) -> AsyncIterator[FastAPI]:
    """An app on this backend."""
    app = create_app(make_settings(mongo_uri, tmp_path_factory.mktemp("data"), **chosen), work=False)
    async with app.router.lifespan_context(app):
        await empty(app.state.shop.store)
        yield app


@pytest.fixture
async def shop(app: FastAPI) -> AsyncIterator[Shop]:
    """The running store, emptied after the test, with its storage."""
    shop: Shop = app.state.shop
    yield shop
    await empty(shop.store)
    for key in [one.key async for one in shop.storage.held()]:
        await shop.storage.remove(key)
    forget(shop)
