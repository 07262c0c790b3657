"""/metrics, for Prometheus: what the processes here answered and did, and how the store stands."""

import asyncio
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any

import structlog
from bson import ObjectId
from fastapi import FastAPI
from prometheus_client import Counter as Metric
from prometheus_client import Histogram
from pymongo.errors import PyMongoError
from starlette.requests import Request
from starlette.responses import Response

from truestyle import health
from truestyle.backups.models import BackupStatus
from truestyle.infra import metrics
from truestyle.infra.metrics import CONTENT_TYPE, Found
from truestyle.infra.outbox import LANES, EventStatus
from truestyle.kit import clock
from truestyle.shop import Shop

NOWHERE = "none"  # requests that no route took: their paths are anybody's words
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
PLACING = frozenset({"/orders", "/checkout"})
NO_STOCK = "insufficient_stock"
WITHIN = 3.0  # seconds for all that is looked up; what is not known then is left out
LATELY = timedelta(hours=24)
log = structlog.get_logger("metrics")


def install(app: FastAPI) -> None:
    """Add the route."""

    @app.get("/metrics", include_in_schema=False)
    async def tell(request: Request) -> Response:
        shop: Shop = request.app.state.shop
        shop.pulse.beat()
        return Response(metrics.told(await look(shop)), media_type=CONTENT_TYPE)


def saw(facts: Mapping[str, Any]) -> None:
    """Count a request."""
    method, route, status = facts["method"], facts["route"] or NOWHERE, facts["status"]
    if route == NOWHERE or method not in METHODS:
        method = NOWHERE
    requests, seconds = _counted(method, route, status)
    requests.inc()
    seconds.observe(facts["ms"] / 1000)
    problem = facts.get("problem")
    if method == "POST" and route in PLACING:
        metrics.PLACED.labels(problem or ("replayed" if "replayed" in facts else "placed")).inc()
    if problem == NO_STOCK:
        metrics.STOCK_OUTS.labels("checkout" if route in PLACING else "cart").inc()


def saw_kept(told: Sequence[Mapping[str, Any]]) -> None:
    """Count GETs that were answered from memory, together."""
    for (route, status), times in Counter((one["route"] or NOWHERE, one["status"]) for one in told).items():
        _counted("GET", route, status)[0].inc(times)
    for one in told:
        _counted("GET", one["route"] or NOWHERE, one["status"])[1].observe(one["ms"] / 1000)


@cache  # finding them takes longer than counting
def _counted(method: str, route: str, status: int) -> tuple[Metric, Histogram]:
    return metrics.REQUESTS.labels(method, route, str(status)), metrics.REQUEST_SECONDS.labels(method, route)


async def look(shop: Shop) -> Found:
    """What is looked up; what cannot be known now is left out, so that the rest is told all the same."""
    kinds = (_parts(shop), _outbox(shop), _stock(shop), _backups(shop))
    found: dict[str, Sequence[tuple[tuple[str, ...], float]]] = {
        metrics.BUILD: [((health.VERSION, platform.python_version()), 1)]
    }
    for one in await asyncio.gather(*(_in_time(kind) for kind in kinds)):
        found |= one
    return found


async def _in_time(kind: Any) -> Found:
    try:
        async with asyncio.timeout(WITHIN):
            found: Found = await kind
    except (PyMongoError, TimeoutError) as error:
        log.warning("metrics_not_known", error=type(error).__name__)
        return {}
    return found


async def _parts(shop: Shop) -> Found:
    found = (await health.look(shop)).checks
    parts = {name: getattr(found, name) for name in type(found).model_fields}
    return {
        metrics.UP: [((name,), float(one.ok)) for name, one in parts.items()],
        metrics.LATENCY: [((name,), one.ms / 1000) for name, one in parts.items() if name != "worker"],
    }


async def _outbox(shop: Shop) -> Found:
    outbox, moment = shop.store.outbox, clock.now()
    kinds = [(lane, status.value) for lane in LANES for status in (EventStatus.WAITING, EventStatus.DEAD)]
    due = {lane: await outbox.oldest_due(lane) for lane in LANES}
    return {
        metrics.EVENTS: [(one, await outbox.count({"lane": one[0], "status": one[1]})) for one in kinds],
        metrics.AGE: [
            ((lane,), max(0.0, (moment - since).total_seconds()) if since else 0.0) for lane, since in due.items()
        ],
    }


async def _stock(shop: Shop) -> Found:
    return {metrics.SOLD_OUT: [((), await shop.store.stock.count({"available": {"$lte": 0}}))]}


async def _backups(shop: Shop) -> Found:
    logs = shop.store.backup_logs
    last = await logs.last_good_at()
    lately = {"_id": {"$gt": ObjectId.from_datetime(clock.now() - LATELY)}}
    return {
        metrics.BACKUP: [((), last.timestamp() if last else 0.0)],
        metrics.BACKUPS_FAILED: [((), await logs.count({"status": BackupStatus.FAILED, **lately}))],
    }
