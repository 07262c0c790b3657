"""POST /products/import, and the worker that runs it."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from bson import ObjectId

from tests import make
from tests.catalog import rows
from tests.catalog.rows import ours, product, shirt
from truestyle.catalog.importing import job as importing
from truestyle.infra.outbox import MAX_ATTEMPTS, Event, EventStatus
from truestyle.jobs import running
from truestyle.jobs.models import JobStatus
from truestyle.kit import clock
from truestyle.kit.repository import Row
from truestyle.shop import Shop
from truestyle.users.models import UserStatus

FILE = ours(shirt(), shirt(slug="b", sku="B", price="x"), shirt(slug="c", sku="C", stock="-2"))


async def send(
    client: httpx.AsyncClient, who: make.Person, content: str | bytes = FILE, query: str = "", **form: str
) -> httpx.Response:
    files = {"file": ("catalogue.csv", content, "text/csv")}
    return await client.post(f"/products/import{query}", files=files, data=form, headers=who.headers)


async def look(client: httpx.AsyncClient, who: make.Person, answer: httpx.Response) -> Row:
    """The job, at the address that the answer gave."""
    assert answer.status_code == 202, answer.text
    found = await client.get(answer.headers["location"].removeprefix("/api/v1"), headers=who.headers)
    assert found.status_code == 200
    job: Row = found.json()
    return job


async def events(shop: Shop) -> list[Event]:
    found = shop.store.outbox.collection.find({"topic": "products.import"}).sort("_id", 1)
    return [Event.load(row) for row in await found.to_list()]


async def test_an_import_over_http(client: httpx.AsyncClient, shop: Shop, staff: make.Person) -> None:
    answer = await send(client, staff)
    waiting = await look(client, staff, answer)
    untouched = await shop.store.products.count({})
    (kept,) = await shop.store.files.collection.find({}).to_list()
    hidden = await client.get(f"/files/{kept['_id']}", headers=staff.headers)

    await shop.worker.drain()

    assert answer.json()["status"] == waiting["status"] == "waiting"
    assert untouched == 0
    assert hidden.status_code == 404
    assert (kept["public"], kept["owner_id"]) == (False, staff.user.id)
    job = await look(client, staff, answer)
    assert job["status"] == "done"
    assert job["progress"] == {"done": 3, "total": 3}
    assert job["finished_at"] is not None
    assert job["errors"] == [{"row": 3, "field": "price", "message": "must be an amount like 1499.00"}]
    assert job["result"] == {
        "dialect": "truestyle",
        "rows": 3,
        "products": {"created": 2, "updated": 0, "unchanged": 0, "skipped": 1},
        "variants": {"created": 2, "updated": 0},
        "images": {"stored": 0, "skipped": 0},
        "notes": ["Row 4: a stock of -2 was read as 0."],
        "errors": 1,
        "dry_run": False,
    }
    moved = await shop.store.movements.collection.find({}).to_list()
    assert [one["actor_id"] for one in moved] == [staff.user.id]
    assert await shop.store.files.count({}) == 0
    assert await shop.store.db["images.files"].count_documents({"_id": kept["_id"]}) == 0


@pytest.mark.parametrize(("query", "form"), [("?dry_run=true", {}), ("", {"dry_run": "true"})])
async def test_a_dry_run(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person, query: str, form: dict[str, str]
) -> None:
    answer = await send(client, staff, query=query, **form)
    await shop.worker.drain()

    job = await look(client, staff, answer)

    assert (job["status"], job["result"]["dry_run"]) == ("done", True)
    assert job["result"]["products"]["created"] == 2
    assert [await one.count({}) for one in (shop.store.products, shop.store.stock, shop.store.movements)] == [0, 0, 0]


async def test_a_vendor_imports_its_own(client: httpx.AsyncClient, shop: Shop, vendor: make.Person) -> None:
    answer = await send(client, vendor)
    await shop.worker.drain()

    assert (await look(client, vendor, answer))["status"] == "done"
    assert (await product(shop.store, "indigo-shirt")).vendor_id == vendor.user.id
    stranger = await make.person(shop, "vendor")
    seen = await client.get(f"/jobs/{answer.json()['id']}", headers=stranger.headers)
    assert seen.status_code == 404


async def test_who_may_not_import(client: httpx.AsyncClient, shop: Shop, shopper: make.Person) -> None:
    refused = await send(client, shopper)
    nobody = await client.post("/products/import", files={"file": ("a.csv", b"x")})

    assert (refused.status_code, nobody.status_code) == (403, 401)
    assert await shop.store.jobs.count({}) == 0
    assert await shop.store.files.count({}) == 0


async def test_what_is_refused_at_once(client: httpx.AsyncClient, shop: Shop, staff: make.Person) -> None:
    strange = await send(client, staff, "a,b\n1,2\n")
    binary = await send(client, staff, b"\x00\x01")
    without = await client.post("/products/import", data={"dry_run": "true"}, headers=staff.headers)
    json = await client.post("/products/import", json={"file": "x"}, headers=staff.headers)

    assert strange.status_code == 422
    error = strange.json()["errors"][0]
    assert error["loc"] == ["body", "file"]
    assert error["msg"].startswith("has a header of no known kind")
    assert binary.json()["errors"][0]["msg"] == "is not text"
    assert without.status_code == 422
    assert json.status_code in {415, 422}
    assert await shop.store.jobs.count({}) == 0
    assert await shop.store.outbox.count({}) == 0
    assert await shop.store.files.count({}) == 0


async def test_files_larger_than_pictures_may_be(client: httpx.AsyncClient, shop: Shop, staff: make.Person) -> None:
    content = FILE + "\n" * 6_000_000

    answer = await send(client, staff, content)
    over = await send(client, staff, b"x" * (shop.settings.data.import_max_bytes + 100_000))

    assert answer.status_code == 202
    assert over.status_code == 413


async def test_a_file_that_breaks_off_below_the_header(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person
) -> None:
    answer = await send(client, staff, "slug,sku,price\n" + 'a,"' + "x" * 140_000)
    await shop.worker.drain()

    job = await look(client, staff, answer)

    assert job["status"] == "failed"
    assert job["errors"][0]["row"] == 1
    assert job["errors"][0]["message"].startswith("The file cannot be read after row 1")
    assert (await events(shop))[0].status is EventStatus.DELIVERED


async def test_a_second_delivery_changes_nothing(client: httpx.AsyncClient, shop: Shop, staff: make.Person) -> None:
    await send(client, staff)
    await shop.worker.drain()
    before = await rows.dump(shop.store)
    (one,) = await events(shop)

    await importing.run(shop, one)

    assert await rows.dump(shop.store) == before


async def test_after_a_crash_the_next_worker_goes_on(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first worker dies after the products were written, without a word."""
    answer = await send(client, staff)
    (one,) = await events(shop)

    class DiedError(BaseException):
        pass

    async def die(*_: object, **__: object) -> None:
        raise DiedError

    monkeypatch.setattr(shop.store.jobs, "finish", die)
    with pytest.raises(DiedError):
        await importing.run(shop, one)
    monkeypatch.undo()
    products = await shop.store.products.collection.find({}).to_list()
    assert (await look(client, staff, answer))["status"] == "running"

    await importing.run(shop, one)  # too early: it might still be alive
    early = await look(client, staff, answer)
    past = clock.now() - running.DEAD_AFTER - timedelta(seconds=1)
    await shop.store.jobs.collection.update_one({}, {"$set": {"updated_at": past}})
    await importing.run(shop, one)

    assert early["status"] == "running"
    job = await look(client, staff, answer)
    assert job["status"] == "done"
    assert job["result"]["products"] == {"created": 0, "updated": 0, "unchanged": 2, "skipped": 1}
    assert await shop.store.products.collection.find({}).to_list() == products
    assert await shop.store.movements.count({}) == 1
    _, later = await events(shop)
    assert later.due_at > clock.now() + timedelta(seconds=30)
    assert later.payload == one.payload


async def test_a_running_import_says_that_it_is_alive(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it runs, a second delivery leaves it alone; when it is stopped, it is given back at once."""
    answer = await send(client, staff)
    (one,) = await events(shop)
    began = asyncio.Event()

    async def forever(*_: object, **__: object) -> Any:
        began.set()
        await asyncio.sleep(60)

    monkeypatch.setattr(running, "ALIVE_EVERY", 0.02)
    monkeypatch.setattr(importing, "import_catalogue", forever)
    first = asyncio.create_task(importing.run(shop, one))
    await began.wait()
    stale = {"$set": {"updated_at": clock.now() - timedelta(hours=1)}}
    await shop.store.jobs.collection.update_one({}, stale)
    await asyncio.sleep(0.3)

    await importing.run(shop, one)
    during = await look(client, staff, answer)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first

    assert during["status"] == "running"
    assert (await look(client, staff, answer))["status"] == "waiting"
    assert await shop.store.products.count({}) == 0


async def test_a_failure_is_tried_again_and_told_at_last(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await send(client, staff)

    async def fail(*_: object, **__: object) -> Any:
        message = "secret of the machine"
        raise RuntimeError(message)

    monkeypatch.setattr(importing, "import_catalogue", fail)

    await shop.worker.drain()
    first = await look(client, staff, answer)
    (one,) = await events(shop)
    with pytest.raises(RuntimeError):
        await importing.run(shop, one.model_copy(update={"attempts": MAX_ATTEMPTS}))

    assert (first["status"], one.attempts, one.status) == ("waiting", 1, EventStatus.WAITING)
    last = await look(client, staff, answer)
    assert last["status"] == "failed"
    assert last["errors"] == [{"row": 0, "field": "", "message": "The import broke off: RuntimeError"}]
    assert "secret" not in str(last)


@pytest.mark.parametrize("change", [{"status": UserStatus.SUSPENDED}, {"role": "customer"}])
async def test_the_right_to_import_must_still_hold(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person, admin: make.Person, change: dict[str, str]
) -> None:
    answer = await send(client, staff)
    await shop.store.users.collection.update_one({"_id": staff.user.id}, {"$set": change})

    await shop.worker.drain()

    job = await look(client, admin, answer)
    assert job["status"] == "failed"
    assert job["errors"][0]["message"] == "Whoever asked for it may not import any more."
    assert await shop.store.products.count({}) == 0


async def test_progress_is_told_a_few_times_a_second(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    real = shop.store.jobs.progress

    async def progress(key: ObjectId, done: int, total: int) -> None:
        told.append((done, total))
        await real(key, done, total)

    monkeypatch.setattr(shop.store.jobs, "progress", progress)
    answer = await send(client, staff, rows.large(1000))
    began = clock.now()
    await shop.worker.drain()
    seconds = (clock.now() - began).total_seconds()

    assert told[0] == (0, 4000)
    assert told[-1] == (4000, 4000)
    assert told == sorted(told)
    assert 2 <= len(told) <= seconds * 4 + 3
    job = await look(client, staff, answer)
    assert job["status"] == JobStatus.DONE
    assert job["result"]["products"]["created"] == 1000
