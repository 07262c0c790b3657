"""People who shop while something breaks: they ask until they have an answer, and remember what they were told."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from tests import make

from truestyle.audit.service import audit
from truestyle.bench.wire import Ask, Connection, Got
from truestyle.orders.flow import OrderStatus
from truestyle.shop import Shop

PIECES, SKUS = 100_000, 4
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ANSWERED_WITHIN, PATIENCE = 30.0, 120.0  # seconds for one answer, and for one that says more than "later"
LATER = {"service_unavailable", "idempotency_in_progress", "maintenance"}
SANDBOX = {**make.COD, "payment": {"type": "sandbox", "scenario": "approve"}}


@dataclass
class Promised:
    """What people were told by a 2xx, and how it went."""

    orders: dict[str, str] = field(default_factory=dict)  # by idempotency key
    cancelled: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    placed_at: list[float] = field(default_factory=list)  # moments on the clock of `time.monotonic`
    answers: Counter[str] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)

    def told(self) -> str:
        """In a line."""
        said = ", ".join(f"{count} × {one}" for one, count in sorted(self.answers.items()))
        return f"{len(self.orders)} orders, {len(self.cancelled)} cancelled ({said})"


class Shopping:
    """Shoppers who each add to the cart, order under a key, and now and then cancel or keep an address."""

    def __init__(self, urls: Sequence[str], people: Sequence[make.Person], lines: Sequence[dict[str, str]]) -> None:
        self._urls, self._people, self._lines = list(urls), people, lines
        self._going: list[asyncio.Task[None]] = []
        self._closing = False
        self.promised = Promised()

    @classmethod
    async def begun(cls, urls: Sequence[str], shop: Shop, people: int) -> "Shopping":
        """So many new people before a few products that all of them want."""
        products = [await make.product(shop, stock=PIECES) for _ in range(SKUS)]
        lines = [{"product_id": str(one.id), "sku": one.variants[0].sku} for one in products]
        found = cls(urls, [await make.person(shop) for _ in range(people)], lines)
        found.begin()
        return found

    def begin(self) -> None:
        """Shop until `finish`."""
        self._going = [asyncio.create_task(self._shop(number)) for number in range(len(self._people))]

    async def finish(self) -> Promised:
        """Let everybody come to the end of what they are at."""
        self._closing = True
        async with asyncio.timeout(2 * PATIENCE):
            await asyncio.gather(*self._going)
        return self.promised

    async def placed(self, count: int, within: float = PATIENCE) -> None:
        """Until so many more orders were acknowledged."""
        wanted, ends = len(self.promised.orders) + count, time.monotonic() + within
        while len(self.promised.orders) < wanted:
            assert time.monotonic() < ends, self.promised.told()
            for one in self._going:
                if one.done():
                    one.result()
            await asyncio.sleep(0.01)

    async def _shop(self, number: int) -> None:
        person, connections = self._people[number], [Connection(url) for url in self._urls]
        try:
            for turn in itertools.count():
                if self._closing:
                    return
                await self._buy(person, connections, number, turn)
        finally:
            for one in connections:
                await one.close()

    async def _buy(self, person: make.Person, connections: list[Connection], number: int, turn: int) -> None:
        key, line = f"shopper-{number}-{turn}", self._lines[(number + turn) % len(self._lines)]
        await self._ask(person, connections, "POST", "/cart/add", line, {200})
        body = SANDBOX if turn % 4 == 1 else make.COD
        placed = await self._ask(person, connections, "POST", "/checkout", body, {201}, key)
        order = placed.json()["order_id"]
        self.promised.orders[key] = order
        self.promised.placed_at.append(time.monotonic())
        if turn % 5 == 2:
            # Asked again after a lost answer it is cancelled already: 409, which promises nothing.
            path = f"/orders/{order}/cancel"
            answer = await self._ask(person, connections, "POST", path, {"reason": "The wrong size"}, {200, 409})
            if answer.status == 200:
                self.promised.cancelled.add(order)
        if turn % 5 == 4:
            kept = await self._ask(person, connections, "POST", "/user-address", make.ADDRESS, {201, 409})
            if kept.status == 201:
                self.promised.addresses.add(kept.json()["id"])

    async def _ask(
        self,
        person: make.Person,
        connections: list[Connection],
        method: str,
        path: str,
        body: Any,
        wanted: set[int],
        key: str | None = None,
    ) -> Got:
        """Ask one process, then the next, as a balancer and a patient client do, until the answer is one of these."""
        headers = {**person.headers, **({"idempotency-key": key} if key else {})}
        ends = time.monotonic() + PATIENCE
        while True:
            try:
                async with asyncio.timeout(ANSWERED_WITHIN):
                    got = await connections[0].send(Ask(method, f"/api/v1{path}", headers, body))
            except (OSError, EOFError, TimeoutError) as error:  # TimeoutError is an OSError, said for clarity
                refused = isinstance(error, ConnectionRefusedError)
                said = "no answer in time" if isinstance(error, TimeoutError) else "refused" if refused else "hung up"
            else:
                if got.status in wanted:
                    self.promised.answers[str(got.status)] += 1
                    return got
                is_problem = got.headers.get("content-type") == "application/problem+json"
                code = str(got.json()["code"]) if is_problem else "which is no problem"
                said = f"{got.status} {code}"
                if code not in LATER:
                    self.promised.unexpected.append(f"{method} {path}: {got.content.decode()[:300]}")
            self.promised.answers[said] += 1
            assert time.monotonic() < ends, f"{method} {path}: {said}"
            await connections[0].close()  # the server may do so too, by the time that it is of use again
            connections.append(connections.pop(0))
            await asyncio.sleep(0.05)


async def settled(shop: Shop) -> None:
    """What the dead left to their leases is taken up at once, as if the time of those had passed; then all is done."""
    await shop.store.outbox.collection.update_many({}, {"$set": {"lease_until": None}})
    await shop.store.payments.unwatched.update_many(
        {"provider_reference": None, "look_at": {"$ne": None}}, {"$set": {"look_at": LONG_AGO}}
    )
    await shop.worker.drain()


async def kept(shop: Shop, promised: Promised) -> None:
    """Every 2xx is in the database, nothing is there twice, and the books are clean."""
    assert promised.unexpected == []
    store, ids = shop.store, [ObjectId(one) for one in promised.orders.values()]
    assert len(ids) == len(set(ids)), "an order was given to two requests"
    there = {row["_id"] async for row in store.orders.collection.find({}, {"_id": 1})}
    assert sorted(set(ids) - there) == [], "acknowledged orders are lost"
    assert len(there - set(ids)) == 0, "orders were made that nobody asked for"
    cancelled = [ObjectId(one) for one in promised.cancelled]
    where = {"_id": {"$in": cancelled}, "status": OrderStatus.CANCELLED.value}
    assert await store.orders.count(where) == len(cancelled)
    addresses = [ObjectId(one) for one in promised.addresses]
    assert await store.addresses.count({"_id": {"$in": addresses}}) == len(addresses)
    report = await audit(shop)
    assert report.clean, report.breaches


async def rush(
    url: str, people: list[make.Person], body: dict[str, Any] = make.COD, *, first: int = 0
) -> dict[str, Got]:
    """Everybody checks out at once; what was answered, by idempotency key."""
    answered: dict[str, Got] = {}

    async def buy(number: int) -> None:
        key = f"rush-{first + number}"
        connection = Connection(url)
        with suppress(OSError, EOFError):
            headers = {**people[number].headers, "idempotency-key": key}
            answered[key] = await connection.send(Ask("POST", "/api/v1/checkout", headers, body))
        await connection.close()

    await asyncio.gather(*(buy(number) for number in range(len(people))))
    return answered


async def patiently(
    url: str, people: list[make.Person], body: dict[str, Any] = make.COD, *, first: int = 0
) -> dict[str, Got]:
    """The same, but who is told to come again (503) does: the locks of a killed process hold for some seconds."""
    for _ in range(5):
        answered = await rush(url, people, body, first=first)
        if all(one.status != 503 for one in answered.values()):
            break
        await asyncio.sleep(1)
    return answered
