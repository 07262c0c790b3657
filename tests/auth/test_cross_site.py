"""A page of another site: it may neither sign a visitor in nor fill the cart that a cookie names."""

from typing import Any

import httpx
import pytest
from httpx import AsyncClient

from tests import make
from tests.auth.test_register import ASHA
from truestyle.main import create_app
from truestyle.settings import Settings
from truestyle.shop import Shop

FOREIGN = [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
FOREIGN += [{"sec-fetch-site": "same-site"}]
OWN = [{"origin": "http://test"}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}, {}]


@pytest.mark.parametrize(("headers", "status"), [*((one, 403) for one in FOREIGN), *((one, 200) for one in OWN)])
async def test_another_site_cannot_sign_a_visitor_in(
    client: AsyncClient, shop: Shop, headers: dict[str, str], status: int
) -> None:
    await client.post("/auth/register", json=ASHA)
    form = {"username": ASHA["email"], "password": ASHA["password"]}
    answer = await client.post("/auth/login", data=form, headers=headers)
    assert answer.status_code == status
    assert await shop.store.sessions.count({}) == (status == 200)
    if status == 403:
        assert answer.json()["code"] == "csrf"
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(("headers", "status"), [*((one, 403) for one in FOREIGN), *((one, 200) for one in OWN)])
async def test_another_site_cannot_use_a_guests_cart_cookie(
    client: AsyncClient, shop: Shop, headers: dict[str, str], status: int
) -> None:
    product = await make.product(shop)
    token = (await client.get("/cart")).headers["x-cart-token"]
    client.cookies.clear()
    body = {"product_id": str(product.id)}
    answer = await client.post("/cart/add", json=body, headers={**headers, "cookie": f"ts_cart={token}"})
    assert answer.status_code == status
    cart = (await client.get("/cart", headers={**headers, "x-cart-token": token})).json()
    assert cart["item_count"] == (status == 200)


async def test_a_cart_token_in_a_header_is_no_cookie(client: AsyncClient, shop: Shop) -> None:
    """Other sites cannot send it without CORS, which lists who may."""
    product = await make.product(shop)
    token = (await client.get("/cart")).headers["x-cart-token"]
    headers = {"origin": "https://app.example", "x-cart-token": token}
    answer = await client.post("/cart/add", json={"product_id": str(product.id)}, headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize(("environment", "enabled", "status"), [("production", None, 404), ("production", True, 200)])
async def test_the_documentation_is_closed_in_production_unless_opened(
    settings: Settings, environment: str, enabled: bool | None, status: int
) -> None:
    values: dict[str, Any] = {"mongo_uri": settings.data.mongo_uri, "environment": environment, "docs_enabled": enabled}
    app = create_app(Settings.load(environ={}, **values), work=False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        for path in ("/docs", "/redoc", "/openapi.json"):
            assert (await client.get(path)).status_code == status
