"""`dev`, `serve` and `worker`: the store as processes."""

import asyncio
import os
import signal
import socket
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from truestyle.cli.common import console, opened, settings_for
from truestyle.cli.seeding import sign_ins_of, stock_demo
from truestyle.infra import mongo, telemetry
from truestyle.infra.local.home import AlreadyRunningError, Home
from truestyle.infra.local.server import LocalMongo
from truestyle.main import create_app
from truestyle.settings import Settings
from truestyle.shop import Shop

DRAIN = 10  # seconds that accepted requests may take to finish
# Seconds in which a worker must answer its supervisor. It cannot before it has imported everything, which takes longer
# than uvicorn's 5 on a busy machine; then workers would be ended and begun again for ever.
SIGN_OF_LIFE = 120
FACTORY = "truestyle.main:from_environment"
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


def dev(host: str, port: int, data: Path, *, empty: bool, reload: bool) -> None:
    """Open everything a store needs on a data folder, serve, and stop what was started.

    Raises SettingsRefusedError where the environment says that this is production.
    """
    began = time.perf_counter()
    signal.signal(signal.SIGTERM, _leave)
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
        }
        settings = settings_for(home, **ours)
        if settings.production:
            settings.require_safe()  # which says that `dev` is not for production
        own = LocalMongo(home.folder) if settings.data.mongo_uri is None else None
        try:
            if own is not None:
                own.start()
                settings = settings_for(home, own.uri, **ours)
            console.print(f"[dim]{_database(settings, own)}[/]", highlight=False)
            sign_ins = asyncio.run(_prepare(settings, home, demo=not empty))
            home.announce(url=url, mongo_uri=settings.data.mongo_uri)
            _welcome(url, settings, sign_ins, time.perf_counter() - began)
            if reload:
                _export(settings)
                uvicorn.run(FACTORY, factory=True, host=host, port=port, reload=True, reload_dirs=[_code()], **UVICORN)
            else:
                app = create_app(settings, prepared=True)
                uvicorn.Server(uvicorn.Config(app, host=host, port=port, **UVICORN)).run()
        except KeyboardInterrupt:
            pass
        finally:
            if own is not None:
                own.stop()
            console.print("[dim]Closed. Everything is kept in[/] " + str(home.folder), highlight=False)


def serve(host: str, port: int, workers: int) -> None:
    """Serve with the settings of the environment. Raises SettingsRefusedError, MongoRefusedError."""
    settings = Settings.load(defaults={"environment": "production"})
    settings.require_safe()
    telemetry.configure(json=True)
    asyncio.run(_prepare_plainly(settings))
    os.environ.setdefault("ENVIRONMENT", "production")
    if workers > 1:
        uvicorn.run(FACTORY, factory=True, host=host, port=port, workers=workers, **UVICORN)
    else:
        app = create_app(settings, prepared=True)
        uvicorn.Server(uvicorn.Config(app, host=host, port=port, **UVICORN)).run()


def worker() -> None:
    """Deliver the outbox until told to stop. Raises SettingsRefusedError, MongoRefusedError."""
    settings = Settings.load(defaults={"environment": "production"})
    settings.require_safe()
    telemetry.configure(json=True)
    asyncio.run(_work(settings))


async def _work(settings: Settings) -> None:
    stop = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    async with opened(settings) as shop:
        shop.worker.start()
        await stop.wait()


async def _prepare(settings: Settings, home: Home, *, demo: bool) -> dict[str, str]:
    async with opened(settings) as shop:
        await shop.prepare()
        return await stock_demo(shop, home) if demo else await sign_ins_of(shop, home, demo=False)


async def _prepare_plainly(settings: Settings) -> None:
    shop = Shop(settings)
    try:
        await mongo.require_replica_set(shop.client)
        await shop.prepare()
    finally:
        await shop.close()


def _leave(_: int, __: FrameType | None) -> None:
    raise SystemExit(0)


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
        f"  Mail sent  {url}/dev/mail",
        "",
        *(f"  {who:<10} {words}" for who, words in sign_ins.items()),
        "",
        "  Ctrl-C closes it; the data stays.",
    ]
    console.print("\n".join(lines), highlight=False, soft_wrap=True)


def _export(settings: Settings) -> None:
    """For the processes that `--reload` starts: they read the environment."""
    for group in settings.groups:
        for name, value in group.model_dump(exclude_none=True).items():
            secret = getattr(value, "get_secret_value", None)
            text = secret() if secret else ",".join(value) if isinstance(value, list) else str(value)
            os.environ.setdefault(name.upper(), text)


def _code() -> str:
    return str(Path(__file__).parents[1])
