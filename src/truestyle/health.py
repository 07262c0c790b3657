"""/, /health, /health/live and /health/ready."""

import asyncio
import time
from importlib.metadata import version
from typing import Literal

from fastapi import Response
from pymongo.errors import PyMongoError

from truestyle.deps import ShopDep
from truestyle.infra import sql
from truestyle.infra.http.limits import Limit, limited
from truestyle.infra.http.route import router
from truestyle.kit.documents import Answer
from truestyle.shop import Shop

routes = router(tag="Health")
VERSION = version("truestyle")


class Check(Answer):
    """One part of the store."""

    ok: bool
    ms: float
    detail: str | None = None


class Checks(Answer):
    """Every part."""

    mongo: Check
    sql: Check
    cache: Check
    storage: Check
    mail: Check
    worker: Check


class Health(Answer):
    """Whether the store can take orders, and how its parts are."""

    status: Literal["ok", "degraded", "down"]
    version: str
    checks: Checks


class Alive(Answer):
    """A plain word."""

    status: str


class Root(Answer):
    """The store says its name."""

    message: str


@routes.get("/")
@limited(Limit.NONE)
async def root(shop: ShopDep) -> Root:
    """The store says its name."""
    return Root(message=f"{shop.settings.shop.project_name} is running")


async def look(shop: Shop) -> Health:
    """How the store's parts are."""
    mongo, sql_, cache, storage, mail = await asyncio.gather(
        _mongo(shop), _sql(shop), _cache(shop), _storage(shop), _mail(shop)
    )
    worker = Check(ok=shop.worker.running, ms=0, detail=None if shop.worker.running else "runs elsewhere, or not")
    checks = Checks(
        mongo=mongo,
        sql=sql_,
        cache=cache,
        storage=storage if mongo.ok else storage.model_copy(update={"ok": False}),
        mail=mail,
        worker=worker,
    )
    well = sql_.ok and cache.ok and storage.ok and mail.ok
    status: Literal["ok", "degraded", "down"] = "ok" if well else "degraded"
    if not mongo.ok:
        status = "down"
    return Health(status=status, version=VERSION, checks=checks)


@routes.get("/health")
@limited(Limit.NONE)
async def health(shop: ShopDep, response: Response) -> Health:
    """Whether the store can take orders: 503 when not."""
    found = await look(shop)
    if found.status == "down":
        response.status_code = 503
    return found


@routes.get("/health/live")
@limited(Limit.NONE)
async def live() -> Alive:
    """The process answers."""
    return Alive(status="alive")


@routes.get("/health/ready")
@limited(Limit.NONE)
async def ready(shop: ShopDep, response: Response) -> Alive:
    """200 once migrated and seeded, and while MongoDB answers."""
    if (await _mongo(shop)).ok and await shop.is_ready():
        return Alive(status="ready")
    response.status_code = 503
    return Alive(status="starting")


async def _mongo(shop: Shop) -> Check:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(2):
            await shop.client.admin.command("ping")
    except (PyMongoError, TimeoutError) as error:
        return Check(ok=False, ms=_ms(began), detail=type(error).__name__)
    return Check(ok=True, ms=_ms(began))


async def _sql(shop: Shop) -> Check:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(2):
            ok = await sql.ping(shop.sql)
    except TimeoutError:
        ok = False
    return Check(ok=ok, ms=_ms(began), detail=shop.sql.dialect.name)


async def _cache(shop: Shop) -> Check:
    began = time.perf_counter()
    ok = await shop.cache.ping()
    return Check(ok=ok, ms=_ms(began), detail="redis" if shop.settings.data.redis_host else "in-process")


async def _storage(shop: Shop) -> Check:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(2):
            ok = await shop.storage.ping()
    except TimeoutError:
        ok = False
    return Check(ok=ok, ms=_ms(began), detail=shop.storage.name)


def _ms(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 2)


async def _mail(shop: Shop) -> Check:
    began = time.perf_counter()
    return Check(ok=await shop.mailer.ping(), ms=_ms(began), detail=shop.mailer.name)
