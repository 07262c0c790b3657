"""Everybody wants the last fifty, paying in every way: two worker processes, and the race with the guard taken off."""

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from tests import make
from tests.conftest import make_settings
from tests.running import environment, running
from truestyle.audit.service import audit
from truestyle.bench.wire import Ask, Got, send_all
from truestyle.cart import service as carts
from truestyle.cart.service import Owner
from truestyle.inventory.repository import Stocks
from truestyle.orders.checkout import Placement, place_batch
from truestyle.orders.flow import OrderStatus
from truestyle.orders.models import Order
from truestyle.payments.models import PaymentType
from truestyle.shipping.service import service_to
from truestyle.shop import Shop
from truestyle.users.addresses import AddressWrite

UNITS, BUYERS, TIMES = 50, 400, 3
WAYS = ("cod", "upi", "sandbox")  # sold; set aside until it is paid; paid beforehand


@pytest.fixture
async def race_shop(mongo_uri: str, tmp_path: Path) -> AsyncIterator[Shop]:
    """A store of its own, so that two server processes and this one share nothing with other tests."""
    settings = make_settings(mongo_uri, tmp_path, mongo_db="race")
    shop = Shop(settings)
    await shop.open(work=False)
    await shop.prepare()
    await make.person(shop, "admin")
    yield shop
    await shop.client.drop_database("race")
    await shop.close()
    shutil.rmtree(tmp_path, ignore_errors=True)


async def buyers_with(shop: Shop, sku: str, count: int) -> list[make.Person]:
    people = [await make.person(shop) for _ in range(count)]
    for one in people:
        await make.cart(shop, one, {sku: 1})
    return people


async def test_fifty_units_and_four_hundred_buyers_who_each_ask_three_times(race_shop: Shop, tmp_path: Path) -> None:
    product = await make.product(race_shop, stock=UNITS)
    sku = product.variants[0].sku
    people = await buyers_with(race_shop, sku, BUYERS)
    asks = [
        Ask(
            "POST",
            "/api/v1/checkout",
            {**one.headers, "idempotency-key": f"race-{number}"},
            {**make.COD, "payment": {"type": WAYS[number % len(WAYS)]}},
        )
        for _ in range(TIMES)
        for number, one in enumerate(people)
    ]
    with running(["serve", "--workers", "2"], environment(race_shop.settings), tmp_path) as process:
        answers = [one for one in await send_all(process.url, asks, 200) if isinstance(one, Got)]
        for _ in range(10):  # on a busy machine some are told to come again (503): as a good client does
            again = [at for at, one in enumerate(answers) if one.status == 503]
            told = await send_all(process.url, [asks[at] for at in again], 20)
            for at, one in zip(again, told, strict=True):
                if isinstance(one, Got):
                    answers[at] = one

    assert len(answers) == BUYERS * TIMES
    codes = Counter(answer.json().get("code", "ordered") for answer in answers)
    assert set(codes) <= {"ordered", "insufficient_stock", "idempotency_in_progress", "cart_empty"}, codes
    ordered: dict[str, set[str]] = {}
    for ask, answer in zip(asks, answers, strict=True):
        if answer.status == 201:
            ordered.setdefault((ask.headers or {})["idempotency-key"], set()).add(answer.json()["order_id"])
    assert len(ordered) == UNITS
    assert all(len(ids) == 1 for ids in ordered.values())
    orders = [one async for one in race_shop.store.orders.every({})]
    assert len(orders) == UNITS
    assert await race_shop.store.payments.count({}) == UNITS
    waiting = [one for one in orders if one.status is OrderStatus.PLACED]
    assert PaymentType.COD not in {one.payment.type for one in waiting}
    sold = [one for one in orders if one.status is OrderStatus.CONFIRMED]
    assert PaymentType.UPI not in {one.payment.type for one in sold}
    assert len(waiting) + len(sold) == UNITS
    row = (await race_shop.store.stock.of([sku]))[sku]
    assert (row.on_hand, row.reserved, row.available) == (len(waiting), len(waiting), 0)
    report = await audit(race_shop)
    assert report.clean, report.breaches
    assert (await race_shop.store.products.get(product.id)).in_stock is False


class Unguarded(Stocks):
    """Stock as it is often written: look, then write."""

    async def lock(self, skus: Any) -> dict[str, int]:
        found = await self.available(skus)
        await asyncio.sleep(0.01)
        return found

    async def take(self, demand: Mapping[str, int], moment: datetime) -> bool:  # noqa: ARG002
        for sku, count in demand.items():
            await self.collection.update_one({"_id": sku}, {"$inc": {"on_hand": -count, "available": -count}})
        return True


async def _placement(shop: Shop, buyer: make.Person) -> Placement:
    to = AddressWrite.model_validate(make.ADDRESS).fields()
    return Placement(
        cart=await carts.get(shop.store, Owner(buyer.user.id)),
        user_id=buyer.user.id,
        email=buyer.user.email,
        shipping=to,
        billing=to,
        payment=PaymentType.COD,
        service=await service_to(shop.store, to.state, to.pincode),
        number=str(ObjectId()),
    )


async def test_the_same_race_oversells_without_the_guard(race_shop: Shop) -> None:
    product = await make.product(race_shop, stock=5)
    sku = product.variants[0].sku
    placements = [await _placement(race_shop, one) for one in await buyers_with(race_shop, sku, 20)]
    race_shop.store.stock = Unguarded(race_shop.store.db)

    results = await asyncio.gather(*(place_batch(race_shop.store, [one]) for one in placements))

    assert sum(isinstance(one, Order) for [one] in results) > 5
    assert (await race_shop.store.stock.available([sku]))[sku] < 0
    report = await audit(race_shop)
    assert {breach.message for breach in report.breaches if breach.invariant == "I1"} >= {"stock is below zero"}


async def test_with_the_guard_one_transaction_each_sells_what_is_there(race_shop: Shop) -> None:
    product = await make.product(race_shop, stock=5)
    sku = product.variants[0].sku
    placements = [await _placement(race_shop, one) for one in await buyers_with(race_shop, sku, 20)]

    async def place(one: Placement) -> Any:
        return (await race_shop.store.transaction(lambda tx: place_batch(tx, [one]), deadline=30))[0]

    results = await asyncio.gather(*(place(one) for one in placements))

    assert sum(isinstance(one, Order) for one in results) == 5
    assert await race_shop.store.stock.available([sku]) == {sku: 0}
    report = await audit(race_shop)
    assert report.clean, report.breaches
