"""The comparison with other shops: its own parts, on the test store; the others are not installed here."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from benchmarks.peers import __main__ as command
from benchmarks.peers.catalogue import catalogue
from benchmarks.peers.measuring import Row
from benchmarks.peers.peer import ACTS, ADD, CHECKOUT, DETAIL, LIST, RACE, SEARCH, Outcome
from benchmarks.peers.telling import Told
from benchmarks.peers.truestyle import TrueStyleOpen, fill
from fastapi import FastAPI

from truestyle.bench.client import work_off
from truestyle.bench.wire import Ask
from truestyle.shop import Shop

WARES = catalogue(3, 1, 2)


@pytest.fixture
async def running(shop: Shop) -> TrueStyleOpen:
    return TrueStyleOpen("http://test", {}, (), shop, await fill(shop, WARES.all))


async def send(app: FastAPI, ask: Ask) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.request(ask.method, ask.path, headers=dict(ask.headers or {}), json=ask.body)


async def test_every_act_is_there(running: TrueStyleOpen) -> None:
    acts = {one.act for one in running.reads} | {one.act for one in running.writes}
    assert acts == set(ACTS) - {RACE}


@pytest.mark.parametrize(("act", "shown"), [(LIST, 4), (SEARCH, 1), (DETAIL, 1)])
async def test_reads_answer_with_the_catalogue(app: FastAPI, running: TrueStyleOpen, act: str, shown: int) -> None:
    for read in running.reads:
        if read.act == act:
            got = await send(app, Ask("GET", f"{read.path}{10_000_000 if read.distinct else ''}", read.headers))
            assert got.status_code == 200
            assert got.text.count("cotton kurta 0") >= 1
            assert len(got.json().get("items", [{}])) >= shown


async def test_adding_and_buying_are_accepted(app: FastAPI, running: TrueStyleOpen) -> None:
    for write in running.writes:
        [ask] = await write.prepare(WARES.skus[:1])
        assert (await send(app, ask)).status_code == write.expected
    assert {write.act for write in running.writes} == {ADD, CHECKOUT}


async def test_a_race_is_counted_in_the_database(app: FastAPI, running: TrueStyleOpen) -> None:
    [piece] = WARES.scarce
    [sku] = piece.skus
    [buying] = [write for write in running.writes if write.act == CHECKOUT]
    got = await asyncio.gather(*(send(app, ask) for ask in await buying.prepare([sku] * 4)))
    assert sorted(one.status_code for one in got) == [201, 201, 409, 409]
    assert await running.outcome(sku) == Outcome(orders=2, left=0)


def test_who_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["peers", "--only", "oscar,vendure,medusa", "--cache", str(tmp_path)])
    command.main()
    said = capsys.readouterr().out
    for title in ("django-oscar", "Vendure", "Medusa"):
        line = next(one for one in said.splitlines() if one.startswith(title))
        assert "not installed" in line
        assert "--install" in line


def test_all_are_given_the_same() -> None:
    again = catalogue(3, 1, 2)
    assert again.json() == WARES.json()
    told = json.loads(WARES.json())
    assert [one["units"] for one in told][-1] == 2
    assert len({sku for one in told for sku in one["skus"]}) == 3 * 4 + 1


async def test_a_no_with_status_200_is_not_counted_as_a_yes() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for body in (b'{"type":"order"}', b'{"type":"cart"}'):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        asks = [{"method": "POST", "path": "/"}] * 2
        found = await work_off({"url": url, "connections": 1, "asks": asks, "proof": '"type":"order"'})
    assert found["answers"] == {"200": 1, '200 without "type":"order"': 1}


def test_the_table_says_what_was_seen(tmp_path: Path) -> None:
    row = Row("truestyle", RACE, "JSON", "", rates=[1.0], multiples=[0.1], p50=[1], p99=[2])
    seen = {"units": 2, "buyers": 4, "at_once": 4, "orders": 2, "left": 0, "seconds": 0.5}
    row.told.append({**seen, "unexpected": {"409 insufficient_stock": 2}})
    read = Row("truestyle", LIST, "JSON", "20 cards", 2000, [100.0, 300.0], [0.1, 0.3], [1, 1], [2, 2])
    told = Told({}, [read, row], {"truestyle": {"truestyle": "1"}}, {"truestyle": ["so"]}, {"oscar": "not installed"})
    shown = told.markdown(command.TITLES)
    assert "| list | True Style | JSON | 0.2 (0.1–0.3) | 200 |" in shown
    assert "| True Style | JSON | 2 | 4 | 4 | 2 | 0 | 0.5 | 2 × 409 insufficient_stock |" in shown
    assert "- list, True Style, JSON: 20 cards." in shown
    assert "- Not measured: **django-oscar**: not installed" in shown
    told.write(tmp_path / "told.json")
    assert len(json.loads((tmp_path / "told.json").read_text())["rows"]) == 2
