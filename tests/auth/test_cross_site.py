"""A page of another site: it may neither sign a visitor in or out, nor refresh, nor fill the cart of a cookie."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx import AsyncClient

from tests import make
from tests.auth.test_register import ASHA
from tests.conftest import make_settings
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


OURS, PARTNER, OWN_HOST = "https://store.example", "https://app.example", "http://test"
ORIGINS = {
    "none": None,
    "this host": OWN_HOST,
    "the store's public address": OURS,
    "an origin on the list": PARTNER,
    "another site": "https://evil.example",
    "a sandboxed page": "null",
    "a name that begins like ours": "http://test.evil.example",
    "another scheme": "https://test",
    "another port": "http://test:8080",
    "a list": f"{PARTNER}, https://evil.example",
    "nothing": "",
}
SITES = (None, "same-origin", "none", "same-site", "cross-site", "nonsense", "")
NAMED = {OURS, PARTNER}


def fits(origin: str | None, site: str | None) -> bool:
    """Whether a browser that sends these shows a page that may use the cookies."""
    return origin in NAMED or (origin in {None, OWN_HOST} and site in {None, "same-origin", "none"})


@pytest.fixture
async def known_elsewhere(mongo_uri: str, tmp_path: Path, shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a store that is asked under another name than its public address, and lets one origin call."""
    del shop
    settings = make_settings(mongo_uri, tmp_path, backend_base_url=OURS, cors_origins=[PARTNER])
    app = create_app(settings, work=False, prepared=True)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=f"{OWN_HOST}/api/v1") as client:
            yield client


@pytest.mark.parametrize("route", ["login", "refresh", "logout"])
async def test_every_cookie_route_refuses_every_combination_of_headers_that_tells_of_another_site(
    known_elsewhere: httpx.AsyncClient, shop: Shop, route: str
) -> None:
    client = known_elsewhere
    await client.post("/auth/register", json=ASHA)
    credentials = {"email": ASHA["email"], "password": ASHA["password"]}
    wrong, refused, signed = [], 0, None
    for words, origin in ORIGINS.items():
        for site in SITES:
            if signed is None:  # what is refused ends no session
                client.cookies.clear()
                signed = (await client.post("/auth/login", json=credentials)).json()
                if route == "login":
                    client.cookies.clear()
            told = {"origin": origin, "sec-fetch-site": site, "authorization": f"Bearer {signed['access_token']}"}
            headers = {name: value for name, value in told.items() if value is not None}
            before = await counted(shop)
            path, body = {
                "login": ("/auth/login", credentials),
                "refresh": ("/auth/token/refresh", None),  # the cookie is in the client's jar
                "logout": ("/auth/logout", None),
            }[route]
            answer = await client.post(path, json=body, headers=headers)
            if fits(origin, site):
                right, signed = answer.status_code == 200, None
            else:
                refused += 1
                told_so = (answer.status_code, answer.json().get("code")) == (403, "csrf")
                right = told_so and "set-cookie" not in answer.headers and await counted(shop) == before
            if not right:
                wrong.append((words, site, answer.status_code))
            if signed is None:
                await shop.store.sessions.collection.delete_many({})
    assert wrong == []
    assert refused == 7 * len(SITES) + 2 * 4


async def counted(shop: Shop) -> tuple[int, ...]:
    """What a sign-in, a refresh or a sign-out would change."""
    return (
        await shop.store.sessions.count({"revoked_at": None}),
        await shop.store.sessions.count({"previous_hash": {"$ne": None}}),
        await shop.store.revocations.count({}),
    )


@pytest.mark.parametrize(("environment", "enabled", "status"), [("production", None, 404), ("production", True, 200)])
async def test_the_documentation_is_closed_in_production_unless_opened(
    settings: Settings, environment: str, enabled: bool | None, status: int
) -> None:
    values: dict[str, Any] = {"mongo_uri": settings.data.mongo_uri, "environment": environment, "docs_enabled": enabled}
    app = create_app(Settings.load(environ={}, **values), work=False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        for path in ("/docs", "/redoc", "/openapi.json"):
            assert (await client.get(path)).status_code == status
