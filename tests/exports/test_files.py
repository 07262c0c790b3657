"""What stands in the files: hostile text, numbers, times, nothing secret; and which rows."""

import io
import zipfile
from datetime import datetime
from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient
from hypothesis import given
from hypothesis import strategies as st

from tests import make
from tests.exports.reading import ask, of_csv, of_xlsx, rows
from tests.orders.buying import Buyer, Staff
from tests.paper import text_of
from truestyle.exports import making
from truestyle.exports.columns import Column, Kind, Teller, Values, clean
from truestyle.exports.models import ASKS, Subject
from truestyle.exports.repository import Exports
from truestyle.shop import Shop

FORMULAS = ('=HYPERLINK("http://evil.example","x")', "+1", "-2+3", "@SUM(A1)", "\tx", "\rx", "'=1", "＝1")


async def test_formulas_are_text_and_control_characters_are_gone(
    client: AsyncClient, shop: Shop, admin: make.Person
) -> None:
    users = shop.store.users.unwatched
    for text in FORMULAS:
        person = await make.person(shop)
        await users.update_one({"_id": person.user.id}, {"$set": {"full_name": text}})  # as an older release let it in
    odd = await make.person(shop)
    name = 'a\x00\x07b\x1b[31m\u202ec\x9f\r\nd\uffff, "e"; नीला'
    await users.update_one({"_id": odd.user.id}, {"$set": {"full_name": name, "phone": "+919876543210"}})

    told = of_csv((await ask(client, admin, "users", role="customer")).content)
    names = [one["full_name"] for one in told]
    *formulas, last = names
    assert all(one.startswith("'") for one in formulas)
    assert [one[1:] for one in formulas] == [clean(one) for one in FORMULAS]
    assert last == 'ab[31mc\nd, "e"; नीला'
    assert told[-1]["phone"] == "'+919876543210"
    book = await ask(client, admin, "users", format="xlsx", role="customer")
    cells = of_xlsx(book.content)
    assert [one["full_name"].strip() for one in cells] == [clean(one).strip() for one in (*FORMULAS, name)]
    assert cells[-1]["phone"] == "+919876543210"
    with zipfile.ZipFile(io.BytesIO(book.content)) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml")
        assert b"<f" not in sheet
        assert b"<hyperlink" not in sheet


@given(st.text(max_size=30))
def test_no_cell_of_text_begins_a_formula(text: str) -> None:
    teller = Teller((Column("a"),), make_zone())
    (cell,) = teller.csv((text,))
    assert isinstance(cell, str)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert not [one for one in cell if one < " " and one not in "\t\n"]


def make_zone() -> Any:
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    return ZoneInfo("Asia/Kolkata")


def test_each_kind_of_value_in_each_kind_of_file() -> None:
    teller = Teller(tuple(Column(one.name.lower(), one, printed=one.name) for one in Kind), make_zone())
    moment = datetime.fromisoformat("2026-03-31T18:30:00.123+00:00")
    row: Values = ["007", 7, -150_05, True, moment, "2026-04-01"]
    assert teller.csv(row) == ["007", 7, "-150.05", "true", "2026-04-01T00:00:00+05:30", "2026-04-01", -15005]
    assert teller.csv([None] * 6) == [""] * 7
    local = datetime.fromisoformat("2026-04-01T00:00:00.123+05:30")
    assert teller.xlsx(row) == ["007", 7, -150.05, "true", local, datetime(2026, 4, 1), -15005]  # noqa: DTZ001
    assert teller.paper(row) == ["007", "7", "-150.05", "yes", "1 Apr 2026, 00:00", "2026-04-01"]


async def test_accounts_come_without_anything_to_sign_in_with(
    client: AsyncClient, shop: Shop, admin: make.Person
) -> None:
    hidden = {"password_hash": "PLANTEDHASH", "google": {"issuer": "PLANTEDISS", "subject": "PLANTEDSUB"}}
    asha = await make.person(shop, email="asha@example.com")
    planted = {"$set": hidden | {"words": ["PLANTEDWORD"]}}
    await shop.store.users.unwatched.update_one({"_id": asha.user.id}, planted)

    told = await rows(client, admin, "users")
    assert {"email", "full_name", "role", "orders", "spent", "spent_paise"} <= told[0].keys()
    assert not [name for name in told[0] if any(word in name for word in ("hash", "secret", "google", "words", "mfa"))]
    assert "PLANTED" not in str(told)
    assert "PLANTED" not in str(of_xlsx((await ask(client, admin, "users", format="xlsx")).content))
    paper = text_of((await ask(client, admin, "users", format="pdf")).content)
    assert "PLANTED" not in paper
    assert "asha@example.com" in paper.replace("\u200b", "")


async def test_orders_are_narrowed_as_in_the_list(
    client: AsyncClient, shop: Shop, buyer: Buyer, staff: make.Person, admin: make.Person
) -> None:
    await make.product(shop, stock=50, price="1000", variants=[{"sku": "K"}])
    one, two, three = [await buyer.order(K=count) for count in (1, 2, 3)]
    await Staff(client, staff).bring_to(one["id"], "delivered")
    other = Buyer(client, shop, await make.person(shop))
    four = await other.order(K=1)
    await client.post(f"/orders/{three['id']}/cancel", json={"reason": "no"}, headers=buyer.headers)
    assert (await client.delete(f"/orders/{three['id']}", headers=staff.headers)).status_code == 204  # archived

    async def numbers(**body: Any) -> list[str]:
        return [row["number"] for row in await rows(client, admin, "orders", **body)]

    assert await numbers() == [one["number"], two["number"], four["number"]]
    assert await numbers(status="delivered") == [one["number"]]
    assert await numbers(payment_status="paid") == [one["number"]]
    assert await numbers(payment_type="upi") == []
    assert await numbers(payment_type="cod", user_id=str(other.person.user.id)) == [four["number"]]
    assert await numbers(status="confirmed", to="2026-01-01") == []
    row = (await rows(client, admin, "orders", status="delivered"))[0]
    assert (row["items"], row["pieces"], row["total"], row["paid_paise"]) == ("1 × K", "1", "1000.00", "100000")
    assert row["address"] == "12, 4th Cross, Indiranagar"


async def test_products_are_narrowed_and_the_import_reads_their_file(
    client: AsyncClient, shop: Shop, staff: make.Person, vendor: make.Person
) -> None:
    async def made(path: str, **body: Any) -> str:
        answer = await client.post(path, json=body, headers=staff.headers)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    above = await made("/categories", name="Women")
    below = await made("/categories", name="Kurtas", parent_id=above)
    brand = await made("/brands", name="Anokhi")
    variants = [{"sku": "007", "size": "S"}, {"sku": "008", "size": "M", "price": "1600.05"}]
    await make.product(shop, stock=4, name="=Kurta", brand_id=brand, category_ids=[below], variants=variants)
    await make.product(shop, caller=vendor.caller, name="Shirt", status="draft", variants=[{"sku": "V"}])

    async def skus(**body: Any) -> list[str]:
        return [row["sku"] for row in await rows(client, staff, "products", **body)]

    assert await skus() == ["007", "008", "V"]
    for body in ({"category_id": above}, {"brand_id": brand}, {"status": "active"}):
        assert await skus(**body) == ["007", "008"], body
    assert await skus(vendor_id=str(vendor.user.id)) == ["V"]
    assert await skus(category_id=str(ObjectId("0" * 24))) == []
    row = (await rows(client, staff, "products", brand_id=brand))[1]
    assert (row["name"], row["price"], row["price_paise"], row["available"]) == ("'=Kurta", "1600.05", "160005", "4")
    book = of_xlsx((await ask(client, staff, "products", format="xlsx")).content)
    assert (book[0]["sku"], book[0]["price"], book[0]["price_paise"]) == ("007", 1499, 149900)
    file = (await ask(client, staff, "products")).content
    sent = {"file": ("products.csv", file)}
    answer = await client.post("/products/import", files=sent, headers=staff.headers)
    await shop.worker.drain()
    job = (await client.get(f"/jobs/{answer.json()['id']}", headers=staff.headers)).json()
    assert (job["errors"], job["result"]["products"]["unchanged"]) == ([], 2)


@pytest.mark.parametrize("subject", list(Subject))
async def test_paper_says_what_it_is(
    client: AsyncClient, shop: Shop, buyer: Buyer, admin: make.Person, subject: Subject
) -> None:
    await make.product(shop, stock=50, price="1234.50", mrp="123456.78", variants=[{"sku": "K"}])
    await buyer.order(K=2)
    answer = await ask(client, admin, subject, format="pdf", **{"from": "2026-01-01"})
    assert answer.status_code == 200, answer.text
    paper = text_of(answer.content)
    assert ("1,23,456.78" if subject is Subject.PRODUCTS else "2,469.00") in paper
    assert "from 2026-01-01" in paper
    assert "page 1 of" in paper
    assert "amounts in INR" in paper
    empty = await ask(client, admin, subject, format="pdf", **{"from": "2199-01-01"})
    assert "Nothing matches." in text_of(empty.content)


async def test_every_filter_is_read_along_an_index(shop: Shop) -> None:
    key, filled = str(ObjectId("0" * 24)), 40
    for _ in range(3):
        await make.person(shop)
    asked: dict[Subject, list[dict[str, Any]]] = {
        Subject.ORDERS: [
            {},
            {"status": "packed"},
            {"payment_status": "paid"},
            {"payment_type": "cod"},
            {"user_id": key},
        ],
        Subject.PRODUCTS: [
            {},
            {"status": "draft"},
            *({f"{one}_id": key} for one in ("brand", "product_type", "vendor")),
        ],
        Subject.USERS: [{}, {"role": "customer"}, {"status": "active"}, {"role": "vendor", "status": "suspended"}],
        Subject.SALES: [{}, {"payment_type": "cod"}],
    }
    for subject, bodies in asked.items():
        for body in bodies:
            for span in ({}, {"from": "2026-01-01", "to": "2026-01-31"}):
                ask_ = ASKS[subject].model_validate({"format": "csv", **body, **span})
                plan = await making.SOURCES[subject].plan(shop.store, ask_)
                found = await plan.of.collection.find(plan.where, sort=[(plan.sort, 1)], limit=filled).explain()
                stages = str(found["queryPlanner"]["winningPlan"])
                assert "COLLSCAN" not in stages, (subject, body, span)
                if not span and subject is Subject.ORDERS:  # of few rows MongoDB may sort the others
                    assert "'SORT'" not in stages, (subject, body, stages)
    lookup = await Exports(shop.store.db).collection.find({"job_id": ObjectId(key)}).explain()
    assert "COLLSCAN" not in str(lookup["queryPlanner"]["winningPlan"])
