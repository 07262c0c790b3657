"""The store with a provider of the tests in Google's place, and browsers that walk through a sign-in."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from fastapi import FastAPI

from tests.auth.provider import CLIENT, SECRET, Provider, running_provider
from tests.conftest import empty, empty_sql, forget, make_settings
from tests.line import Line, State, Streams
from tests.post import Post
from truestyle.infra.mail import Shown
from truestyle.main import create_app
from truestyle.shop import Shop

LOGIN = "http://test/api/v1/auth/google/login"
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # httpx would read all certificates for each test
SHOP_PAGES, OTHER_PAGES = "https://shop.example.com", "https://app.example.com:8443"


@dataclass(frozen=True)
class Google:
    """The store, the provider that it asks, and the line between them."""

    app: FastAPI = field(repr=False)
    provider: Provider = field(repr=False)
    line: Line = field(repr=False)

    @property
    def shop(self) -> Shop:
        shop: Shop = self.app.state.shop
        return shop


@dataclass(frozen=True)
class Browser:
    """Somebody's browser: it keeps cookies, and goes to the store and to the provider."""

    store: httpx.AsyncClient = field(repr=False)
    web: httpx.AsyncClient = field(repr=False)

    async def begin(self, place: str | None = None) -> httpx.Response:
        """Ask the store to be sent to Google."""
        return await self.store.get(LOGIN, params={} if place is None else {"next": place})

    async def leave(self, place: str | None = None) -> str:
        """Begin, sign in there and agree; the address to come back to."""
        begun = await self.begin(place)
        assert begun.status_code == 302, begun.text
        consent = await self.web.get(begun.headers["location"])
        assert consent.status_code == 302, consent.text
        return consent.headers["location"]

    async def come_back(self, address: str, **headers: str) -> httpx.Response:
        """Follow the provider's redirect."""
        return await self.store.get(address, headers=headers)

    async def sign_in(self, place: str | None = None, **headers: str) -> httpx.Response:
        """All of it; what the store answers to the one that comes back."""
        return await self.come_back(await self.leave(place), **headers)


@pytest.fixture(scope="module")
async def google_side(
    mongo_uri: str, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str
) -> AsyncIterator[Google]:
    async def dial() -> Streams:
        return await asyncio.open_connection("127.0.0.1", port)

    line = Line(dial)
    await line.open()
    issuer = f"http://127.0.0.1:{line.port}"
    with running_provider(issuer) as (provider, port):
        settings = make_settings(
            mongo_uri,
            tmp_path_factory.mktemp("google"),
            mongo_db="google",
            google_client_id=CLIENT,
            google_client_secret=SECRET,
            google_discovery_url=f"{issuer}/.well-known/openid-configuration",
            frontend_url=SHOP_PAGES,
            cors_origins=OTHER_PAGES,
        )
        app = create_app(settings, work=False)
        async with app.router.lifespan_context(app):
            await empty(app.state.shop.store)
            yield Google(app, provider, line)
            await app.state.shop.client.drop_database("google")
        await line.close()


@pytest.fixture
async def google(google_side: Google) -> AsyncIterator[Google]:
    """The store with Google, emptied and mended after the test."""
    google_side.provider.behave()
    yield google_side
    await google_side.line.become(State.UP)
    await empty(google_side.shop.store)
    await empty_sql(google_side.shop)
    forget(google_side.shop)


@pytest.fixture
async def web() -> AsyncIterator[httpx.AsyncClient]:
    """What browsers reach the provider by."""
    async with httpx.AsyncClient(verify=NO_TLS) as client:
        yield client


@pytest.fixture
async def browser(google: Google, web: httpx.AsyncClient) -> AsyncIterator[Browser]:
    async with at_the_store(google) as client:
        yield Browser(client, web)


@pytest.fixture
async def stranger(google: Google, web: httpx.AsyncClient) -> AsyncIterator[Browser]:
    """Somebody else's browser."""
    async with at_the_store(google) as client:
        yield Browser(client, web)


def at_the_store(google: Google) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(google.app), base_url="http://test/api/v1")


def changed(address: str, **parameters: str | None) -> str:
    """The address with other parameters; None: without."""
    parts = urlsplit(address)
    query = {**dict(parse_qsl(parts.query)), **parameters}
    return parts._replace(query=urlencode({name: one for name, one in query.items() if one is not None})).geturl()


@pytest.fixture
def letters(google: Google) -> Iterator[Post]:
    """The mail that goes out during a test."""
    before, google.shop.mailer = google.shop.mailer, Shown(google.shop.mailer)
    yield Post(google.shop, google.shop.mailer)
    google.shop.mailer = before
