"""The PDF: asked for, made once, the same for ever."""

import asyncio
from typing import Any

import pytest
from httpx import AsyncClient

from tests.invoices.test_issue import STORE
from tests.orders.buying import Buyer, Staff
from tests.paper import text_of
from truestyle.infra.storage import GridFSStorage
from truestyle.infra.typesetting import shown as shown_text
from truestyle.invoices import keeping, typesetting
from truestyle.invoices.reading import wants_json
from truestyle.kit.errors import Unavailable
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")


@pytest.mark.parametrize(
    ("accept", "json"),
    [
        (None, False),
        ("*/*", False),
        ("application/json", True),
        ("application/json, application/pdf;q=0.9", True),
        ("application/pdf, application/json;q=0.9", False),
        ("application/json, */*;q=0.5", True),
        ("application/json, application/pdf", False),
        ("application/*;q=0.2, application/json;q=0.1", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
        ("APPLICATION/JSON; charset=utf-8", True),
        ("application/json;q=0", False),
        (";;,,q=", False),
    ],
)
def test_json_is_for_who_prefers_it(accept: str | None, *, json: bool) -> None:
    assert wants_json(accept) is json


async def test_the_pdf_is_made_when_it_is_asked_for_and_kept(
    client: AsyncClient, shop: Shop, buyer: Buyer, packed: dict[str, Any]
) -> None:
    path = f"/orders/{packed['id']}/invoice"
    assert await shop.store.files.count({}) == 0
    first = await client.get(path, headers=buyer.headers)
    invoice = await shop.store.invoices.first({})
    assert invoice is not None
    assert first.headers["content-type"] == "application/pdf"
    assert first.content.startswith(b"%PDF-")
    name = "invoice-" + invoice.number.replace("/", "-") + ".pdf"
    assert first.headers["content-disposition"] == f'inline; filename="{name}"'
    assert first.headers["vary"].startswith("Accept, Authorization")
    assert first.headers["cache-control"].startswith("private")
    again = await client.get(path, headers=buyer.headers)
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    same = await client.get(path, headers={**buyer.headers, "if-none-match": first.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    part = await client.get(path, headers={**buyer.headers, "range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"%PDF")
    assert await shop.store.files.count({}) == 1


async def test_what_is_set_twice_has_the_same_bytes(shop: Shop, packed: dict[str, Any]) -> None:
    invoice = await shop.store.invoices.first({})
    assert invoice is not None
    assert typesetting.render(invoice) == typesetting.render(invoice.model_copy())
    assert typesetting.render(invoice) != typesetting.render(invoice.model_copy(update={"order_number": "TS-26-9"}))


async def test_twenty_readers_of_a_paper_not_yet_made_get_one_file(
    client: AsyncClient, shop: Shop, buyer: Buyer, packed: dict[str, Any]
) -> None:
    path = f"/orders/{packed['id']}/invoice"
    answers = await asyncio.gather(*(client.get(path, headers=buyer.headers) for _ in range(20)))
    assert len({one.content for one in answers}) == 1
    assert {one.status_code for one in answers} == {200}
    assert await shop.store.files.count({}) == 1
    assert len([one async for one in shop.storage.held()]) == 1


async def test_twenty_processes_keep_one_file(shop: Shop, packed: dict[str, Any]) -> None:
    """Without what makes readers of one process wait for each other, as in processes of their own."""
    invoice = await shop.store.invoices.first({})
    assert invoice is not None
    made = await asyncio.gather(*(keeping._make(shop.store, shop.storage, invoice) for _ in range(20)))
    assert len({one.id for one in made}) == 1
    assert await shop.store.files.count({}) == 1
    assert len([one async for one in shop.storage.held()]) == 1


async def test_a_storage_that_is_away_now_has_it_later(
    client: AsyncClient, shop: Shop, buyer: Buyer, packed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise Unavailable

    path = f"/orders/{packed['id']}/invoice"
    with monkeypatch.context() as gone:
        gone.setattr(GridFSStorage, "put", away)
        assert (await client.get(path, headers=buyer.headers)).status_code == 503
        data = await client.get(path, headers={**buyer.headers, "accept": "application/json"})
        assert data.status_code == 200
    assert await shop.store.files.count({}) == 0
    assert (await client.get(path, headers=buyer.headers)).status_code == 200


async def test_a_credit_note_has_a_paper_too(
    client: AsyncClient, shop: Shop, buyer: Buyer, packer: Staff, packed: dict[str, Any]
) -> None:
    await packer.move(packed["id"], "cancelled")
    listed = (await client.get(f"/orders/{packed['id']}/credit-notes", headers=buyer.headers)).json()["items"]
    path = f"/orders/{packed['id']}/credit-notes/{listed[0]['id']}"
    answer = await client.get(path, headers=buyer.headers)
    assert answer.content.startswith(b"%PDF-")
    name = "credit-note-" + listed[0]["number"].replace("/", "-") + ".pdf"
    assert answer.headers["content-disposition"] == f'inline; filename="{name}"'
    data = await client.get(path, headers={**buyer.headers, "accept": "application/json"})
    assert data.json() == listed[0]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("अमित शर्मा", "अमित शर्मा"),
        ("Zoë Łukasz – ₹5", "Zoë Łukasz – ₹5"),
        ("தமிழ் Asha", "tmilll Asha"),
        ("dress 👗  new", "dress new"),
        ("#let x = 1 $math$ *bold* \\", "#let x = 1 $math$ *bold* \\"),
    ],
)
def test_letters_that_no_font_has_are_written_in_ours(text: str, shown: str) -> None:
    assert shown_text(text) == shown


async def read(client: AsyncClient, buyer: Buyer, order: dict[str, Any]) -> str:
    """What is to be read on an order's invoice."""
    return text_of((await client.get(f"/orders/{order['id']}/invoice", headers=buyer.headers)).content)


async def test_the_paper_says_what_the_data_says(
    client: AsyncClient, shop: Shop, buyer: Buyer, order: dict[str, Any], packer: Staff
) -> None:
    await client.post("/store-details", json=STORE, headers=packer.person.headers)
    await packer.bring_to(order["id"], "packed")
    told = await read(client, buyer, order)
    invoice = await shop.store.invoices.first({})
    assert invoice is not None
    for said in (
        *(f"Tax invoice {invoice.number}", f"GSTIN {STORE['gstin']}", "Place of supply", "Prices include GST"),
        *(invoice.number, invoice.order_number, "₹7,496.00", "Karnataka (29)", "Seven Thousand Four Hundred"),
        *("K-M", "6403", "1 PRS", "CGST 2.5", "SGST 9", "Asha Rao", "Cash on delivery"),
    ):
        assert said in told


async def test_who_has_no_gstin_shows_no_tax(client: AsyncClient, buyer: Buyer, packed: dict[str, Any]) -> None:
    """CGST Act, s. 32: who is not registered collects no tax."""
    told = await read(client, buyer, packed)
    assert "Invoice TS/" in told
    assert "₹7,496.00" in told
    assert "no GST is shown" in told
    for never in ("Tax invoice", "CGST", "SGST", "IGST", "taxes included", "Prices include", "Reverse charge"):
        assert never not in told
