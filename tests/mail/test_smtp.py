"""Delivery through a real SMTP server that is away, refuses, stalls and breaks off: nothing lost, nothing doubled."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from httpx import AsyncClient

from tests import make
from tests.mail.server import PASSWORD, Behaviour, smtp_server
from tests.orders.buying import Buyer
from tests.running import free_port
from truestyle.infra import mail as infra
from truestyle.infra.mail import SmtpMailer, SmtpServer
from truestyle.infra.outbox import Event, EventStatus, event
from truestyle.mail.service import letter
from truestyle.shop import Shop

FACTS = {"name": "Asha Rao"}


@pytest.fixture
def server() -> Behaviour:
    return Behaviour()


@pytest.fixture
def address(shop: Shop) -> Iterator[SmtpServer]:
    """The store sends through a server of this address; nothing listens there yet."""
    before, chosen = shop.mailer, SmtpServer("127.0.0.1", free_port())
    shop.mailer = SmtpMailer(chosen)
    yield chosen
    shop.mailer = before


@pytest.fixture
async def listening(server: Behaviour, address: SmtpServer) -> AsyncIterator[None]:
    async with smtp_server(server, address.port):
        yield


async def written(shop: Shop, count: int = 1) -> list[Event]:
    letters = [letter("password_changed", f"person{number}@example.com", FACTS) for number in range(count)]
    await shop.store.outbox.write(letters)
    return letters


async def now(shop: Shop, one: Event) -> Event:
    return await shop.store.outbox.get(one.id)


async def later(shop: Shop, after: timedelta) -> None:
    with time_machine.travel(datetime.now(UTC) + after):
        await shop.worker.drain()


async def test_a_mail_arrives_whole_under_the_id_of_its_event(shop: Shop, server: Behaviour, listening: None) -> None:
    (one,) = await written(shop)
    await shop.worker.drain()
    assert (await now(shop, one)).status is EventStatus.DELIVERED
    (mail,) = server.taken
    assert mail["message-id"] == f"<{one.id}@localhost>"
    assert (mail["to"], mail["from"]) == ("person0@example.com", "True Style <store@localhost>")
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    await shop.worker.drain()
    assert len(server.taken) == 1


async def test_while_the_server_is_away_mail_waits_for_as_long_as_it_takes(
    shop: Shop, server: Behaviour, address: SmtpServer
) -> None:
    letters = await written(shop, 5)
    for minute in range(60):
        await later(shop, timedelta(minutes=minute))
    waiting = [await now(shop, one) for one in letters]
    assert {(one.status, one.attempts) for one in waiting} == {(EventStatus.WAITING, 0)}, "an hour is no failure"
    async with smtp_server(server, address.port):
        await later(shop, timedelta(minutes=61))
    assert sorted(server.ids()) == sorted(f"<{one.id}@localhost>" for one in letters)


async def test_a_server_that_stalls_costs_a_moment_and_loses_nothing(
    shop: Shop, server: Behaviour, address: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infra, "SECONDS", 0.2)
    monkeypatch.setattr(SmtpMailer._connect, "__defaults__", (0.2,))  # noqa: SLF001
    server.stall = mended = asyncio.Event()
    (one,) = await written(shop)
    async with smtp_server(server, address.port):
        async with asyncio.timeout(60):
            await shop.worker.drain()
        assert (await now(shop, one)).status is EventStatus.WAITING
        monkeypatch.undo()
        server.stall = None
        mended.set()
        await later(shop, timedelta(minutes=1))
    assert server.ids() == [f"<{one.id}@localhost>"]
    assert (await now(shop, one)).status is EventStatus.DELIVERED


async def test_a_line_that_breaks_after_data_sends_again_under_the_same_id(
    shop: Shop, server: Behaviour, listening: None
) -> None:
    server.drop_after_data = 2
    (one,) = await written(shop)
    await shop.worker.drain()
    assert ((await now(shop, one)).status, (await now(shop, one)).attempts) == (EventStatus.WAITING, 1)
    await later(shop, timedelta(minutes=1))
    await later(shop, timedelta(minutes=2))
    await later(shop, timedelta(minutes=3))
    assert server.ids() == [f"<{one.id}@localhost>"] * 3, "twice broken off, then told that it was taken"
    assert (await now(shop, one)).status is EventStatus.DELIVERED


@pytest.mark.parametrize(("rcpt", "data"), [("550 no such person", "250 OK"), ("250 OK", "554 looks like spam")])
async def test_what_will_never_be_taken_is_dead_at_once(
    shop: Shop, server: Behaviour, listening: None, rcpt: str, data: str
) -> None:
    server.rcpt, server.data = rcpt, data
    (one,) = await written(shop)
    await shop.worker.drain()
    dead = await now(shop, one)
    assert (dead.status, dead.attempts, server.tries) == (EventStatus.DEAD, 1, 1)
    assert (rcpt if rcpt[0] == "5" else data) in str(dead.error)
    await later(shop, timedelta(hours=2))
    assert server.tries == 1


async def test_a_recipient_who_is_busy_is_tried_again(shop: Shop, server: Behaviour, listening: None) -> None:
    server.rcpt = "450 greylisted"
    (one,) = await written(shop)
    await shop.worker.drain()
    assert ((await now(shop, one)).status, (await now(shop, one)).attempts) == (EventStatus.WAITING, 1)
    server.rcpt = "250 OK"
    await later(shop, timedelta(minutes=1))
    assert len(server.taken) == 1


async def test_mail_that_waits_holds_no_order_up(shop: Shop, address: SmtpServer) -> None:
    del address  # nothing listens there
    await written(shop, 20)
    await shop.store.outbox.write([event("test.quick", {})])
    seen = []

    async def quick(one: Event) -> None:
        seen.append(one.topic)

    shop.worker._handlers = {**shop.worker._handlers, "test.quick": quick}  # noqa: SLF001
    await shop.worker._one("main")  # noqa: SLF001 - the lane alone
    assert seen == ["test.quick"]


async def test_the_store_signs_in_to_the_server_and_waits_when_it_may_not(
    shop: Shop, server: Behaviour, address: SmtpServer
) -> None:
    right = replace(address, username="store", password=PASSWORD.decode())
    async with smtp_server(server, address.port, auth=True):
        shop.mailer = SmtpMailer(replace(right, password="wrong"))
        (one,) = await written(shop)
        await shop.worker.drain()
        assert await shop.mailer.ping() is False
        assert (await now(shop, one)).status is EventStatus.WAITING
        shop.mailer = SmtpMailer(right)
        assert await shop.mailer.ping() is True
        await later(shop, timedelta(minutes=1))
    assert len(server.taken) == 1
    assert PASSWORD.decode() not in repr(right)


async def test_an_order_is_confirmed_by_one_mail_with_its_figures(
    client: AsyncClient, shop: Shop, shopper: make.Person, server: Behaviour, listening: None
) -> None:
    product = await make.product(shop)
    buyer = Buyer(client, shop, shopper)
    placed = await buyer.order(**{product.variants[0].sku.replace("-", "_"): 1})
    await shop.worker.drain()
    (mail,) = [one for one in server.taken if one["to"] == shopper.user.email]
    assert placed["number"] in str(mail["subject"])
    part = mail.get_body(("plain",))
    assert part is not None
    assert f"₹{Decimal(placed['total']):,.2f}" in part.get_content()
