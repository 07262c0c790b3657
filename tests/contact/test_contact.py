"""Messages to the store, on SQLite and on PostgreSQL, over HTTP."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest
import time_machine

from tests import make
from tests.conftest import Side
from tests.line import State
from truestyle.contact.service import ACKNOWLEDGEMENT, RECEIVED, month_later
from truestyle.infra.outbox import EventStatus

BODY = {"name": "Asha Rao", "email": "Asha@Example.com", "subject": "My parcel", "message": "Where is it?\nThanks"}
INDIA = ZoneInfo("Asia/Kolkata")


async def test_a_message_has_a_ticket_an_acknowledgement_and_due_dates(
    side: Side, side_client: httpx.AsyncClient
) -> None:
    staff = await make.person(side.shop, "staff")
    sent = await side_client.post("/contact-us", json=BODY)
    assert sent.status_code == 201, sent.text
    ticket = sent.json()
    assert ticket["email"] == "asha@example.com"
    assert ticket["message"] == "Where is it?\nThanks"
    assert ticket["status"] == "open"
    made = datetime.fromisoformat(ticket["created_at"])
    assert abs(datetime.fromisoformat(ticket["acknowledge_by"]) - made - timedelta(hours=48)) < timedelta(seconds=1)
    assert timedelta(days=28) <= datetime.fromisoformat(ticket["due_at"]) - made <= timedelta(days=31, seconds=1)
    assert sent.headers["location"].endswith(f"/contact-us/{ticket['id']}")
    assert (await side_client.get(f"/contact-us/{ticket['id']}")).status_code == 401

    there = await side_client.get(f"/contact-us/{ticket['id']}", headers=staff.headers)
    assert there.json() == ticket
    mail = await side.shop.store.outbox.first({"topic": f"mail.{ACKNOWLEDGEMENT}"})
    assert mail is not None
    assert (mail.payload["to"], mail.payload["number"]) == ("asha@example.com", ticket["ticket_no"])


async def test_each_ticket_has_its_own_number(side: Side, side_client: httpx.AsyncClient) -> None:
    numbers = [(await side_client.post("/contact-us", json=BODY)).json()["ticket_no"] for _ in range(3)]
    assert len(set(numbers)) == 3
    assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        ("2026-01-31T10:00:00+05:30", "2026-02-28T10:00:00+05:30"),
        ("2028-01-30T10:00:00+05:30", "2028-02-29T10:00:00+05:30"),
        ("2026-12-15T00:10:00+05:30", "2027-01-15T00:10:00+05:30"),
        ("2026-06-30T20:00:00+00:00", "2026-07-31T20:00:00+00:00"),  # the first of July in India
    ],
)
def test_a_month_is_a_month_where_the_store_is(moment: str, due: str) -> None:
    assert month_later(datetime.fromisoformat(moment), INDIA) == datetime.fromisoformat(due)


async def test_staff_work_on_messages_and_the_trail_tells(side: Side, side_client: httpx.AsyncClient) -> None:
    staff, admin = await make.person(side.shop, "staff"), await make.person(side.shop, "admin")
    ticket = (await side_client.post("/contact-us", json=BODY)).json()
    path = f"/contact-us/{ticket['id']}"
    begun = await side_client.patch(path, json={"status": "in_progress", "note": "Asked"}, headers=staff.headers)
    assert (begun.status_code, begun.json()["resolved_at"], begun.json()["version"]) == (200, None, 2)
    stale = await side_client.put(path, json={"status": "closed"}, headers={**staff.headers, "if-match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "version_conflict")
    done = await side_client.put(path, json={"status": "resolved"}, headers={**staff.headers, "if-match": '"2"'})
    assert done.json()["resolved_at"] is not None
    again = await side_client.put(path, json={"status": "closed"}, headers=staff.headers)
    assert again.json()["resolved_at"] == done.json()["resolved_at"], "the first time counts"
    assert (await side_client.put(path, json={"email": "x@example.com"}, headers=staff.headers)).status_code == 422

    told = (await side_client.get("/audit", params={"resource": "contact_us"}, headers=admin.headers)).json()["items"]
    assert [(one["action"], one["actor"]["id"]) for one in told] == [
        *[("update", str(staff.user.id))] * 3,
        ("create", None),
    ]
    assert told[2]["after"] == {"note": "Asked", "status": "in_progress"}
    assert "asha" not in str(told).lower(), "what is a person's cannot be erased from the trail"

    assert (await side_client.delete(path, headers=staff.headers)).status_code == 204
    for method in ("GET", "DELETE"):
        assert (await side_client.request(method, path, headers=staff.headers)).status_code == 404


async def test_messages_are_filtered_sorted_and_paged(side: Side, side_client: httpx.AsyncClient) -> None:
    staff = await make.person(side.shop, "staff")
    begin = datetime(2026, 3, 1, 9, tzinfo=UTC)
    tickets = []
    for day in range(5):
        with time_machine.travel(begin + timedelta(days=day), tick=False):
            body = {**BODY, "email": f"person{day % 2}@example.com"}
            tickets.append((await side_client.post("/contact-us", json=body)).json())
    await side_client.put(f"/contact-us/{tickets[0]['id']}", json={"status": "resolved"}, headers=staff.headers)

    async def numbers(**params: str | int) -> list[int]:
        answer = await side_client.get("/contact-us", params=params, headers=staff.headers)
        assert answer.status_code == 200, answer.text
        place = {one["id"]: number for number, one in enumerate(tickets)}
        return [place[one["id"]] for one in answer.json()["items"]]

    assert await numbers() == [4, 3, 2, 1, 0]
    assert await numbers(sort="created_at", page_size=2, page=2) == [2, 3]
    assert await numbers(sort="due_at") == [0, 1, 2, 3, 4]
    assert await numbers(status="resolved") == [0]
    assert await numbers(q="PERSON1@example.com") == [3, 1]
    assert await numbers(q=tickets[3]["ticket_no"]) == [3]
    assert await numbers(q=tickets[3]["ticket_no"][:6].lower()) == [4, 3, 2, 1, 0]
    assert await numbers(q="%") == []
    assert await numbers(**{"from": "2026-03-02T09:00:00Z", "to": "2026-03-04T09:00:00Z"}) == [2, 1]
    with time_machine.travel(begin + timedelta(days=33, hours=1), tick=False):
        late = await make.person(side.shop, "staff")  # whose token is of that day
        answer = await side_client.get("/contact-us", params={"overdue": "true"}, headers=late.headers)
        assert {one["id"] for one in answer.json()["items"]} == {one["id"] for one in tickets[1:3]}
        rest = await side_client.get("/contact-us", params={"overdue": "false"}, headers=late.headers)
        assert rest.json()["total"] == 3

    seen, cursor = [], None
    while True:
        params: dict[str, str | int] = {"sort": "-due_at", "page_size": 2, **({"cursor": cursor} if cursor else {})}
        page = (await side_client.get("/contact-us", params=params, headers=staff.headers)).json()
        seen += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [one["id"] for one in reversed(tickets)]


async def test_an_event_delivered_twice_keeps_one_message(side: Side, side_client: httpx.AsyncClient) -> None:
    ticket = (await side_client.post("/contact-us", json=BODY)).json()
    await side.shop.worker.drain()
    await side.shop.store.outbox.collection.update_many(
        {"topic": RECEIVED}, {"$set": {"status": EventStatus.WAITING.value}}
    )
    assert await side.shop.worker.drain() >= 1
    staff = await make.person(side.shop, "staff")
    found = (await side_client.get("/contact-us", headers=staff.headers)).json()
    assert [one["id"] for one in found["items"]] == [ticket["id"]]


@pytest.mark.parametrize("state", [State.DEAD, State.HUNG])
async def test_while_sql_is_away_messages_are_taken_and_kept_for_later(
    side: Side, side_client: httpx.AsyncClient, state: State
) -> None:
    if side.line is None:
        pytest.skip("a file is not away")
    staff = await make.person(side.shop, "staff")
    await side.shop.worker.drain()
    await side.become(state)
    sent = await side_client.post("/contact-us", json=BODY)
    assert sent.status_code == 201, sent.text
    away = await side_client.get("/contact-us", headers=staff.headers)
    assert (away.status_code, away.json()["code"]) == (503, "service_unavailable")
    await side.shop.worker.drain()
    waiting = await side.shop.store.outbox.first({"topic": RECEIVED})
    assert waiting is not None
    assert (waiting.status, waiting.attempts) == (EventStatus.WAITING, 0), "waiting for SQL is no failure"

    await side.become(State.UP)
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=11)):
        await side.shop.worker.drain()
    found = (await side_client.get("/contact-us", headers=staff.headers)).json()
    assert [one["ticket_no"] for one in found["items"]] == [sent.json()["ticket_no"]]
