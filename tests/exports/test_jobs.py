"""Who may, what is written down of it, jobs and their files, and what happens when it breaks."""

from collections.abc import AsyncIterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from httpx import AsyncClient
from rich.console import Console
from starlette.requests import ClientDisconnect

from tests import make
from tests.exports.reading import ask, of_csv, rows
from tests.orders.buying import Buyer, refused
from truestyle.cli import exporting as command
from truestyle.cli.common import CommandFailedError
from truestyle.exports import making
from truestyle.exports.making import Made
from truestyle.exports.models import OrdersAsk, Subject
from truestyle.exports.sending import Sent
from truestyle.kit import clock, trail
from truestyle.kit.errors import Unavailable
from truestyle.kit.trail import Actor, ActorKind
from truestyle.shop import Shop


@pytest.fixture
async def orders(shop: Shop, buyer: Buyer) -> list[dict[str, Any]]:
    await make.product(shop, stock=50, price="1000", variants=[{"sku": "K"}])
    return [await buyer.order(K=1) for _ in range(3)]


def set_to(monkeypatch: pytest.MonkeyPatch, shop: Shop, **values: int) -> None:
    monkeypatch.setattr(shop.settings, "exports", shop.settings.exports.model_copy(update=values))


async def told(client: AsyncClient, admin: make.Person) -> list[dict[str, Any]]:
    """What the trail says of exports, oldest first."""
    query = {"resource": "exports", "sort": "created_at"}
    answer = await client.get("/audit", params=query, headers=admin.headers)
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


@pytest.mark.usefixtures("orders")
async def test_a_file_comes_whole_and_is_written_down(client: AsyncClient, shop: Shop, admin: make.Person) -> None:
    answer = await ask(client, admin, "orders", status="confirmed")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["x-export-rows"] == "3"
    assert answer.headers["cache-control"] == "private, no-store"
    day = clock.now().astimezone(shop.store.shop.zone).date()
    assert answer.headers["content-disposition"] == f'attachment; filename="orders-{day}.csv"'
    (entry,) = await told(client, admin)
    assert entry["actor"] == {"kind": "user", "id": str(admin.user.id)}
    assert entry["after"].items() >= {"subject": "orders", "format": "csv", "rows": 3, "job_id": None}.items()
    assert entry["after"]["asked"]["status"] == "confirmed"
    assert entry["after"]["size"] == len(answer.content)
    assert await shop.store.files.count({}) == 0
    assert await shop.store.jobs.count({}) == 0


async def test_who_is_asked_for_a_second_factor(client: AsyncClient, shop: Shop) -> None:
    meera = await make.person(shop, "admin", mfa_enabled=True)
    for subject in ("orders", "users"):
        refused(await ask(client, meera, subject), 403, "step_up_required")
    for subject in ("products", "sales"):
        assert (await ask(client, meera, subject)).status_code == 200
    assert await shop.store.exports.count({}) == 2
    sessions, until = shop.store.sessions, clock.now() + timedelta(minutes=5)
    assert await sessions.step_up(meera.caller.session_id, meera.user.id, until)
    job = (await ask(client, meera, "users", as_job=True)).json()
    await shop.worker.drain()
    assert (await client.get(f"/jobs/{job['id']}/file", headers=meera.headers)).status_code == 200
    await sessions.step_up(meera.caller.session_id, meera.user.id, clock.now() - timedelta(seconds=1))
    refused(await client.get(f"/jobs/{job['id']}/file", headers=meera.headers), 403, "step_up_required")
    assert await shop.store.exports.count({"downloads": 1}) == 1


@pytest.mark.usefixtures("orders")
async def test_a_job_makes_the_same_file_for_those_who_may(
    client: AsyncClient, shop: Shop, admin: make.Person, staff: make.Person, vendor: make.Person
) -> None:
    direct = await rows(client, admin, "orders")
    answer = await ask(client, admin, "orders", as_job=True)
    assert answer.status_code == 202, answer.text
    job, path = answer.json(), f"{answer.headers['location'].removeprefix('/api/v1')}/file"
    assert (job["kind"], job["status"], job["owner_id"]) == ("export.orders", "waiting", str(admin.user.id))
    refused(await client.get(path, headers=admin.headers), 404, "not_found")

    await shop.worker.drain()

    done = (await client.get(f"/jobs/{job['id']}", headers=admin.headers)).json()
    assert (done["status"], done["progress"]) == ("done", {"done": 3, "total": 3})
    assert done["result"]["file"] == f"/api/v1{path}"
    got = await client.get(path, headers=admin.headers)
    assert of_csv(got.content) == direct
    assert got.headers["content-disposition"].endswith(f'filename="{done["result"]["name"]}"')
    assert (len(got.content), got.headers["cache-control"]) == (done["result"]["size"], "private, no-store")
    part = await client.get(path, headers={**admin.headers, "range": "bytes=3-8"})
    assert (part.status_code, part.content) == (206, b"number")
    refused(await client.get(path, headers=staff.headers), 403, "forbidden")
    refused(await client.get(path, headers=vendor.headers), 404, "not_found")
    (file,) = [one async for one in shop.store.files.every({})]
    refused(await client.get(f"/files/{file.id}", headers=admin.headers), 404, "not_found")
    entries = await told(client, admin)
    assert [(one["action"], (one["after"] or {}).get("downloads")) for one in entries[1:]] == [
        ("create", 0),
        ("update", None),
        ("update", 1),
        ("update", 2),
    ]
    assert {one["actor"]["id"] for one in entries} == {str(admin.user.id)}

    with time_machine.travel(clock.now() + timedelta(hours=24, seconds=1)):
        again = await make.person(shop, "admin")
        refused(await client.get(path, headers=again.headers), 404, "not_found")
        await shop.worker.drain()
    assert await shop.store.files.count({}) == 0
    assert [one async for one in shop.storage.held()] == []


@pytest.mark.usefixtures("orders")
async def test_what_is_more_becomes_a_job_and_is_no_pdf(
    client: AsyncClient, shop: Shop, admin: make.Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_to(monkeypatch, shop, export_direct_rows=2, export_pdf_rows=2)
    assert (await ask(client, admin, "orders")).status_code == 202
    assert (await ask(client, admin, "users", role="admin")).status_code == 200
    for body in ({}, {"as_job": True}):
        refusal = refused(await ask(client, admin, "orders", format="pdf", **body), 422, "validation_error")
        assert refusal["errors"] == [
            {
                "loc": ["body", "format"],
                "msg": "a PDF has at most 2 rows; narrow it, or export as csv or xlsx",
                "type": "rule",
            }
        ]
    variants = [{"sku": sku, "size": sku} for sku in "ABC"]
    await make.product(shop, variants=variants)  # two products, four variants
    refused(await ask(client, admin, "products", format="pdf"), 422, "validation_error")
    job = (await ask(client, admin, "products", format="pdf", as_job=True)).json()
    await shop.worker.drain()
    failed = (await client.get(f"/jobs/{job['id']}", headers=admin.headers)).json()
    assert (failed["status"], failed["result"]["message"]) == (
        "failed",
        "The export is refused: a PDF has at most 2 rows; narrow it, or export as csv or xlsx.",
    )
    assert await shop.store.files.count({}) == 1  # of the first job


async def test_who_may_no_more_gets_nothing_of_what_was_asked(client: AsyncClient, shop: Shop) -> None:
    meera = await make.person(shop, "admin")
    job = (await ask(client, meera, "users", as_job=True)).json()
    await shop.store.users.change(meera.user.id, {"$set": {"role": "staff"}})
    await shop.worker.drain()
    found = await shop.store.jobs.get(ObjectId(job["id"]))
    assert (found.status, found.result) == (
        "failed",
        {"message": "Whoever asked for it may not export this any more."},
    )
    assert await shop.store.files.count({}) == 0


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Orders whose reading breaks off after the first batch, as often as the list says."""
    left = [1]
    source = making.SOURCES[Subject.ORDERS]

    async def batches(*args: Any) -> AsyncIterator[Any]:
        async for one in source.batches(*args):
            yield one
            if left[0]:
                left[0] -= 1
                raise Unavailable

    monkeypatch.setitem(making.SOURCES, Subject.ORDERS, replace(source, batches=batches))
    return left


@pytest.mark.usefixtures("orders", "breaking")
@pytest.mark.parametrize("kind", ["csv", "xlsx", "pdf"])
async def test_what_breaks_off_is_an_error_and_no_half_a_file(
    client: AsyncClient, shop: Shop, admin: make.Person, kind: str
) -> None:
    refused(await ask(client, admin, "orders", format=kind), 503, "service_unavailable")
    assert await shop.store.exports.count({}) == 0
    assert (await ask(client, admin, "orders", format=kind)).status_code == 200


@pytest.mark.usefixtures("orders", "breaking")
async def test_a_job_that_breaks_off_is_tried_again(client: AsyncClient, shop: Shop, admin: make.Person) -> None:
    job = (await ask(client, admin, "orders", as_job=True)).json()
    await shop.worker.drain()
    assert (await shop.store.jobs.get(ObjectId(job["id"]))).status == "waiting"
    assert await shop.store.files.count({}) == 0
    with time_machine.travel(clock.now() + timedelta(minutes=1)):
        await shop.worker.drain()
    assert (await shop.store.jobs.get(ObjectId(job["id"]))).status == "done"
    assert await shop.store.files.count({}) == 1


@pytest.mark.parametrize("spec", ["2.3", "2.4"])
async def test_a_client_that_breaks_off_leaves_nothing_open(spec: str) -> None:
    file = BytesIO(b"x" * 3_000_000)
    asked = making.new(Subject.ORDERS, OrdersAsk.model_validate({"format": "csv"}))
    answer = Sent(file, Made(1, 3_000_000, "00" * 32), asked, clock.now().tzinfo)  # type: ignore[arg-type]
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) > 2:
            raise OSError

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientDisconnect) if spec == "2.4" else nullcontext():
        await answer({"type": "http", "asgi": {"spec_version": spec}}, receive, send)
    assert file.closed
    assert len(sent) <= 3


def names_in(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


@pytest.mark.usefixtures("orders")
async def test_the_command_writes_a_file_or_nothing(
    client: AsyncClient, shop: Shop, admin: make.Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, said = tmp_path / "out.csv", Console(record=True, width=200)
    with trail.acting(Actor(ActorKind.COMMAND)):
        await command.run_subject(shop, command.asked_of("orders", None, path, None, None), path, console=said)
    assert len(of_csv(path.read_bytes())) == 3
    assert "3 rows" in said.export_text()
    (entry,) = await told(client, admin)
    assert (entry["actor"]["kind"], entry["after"]["owner_id"], entry["after"]["rows"]) == ("command", None, 3)
    kept = path.read_bytes()
    set_to(monkeypatch, shop, export_pdf_rows=1)
    with pytest.raises(CommandFailedError, match="a PDF has at most 1 rows"):
        await command.run_subject(shop, command.asked_of("orders", "pdf", path, None, None), path)
    assert (names_in(tmp_path), path.read_bytes()) == (["out.csv"], kept)
    assert command.asked_of("sales", None, Path("a.xlsx"), "2026-11-01", "2026-11-30").asked == {
        "format": "xlsx",
        "from": "2026-11-01",
        "to": "2026-11-30",
        "as_job": False,
    }
    for wrong in ({"format_": "doc"}, {"first": "soon"}):
        given = {"format_": None, "out": None, "first": None, "last": None} | wrong
        with pytest.raises(CommandFailedError, match=r"^--f"):
            command.asked_of("orders", **given)  # type: ignore[arg-type]
    assert command.is_subject("orders")
    assert not command.is_subject("orders.csv")
