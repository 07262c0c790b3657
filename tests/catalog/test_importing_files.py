"""Files as people save them: encodings, delimiters, line ends, and what is no catalogue at all."""

import pytest

from tests.catalog import rows
from tests.catalog.rows import bring, ours, product, shirt, told
from truestyle.catalog.importing import own, table
from truestyle.kit.errors import ValidationFailed
from truestyle.shop import Shop

HEADER = "slug,name,sku,price\n"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"


async def refusal(shop: Shop, content: bytes | str) -> str:
    before = await rows.dump(shop.store)
    with pytest.raises(ValidationFailed) as caught:
        await bring(shop, content)
    assert await rows.dump(shop.store) == before
    error = caught.value.members["errors"][0]
    assert error["loc"] == ["body", "file"]
    return str(error["msg"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty, or does not begin with a line of column names"),
        (b"\xef\xbb\xbf", "is empty, or does not begin with a line of column names"),
        (b"\r\n\r\n", "is empty, or does not begin with a line of column names"),
        (PNG, "is not text"),
        (b"slug,sku,price\na,b,\x001\n", "is not text"),
        (b"PK\x03\x04\x14\x00", "is no .xlsx workbook that can be read; save it as CSV (UTF-8)"),
        ("slug,sku,price\n".encode("utf-16"), "is UTF-16 text; save it as CSV (UTF-8)"),
        (b"slug,sku,price\na,\x81\x8d,1\n", "is not text in UTF-8 or Windows-1252"),
        (b"slug,sku,price,price\na,b,1,2\n", "has columns that are there twice: price"),
        (b"," * 1000 + b"slug", "has more than 1000 columns"),
    ],
)
async def test_what_is_no_catalogue(shop: Shop, content: bytes, message: str) -> None:
    assert await refusal(shop, content) == message


@pytest.mark.parametrize("header", ["name,colour", "slug,price", "Handle,Title", "Type,SKU,Name", "a", '"'])
async def test_an_unknown_header_names_what_was_expected(shop: Shop, header: str) -> None:
    message = await refusal(shop, header + "\nx,y\n")

    assert message.startswith("has a header of no known kind. The columns needed are: ours: slug, sku and price; Woo")
    assert "Shopify's: Handle and Variant Price; or URL handle, SKU and Price" in message


async def test_an_open_quotation_mark(shop: Shop) -> None:
    message = await refusal(shop, HEADER + 'a,A,S1,1\nb,"B,S2,1\n' + "c,C,S3,1\n" * 20_000)

    assert (
        message == "cannot be read after row 2: field larger than field limit (131072). Is a quotation mark not closed?"
    )


async def test_too_many_rows(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MOST_RECORDS", 2)

    assert await refusal(shop, HEADER + "a,A,S1,1\n" * 3) == "has more than 2 rows; split it"


async def test_only_a_header(shop: Shop) -> None:
    result = await bring(shop, HEADER)

    assert (result.rows, result.products.created, result.errors) == (0, 0, 0)


async def test_byte_order_mark_and_windows_line_ends(shop: Shop) -> None:
    text = rows.text(own.COLUMNS, [shirt(description="One line\r\nand another")], end="\r\n")

    result = await bring(shop, b"\xef\xbb\xbf" + text.encode())

    assert told(result) == []
    assert (await product(shop.store, "indigo-shirt")).description == "One line\nand another"


async def test_old_mac_line_ends(shop: Shop) -> None:
    result = await bring(shop, HEADER.replace("\n", "\r") + "a,A,S1,1\rb,B,S2,2\r")

    assert result.products.created == 2


async def test_semicolons_and_windows_1252(shop: Shop) -> None:
    text = rows.text(own.COLUMNS, [shirt(name="Café shirt – blue, “best”")], delimiter=";")

    result = await bring(shop, text.encode("cp1252"))

    assert (await product(shop.store, "indigo-shirt")).name == "Café shirt – blue, “best”"
    assert result.notes == [
        "The file is not UTF-8; it was read as Windows-1252. Check names with accents or other scripts."
    ]


async def test_rows_are_counted_as_records(shop: Shop) -> None:
    records = ("slug,description,sku,price", 'a,"Two\nlines",S1,1', "", ",,,", "b,B,S2,x")

    result = await bring(shop, "\n".join(records))

    assert told(result) == [(2, "name", "is missing"), (5, "price", "must be an amount like 1499.00")]
    assert result.rows == 2


async def test_rows_with_too_many_or_too_few_cells(shop: Shop) -> None:
    text = HEADER + "a,A,S1,1\na,,S2\nb,B,S3,1,extra\nc,C,S4,1\n"

    result = await bring(shop, text)

    assert told(result) == [
        (3, "row", "has 3 cells where the header has 4"),
        (4, "row", "has 5 cells where the header has 4"),
    ]
    assert (result.products.created, result.products.skipped) == (1, 2)
    assert await shop.store.products.by_slug("a") is None


async def test_a_row_without_slug_spoils_the_product_above(shop: Shop) -> None:
    result = await bring(shop, HEADER + "a,A,S1,1\n,,S2,1\nb,B,S3,1\n")

    assert told(result) == [(3, "slug", "is missing")]
    assert await shop.store.products.by_slug("a") is None
    assert await shop.store.products.by_slug("b") is not None


async def test_formulas_and_apostrophes(shop: Shop) -> None:
    result = await bring(shop, ours(shirt(name="'=1+1", sku="'007", barcode="'8904103721171.0", manufacturer="'Asha'")))

    assert told(result) == []
    found = await product(shop.store, "indigo-shirt")
    assert (found.name, found.manufacturer) == ("=1+1", "'Asha'")
    assert (found.variants[0].sku, found.variants[0].barcode) == ("007", "8904103721171")


async def test_composed_letters(shop: Shop) -> None:
    result = await bring(shop, ours(shirt(brand="Cafe\u0301"), shirt(slug="b", sku="B", brand="CAF\u00c9")))

    assert result.products.created == 2
    assert await shop.store.db["brands"].count_documents({}) == 1


@pytest.mark.parametrize(
    ("cell", "field", "message"),
    [
        ({"price": "1,499.00"}, "price", "must be an amount like 1499.00"),
        ({"price": "12.345"}, "price", "must have at most 2 decimal places"),
        ({"price": "-1"}, "price", "must be at least 0"),
        ({"price": "1e3"}, "price", "must be an amount like 1499.00"),
        ({"price": "2000"}, "price", "must not be above the MRP of 1999.00"),
        ({"mrp": "free"}, "mrp", "must be an amount like 1499.00"),
        ({"price": "", "mrp": ""}, "price", "is missing"),
        ({"sku": "x" * 65}, "sku", "must be 1 to 64 printable ASCII characters"),
        ({"sku": "कुर्ता"}, "sku", "must be 1 to 64 printable ASCII characters"),
        ({"hsn_code": "62-11"}, "hsn_code", "must be 4, 6 or 8 digits"),
        ({"barcode": "12"}, "barcode", "must be 4 to 32 letters, digits or hyphens"),
        ({"name": "x" * 201}, "name", "must have at most 200 characters"),
        ({"name": "a\x07b"}, "name", "must not contain control characters"),
        ({"name": "a\u202eb"}, "name", "must not contain control characters"),
        ({"name": ""}, "name", "is missing"),
        ({"size": "x" * 61}, "size", "must have at most 60 characters"),
        ({"stock": "many"}, "stock", "must be a whole number"),
        ({"max_per_order": "0"}, "max_per_order", "must be at least 1"),
        ({"returnable": "perhaps"}, "returnable", "must be true or false"),
        ({"status": "gone"}, "status", "must be one of 'draft', 'active' or 'archived'"),
        ({"gender": "x"}, "gender", "must be one of 'women', 'men', 'unisex', 'girls', 'boys' or 'kids'"),
        ({"attributes": "fit"}, "attributes", "must be like fit=slim|sleeve=long"),
        ({"seo_title": "x" * 201}, "seo_title", "must have at most 200 characters"),
        ({"tags": "|".join(str(n) for n in range(51))}, "tags", "must be at most 50 values"),
        ({"brand": "x" * 201}, "brand", "must have at most 200 characters"),
        ({"categories": ">".join("abcdefghi")}, "categories", "must be at most 8 levels deep"),
        ({"occasions": "|".join(str(n) for n in range(21))}, "occasions", "must be at most 20 values"),
    ],
)
async def test_our_rules(shop: Shop, cell: dict[str, str], field: str, message: str) -> None:
    before = await rows.dump(shop.store)

    result = await bring(shop, ours(shirt(**cell)))

    assert told(result) == [(2, field, message)]
    assert (result.products.created, result.products.skipped) == (0, 1)
    assert await rows.dump(shop.store) == before
