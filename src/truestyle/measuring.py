"""/metrics, for Prometheus: what this process answered, and how the store's outbox stands."""

import asyncio

from fastapi import FastAPI
from pymongo.errors import PyMongoError
from starlette.requests import Request
from starlette.responses import Response

from truestyle.infra.metrics import CONTENT_TYPE
from truestyle.infra.outbox import EventStatus
from truestyle.kit import clock
from truestyle.shop import Shop


def install(app: FastAPI) -> None:
    """Add the route."""

    @app.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        counts = request.app.state.metrics
        counts.gauges.found = await _outbox(request.app.state.shop)
        return Response(counts.told(), media_type=CONTENT_TYPE)


async def _outbox(shop: Shop) -> dict[str, tuple[str, tuple[str, ...], list[tuple[tuple[str, ...], float]]]]:
    """Nothing of it while MongoDB is away: what the process counted is told all the same."""
    outbox = shop.store.outbox
    try:
        async with asyncio.timeout(2):
            waiting, dead = [await outbox.count({"status": one}) for one in (EventStatus.WAITING, EventStatus.DEAD)]
            since = await outbox.oldest_due()
    except (PyMongoError, TimeoutError):
        return {}
    age = max(0.0, (clock.now() - since).total_seconds()) if since else 0.0
    return {
        "truestyle_outbox_events": (
            "Events that wait, and those that no try could deliver.",
            ("status",),
            [((EventStatus.WAITING.value,), waiting), ((EventStatus.DEAD.value,), dead)],
        ),
        "truestyle_outbox_age_seconds": ("How long the event that waits longest has been due.", (), [((), age)]),
    }
