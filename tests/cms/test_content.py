"""Content in its time, made harmless, and what the law wants of a store."""

from datetime import UTC, datetime

import httpx
import pytest
import time_machine

from tests import make

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WINDOWS: dict[str, dict[str, object]] = {
    "always": {},
    "running": {"starts_at": "2026-11-20T11:00:00Z", "ends_at": "2026-11-20T13:00:00Z"},
    "coming": {"starts_at": "2026-11-20T12:30:00Z"},
    "over": {"ends_at": "2026-11-20T12:00:00Z"},
    "off": {"is_active": False},
}


async def test_shoppers_see_what_is_on_now_and_staff_see_all(client: httpx.AsyncClient, staff: make.Person) -> None:
    ids = {}
    for title, window in WINDOWS.items():
        made = await client.post("/hero-images", json={"title": title, **window}, headers=staff.headers)
        ids[title] = made.json()["id"]

    async def shown(headers: dict[str, str] | None = None) -> set[str]:
        fresh = {"cache-control": "no-cache", **(headers or {})}  # the clock leaps over the second that pages are kept
        return {one["title"] for one in (await client.get("/hero-images", headers=fresh)).json()["items"]}

    with time_machine.travel(NOW, tick=False):
        assert await shown() == {"always", "running"}
        assert (await client.get(f"/hero-images/{ids['coming']}")).status_code == 404
        assert (await client.get(f"/hero-images/{ids['running']}")).status_code == 200
    with time_machine.travel(NOW.replace(hour=13), tick=False):
        assert await shown() == {"always", "coming"}
    assert await shown(staff.headers) == set(WINDOWS)


async def test_a_cursor_outlives_the_minute_it_was_given_in(client: httpx.AsyncClient, staff: make.Person) -> None:
    for number in range(3):
        await client.post("/faq", json={"question": f"Q{number}", "answer": "A"}, headers=staff.headers)
    with time_machine.travel(NOW, tick=False):
        first = (await client.get("/faq", params={"page_size": 2})).json()
    with time_machine.travel(NOW.replace(hour=15), tick=False):
        second = await client.get("/faq", params={"page_size": 2, "cursor": first["next_cursor"]})
    assert [one["question"] for one in second.json()["items"]] == ["Q2"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("We began with **two looms** & a > b\n\n> quoted", "We began with **two looms** & a > b\n\n> quoted"),
        ("<p>Fine <b>words</b></p>", "<p>Fine <b>words</b></p>"),
        ("<p onclick='steal()'>x</p><script>steal()</script>", "<p>x</p>"),
        ("<img src=x onerror=steal()>", '<img src="x">'),
        ("<a href='javascript:steal()'>x</a>", '<a rel="noopener noreferrer">x</a>'),
        ("<iframe src='https://evil.example'></iframe>after", "after"),
        ("<style>body{display:none}</style>ok", "ok"),
        ("[x](javascript:steal())", "[x](#steal())"),
        ("[x]( JavaScript:steal())", "[x]( #steal())"),
        ("<javascript:steal()>", "<#steal()>"),
    ],
)
async def test_rich_text_is_made_harmless_when_it_is_written(
    sent: str, kept: str, client: httpx.AsyncClient, staff: make.Person
) -> None:
    made = await client.post("/about", json={"title": "Us", "body": sent}, headers=staff.headers)
    assert made.json()["body"] == kept
    changed = await client.put(f"/about/{made.json()['id']}", json={"body": sent + " "}, headers=staff.headers)
    assert changed.json()["body"] == kept


@pytest.mark.parametrize(
    "wrong",
    [
        {"gstin": "27AAPFU0939F1ZO"},
        {"grievance_officer": {"name": "X"}},
        {"website": "javascript:alert(1)"},
        {"addresses": [{"line1": "x", "city": "y", "state": "z", "pincode": "012345"}]},
    ],
)
async def test_store_details_are_held_to_the_law(
    wrong: dict[str, object], client: httpx.AsyncClient, staff: make.Person
) -> None:
    body = {"name": "True Style", "legal_name": "True Style Retail Private Limited", **wrong}
    refused = await client.post("/store-details", json=body, headers=staff.headers)
    assert refused.status_code == 422
    assert (await client.get("/store-details")).json()["total"] == 0


async def test_shoppers_cannot_write_content(client: httpx.AsyncClient, shopper: make.Person) -> None:
    refused = await client.post("/terms", json={"title": "Free", "body": "All of it"}, headers=shopper.headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert (await client.get("/terms")).json()["items"] == []
