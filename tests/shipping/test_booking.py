"""A carrier that wants to be told of parcels: of each packed one, once it answers, and of those called off after."""

from dataclasses import dataclass, field

import pytest
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Buyer, Staff
from truestyle.infra.outbox import EventStatus
from truestyle.kit import clock
from truestyle.shipping.carriers import Booking, Consignment, Destination, Offer
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")


@dataclass
class Runner:
    """A boy with a bicycle."""

    books: bool = True
    away: bool = False
    told: list[Consignment] = field(default_factory=list)
    called_off: list[str] = field(default_factory=list)

    async def offer(self, to: Destination | None, weight: int | None = None) -> Offer:  # noqa: ARG002
        return Offer(zone="by bicycle", deliverable=to is None or to.pincode.startswith("560"), fee=1500, days=1)

    async def varies(self) -> bool:
        return True

    async def book(self, consignment: Consignment) -> Booking | None:
        if self.away:
            raise ConnectionError
        self.told.append(consignment)
        return Booking("Runner", f"R-{consignment.number}", "https://runner.example/r")

    async def cancel(self, order_id: str) -> None:
        self.called_off.append(order_id)


@pytest.fixture
def runner(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Runner:
    runner = Runner()
    monkeypatch.setattr(shop.store, "carrier", runner)
    return runner


async def test_another_carrier_decides_and_hears_of_parcels(
    client: AsyncClient, shop: Shop, runner: Runner, buyer: Buyer, staff: make.Person
) -> None:
    await make.product(shop, price="999", variants=[{"sku": "A"}])
    packer = Staff(client, staff)
    order = await buyer.order(A=1)
    assert (order["shipping"], order["total"]) == ("15.00", "1014.00")
    runner.away = True
    await packer.move(order["id"], "packed")
    await shop.worker.drain()
    assert await shop.store.outbox.count({"topic": "shipping.book", "status": EventStatus.WAITING}) == 1
    assert (await buyer.see(order["id"]))["tracking"] is None
    runner.away = False
    again = {"$set": {"due_at": clock.now(), "lease_until": None}}
    await shop.store.outbox.collection.update_many({"topic": "shipping.book"}, again)
    await shop.worker.drain()
    [consignment] = runner.told
    assert (consignment.number, consignment.goods, consignment.collect) == (order["number"], 99900, 101400)
    assert consignment.to == Destination("560038", "KARNATAKA")
    tracking = {"carrier": "Runner", "number": f"R-{order['number']}", "url": "https://runner.example/r"}
    assert (await buyer.see(order["id"]))["tracking"] == tracking
    await packer.move(order["id"], "cancelled")
    await shop.worker.drain()
    assert runner.called_off == [order["id"]]


async def test_the_table_hears_of_nothing(client: AsyncClient, shop: Shop, buyer: Buyer, staff: make.Person) -> None:
    await make.product(shop, variants=[{"sku": "A"}])
    order = await buyer.order(A=1)
    await Staff(client, staff).bring_to(order["id"], "packed")
    assert await shop.store.outbox.count({"topic": {"$regex": "^shipping"}}) == 0
