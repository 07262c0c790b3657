"""/metrics: what Prometheus is told, and where it is not."""

from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from truestyle.infra.outbox import event
from truestyle.main import create_app
from truestyle.settings import Settings
from truestyle.shop import Shop


async def told(client: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
    """Each sample by its name and the values of its labels."""
    answer = await client.get("http://test/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    samples = [one for family in text_string_to_metric_families(answer.text) for one in family.samples]
    return {(one.name, *(one.labels[name] for name in sorted(one.labels))): one.value for one in samples}


async def test_requests_are_counted_by_route_and_not_by_path(client: httpx.AsyncClient) -> None:
    one = ("truestyle_http_requests_total", "GET", "/products/{product_id}", "404")
    nowhere = ("truestyle_http_requests_total", "none", "none", "404")
    before = await told(client)
    for number in range(3):
        assert (await client.get(f"/products/{number:024x}")).status_code == 404
        assert (await client.get(f"/nothing/of/{number}")).status_code == 404
    after = await told(client)
    assert after[one] - before.get(one, 0) == 3
    assert after[nowhere] - before.get(nowhere, 0) == 3
    assert not [key for key in after if "nothing" in str(key)], "strangers add no series"
    took = ("truestyle_http_request_seconds_count", *one[1:3])
    assert after[took] - before.get(took, 0) == 3


async def test_the_outbox_is_told(client: httpx.AsyncClient, shop: Shop) -> None:
    await shop.store.outbox.write([event("test.waits", {}), event("test.waits", {})])
    found = await told(client)
    assert found["truestyle_outbox_events", "waiting"] == 2
    assert found["truestyle_outbox_events", "dead"] == 0
    assert 0 <= found[("truestyle_outbox_age_seconds",)] < 60


@pytest.mark.parametrize(
    ("environment", "enabled", "status"), [("production", None, 404), ("production", True, 200), ("test", False, 404)]
)
async def test_it_is_closed_in_production_unless_opened(
    shop: Shop, settings: Settings, environment: str, enabled: bool | None, status: int
) -> None:
    values: dict[str, Any] = {
        "mongo_uri": settings.data.mongo_uri,
        "environment": environment,
        "metrics_enabled": enabled,
    }
    app = create_app(Settings.load(environ={}, **values), work=False)
    app.state.shop = shop
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/metrics")).status_code == status
