"""Catalogue files for the tests of importing, and what the store looks like before and after."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from truestyle.catalog.exporting.service import ExportFormat, export
from truestyle.catalog.importing import own
from truestyle.catalog.importing.models import ImportResult
from truestyle.catalog.importing.service import import_catalogue
from truestyle.catalog.products.models import Product
from truestyle.kit.repository import Row
from truestyle.shop import Shop
from truestyle.store import Store

LEGACY = (
    *("Handle", "Title", "Body (HTML)", "Vendor", "Product Category", "Type", "Tags", "Published"),
    *("Option1 Name", "Option1 Value", "Option2 Name", "Option2 Value", "Option3 Name", "Option3 Value"),
    *("Variant SKU", "Variant Grams", "Variant Inventory Tracker", "Variant Inventory Qty"),
    *("Variant Inventory Policy", "Variant Price", "Variant Compare At Price", "Variant Barcode"),
    *("Image Src", "Image Position", "Image Alt Text", "SEO Title", "SEO Description", "Variant Image"),
    *("Variant Tax Code", "Cost per item", "Price / India", "Compare At Price / India", "Status"),
)
CURRENT = (
    *("Title", "URL handle", "Description", "Vendor", "Product category", "Type", "Tags"),
    *("Published on online store", "Status", "SKU", "Barcode", "Option1 name", "Option1 value"),
    *("Option1 Linked To", "Option2 name", "Option2 value", "Option2 Linked To", "Price", "Compare-at price"),
    *("Tax code", "Inventory tracker", "Inventory quantity", "Weight value (grams)", "Product image URL"),
    *("Image position", "Image alt text", "Variant image URL", "SEO title", "SEO description"),
    *("Google Shopping / Gender", "Google Shopping / Age group"),
)
WOO = (
    *("ID", "Type", "SKU", "GTIN, UPC, EAN, or ISBN", "Name", "Published", "Is featured?", "Short description"),
    *("Description", "Date sale price starts", "Date sale price ends", "In stock?", "Stock", "Sale price"),
    *("Regular price", "Categories", "Tags", "Images", "Parent", "Position", "Brands", "Attribute 1 name"),
    *("Attribute 1 value(s)", "Attribute 2 name", "Attribute 2 value(s)", "Meta: _wp", "Meta: _wp"),
)


def text(columns: Sequence[str], rows: Iterable[Mapping[str, object]], *, delimiter: str = ",", end: str = "\n") -> str:
    """A CSV file; a column that a row does not name is blank."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end)
    writer.writerow(columns)
    for row in rows:
        strange = set(row) - set(columns)
        assert not strange, strange
        writer.writerow([row.get(name, "") for name in columns])
    return out.getvalue()


def shirt(**more: object) -> dict[str, object]:
    """One row of our own kind."""
    return {
        "slug": "indigo-shirt",
        "name": "Indigo shirt",
        "sku": "SH-M",
        "size": "M",
        "color": "Indigo",
        "mrp": "1999.00",
        "price": "1499.00",
        "stock": "5",
        **more,
    }


def ours(*rows: Mapping[str, object]) -> str:
    return text(own.COLUMNS, rows)


def large(products: int, sizes: Sequence[str] = ("S", "M", "L", "XL")) -> str:
    """A catalogue of our own kind with `products` × `sizes` rows."""
    return ours(*(_large(number, place, size) for number in range(products) for place, size in enumerate(sizes)))


def _large(number: int, place: int, size: str) -> dict[str, object]:
    variant: dict[str, object] = {
        "slug": f"kurta-{number}",
        "sku": f"K{number:05d}-{size}",
        "size": size,
        "color": ("Indigo", "Madder", "Ochre")[number % 3],
        "mrp": "2499.00",
        "price": f"{799 + number % 900}.00",
        "stock": number % 40,
    }
    if place:
        return variant
    return {
        **variant,
        "name": f"Block-printed kurta no. {number}",
        "description": f"Hand-block-printed cotton from batch {number}, straight cut, side slits. " * 4,
        "brand": f"Maker {number % 25}",
        "categories": f"Women > Kurtas > Line {number % 10}|Festive",
        "product_type": "Kurta",
        "occasions": "Everyday|Festive",
        "gender": "women",
        "tags": "cotton|block print",
        "hsn_code": "6211",
    }


async def bring(shop: Shop, file: str | bytes, **options: Any) -> ImportResult:
    """Import a file as the operator does."""
    content = file.encode() if isinstance(file, str) else file
    return await import_catalogue(shop.store, shop.storage, content, **options)


def told(result: ImportResult) -> list[tuple[int, str, str]]:
    """The bad rows."""
    return [(one.row, one.field, one.message) for one in result.bad_rows]


async def product(store: Store, slug: str) -> Product:
    found = await store.products.by_slug(slug)
    assert found is not None, slug
    return found


async def dump(store: Store) -> dict[str, list[Row]]:
    """Everything in every collection, files' bytes included; but for the marks of this process's change streams."""
    kept = [one for one in store.collections() if one is not store.marks]
    found = {one.name: await one.collection.find({}).sort("_id", 1).to_list() for one in kept}
    for name in ("images.files", "images.chunks"):
        found[name] = await store.db[name].find({}).sort("_id", 1).to_list()
    return found


async def exported(store: Store, kind: ExportFormat = ExportFormat.CSV) -> bytes:
    """All products in a file, as the operator gets it."""
    return b"".join([part async for part in await export(store, kind)])
