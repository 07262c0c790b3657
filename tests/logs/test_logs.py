"""Log rows, on SQLite and on PostgreSQL, over HTTP."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
import time_machine
from bson import ObjectId
from sqlalchemy import func, select

from tests import make
from tests.conftest import Side
from tests.line import State
from truestyle.audit.service import audit
from truestyle.infra.outbox import EventStatus
from truestyle.logs.models import LogKind, LogRow, Logs
from truestyle.logs.service import MOST_WAITING

PERSON = {"email": "new@example.com", "password": "a long enough pass phrase", "full_name": "New Person"}


async def listed(client: httpx.AsyncClient, staff: make.Person, **params: str | int) -> list[dict[str, object]]:
    answer = await client.get("/logs", params={"page_size": 100, **params}, headers=staff.headers)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def rows_of(side: Side, kind: LogKind) -> int:
    async with side.shop.sql.connect() as connection:
        counted = await connection.execute(select(func.count()).select_from(Logs).where(Logs.kind == kind))
        return counted.scalar_one()


async def test_signing_up_in_and_out_is_logged(side: Side, side_client: httpx.AsyncClient) -> None:
    staff = await make.person(side.shop, "staff")
    await side_client.post("/auth/register", json=PERSON)
    wrong = {"email": PERSON["email"], "password": "not this one at all"}
    await side_client.post("/auth/login", json=wrong, headers={"x-request-id": "wrong-1"})
    await side_client.post("/auth/login", json={**wrong, "email": "nobody@example.com"})
    signed = (await side_client.post("/auth/login", json={k: PERSON[k] for k in ("email", "password")})).json()
    mine = {"authorization": f"Bearer {signed['access_token']}"}
    assert (await side_client.post("/auth/logout", headers=mine)).status_code in {200, 204}
    await side.shop.worker.drain()

    registered = await listed(side_client, staff, kind="register")
    assert [one["email"] for one in registered] == [PERSON["email"]]
    logins = await listed(side_client, staff, kind="login", email="NEW@example.com")
    assert [one["outcome"] for one in logins] == ["success", "failure"]
    assert logins[1]["request_id"] == "wrong-1"
    assert {one["user_id"] for one in logins} == {registered[0]["user_id"]}
    strange = await listed(side_client, staff, kind="login", email="nobody@example.com")
    assert [(one["outcome"], one["user_id"]) for one in strange] == [("failure", None)]
    assert [one["user_id"] for one in await listed(side_client, staff, kind="logout")] == [registered[0]["user_id"]]
    assert "pass" not in str([registered, logins, strange])


async def test_requests_are_written_together_and_later(side: Side, side_client: httpx.AsyncClient) -> None:
    staff = await make.person(side.shop, "staff")
    for number in range(7):
        await side_client.get("/products", headers={**staff.headers, "x-request-id": f"seen-{number}"})
    await side_client.get("/products/not-there-at-all", params={"token": "secret"})
    await side.shop.requests.flush()
    found = await listed(side_client, staff, path="/api/v1/products")
    assert [one["request_id"] for one in found] == [f"seen-{number}" for number in reversed(range(7))]
    assert {(one["method"], one["status"], one["user_id"]) for one in found} == {("GET", 200, str(staff.user.id))}
    assert all(float(str(one["duration_ms"])) > 0 for one in found)
    missed = await listed(side_client, staff, status=404)
    assert [one["path"] for one in missed] == ["/api/v1/products/not-there-at-all"]
    assert "secret" not in str(missed)
    await side_client.get("/users", headers={**staff.headers, "x-request-id": "named"})
    await side.shop.requests.flush()
    named = await listed(side_client, staff, request_id="named")
    assert [one["user_id"] for one in named] == [str(staff.user.id)]


async def test_memory_for_requests_is_bounded(side: Side) -> None:
    facts = {"method": "GET", "path": "/api/v1/x", "status": 200, "ms": 1.0, "client": "127.0.0.1", "caller": None}
    requests = side.shop.requests
    await requests.flush()
    for number in range(MOST_WAITING + 5):
        requests.saw({**facts, "request_id": f"r-{number}"})
    assert len(requests._waiting) == MOST_WAITING  # noqa: SLF001 - the memory itself
    requests._waiting.clear()  # noqa: SLF001 - so that they are not written
    requests.saw({**facts, "path": "/health", "request_id": "r"})
    assert not requests._waiting, "probes are not logged"  # noqa: SLF001


async def test_rows_are_append_only_until_their_time_is_over(side: Side, side_client: httpx.AsyncClient) -> None:
    staff = await make.person(side.shop, "staff")
    noted = await side_client.post("/logs", json={"message": "Moved the racks."}, headers=staff.headers)
    assert (noted.status_code, noted.json()["kind"], noted.json()["user_id"]) == (201, "note", str(staff.user.id))
    path = f"/logs/{noted.json()['id']}"
    for method in ("PUT", "PATCH"):
        refused = await side_client.request(method, path, json={"message": "x"}, headers=staff.headers)
        assert (refused.status_code, refused.json()["code"]) == (409, "append_only")
    assert (await side_client.delete(path, headers=staff.headers)).json()["code"] == "append_only"
    assert (await side_client.get(path, headers=staff.headers)).json() == noted.json()

    kept = side.shop.settings.data.log_retention_days
    with time_machine.travel(datetime.now(UTC) + timedelta(days=kept, minutes=1)):
        later = await make.person(side.shop, "staff")
        assert (await side_client.delete(path, headers=later.headers)).status_code == 204
        assert (await side_client.get(path, headers=later.headers)).status_code == 404


async def test_rows_past_their_retention_go(side: Side) -> None:
    shop, now = side.shop, datetime.now(UTC)
    old = now - timedelta(days=shop.settings.data.log_retention_days, hours=1)
    await shop.logs.add([LogRow(kind=LogKind.NOTE, message="old", created_at=old) for _ in range(40)])
    await shop.logs.add([LogRow(kind=LogKind.NOTE, message="young") for _ in range(3)])
    assert await shop.requests.expire() == 40
    assert await shop.requests.expire() == 0
    assert await rows_of(side, LogKind.NOTE) == 3


async def test_a_batch_delivered_twice_is_there_once(side: Side) -> None:
    rows = [LogRow(kind=LogKind.NOTE, message=str(number)) for number in range(5)]
    await side.shop.logs.add(rows)
    await side.shop.logs.add([*rows, LogRow(kind=LogKind.NOTE, message="new")])
    assert await rows_of(side, LogKind.NOTE) == 6


@pytest.mark.parametrize("state", [State.DEAD, State.HUNG])
async def test_while_sql_is_away_orders_go_on_and_rows_catch_up(
    side: Side, side_client: httpx.AsyncClient, state: State
) -> None:
    if side.line is None:
        pytest.skip("a file is not away")
    await make.person(side.shop, "admin")  # whom the books want
    staff, shopper = await make.person(side.shop, "staff"), await make.person(side.shop)
    product = await make.product(side.shop, stock=2)
    await make.cart(side.shop, shopper, {product.variants[0].sku: 1})
    await side.shop.worker.drain()
    await side.shop.requests.flush()
    await side.become(state)
    bought = await side_client.post("/checkout", json=make.COD, headers={**shopper.headers, "idempotency-key": "away"})
    assert bought.status_code == 201, bought.text
    login = {"email": PERSON["email"], "password": "not this one at all"}
    assert (await side_client.post("/auth/login", json=login)).status_code == 401
    assert (await side_client.get("/logs", headers=staff.headers)).status_code == 503
    assert (await side_client.post("/logs", json={"message": "x"}, headers=staff.headers)).status_code == 503
    await side.shop.requests.flush()
    await side.shop.worker.drain()
    waiting = await side.shop.store.outbox.count({"topic": "log.rows", "status": EventStatus.WAITING.value})
    assert waiting >= 2, "the sign-in and the requests"

    await side.become(State.UP)
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=11)):
        await side.shop.worker.drain()
    assert await side.shop.store.outbox.count({"topic": "log.rows", "status": EventStatus.WAITING.value}) == 0
    assert [one["status"] for one in await listed(side_client, staff, path="/api/v1/checkout")] == [201]
    assert [one["outcome"] for one in await listed(side_client, staff, email=PERSON["email"])] == ["failure"]
    report = await audit(side.shop)
    assert report.clean, report.breaches


async def test_who_leaves_is_taken_out_of_the_rows(side: Side, side_client: httpx.AsyncClient) -> None:
    admin = await make.person(side.shop, "admin")
    ours = {"name": "Leaver", "email": "leaver@example.com", "subject": "Hello", "message": "It is me"}
    for email_verified in (False, True):
        leaver = await make.person(side.shop, email_verified=email_verified)
        await side.shop.store.users.collection.update_one({"_id": leaver.user.id}, {"$set": {"email": ours["email"]}})
        ticket = (await side_client.post("/contact-us", json=ours)).json()
        await side_client.get("/auth/me", headers=leaver.headers)
        await side.shop.requests.flush()
        data = (await side_client.get("/users/me/export", headers=leaver.headers)).json()
        assert len(data["messages"]) == 2 * int(email_verified), "a stranger's address shows nothing of its messages"
        assert [one["path"] for one in data["logs"]] == ["/api/v1/auth/me"]
        gone = await side_client.delete(f"/users/{leaver.user.id}", headers=admin.headers)
        assert gone.status_code == 204, gone.text
        await side.shop.requests.flush()
        with time_machine.travel(datetime.now(UTC) + timedelta(seconds=6)):
            await side.shop.worker.drain()
        kept = (await side_client.get(f"/contact-us/{ticket['id']}", headers=admin.headers)).json()
        assert (kept["email"] == ours["email"]) is not email_verified
        assert ("It is me" in str(kept)) is not email_verified
        assert await listed(side_client, admin, user_id=str(leaver.user.id)) == []


async def test_filters_bite_and_bad_ones_are_refused(side: Side, side_client: httpx.AsyncClient) -> None:
    staff = await make.person(side.shop, "staff")
    person, begin = ObjectId(), datetime(2026, 5, 1, tzinfo=UTC)
    rows = [
        LogRow(kind=LogKind.REQUEST, ip=f"10.0.0.{n % 2}", status=200 + n % 3, user_id=person if n % 2 else None)
        for n in range(6)
    ]
    rows = [one.model_copy(update={"created_at": begin + timedelta(hours=n)}) for n, one in enumerate(rows)]
    await side.shop.logs.add(rows)

    async def found(**params: str | int) -> set[int]:
        place = {str(one.id): number for number, one in enumerate(rows)}
        return {place[str(one["id"])] for one in await listed(side_client, staff, **params) if str(one["id"]) in place}

    assert await found(ip="10.0.0.1") == {1, 3, 5}
    assert await found(status=201) == {1, 4}
    assert await found(user_id=str(person), status=202) == {5}
    assert await found(**{"from": "2026-05-01T01:00:00Z", "to": "2026-05-01T03:00:00Z"}) == {1, 2}
    for params in ({"kind": "x"}, {"status": "9"}, {"user_id": "x"}, {"from": "yesterday"}, {"sort": "ip"}):
        answer = await side_client.get("/logs", params=params, headers=staff.headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_error"), params
