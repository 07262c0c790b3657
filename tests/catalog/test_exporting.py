"""What goes out comes back as it was, whatever stands in it."""

import csv
import io
from pathlib import Path
from typing import Any

import httpx
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook
from rich.console import Console

from tests import make
from tests.catalog import rows
from tests.catalog.rows import bring, exported, ours, product, shirt, told
from tests.files.pictures import picture
from truestyle.catalog.exporting import rows as telling
from truestyle.catalog.exporting.service import ExportFormat
from truestyle.catalog.importing import own, sheet, table
from truestyle.cli.common import CommandFailedError
from truestyle.cli.exporting import format_of, run_export
from truestyle.infra import workbook
from truestyle.kit.errors import ValidationFailed
from truestyle.shop import Shop

KINDS = list(ExportFormat)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
HOSTILE = (
    '=HYPERLINK("http://evil.example","x")',
    "'=1+1",
    "''=1+1",
    "+1",
    "-2+3",
    "@SUM(A1)",
    "'quoted'",
    "a|b\\|c\\",
    "\\",
    "x > y = z",
    "_x0041_",
    'say "hi", twice; \\n',
    "नीला कुर्ता",
    "é",
    "007",
    "1e5",
    "TRUE",
    "<b>&amp;</b>",
)


async def hostile(client: httpx.AsyncClient, who: make.Person) -> None:
    """A product a value, with the value wherever text may stand; and one with everything else that is special."""

    async def create(path: str, body: dict[str, Any]) -> str:
        answer = await client.post(path, json=body, headers=who.headers)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    for number, text in enumerate(HOSTILE):
        above = await create("/categories", {"name": f"{text} {number}", "code": f"c{number}"})
        below = await create("/categories", {"name": text, "code": f"d{number}", "parent_id": above})
        code = {"code": f"l{number}", "slug": f"l{number}"}
        sku = "".join(one for one in text if one.isascii()).strip() or "plain"
        body = {
            "name": text,
            "description": f"{text}\n\t{text}\nlast",
            "brand_id": await create("/brands", {"name": text, **code}),
            "product_type_id": await create("/product-types", {"name": text, **code}),
            "occasion_ids": [await create("/occasions", {"name": text, **code})],
            "category_ids": [below, above],
            "tags": [text, "plain"],
            "manufacturer": text,
            "importer": text,
            "country_of_origin": text,
            "net_quantity": text[:60],
            "seo": {"title": text},
            "mrp": "1999.00",
            "price": "1499.05",
            "variants": [
                {"sku": f"{sku}-{number}"[:64], "size": text[:60], "attributes": {text[:60]: text[:60]}},
                {"sku": f"'{number}", "color": text[:60], "mrp": "2999", "opening_stock": 7, "barcode": f"-00{number}"},
            ],
        }
        await create("/products", body)
    odd = {"name": "Odd", "price": "100.10", "discount": {"type": "percent", "value": "33.33"}, "status": "draft"}
    key = await create("/products", {**odd, "max_per_order": 3, "returnable": False, "gender": "women"})
    for alt in (None, "=alt|two", None):
        sent = {"file": ("a.png", picture(), "image/png")}
        kept = await client.post("/files/upload", files=sent, headers=who.headers)
        about = {"alt": alt} if alt else {}
        await create("/product-images", {"product_id": key, "file_id": kept.json()["id"], **about})
    await create("/products", {"name": "Fixed", "price": "50", "discount": {"type": "fixed", "value": "1.05"}})


async def fetch(client: httpx.AsyncClient, who: make.Person, kind: ExportFormat) -> bytes:
    answer = await client.get("/products/export", params={"format": kind.value}, headers=who.headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == f'attachment; filename="products.{kind.value}"'
    return answer.content


@pytest.mark.parametrize("kind", KINDS)
async def test_hostile_values_come_back_unchanged_over_http(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person, kind: ExportFormat
) -> None:
    await hostile(client, staff)
    file = await fetch(client, staff, kind)
    before = await rows.dump(shop.store)
    for _ in range(2):
        sent = {"file": (f"products.{kind.value}", file)}
        answer = await client.post("/products/import", files=sent, headers=staff.headers)
        assert answer.status_code == 202, answer.text
        await shop.worker.drain()
        job = (await client.get(f"/jobs/{answer.json()['id']}", headers=staff.headers)).json()

        assert job["errors"] == []
        count = len(HOSTILE) + 2
        assert job["result"]["products"] == {"created": 0, "updated": 0, "unchanged": count, "skipped": 0}
        assert job["result"]["variants"] == {"created": 0, "updated": 0}
        assert job["result"]["images"] == {"stored": 0, "skipped": 0}
        assert job["result"]["notes"] == []
    after = await rows.dump(shop.store)
    changed = {
        "jobs",
        "outbox",
        "files",
        "images.files",
        "images.chunks",
        "audit",
        "audit_head",
        "schedules",
        "webhook_cursor",
    }
    assert {name for name in after if after[name] != before[name]} <= changed
    assert {row["resource"] for row in after["audit"][len(before["audit"]) :]} <= {"files"}


@pytest.mark.parametrize("kind", KINDS)
async def test_an_empty_store_becomes_the_same_one(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person, kind: ExportFormat
) -> None:
    """Everything that the file tells is there again; only pictures must be fetched from where they were."""
    await hostile(client, staff)
    file = await exported(shop.store, kind)
    first = [row for row in told_rows(file) if not row["image"]]
    for one in shop.store.collections():
        if one.name in {"products", "stock", "stock_movements", "brands", "categories", "occasions", "product_types"}:
            await one.unwatched.delete_many({})

    result = await bring(shop, file)

    assert told(result) == []
    assert (result.products.created, result.products.skipped) == (len(HOSTILE) + 2, 0)
    again = [row for row in told_rows(await exported(shop.store, kind)) if row["slug"] != "odd"]
    assert again == [row for row in first if row["slug"] != "odd"]
    odd = await product(shop.store, "odd")
    assert (odd.price, odd.discount and odd.discount.value, odd.status) == (66_74, 33_33, "draft")


def told_rows(file: bytes) -> list[dict[str, str]]:
    text = sheet.to_csv(file) if sheet.is_archive(file) else file
    return list(csv.DictReader(io.StringIO(text.decode(), newline="")))


async def test_no_cell_begins_as_a_formula(client: httpx.AsyncClient, shop: Shop, staff: make.Person) -> None:
    await hostile(client, staff)

    csv_cells = [
        cell for row in csv.reader(io.StringIO((await exported(shop.store)).decode(), newline="")) for cell in row
    ]
    book = CalamineWorkbook.from_filelike(io.BytesIO(await exported(shop.store, ExportFormat.XLSX)))
    sheet_cells = [cell for row in book.get_sheet_by_index(0).to_python() for cell in row if isinstance(cell, str)]

    for cells in (csv_cells, sheet_cells):
        assert [cell for cell in cells if cell.startswith(FORMULA)] == []
        assert '\'=HYPERLINK("http://evil.example","x")' in cells


async def test_a_vendor_gets_its_own_and_shoppers_nothing(
    client: httpx.AsyncClient, shop: Shop, vendor: make.Person, staff: make.Person, shopper: make.Person
) -> None:
    await make.product(shop, name="Ours")
    await make.product(shop, name="Theirs", caller=vendor.caller, status="draft")

    mine = told_rows(await fetch(client, vendor, ExportFormat.CSV))
    all_ = told_rows(await fetch(client, staff, ExportFormat.CSV))
    refused = await client.get("/products/export", headers=shopper.headers)
    nobody = await client.get("/products/export")

    assert [row["name"] for row in mine] == ["Theirs"]
    assert [row["name"] for row in all_] == ["Ours", "Theirs"]
    assert (refused.status_code, nobody.status_code) == (403, 401)
    other = await client.get("/products/export?format=pdf", headers=staff.headers)
    assert other.status_code == 422


@pytest.mark.parametrize("kind", KINDS)
async def test_without_products_there_are_the_columns(shop: Shop, kind: ExportFormat) -> None:
    file = await exported(shop.store, kind)

    assert told_rows(file) == []
    result = await bring(shop, file)
    assert (result.rows, result.errors) == (0, 0)


async def test_it_goes_through_all_batches(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "BATCH", 3)
    await bring(shop, rows.large(10))

    for kind in KINDS:
        file = await exported(shop.store, kind)
        assert [row["sku"] for row in told_rows(file)] == [
            f"K{n:05d}-{size}" for n in range(10) for size in ("S", "M", "L", "XL")
        ]
        assert (await bring(shop, file)).products.unchanged == 10


async def test_a_cell_that_no_sheet_can_hold_is_left_out_and_changes_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bring(shop, ours(shirt(description="long " * 20)))
    monkeypatch.setattr(workbook, "LONGEST", 90)

    file = await exported(shop.store, ExportFormat.XLSX)

    assert told_rows(file)[0]["description"] == ""
    assert (await bring(shop, file)).products.unchanged == 1


async def test_more_than_a_sheet_holds_is_refused_before_anything_is_sent(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("truestyle.catalog.exporting.service.MOST_ROWS", 2)
    await make.product(shop, variants=[{"sku": "A", "size": "A"}, {"sku": "B", "size": "B"}])

    refused = await client.get("/products/export?format=xlsx", headers=staff.headers)

    assert (refused.status_code, refused.json()["errors"][0]["loc"]) == (422, ["query", "format"])
    assert len(told_rows(await exported(shop.store))) == 2


def names_in(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]


async def test_the_command_writes_a_file_or_nothing(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bring(shop, ours(shirt()))
    path, out = tmp_path / "all.xlsx", io.StringIO()

    await run_export(shop, path, format_of(path, None), console=Console(file=out, width=100))

    assert (await bring(shop, path.read_bytes())).products.unchanged == 1
    assert f"all.xlsx: {path.stat().st_size:,} bytes" in out.getvalue()
    kept = path.read_bytes()
    monkeypatch.setattr("truestyle.catalog.exporting.service.MOST_ROWS", 0)
    with pytest.raises(CommandFailedError, match="a sheet has at most"):
        await run_export(shop, path, ExportFormat.XLSX)
    with pytest.raises(CommandFailedError, match="cannot be written"):
        await run_export(shop, tmp_path / "no" / "a.csv", ExportFormat.CSV)
    assert names_in(tmp_path) == ["all.xlsx"]
    assert path.read_bytes() == kept
    assert format_of(Path("a.CSV"), None) is ExportFormat.CSV
    assert format_of(Path("-"), "xlsx") is ExportFormat.XLSX
    with pytest.raises(CommandFailedError, match="name it"):
        format_of(Path("a.pdf"), None)


TEXT = st.text(max_size=20)
MARKS = st.text(alphabet="\\|>='=+-@\t a", max_size=12)


@given(TEXT | MARKS)
def test_escaping_is_undone(text: str) -> None:
    safe = table.escaped(text)
    assert table.unescaped(safe) == text
    assert not safe.startswith(FORMULA)


def clean(text: str) -> str:
    return text.strip()


@given(st.lists((TEXT | MARKS).map(clean).filter(bool), min_size=1, max_size=4))
def test_lists_come_back(values: list[str]) -> None:
    assert own.listed(own.joined(values)) == values
    assert own.aligned(own.joined(["", *values, ""])) == ["", *values, ""]
    assert own.paths(own.paths_text([values, values[:1]])) == [tuple(values), (values[0],)]


@given(st.dictionaries((TEXT | MARKS).map(clean).filter(bool), (TEXT | MARKS).map(clean).filter(bool), max_size=4))
def test_attributes_come_back(pairs: dict[str, str]) -> None:
    assert own.attributes(own.attributes_text(pairs)) == pairs


class TestWorkbooks:
    """Workbooks that people made, and that somebody made to hurt."""

    def book(self, *lines: list[Any]) -> bytes:
        out = io.BytesIO()
        with xlsxwriter.Workbook(out) as made:
            page = made.add_worksheet()
            for at, line in enumerate(lines):
                page.write_row(at, 0, line)
        return out.getvalue()

    async def test_numbers_are_as_they_look(self, shop: Shop) -> None:
        header = ["slug", "name", "sku", "size", "mrp", "price", "barcode", "stock", "returnable"]
        file = self.book(header, ["a", "A", 1001, 42, 1999, 0.1 + 1498.9, 8901234567894, 5, False], ["", "", "", ""])

        result = await bring(shop, file)

        assert told(result) == []
        found = await product(shop.store, "a")
        one = found.variants[0]
        assert (one.sku, one.size, one.mrp, one.price, one.barcode) == ("1001", "42", 1999_00, 1499_00, "8901234567894")
        assert found.returnable is False
        assert await shop.store.stock.available(["1001"]) == {"1001": 5}

    async def test_a_wide_void_is_refused_in_a_process_of_its_own(self, shop: Shop) -> None:
        out = io.BytesIO()
        with xlsxwriter.Workbook(out) as made:
            page = made.add_worksheet()
            page.write_string(0, 0, "slug")
            page.write_string(1_048_575, 16_383, "far")
        bomb = out.getvalue()
        assert len(bomb) < 10_000

        with pytest.raises(ValidationFailed) as refused:
            await bring(shop, bomb)

        assert refused.value.members["errors"][0]["msg"].startswith("is a workbook that is too large to read")
        assert await shop.store.products.count({}) == 0

    async def test_over_http_it_is_refused_at_once(
        self, client: httpx.AsyncClient, shop: Shop, staff: make.Person
    ) -> None:
        for content in (b"PK\x03\x04nonsense", self.book(["a", "b"], [1, 2])):
            sent = {"file": ("a.xlsx", content)}
            answer = await client.post("/products/import", files=sent, headers=staff.headers)
            assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, ["body", "file"])
        assert await shop.store.jobs.count({}) == 0
        assert await shop.store.files.count({}) == 0
