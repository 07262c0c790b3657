"""Who may call from a browser, and what their pages may read."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import make
from tests.auth.test_register import ASHA
from tests.conftest import make_settings
from truestyle.main import create_app
from truestyle.settings import Settings, SettingsRefusedError
from truestyle.shop import Shop

APP, OTHER = "https://app.example", "https://evil.example"
FOREIGN = [OTHER, "null", f"{APP}.evil.example", "http://app.example", f"{APP}:8443", f"{APP}, {OTHER}", "*", ""]
# What a page must be able to read of our answers: the contract's headers.
READABLE = (
    *("X-Request-ID", "ETag", "Location", "Idempotency-Replayed", "X-Cart-Token", "Retry-After"),
    *("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Content-Disposition"),
)
SENDABLE = "authorization, content-type, idempotency-key, if-match, if-none-match, x-cart-token, x-client, x-request-id"
Opened = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def opened(mongo_uri: str, tmp_path: Path, shop: Shop) -> Opened:
    @asynccontextmanager
    async def open_it(*origins: str, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
        settings = make_settings(mongo_uri, tmp_path, cors_origins=list(origins), **more)
        app = create_app(settings, work=False, prepared=True)
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
                yield client

    return open_it


def allows(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-allow")}


def preflight(origin: str, method: str = "PUT") -> dict[str, str]:
    return {"origin": origin, "access-control-request-method": method, "access-control-request-headers": SENDABLE}


async def test_an_origin_on_the_list_may_call_with_cookies_and_read_what_the_contract_names(opened: Opened) -> None:
    async with opened(APP) as client:
        answer = await client.get("/products", headers={"origin": APP})
        assert allows(answer) == {
            "access-control-allow-origin": APP,
            "access-control-allow-credentials": "true",
        }
        assert "origin" in answer.headers["vary"].lower(), "a cache must not give it to another page"
        exposed = {one.strip() for one in answer.headers["access-control-expose-headers"].split(",")}
        assert exposed >= set(READABLE)
        asked = await client.options("/orders/65af0b12c4a1d2e3f4a5b6c7/status", headers=preflight(APP))
        assert asked.status_code == 200
        assert asked.headers["access-control-allow-origin"] == APP
        assert asked.headers["access-control-allow-credentials"] == "true"
        allowed = {one.strip() for one in asked.headers["access-control-allow-headers"].lower().split(",")}
        assert allowed >= set(SENDABLE.split(", "))
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            told = await client.options("/brands", headers=preflight(APP, method))
            assert method in told.headers["access-control-allow-methods"]


@pytest.mark.parametrize("origin", FOREIGN)
async def test_any_other_origin_may_read_nothing(opened: Opened, origin: str) -> None:
    async with opened(APP) as client:
        answer = await client.get("/products", headers={"origin": origin})
        assert "access-control-allow-origin" not in answer.headers
        asked = await client.options("/brands", headers=preflight(origin))
        assert asked.status_code == 400
        assert "access-control-allow-origin" not in asked.headers
        assert asked.headers["x-content-type-options"] == "nosniff"


async def test_without_a_list_no_page_of_another_origin_may_read_anything(opened: Opened) -> None:
    async with opened() as client:
        assert allows(await client.get("/products", headers={"origin": APP})) == {}
        asked = await client.options("/brands", headers=preflight(APP))
        assert asked.status_code == 405
        assert allows(asked) == {}


async def test_a_star_never_goes_together_with_cookies(opened: Opened) -> None:
    async with opened("*") as client:
        await client.post("/auth/register", json=ASHA)
        body = {"email": ASHA["email"], "password": ASHA["password"]}
        assert (await client.post("/auth/login", json=body)).cookies["ts_rt"]
        for headers in ({"origin": OTHER}, {"origin": OTHER, "cookie": "ts_rt=x"}):
            answer = await client.get("/products", headers=headers)
            assert "access-control-allow-credentials" not in answer.headers
        refused = await client.post("/auth/token/refresh", headers={"origin": OTHER})
        assert (refused.status_code, refused.json()["code"]) == (403, "csrf")
        asked = await client.options("/auth/token/refresh", headers=preflight(OTHER, "POST"))
        assert "access-control-allow-credentials" not in asked.headers


@pytest.mark.parametrize("status", [401, 404, 405, 413, 415, 422, 429, 500])
async def test_a_page_of_ours_can_read_why_it_was_refused(
    opened: Opened, shop: Shop, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    async def breaks(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(type(shop.store.products), "cards", breaks)
    shopper = await make.person(shop)
    asked: dict[int, tuple[str, str, dict[str, Any]]] = {
        401: ("GET", "/orders", {}),
        404: ("GET", "/nowhere", {}),
        405: ("DELETE", "/products", {}),
        413: ("POST", "/cart/add", {"content": b"x" * 70_000}),
        415: ("POST", "/cart/add", {"content": b"<a/>", "headers": {"content-type": "text/xml"}}),
        422: ("POST", "/cart/add", {"json": {}}),
        429: ("GET", "/auth/me", {"headers": shopper.headers}),
        500: ("GET", "/products", {}),
    }
    method, path, sent = asked[status]
    async with opened(APP, rate_limit_enabled=status == 429, rate_limit_default="1/hour") as client:
        headers = {"origin": APP, **sent.pop("headers", {})}
        if status == 429:
            await client.get(path, headers=headers)
        answer = await client.request(method, path, headers=headers, **sent)
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == APP
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "X-Request-ID" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    "origin",
    ["null", "https://app.example/shop", "app.example", "https://*.example", "ftp://app.example", "https://?x"],
)
def test_what_is_no_origin_cannot_be_on_the_list(origin: str) -> None:
    with pytest.raises(SettingsRefusedError, match="CORS_ORIGINS") as refused:
        Settings.load(environ={"CORS_ORIGINS": f"{APP},{origin}"})
    assert origin == "null" or origin not in str(refused.value)


def test_origins_are_compared_as_browsers_write_them() -> None:
    listed = "https://App.Example/, http://localhost:5173, http://[::1]:8080, *"
    found = Settings.load(environ={"CORS_ORIGINS": listed}).auth.cors_origins
    assert found == ["https://app.example", "http://localhost:5173", "http://[::1]:8080", "*"]
