"""The same over two worker processes, with Redis and without."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests import make
from tests.auth.mfa.phone import Phone, refused, with_mfa
from tests.conftest import make_settings
from tests.running import environment, running, running_redis
from tests.soon import soon
from truestyle.shop import Shop

Two = tuple[httpx.AsyncClient, httpx.AsyncClient]


@pytest.fixture(scope="module", params=["redis", "no-redis"])
async def two(
    request: pytest.FixtureRequest, mongo_uri: str, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str
) -> AsyncIterator[Two]:
    """Clients of two processes over one database."""
    folder: Path = tmp_path_factory.mktemp("two")
    more = {"RATE_LIMIT_ENABLED": "false", "REFRESH_COOKIE_SECURE": "true"}
    with ExitStack() as stack:
        if request.param == "redis":
            more["REDIS_HOST"] = stack.enter_context(running_redis(folder)).url
        env = environment(make_settings(mongo_uri, folder), **more)
        urls = [stack.enter_context(running(["serve", "--workers", "1"], env, folder)).url for _ in range(2)]
        one, other = (httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=30) for url in urls)
        async with one, other:
            yield one, other


def at(phone: Phone, client: httpx.AsyncClient) -> Phone:
    """The same person, served by another process."""
    return Phone(client, phone.shop, phone.person, phone.secret, phone.recovery, phone.headers)


async def test_a_code_works_once_and_five_guesses_lock(two: Two, shop: Shop) -> None:
    here = await with_mfa(two[0], shop)
    both = (here, at(here, two[1]))
    tokens = [await here.token() for _ in range(20)]
    code = await here.fresh()
    answers = await asyncio.gather(*(both[n % 2].verify(one, code) for n, one in enumerate(tokens)))
    assert Counter(one.status_code for one in answers) == {200: 1, 401: 19}
    answers = await asyncio.gather(*(both[n % 2].verify(one, here.recovery[0]) for n, one in enumerate(tokens)))
    assert sum(one.status_code == 200 for one in answers) == 1
    wrong = await here.wrong()
    answers = await asyncio.gather(*(both[n % 2].verify(one, wrong) for n, one in enumerate(tokens * 2)))
    assert Counter(one.status_code for one in answers) == {401: 5, 423: 35}


async def test_switched_on_here_it_holds_there_within_a_second(two: Two, shop: Shop) -> None:
    here = await with_mfa(two[0], shop, "admin")
    other, who = at(here, two[1]), await make.person(shop)
    path, body = f"/users/{who.user.id}/role", {"role": "staff"}
    await here.post("/auth/mfa/disable", {"password": "a long and unlikely phrase", "code": await here.fresh()})

    async def answers(status: int) -> bool:
        return (await other.client.put(path, json=body, headers=here.headers)).status_code == status

    await soon(partial(answers, 200))  # and is remembered
    await here.set_up()
    await here.enable()
    await soon(partial(answers, 403))
    refused(await other.client.put(path, json=body, headers=here.headers), 403, "step_up_required")
    assert (await here.step_up()).status_code == 200
    assert (await other.client.put(path, json=body, headers=here.headers)).status_code == 200
