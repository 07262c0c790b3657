"""Two API processes and a worker are killed at random while people shop: nothing promised is lost or done twice."""

import asyncio
import os
import random
import time
from pathlib import Path

import pytest
from tests.faults.conftest import Tell
from tests.faults.shopping import Shopping, kept, settled
from tests.running import Process, environment, free_port

from truestyle.shop import Shop

SECONDS = float(os.environ.get("FAULTS_SECONDS", "60"))
SEED = int(os.environ.get("FAULTS_SEED", str(random.randrange(10**6))))  # noqa: S311 - which one dies when
SHOPPERS, QUICK = 10, 10.0


class Troupe:
    """Two servers and a worker, each of which is begun again when it was killed."""

    def __init__(self, env: dict[str, str], folder: Path) -> None:
        self._env, self._folder = env, folder
        self._ports: list[int | None] = [free_port(), free_port(), None]
        self._processes = [self._begin(port) for port in self._ports]

    @property
    def urls(self) -> list[str]:
        """Where the servers answer."""
        return [f"http://127.0.0.1:{port}" for port in self._ports if port]

    async def ready(self) -> None:
        """Until both servers answer."""
        for one in self._processes[:2]:
            await asyncio.to_thread(one.wait_ready)

    def kill_one(self, chance: random.Random) -> str:
        """SIGKILL to one of them, and another in its place; who it was."""
        at = chance.randrange(len(self._processes))
        self._processes[at].kill()
        self._processes[at] = self._begin(self._ports[at])
        return "worker" if self._ports[at] is None else f"server {at + 1}"

    def stop(self) -> None:
        """SIGTERM to all."""
        for one in self._processes:
            one.stop()

    def _begin(self, port: int | None) -> Process:
        return Process(["serve"] if port else ["worker"], self._env, self._folder, port)


async def survives(shop: Shop, folder: Path, seconds: float) -> str:
    """Kill for so long, then look at everything; what happened."""
    chance = random.Random(SEED)  # noqa: S311
    troupe = Troupe(environment(shop.settings, IDEMPOTENCY_LEASE_SECONDS="1"), folder)
    await troupe.ready()
    going = await Shopping.begun(troupe.urls, shop, SHOPPERS)
    await going.placed(10)
    killed: list[str] = []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        await asyncio.sleep(chance.uniform(0.2, 3))
        killed.append(troupe.kill_one(chance))
    await going.placed(10)
    promised = await going.finish()
    troupe.stop()
    await settled(shop)
    await kept(shop, promised)
    assert len(killed) >= seconds / 4
    return f"seed {SEED}: {len(killed)} killed in {seconds:.0f} s; {promised.told()}"


async def test_servers_and_worker_killed_at_random(fault_shop: Shop, tmp_path: Path, figure: Tell) -> None:
    figure(await survives(fault_shop, tmp_path, QUICK))


@pytest.mark.long
async def test_servers_and_worker_killed_at_random_for_long(fault_shop: Shop, tmp_path: Path, figure: Tell) -> None:
    figure(await survives(fault_shop, tmp_path, SECONDS))
