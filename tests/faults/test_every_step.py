"""kill -9 after every single command to MongoDB that an act consists of: asked again, it has happened once.

`test_kill*.py` kill real servers in the rush of many; here each seam of one act is tried, in a process that ends itself
as soon as MongoDB has said yes. The audit looks at the store after every death, and after every repetition.
"""

import asyncio
import itertools
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from bson import ObjectId
from fastapi import FastAPI
from tests import make
from tests.conftest import make_settings
from tests.faults.conftest import Tell
from tests.faults.stepping import STORE, Stepper, Wish
from tests.forking import fork_from
from tests.orders.buying import FORWARD

from truestyle.audit.service import audit
from truestyle.kit import clock
from truestyle.main import create_app
from truestyle.orders.flow import OrderStatus
from truestyle.payments.models import EntryKind, PaymentType
from truestyle.payments.providers.base import Result
from truestyle.payments.providers.sandbox import SIGNATURE, Sandbox, webhook
from truestyle.shop import Shop

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
PRICE = 149900
FEWEST = 8  # commands; less would mean that nothing was counted
SANDBOX = {**make.COD, "payment": {"type": "sandbox", "scenario": "approve"}}
Check = Callable[[httpx.Response], Awaitable[None]]


class Stage:
    """A store, an app on it in this process, and people."""

    def __init__(self, app: FastAPI, stepper: Stepper, staff: make.Person) -> None:
        self.app, self.stepper, self.staff = app, stepper, staff
        self.shop: Shop = app.state.shop
        self.store = self.shop.store
        self.numbers = itertools.count()

    async def ask(self, method: str, path: str, body: Any, who: make.Person) -> dict[str, Any]:
        answer = await Wish(method, path, body, who.headers).ask(self.app)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def buyer(self, stock: int = 1) -> tuple[make.Person, str]:
        """Somebody new with a piece of something new in the cart, and its SKU, which ends with M; another with L."""
        person, number = await make.person(self.shop), next(self.numbers)
        sku, larger = f"STEP-{number}-M", f"STEP-{number}-L"
        await make.product(self.shop, stock=stock, variants=[{"sku": sku, "size": "M"}, {"sku": larger, "size": "L"}])
        await make.cart(self.shop, person, {sku: 1})
        return person, sku

    async def paid(self, scenario: str = "approve") -> tuple[make.Person, str, dict[str, Any]]:
        """An order of somebody new that is paid for beforehand, or for `challenge` waits to be."""
        person, sku = await self.buyer()
        body = {**make.COD, "payment": {"type": "sandbox", "scenario": scenario}}
        order = (await self.ask("POST", "/checkout", body, person))["order"]
        await self.shop.worker.drain()
        return person, sku, order

    async def received(self, kind: str, **line: Any) -> tuple[make.Person, str, str]:
        """A return or exchange of a delivered order, that has arrived; the SKU that came back, or the one instead."""
        person, sku = await self.buyer(stock=2)
        order = (await self.ask("POST", "/checkout", make.COD, person))["order"]
        for step in FORWARD:
            await self.ask("PUT", f"/orders/{order['id']}/status", {"status": step}, self.staff)
        named = {"order_item_id": order["items"][0]["id"], "quantity": 1, **line}
        if kind == "exchanges":
            named["new_sku"] = sku = sku.removesuffix("M") + "L"
        body = {"order_id": order["id"], "items": [named], "reason": "too_small"}
        made = await self.ask("POST", f"/{kind}", body, person)
        for step in ("approved", "picked_up", "received"):
            await self.ask("PUT", f"/{kind}/{made['id']}/status", {"status": step}, self.staff)
        await self.shop.worker.drain()
        return person, sku, made["id"]

    async def clean(self) -> None:
        """The audit finds nothing; what the outbox has not done yet is not a breach."""
        report = await audit(self.shop)
        assert [one for one in report.breaches if one.invariant != "I12"] == []

    async def settled(self) -> None:
        """As if the dead one's leases and transactions had run out; then the outbox is done."""
        await self.store.outbox.collection.update_many({}, {"$set": {"lease_until": None}})
        await self.store.claims.unwatched.update_many({"body": None}, {"$set": {"lease_until": LONG_AGO}})
        begun = {"provider_reference": None, "look_at": {"$ne": None}}
        await self.store.payments.unwatched.update_many(begun, {"$set": {"look_at": LONG_AGO}})
        await self.shop.worker.drain()


@pytest.fixture(scope="module")
async def stage(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("steps")
    more = {"mongo_db": "steps"}
    app = create_app(make_settings(mongo_uri, folder, **more), work=False)
    async with app.router.lifespan_context(app):
        shop = app.state.shop
        await make.person(shop, "admin")
        os.environ[STORE] = json.dumps({"mongo_uri": mongo_uri, "data": str(folder), "more": more})
        fork_from("tests.faults.stepping")
        yield Stage(app, Stepper(folder / "orphans"), await make.person(shop, "staff"))
        del os.environ[STORE]
        fork_from()
        await shop.client.drop_database("steps")


async def check_out(stage: Stage, key: str) -> tuple[Wish, Check]:
    person, sku = await stage.buyer()

    async def once(answer: httpx.Response) -> None:
        assert answer.status_code == 201, answer.text
        (order,) = [one async for one in stage.store.orders.every({"user_id": person.user.id})]
        assert (str(order.id), order.status) == (answer.json()["order_id"], OrderStatus.CONFIRMED)
        row = (await stage.store.stock.of([sku]))[sku]
        assert (row.on_hand, row.reserved) == (0, 0)

    return Wish("POST", "/checkout", make.COD, {**person.headers, "idempotency-key": key}), once


async def check_out_and_pay(stage: Stage, key: str) -> tuple[Wish, Check]:
    person, sku = await stage.buyer()

    async def once(answer: httpx.Response) -> None:
        assert answer.status_code == 201, answer.text
        (order,) = [one async for one in stage.store.orders.every({"user_id": person.user.id})]
        assert (str(order.id), order.status) == (answer.json()["order_id"], OrderStatus.CONFIRMED)
        (payment,) = [one async for one in stage.store.payments.every({"order_id": order.id})]
        assert [one.amount for one in payment.ledger if one.kind is EntryKind.CAPTURE] == [order.total]
        assert await stage.store.sandbox.count({"payment_id": str(payment.id)}) == 1
        row = (await stage.store.stock.of([sku]))[sku]
        assert (row.on_hand, row.reserved) == (0, 0)

    return Wish("POST", "/checkout", SANDBOX, {**person.headers, "idempotency-key": key}, drain=True), once


async def hear_of_payment(stage: Stage, key: str) -> tuple[Wish, Check]:
    _, sku, order = await stage.paid("challenge")
    sandbox = stage.shop.providers[PaymentType.SANDBOX]
    assert isinstance(sandbox, Sandbox)
    charge = await stage.store.sandbox.first({"payment_id": order["payment"]["id"]})
    assert charge is not None
    await stage.store.sandbox.go_to(charge.reference, Result.PAID, [Result.PENDING])
    told = webhook(charge, (f"{charge.reference}.paid", Result.PAID, charge.amount), clock.now())

    async def once(answer: httpx.Response) -> None:
        assert answer.status_code == 200, answer.text
        (payment,) = [one async for one in stage.store.payments.every({"provider_reference": charge.reference})]
        assert [one.amount for one in payment.ledger if one.kind is EntryKind.CAPTURE] == [charge.amount]
        assert (await stage.store.orders.get(payment.order_id)).status is OrderStatus.CONFIRMED
        row = (await stage.store.stock.of([sku]))[sku]
        assert (row.on_hand, row.reserved) == (0, 0)

    return Wish("POST", "/payments/webhooks/sandbox", told, {SIGNATURE: sandbox.sign(told)}, drain=True), once


async def cancel(stage: Stage, key: str) -> tuple[Wish, Check]:
    person, sku, order = await stage.paid()

    async def once(answer: httpx.Response) -> None:
        assert answer.status_code in {200, 409}, answer.text
        await repaid(stage, order, order["total"])
        row = (await stage.store.stock.of([sku]))[sku]
        assert (row.on_hand, row.reserved) == (1, 0)

    body = {"reason": "The wrong size"}
    return Wish("POST", f"/orders/{order['id']}/cancel", body, person.headers, drain=True), once


async def refund(stage: Stage, key: str) -> tuple[Wish, Check]:
    _, _, order = await stage.paid()

    async def once(answer: httpx.Response) -> None:
        assert answer.status_code == 200, answer.text
        await repaid(stage, order, "100.00")

    headers = {**stage.staff.headers, "idempotency-key": key}
    body = {"amount": "100.00", "reason": "A button was missing"}
    return Wish("POST", f"/orders/{order['id']}/refund", body, headers, drain=True), once


async def repaid(stage: Stage, order: dict[str, Any], amount: str) -> None:
    """This much was given back, once, by the gateway too."""
    charge = await stage.store.sandbox.first({"payment_id": order["payment"]["id"]})
    payment = await stage.store.payments.first({"provider_reference": charge.reference}) if charge else None
    assert charge is not None
    assert payment is not None
    (entry,) = [one for one in payment.ledger if one.kind is EntryKind.REFUND]
    assert charge.refunds == [str(entry.id)]
    assert -entry.amount == payment.refunded_amount == int(amount.replace(".", ""))


async def complete_return(stage: Stage, key: str) -> tuple[Wish, Check]:
    person, sku, made = await stage.received("returns")

    async def once(answer: httpx.Response) -> None:
        assert answer.status_code in {200, 409}, answer.text
        balances = stage.store.credit_balances.collection.find({"_id": person.user.id})
        assert [row["balance"] async for row in balances] == [PRICE]
        assert await stage.store.credit_notes.count({"source": f"return:{made}"}) == 1
        row = (await stage.store.stock.of([sku]))[sku]
        assert (row.on_hand, row.reserved) == (2, 0)

    return Wish("PUT", f"/returns/{made}/status", {"status": "completed"}, stage.staff.headers, drain=True), once


async def send_replacement(stage: Stage, key: str) -> tuple[Wish, Check]:
    _, sku, made = await stage.received("exchanges")

    async def once(answer: httpx.Response) -> None:
        assert answer.status_code in {200, 409}, answer.text
        row = (await stage.store.stock.of([sku]))[sku]
        assert (row.on_hand, row.reserved) == (1, 0)
        found = await stage.store.returns.collection.find_one({"_id": ObjectId(made)})
        assert found is not None
        assert await stage.store.orders.count({"exchange_id": found["_id"]}) == 1

    body = {"status": "replacement_shipped"}
    return Wish("PUT", f"/exchanges/{made}/status", body, stage.staff.headers, drain=True), once


QUICK = [check_out]
ACTS = [check_out_and_pay, hear_of_payment, cancel, refund, complete_return, send_replacement]


@pytest.mark.parametrize(
    "act", [*QUICK, *(pytest.param(one, marks=pytest.mark.long) for one in ACTS)], ids=lambda one: one.__name__
)
async def test_killed_after_every_command_it_happens_once(
    act: Callable[[Stage, str], Awaitable[tuple[Wish, Check]]], stage: Stage, figure: Tell
) -> None:
    seams: list[str] = []
    for after in itertools.count(1):
        wish, happened_once = await act(stage, f"{act.__name__}-{after}")
        killed = await asyncio.to_thread(stage.stepper.kill, wish, after)
        if killed is None:
            break
        command, orphans = killed
        seams.append(command)
        await stage.shop.client.admin.command("killSessions", [{"id": one} for one in orphans])
        await stage.clean()
        await stage.settled()
        answer = await wish.ask(stage.app)
        await stage.shop.worker.drain()
        await happened_once(answer)
    assert len(seams) >= FEWEST
    report = await audit(stage.shop)
    assert report.clean, report.breaches
    commits = seams.count("commitTransaction")
    figure(f"killed after each of {len(seams)} commands, {commits} of them commits")
