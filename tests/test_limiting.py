"""Request limits over HTTP: which class a route is in, whom it counts, what it says; exact over two processes."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests import make
from tests.auth.test_register import ASHA
from tests.conftest import make_settings
from tests.running import RunningRedis, environment, running
from truestyle.main import create_app
from truestyle.settings import Settings, SettingsRefusedError
from truestyle.shop import Shop

NOWHERE = "65af0b12c4a1d2e3f4a5b6c7"
LOGIN = {"email": "nobody@example.com", "password": "not this one, surely"}
Opened = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def opened(mongo_uri: str, tmp_path: Path, shop: Shop) -> Opened:
    """A store with limits on the database of the tests; its client asks from whatever address a test says."""

    @asynccontextmanager
    async def open_it(**limits: Any) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(
            make_settings(mongo_uri, tmp_path, rate_limit_enabled=True, **limits), work=False, prepared=True
        )
        async with app.router.lifespan_context(app), From(app) as client:
            yield client

    return open_it


class From(httpx.AsyncClient):
    """A client of an app in this process."""

    def __init__(self, app: FastAPI, address: str = "203.0.113.7") -> None:
        self.app = app
        transport = httpx.ASGITransport(app, client=(address, 40_000))
        super().__init__(transport=transport, base_url="http://test/api/v1")


def elsewhere(client: httpx.AsyncClient, address: str) -> From:
    assert isinstance(client, From)
    return From(client.app, address)


async def statuses(client: httpx.AsyncClient, times: int, method: str, path: str, **options: Any) -> list[int]:
    return [(await client.request(method, path, **options)).status_code for _ in range(times)]


@pytest.mark.parametrize(
    ("limit", "method", "path", "body", "answered"),
    [
        ("login", "POST", "/auth/login", LOGIN, 401),
        ("login", "POST", "/auth/signin", LOGIN, 401),  # another seed's path to the same
        ("register", "POST", "/auth/register", {}, 422),
        ("search", "GET", "/products?q=kurta", None, 200),
        ("read", "GET", "/products", None, 200),
        ("read", "GET", "/cart", None, 200),
        ("default", "POST", "/auth/token/refresh", None, 401),
        ("default", "GET", "/orders", None, 401),
        ("default", "POST", "/cart/add", {"product_id": NOWHERE}, 404),
    ],
)
async def test_each_class_has_its_own_rate_and_says_so(
    opened: Opened, limit: str, method: str, path: str, body: Any, answered: int
) -> None:
    async with opened(**{f"rate_limit_{limit}": "3/minute"}) as client:
        found = [await client.request(method, path, json=body) for _ in range(5)]
        assert [one.status_code for one in found] == [answered] * 3 + [429] * 2
        assert [one.headers["ratelimit-remaining"] for one in found] == ["2", "1", "0", "0", "0"]
        assert {one.headers["ratelimit-limit"] for one in found} == {"3"}
        assert all(1 <= int(one.headers["ratelimit-reset"]) <= 60 for one in found)
        assert "retry-after" not in found[0].headers
        refused = found[-1]
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["code"] == "rate_limited"
        for other in ("/brands", "/products"):
            if limit != "read":
                assert (await client.get(other)).status_code == 200  # the other classes go on


async def test_what_is_refused_does_nothing(opened: Opened, shop: Shop) -> None:
    async with opened(rate_limit_register="2/hour") as client:
        bodies = [{**ASHA, "email": f"asha{number}@example.com"} for number in range(4)]
        got = [(await client.post("/auth/register", json=body)).status_code for body in bodies]
    assert got == [201, 201, 429, 429]
    assert await shop.store.users.count({}) == 2


async def test_at_once_is_no_way_around(opened: Opened) -> None:
    async with opened(rate_limit_default="20/minute") as client:
        found = await asyncio.gather(*(client.post("/auth/token/refresh") for _ in range(60)))
    assert Counter(one.status_code for one in found) == {401: 20, 429: 40}


async def test_each_account_has_its_own_rate_and_keeps_it_wherever_it_goes(opened: Opened, shop: Shop) -> None:
    one, other = await make.person(shop), await make.person(shop)
    async with opened(rate_limit_default="3/minute") as client, elsewhere(client, "198.51.100.1") as abroad:
        assert await statuses(client, 4, "GET", "/orders", headers=one.headers) == [200] * 3 + [429]
        assert await statuses(client, 4, "GET", "/orders", headers=other.headers) == [200] * 3 + [429]
        assert await statuses(abroad, 1, "GET", "/orders", headers=one.headers) == [429]


async def test_one_address_with_many_accounts_has_ten_times_the_rate(opened: Opened, shop: Shop) -> None:
    people = [await make.person(shop) for _ in range(11)]
    async with opened(rate_limit_default="2/minute") as client:
        got = [status for one in people for status in await statuses(client, 2, "GET", "/orders", headers=one.headers)]
    assert got == [200] * 20 + [429] * 2


async def test_a_token_that_is_none_counts_as_nobody(opened: Opened) -> None:
    async with opened(rate_limit_default="3/minute") as client:
        got = [
            (await client.get("/orders", headers={"authorization": f"Bearer made-up-{number}"})).status_code
            for number in range(5)
        ]
    assert got == [401] * 3 + [429] * 2


async def test_what_strangers_say_about_their_address_is_ignored(opened: Opened) -> None:
    async with opened(rate_limit_login="3/minute", trusted_proxies=["10.0.0.0/8"]) as client:
        for header in ("x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip", "true-client-ip"):
            for number in range(3):
                await client.post("/auth/login", json=LOGIN, headers={header: f"198.51.100.{number}"})
        assert await statuses(client, 1, "POST", "/auth/login", json=LOGIN) == [429]


async def test_behind_our_proxy_each_client_is_counted_by_its_own_address(opened: Opened, shop: Shop) -> None:
    async with (
        opened(rate_limit_login="2/minute", trusted_proxies=["10.0.0.0/8"]) as client,
        elsewhere(client, "10.0.0.9") as proxy,
    ):
        for address in ("198.51.100.1", "198.51.100.2"):
            sent = {"x-forwarded-for": f"1.2.3.4, {address}"}
            body = {**LOGIN, "email": f"{address}@example.com"}
            assert await statuses(proxy, 3, "POST", "/auth/login", json=body, headers=sent) == [401, 401, 429]


async def test_an_ipv6_subscriber_is_one_client(opened: Opened) -> None:
    async with opened(rate_limit_login="3/minute") as client:
        got = []
        for number in range(5):
            async with elsewhere(client, f"2001:db8:1:2::{number:x}") as one:
                got += await statuses(one, 1, "POST", "/auth/login", json=LOGIN)
        assert got == [401] * 3 + [429] * 2


async def test_health_checks_are_never_limited(opened: Opened) -> None:
    async with opened(rate_limit_read="1/minute", rate_limit_default="1/minute") as client:
        found = [await client.get("http://test/health/live") for _ in range(5)]
    assert [one.status_code for one in found] == [200] * 5
    assert "ratelimit-limit" not in found[0].headers


async def test_an_attempt_to_change_a_read_into_another_class_stays_a_read(opened: Opened) -> None:
    async with opened(rate_limit_search="1/minute", rate_limit_read="3/minute") as client:
        assert await statuses(client, 4, "GET", "/products") == [200] * 3 + [429]
        assert await statuses(client, 2, "GET", "/products?q=kurta") == [200, 429]
        assert await statuses(client, 1, "HEAD", "/products") == [429]


async def test_switched_off_nothing_is_counted(client: httpx.AsyncClient) -> None:
    answer = await client.post("/auth/token/refresh")
    assert "ratelimit-limit" not in answer.headers


def test_the_document_names_the_class_of_every_operation(app: FastAPI) -> None:
    found = {
        told["operationId"]: (told.get("x-rate-limit"), "429" in told["responses"])
        for methods in app.openapi()["paths"].values()
        for told in methods.values()
    }
    assert found["login"] == found["change_password"] == found["delete_me"] == ("login", True)
    assert found["register"] == ("register", True)
    assert found["export_products"] == found["export_my_data"] == ("export", True)
    assert found["list_products"] == ("search", True)
    assert found["get_product"] == ("read", True)
    assert found["list_orders"] == found["add_to_cart"] == ("default", True)
    unlimited = {name for name, (limit, told) in found.items() if limit is None or not told}
    assert unlimited == {"root", "health", "live", "ready", "receive_webhook"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rate_limit_login", "often"),
        ("rate_limit_login", "0/minute"),
        ("trusted_proxies", "0.0.0.0/0"),
        ("trusted_proxies", "::/0"),
        ("trusted_proxies", "proxy.example"),
        ("lockout_account_failures", "1"),
        ("forwarded_header", "x-real-ip"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(SettingsRefusedError, match=name.upper()):
        Settings.load(environ={}, **{name: value})


async def test_two_worker_processes_count_together_through_redis_and_open_nothing_when_it_dies(
    mongo_uri: str, tmp_path: Path, shop: Shop, redis: RunningRedis
) -> None:
    settings = make_settings(mongo_uri, tmp_path, rate_limit_enabled=True)
    env = environment(settings, REDIS_HOST=redis.url, RATE_LIMIT_DEFAULT="20/hour", REFRESH_COOKIE_SECURE="true")
    with (
        running(["serve", "--workers", "1"], env, tmp_path) as one,
        running(["serve", "--workers", "1"], env, tmp_path) as other,
    ):
        urls = [f"{process.url}/api/v1/auth/token/refresh" for process in (one, other)]

        async def many(times: int) -> Counter[int]:
            async with httpx.AsyncClient(timeout=30) as client:
                answers = await asyncio.gather(*(client.post(url) for url in urls * times))
            return Counter(one.status_code for one in answers)

        assert await many(40) == {401: 20, 429: 60}
        redis.hang()
        assert await many(20) == {429: 40}
        redis.die()
        assert await many(20) == {429: 40}
