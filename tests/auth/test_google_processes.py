"""Signing in with Google where everybody is a process: a provider by other people, and two stores on one database."""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.auth.conftest import Browser, Google
from tests.auth.provider import CLIENT, SECRET, running_provider
from tests.conftest import make_settings
from tests.running import ENDS_WITH_US, environment, free_port, running
from truestyle.infra import oidc
from truestyle.infra.oidc import Registration
from truestyle.shop import Shop

PERSON = {"sub": "asha", "email": "asha@example.com", "email_verified": True, "name": "Asha Rao"}


@pytest.fixture
def mock_provider(tmp_path: Path) -> Iterator[str]:
    """The address of `oidc-provider-mock`, which knows one person."""
    port = free_port()
    options = ["--port", str(port), "--require-nonce", "true", "--user-claims", json.dumps(PERSON)]
    with (tmp_path / "provider.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - from our own environment
            [sys.executable, "-m", "oidc_provider_mock", *options], stdout=log, stderr=log, **ENDS_WITH_US
        )
    address, ends = f"http://127.0.0.1:{port}", time.monotonic() + 60
    while time.monotonic() < ends:
        assert process.poll() is None, (tmp_path / "provider.log").read_text()
        try:
            httpx.get(address)
            break
        except httpx.TransportError:
            time.sleep(0.05)
    yield address
    process.terminate()
    process.wait(20)


async def test_a_provider_that_others_wrote_signs_in(browser: Browser, google: Google, mock_provider: str) -> None:
    before = google.shop.google
    us = Registration(f"{mock_provider}{oidc.WELL_KNOWN}", "any", "any", "http://test/api/v1/auth/google/callback")
    google.shop.google = fresh = oidc.Provider(us)
    try:
        ids = []
        for _ in range(2):
            begun = await browser.begin()
            consent = await browser.web.post(begun.headers["location"], data={"sub": PERSON["sub"]})
            assert consent.status_code == 302, consent.text
            answer = await browser.come_back(consent.headers["location"])
            assert answer.status_code == 200, answer.text
            ids.append(answer.json()["user"]["id"])
        again = await browser.come_back(consent.headers["location"])
    finally:
        google.shop.google = before
        await fresh.close()
    assert len(set(ids)) == 1
    assert (answer.json()["user"]["email"], answer.json()["user"]["full_name"]) == (PERSON["email"], PERSON["name"])
    assert (again.status_code, again.json()["code"]) == (400, "oauth_state_invalid")


async def test_a_state_works_once_over_two_processes(mongo_uri: str, tmp_path: Path, shop: Shop) -> None:
    """The provider would take the code as often as it comes."""
    with running_provider() as (provider, _):
        provider.replays = True
        port = free_port()
        env = environment(
            make_settings(mongo_uri, tmp_path),
            RATE_LIMIT_ENABLED="false",
            GOOGLE_CLIENT_ID=CLIENT,
            GOOGLE_CLIENT_SECRET=SECRET,
            GOOGLE_DISCOVERY_URL=f"{provider.issuer}{oidc.WELL_KNOWN}",
            REDIRECT_URI=f"http://127.0.0.1:{port}/api/v1/auth/google/callback",
        )
        with (
            running(["serve", "--workers", "1"], env, tmp_path, port=port) as one,
            running(["serve", "--workers", "1"], env, tmp_path) as other,
        ):
            async with httpx.AsyncClient(timeout=60) as client:
                begun = await client.get(f"{one.url}/api/v1/auth/google/login")
                back = (await client.get(begun.headers["location"])).headers["location"]
                cookie = {"cookie": f"ts_google={client.cookies['ts_google']}"}
                ways = [back.replace(one.url, process.url) for process in (one, other)] * 10
                answers = await asyncio.gather(*(client.get(way, headers=cookie) for way in ways))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: 19}
    assert await shop.store.sessions.count({}) == await shop.store.users.count({}) == 1
