"""/, /health, /health/live and /health/ready."""

import asyncio
import time
from collections.abc import Coroutine
from datetime import timedelta
from importlib.metadata import version
from typing import Any, Literal

from fastapi import Response
from pydantic import Field
from pymongo.errors import PyMongoError

from truestyle.deps import ShopDep
from truestyle.infra import sql
from truestyle.infra.http.limits import Limit, limited
from truestyle.infra.http.route import router
from truestyle.infra.outbox import PROMPT
from truestyle.kit import clock
from truestyle.kit.documents import Answer
from truestyle.kit.errors import Problem
from truestyle.shop import Shop

routes = router(tag="Health")
VERSION = version("truestyle")
WITHIN = 2.0  # seconds, for each part
SLOW = 500  # milliseconds
BEHIND = timedelta(minutes=3)


class Check(Answer):
    """One part of the store."""

    ok: bool
    state: Literal["up", "slow", "down", "elsewhere", "behind"] = Field(
        description="`slow`: it answers, but not soon. Of the worker: `elsewhere` (or idle) where not in this process, "
        "`behind` where what waits has been due for minutes."
    )
    latency_ms: float = Field(description="Time to answer, at most 2000.")
    ms: float = Field(description="The same as `latency_ms`.")
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


class Ready(Answer):
    """Whether requests may come here; `detail` says why not."""

    status: Literal["ready", "starting", "of_another_release"]
    detail: str | None = None


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
    mongo, sql_, cache, storage, mail, worker = await asyncio.gather(
        _mongo(shop),
        checked(sql.ping(shop.sql), shop.sql.dialect.name),
        checked(shop.cache.ping(), "redis" if shop.settings.data.redis_host else "in-process"),
        checked(shop.storage.ping(), shop.storage.name),
        checked(shop.mailer.ping(), shop.mailer.name),
        _worker(shop),
    )
    checks = Checks(
        mongo=mongo,
        sql=sql_,
        cache=cache,
        storage=storage,
        mail=mail,
        worker=worker,
    )
    well = sql_.ok and cache.ok and storage.ok and mail.ok and worker.ok
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
async def ready(shop: ShopDep, response: Response) -> Ready:
    """200 once migrated and seeded, and while MongoDB answers and its data is of this release."""
    if (await _mongo(shop)).ok and await shop.is_ready():
        wrong = (await shop.standing()).wrong
        if wrong is None:
            return Ready(status="ready")
        response.status_code = 503
        return Ready(status="of_another_release", detail=wrong)
    response.status_code = 503
    return Ready(status="starting")


async def _mongo(shop: Shop) -> Check:
    return await checked(_pings(shop), None)


async def _pings(shop: Shop) -> bool:
    await shop.client.admin.command("ping")
    return True


async def _worker(shop: Shop) -> Check:
    """Here, or judged by what it leaves undone."""
    if shop.worker.running:
        return Check(ok=True, state="up", latency_ms=0, ms=0)
    began = time.perf_counter()
    try:
        async with asyncio.timeout(WITHIN):
            since = await shop.store.outbox.oldest_due(*PROMPT)
    except (PyMongoError, TimeoutError):
        since = None
    ms, behind = _ms(began), since is not None and clock.now() - since > BEHIND
    if behind:
        detail = "what waits has been due for minutes: does `truestyle worker` run?"
        return Check(ok=False, state="behind", latency_ms=ms, ms=ms, detail=detail)
    return Check(ok=True, state="elsewhere", latency_ms=ms, ms=ms, detail="not in this process; nothing is left undone")


async def checked(asking: Coroutine[Any, Any, bool], detail: str | None) -> Check:
    """How long a part takes to say that it is there. One that hangs, even against being called off, is down."""
    began = time.perf_counter()
    task = asyncio.ensure_future(asking)
    await asyncio.wait([task], timeout=WITHIN)
    ms, ok = _ms(began), False
    if not task.done():
        task.cancel()
        task.add_done_callback(_unheard)
        detail = "no answer in time"
    elif (error := task.exception()) is None:
        ok = task.result()
    elif isinstance(error, PyMongoError | OSError | Problem):
        detail = type(error).__name__
    else:
        raise error
    state: Literal["up", "slow", "down"] = "down" if not ok else "up" if ms < SLOW else "slow"
    return Check(ok=ok, state=state, latency_ms=ms, ms=ms, detail=detail)


def _unheard(task: asyncio.Future[bool]) -> None:
    """Whatever it still says, nobody is listening."""
    if not task.cancelled():
        task.exception()


def _ms(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 2)
