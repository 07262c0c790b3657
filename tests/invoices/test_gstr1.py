"""The tables of GSTR-1: each row as the return wants it, and all of them the invoices to the paisa."""

import csv
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from httpx import AsyncClient
from rich.console import Console

from tests import make
from tests.orders.buying import Buyer, Staff, refused, settle
from truestyle.cli.exporting import run_gstr1
from truestyle.invoices.gstr1 import COLUMNS, Table
from truestyle.kit import clock
from truestyle.shop import Shop

AWAY = {**make.ADDRESS, "full_name": "=HYPERLINK(1)", "state": "Tamil Nadu", "city": "Chennai", "pincode": "600001"}
MONTH = "2026-12"


async def table(client: AsyncClient, person: make.Person, name: Table, month: str = MONTH) -> list[dict[str, str]]:
    answer = await client.get(f"/admin/gst/gstr1?month={month}&table={name.value}", headers=person.headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == f'attachment; filename="gstr1-{month}-{name.value}.csv"'
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert tuple(rows[0]) == tuple(COLUMNS[name])
    return [dict(zip(rows[0], one, strict=True)) for one in rows[1:]]


@pytest.fixture
async def sold(client: AsyncClient, shop: Shop, monkeypatch: pytest.MonkeyPatch, admin: make.Person) -> make.Person:
    """In December: at home and taken back; away, large; away, to a business; at home. One in January. Who may read."""
    settle(monkeypatch, shop, shipping_fee=9900, max_quantity_per_line=1000, cod_ceiling=10**9)
    await make.product(shop, stock=1000, variants=[{"sku": "K-M", "size": "M"}])
    await make.product(shop, hsn_code="6403", price="2999.00", mrp="2999.00", variants=[{"sku": "J-7", "size": "7"}])
    for moment, lines, address, business, undone in (
        ("2026-11-30T18:29:59Z", {"K_M": 1}, make.ADDRESS, False, False),
        ("2026-11-30T18:30:00Z", {"K_M": 2, "J_7": 1}, make.ADDRESS, False, True),
        ("2026-12-05T10:00:00Z", {"K_M": 90}, AWAY, False, False),
        ("2026-12-06T10:00:00Z", {"K_M": 1, "J_7": 1}, AWAY, True, True),
        ("2026-12-31T18:29:59Z", {"K_M": 3}, make.ADDRESS, False, False),
        ("2026-12-31T18:30:00Z", {"K_M": 1}, make.ADDRESS, False, False),
    ):
        with time_machine.travel(moment, tick=False):
            buyer = Buyer(client, shop, await make.person(shop))
            staff = Staff(client, await make.person(shop, "staff"))
            await buyer.fill(**lines)
            order = (await buyer.check_out(address=address)).json()["order"]
            await staff.bring_to(order["id"], "packed")
            if business:
                await shop.store.invoices.collection.update_one(
                    {"order_id": ObjectId(order["id"])}, {"$set": {"buyer.gstin": "33AAGCB7383J1Z4"}}
                )
            if undone:
                await staff.move(order["id"], "cancelled")
    return await make.person(shop, "staff")


async def test_each_invoice_is_in_its_table(client: AsyncClient, sold: make.Person) -> None:
    (large,) = await table(client, sold, Table.B2CL)
    assert large["Place Of Supply"] == "33-Tamil Nadu"
    assert (large["Invoice date"], large["Rate"]) == ("05-Dec-2026", "5")
    assert large["Invoice Value"] == "135009.00"
    business = await table(client, sold, Table.B2B)
    assert [(one["Rate"], one["GSTIN/UIN of Recipient"]) for one in business] == [
        ("5", "33AAGCB7383J1Z4"),
        ("18", "33AAGCB7383J1Z4"),
    ]
    assert {one["Receiver Name"] for one in business} == {"'=HYPERLINK(1)"}
    assert {one["Note Type"] for one in await table(client, sold, Table.CDNR)} == {"C"}
    assert await table(client, sold, Table.CDNUR) == []
    small = await table(client, sold, Table.B2CS)
    assert [(one["Place Of Supply"], one["Rate"]) for one in small] == [("29-Karnataka", "5"), ("29-Karnataka", "18")]
    assert small[1]["Taxable Value"] == "0.00"


async def test_the_tables_are_the_invoices_to_the_paisa(client: AsyncClient, shop: Shop, sold: make.Person) -> None:
    month = {"order_number": {"$exists": True}}
    papers = [one async for one in shop.store.invoices.every(month)][1:5]
    notes = [one async for one in shop.store.credit_notes.every({})]
    assert (len(papers), len(notes)) == (4, 2)
    owed = sum(one.totals.taxable_value for one in papers) - sum(one.totals.taxable_value for one in notes)
    taxes = sum(one.totals.tax for one in papers) - sum(one.totals.tax for one in notes)

    async def total(name: Table, *columns: str) -> Decimal:
        rows = await table(client, sold, name)
        return sum((Decimal(one[column]) for one in rows for column in columns), Decimal(0))

    taxable = [await total(name, "Taxable Value") for name in (Table.B2B, Table.B2CL, Table.B2CS)]
    back = [await total(name, "Taxable Value") for name in (Table.CDNR, Table.CDNUR)]
    assert sum(taxable) - sum(back) == Decimal(owed) / 100
    kinds = ("Integrated Tax Amount", "Central Tax Amount", "State/UT Tax Amount")
    for columns, wanted in ((("Taxable Value",), owed), (kinds, taxes), (("Taxable Value", *kinds), owed + taxes)):
        found = await total(Table.HSN_B2B, *columns) + await total(Table.HSN_B2C, *columns)
        assert found == Decimal(wanted) / 100
    assert await total(Table.HSN_B2C, "Total Quantity") == 93


async def test_the_documents_are_counted_by_series(client: AsyncClient, sold: make.Person) -> None:
    invoices, notes = sorted(await table(client, sold, Table.DOCS), key=lambda one: one["Nature of Document"])[::-1]
    assert invoices["Nature of Document"] == "Invoices for outward supply"
    assert (invoices["Total Number"], notes["Total Number"]) == ("4", "2")
    at, to = (int(invoices[f"Sr. No. {one}"].rsplit("/", 1)[1]) for one in ("From", "To"))
    assert to - at == 3


async def test_a_month_without_sales_has_the_columns_alone(client: AsyncClient, staff: make.Person) -> None:
    for name in Table:
        assert await table(client, staff, name, "2020-02") == []


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "1999-01", "2026-11-01", ""])
async def test_what_is_no_month_is_refused(client: AsyncClient, staff: make.Person, month: str) -> None:
    answer = await client.get("/admin/gst/gstr1", params={"month": month}, headers=staff.headers)
    refused(answer, 422, "validation_error")


async def test_the_command_writes_every_table(shop: Shop, tmp_path: Path) -> None:
    screen = Console(record=True, width=40, file=io.StringIO())
    await run_gstr1(shop, MONTH, tmp_path / "gst", console=screen)
    assert screen.export_text().count(": nothing to tell") == len(Table)
    assert sorted(one.name for one in (tmp_path / "gst").iterdir()) == sorted(
        f"gstr1-{MONTH}-{one.value}.csv" for one in Table
    )


async def test_reading_a_month_uses_the_index(shop: Shop, packed: dict[str, Any]) -> None:
    for one in (shop.store.invoices, shop.store.credit_notes):
        found = await one.collection.find(
            {"issued_at": {"$gte": clock.now(), "$lt": clock.now()}}, sort=[("issued_at", 1), ("_id", 1)]
        ).explain()
        stages = str(found["queryPlanner"]["winningPlan"])
        assert "IXSCAN" in stages
        assert "'SORT'" not in stages
