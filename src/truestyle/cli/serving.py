"""`dev`, `serve` and `worker`: the store as processes."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

import structlog
import uvicorn
import uvloop
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from truestyle.cli.common import as_environment, console, opened, problems, settings_for
from truestyle.cli.seeding import sign_ins_of, stock_demo
from truestyle.infra import metrics, mongo, telemetry
from truestyle.infra.local.home import AlreadyRunningError, Home
from truestyle.infra.local.server import LocalMongo
from truestyle.kit import memory
from truestyle.settings import Settings
from truestyle.shop import Shop, require

DRAIN = 10  # seconds that accepted requests may take to finish
BEHIND = 10  # of the worker, on a machine that it shares: whoever waits for an answer goes first
# Seconds in which a worker must answer its supervisor. It cannot before it has imported everything, which takes longer
# than uvicorn's 5 on a busy machine; then workers would be ended and begun again for ever.
SIGN_OF_LIFE = 120
FRESH = 1  # seconds until a worker looks again whether its store was opened
log = structlog.get_logger("worker")
APP = "truestyle.main"
FACTORY = f"{APP}:from_environment"
UVICORN: dict[str, Any] = {
    "loop": "uvloop",
    "http": "truestyle.infra.http.patience:PatientProtocol",
    "ws": "none",
    "proxy_headers": False,  # infra/http/clients.py finds the client, by TRUSTED_PROXIES
    "access_log": False,  # the Edge middleware logs
    "log_config": None,
    "server_header": False,
    "timeout_graceful_shutdown": DRAIN,
    "timeout_worker_healthcheck": SIGN_OF_LIFE,
}


class Workers(Multiprocess):
    """uvicorn's supervisor, which lets go of the socket before it waits for its workers to finish.

    Else the kernel goes on to take connections that nobody serves, and who asks is not sent elsewhere.
    """

    def terminate_all(self) -> None:
        """SIGTERM to each worker."""
        for one in self.sockets:
            one.close()
        super().terminate_all()


def dev(host: str, port: int, data: Path, *, empty: bool, reload: bool) -> None:
    """Open everything a store needs on a data folder, serve, and stop what was started.

    Raises SettingsRefusedError where the environment says that this is production.
    """
    began = time.perf_counter()
    lost = Event()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(int(lost.is_set())))
    telemetry.configure(json=not sys.stderr.isatty())
    home = Home(data)
    url = f"http://{host if host not in {'0.0.0.0', '::'} else '127.0.0.1'}:{port}"  # noqa: S104 - a comparison
    with home.held():
        _require_free(host, port)
        ours: dict[str, Any] = {
            "backend_base_url": url,
            "environment": "development",
            "rate_limit_enabled": False,
            "mail_page": True,
            "webhook_allow_local": True,
        }
        settings = settings_for(home, **ours)
        if settings.production:
            settings.require_safe()  # which says that `dev` is not for production
        own = LocalMongo(home.folder) if settings.data.mongo_uri is None else None
        imported = Thread(target=import_module, args=(APP,), name="imports")
        imported.start()  # takes as long as MongoDB's start
        try:
            if own is not None:
                own.start()
                own.watch(partial(_without_database, lost))
                settings = settings_for(home, own.uri, **ours)
            console.print(f"[dim]{_database(settings, own)}[/]", highlight=False)
            imported.join()
            sign_ins = asyncio.run(_prepare(settings, home, demo=not empty))
            home.announce(url=url, mongo_uri=settings.data.mongo_uri)
            _welcome(url, settings, sign_ins, time.perf_counter() - began)
            if reload:
                _export(settings)
                uvicorn.run(FACTORY, factory=True, host=host, port=port, reload=True, reload_dirs=[_code()], **UVICORN)
            else:
                uvicorn.Server(uvicorn.Config(_app(settings), host=host, port=port, **UVICORN)).run()
        except KeyboardInterrupt:
            pass
        finally:
            if own is not None:
                own.stop()
            if home.folder.exists():
                console.print("[dim]Closed. Everything is kept in[/] " + str(home.folder), highlight=False)


def serve(host: str, port: int, workers: int) -> None:
    """Serve with the settings of the environment.

    Raises SettingsRefusedError, MongoRefusedError, StoreRefusedError.
    """
    settings = Settings.load(defaults={"environment": "production"})
    settings.require_safe()
    telemetry.configure(json=True)
    asyncio.run(_prepare_plainly(settings))
    os.environ.setdefault("ENVIRONMENT", "production")
    if workers > 1:
        config = uvicorn.Config(FACTORY, factory=True, host=host, port=port, workers=workers, **UVICORN)
        with counting_together():
            Workers(config, sockets=[config.bind_socket()]).run()
    else:
        uvicorn.Server(uvicorn.Config(_app(settings), host=host, port=port, **UVICORN)).run()


@contextmanager
def counting_together() -> Iterator[None]:
    """Processes begun within count into one folder, so that each tells at `/metrics` what all of them did.

    The folder is PROMETHEUS_MULTIPROC_DIR, emptied; without that, one of our own for as long as this lasts.
    """
    chosen = os.environ.get(metrics.SHARED)
    if chosen is not None:
        metrics.forget(Path(chosen))
        yield
        return
    with TemporaryDirectory(prefix="truestyle-metrics-") as folder:
        os.environ[metrics.SHARED] = folder
        try:
            yield
        finally:
            del os.environ[metrics.SHARED]


def worker() -> None:
    """Deliver the outbox until told to stop. Raises SettingsRefusedError, MongoRefusedError, StoreRefusedError."""
    settings = Settings.load(defaults={"environment": "production"})
    settings.require_safe()
    telemetry.configure(json=True)
    with suppress(OSError):
        os.nice(BEHIND)
    uvloop.run(_work(settings))


def _app(settings: Settings) -> FastAPI:
    app: FastAPI = import_module(APP).served(settings)
    return app


async def _work(settings: Settings) -> None:
    stop = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    ours = settings.observing
    async with opened(settings) as shop:
        while (found := await shop.standing()).fresh and found.newer is None and not stop.is_set():
            log.info("worker_waits", reason="this store was never opened: `serve` or `truestyle migrate` prepares it")
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), FRESH)
        if stop.is_set():
            return
        require(found)
        with metrics.served(ours.worker_metrics_host, ours.worker_metrics_port):
            memory.stays()
            shop.worker.start()
            log.info("worker_started")
            await stop.wait()


async def _prepare(settings: Settings, home: Home, *, demo: bool) -> dict[str, str]:
    async with opened(settings) as shop:
        await shop.prepare(migrate=True)
        return await stock_demo(shop, home) if demo else await sign_ins_of(shop, home, demo=False)


async def _prepare_plainly(settings: Settings) -> None:
    shop = Shop(settings)
    try:
        await mongo.require_replica_set(shop.client)
        await shop.prepare()
    finally:
        await shop.close()


def _without_database(lost: Event, words: str) -> None:
    """End this process: there is nothing to serve any more."""
    problems.print("[bold red]✗[/] Our MongoDB ended, so the store closes. Open it again with the same command.")
    problems.print(f"  MongoDB's last words: {words}", highlight=False, markup=False, soft_wrap=True)
    lost.set()
    os.kill(os.getpid(), signal.SIGTERM)


def _require_free(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            msg = f"Port {port} on {host} is taken by another program. Give another one with --port."
            raise AlreadyRunningError(msg) from error


def _database(settings: Settings, own: LocalMongo | None) -> str:
    if own is None:
        return "MongoDB: the one in MONGO_URI"
    del settings
    return f"MongoDB {own.version}: our own, on 127.0.0.1:{own.port}"


def _welcome(url: str, settings: Settings, sign_ins: dict[str, str], seconds: float) -> None:
    lines = [
        f"[bold]{settings.shop.project_name}[/] is open after {seconds:.1f} s",
        "",
        f"  API        {url}{settings.shop.api_v1_prefix}",
        f"  Try it     {url}/docs",
        f"  Reference  {url}/redoc",
        f"  Health     {url}/health",
        *([f"  Metrics    {url}/metrics"] if settings.metrics else []),
        f"  Mail sent  {url}/dev/mail",
        "",
        *(f"  {who:<10} {words}" for who, words in sign_ins.items()),
        "",
        "  Ctrl-C closes it; the data stays.",
    ]
    console.print("\n".join(lines), highlight=False, soft_wrap=True)


def _export(settings: Settings) -> None:
    """For the processes that `--reload` starts: they read the environment."""
    for name, value in as_environment(settings).items():
        os.environ.setdefault(name, value)


def _code() -> str:
    return str(Path(__file__).parents[1])
