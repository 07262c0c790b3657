"""What the tests of faults share; what they measured is printed at the end."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests import make
from tests.conftest import make_settings
from tests.running import Process

from truestyle.shop import Shop

Tell = Callable[[str], None]


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    """What a test started ends with it, when it fails too."""
    yield
    Process.end_all()


@pytest.fixture
async def fault_shop(mongo_uri: str, tmp_path: Path) -> AsyncIterator[Shop]:
    settings = make_settings(mongo_uri, tmp_path, mongo_db="faults", idempotency_lease_seconds=1)
    shop = Shop(settings)
    await shop.open(work=False)
    await shop.prepare()
    await make.person(shop, "admin")
    yield shop
    await shop.client.drop_database("faults")
    await shop.close()


async def live_for(shop: Shop, seconds: int) -> None:
    """How long transactions that begin now may be open."""
    await shop.client.admin.command({"setParameter": 1, "transactionLifetimeLimitSeconds": seconds})


@asynccontextmanager
async def held(shop: Shop, collection: str) -> AsyncIterator[None]:
    """Nobody else writes to these rows meanwhile."""
    rows = shop.store.db[collection]
    async with shop.client.start_session() as session, await session.start_transaction():
        await live_for(shop, 120)  # however slow the machine: this one, not those of whoever is killed meanwhile
        await rows.update_many({}, {"$set": {"held": True}}, session=session)
        await live_for(shop, 5)
        yield
        await session.abort_transaction()


@pytest.fixture
def figure(record_property: Callable[[str, object], None], request: pytest.FixtureRequest) -> Tell:
    """Say what was measured: it is printed after the tests, and kept in the file that FAULTS_FIGURES names."""

    def tell(text: str) -> None:
        record_property("figure", text)
        if kept := os.environ.get("FAULTS_FIGURES"):
            with Path(kept).open("a") as file:
                file.write(f"{request.node.name}: {text}\n")

    return tell


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [one for kind in ("passed", "failed") for one in terminalreporter.getreports(kind)]
    found = [
        f"{one.location[2]}: {text}"
        for one in reports
        for name, text in one.user_properties
        if one.when == "call" and name == "figure"
    ]
    if found:
        terminalreporter.section("measured")
        for line in found:
            terminalreporter.write_line(line)
