"""Products as rows of our own columns: the opposite of what `importing.own` reads, so files come back unchanged."""

from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from bson import ObjectId

from truestyle.catalog.importing import own, table
from truestyle.catalog.lookups import Category
from truestyle.catalog.products.models import Product, Variant
from truestyle.catalog.products.pricing import effective
from truestyle.catalog.tree import DEEPEST
from truestyle.infra.workbook import MONEY, TEXT, USUAL_WIDTH, Heading
from truestyle.inventory.models import Stock
from truestyle.kit import money
from truestyle.setting_groups import ShopSettings
from truestyle.store import Store

BATCH = 200  # products held at once
COLUMNS = own.COLUMNS
AS_TEXT = frozenset({"slug", "hsn_code", "sku", "size", "color", "barcode"})
AMOUNTS = frozenset({"mrp", "price"})
WIDTHS = {"name": 32, "description": 40, "categories": 32, "sku": 24, "slug": 24, "image": 32}
HEADINGS = [
    Heading(name, MONEY if name in AMOUNTS else TEXT if name in AS_TEXT else None, WIDTHS.get(name, USUAL_WIDTH))
    for name in COLUMNS
]
Cell = str | int | Decimal
Row = Sequence[Cell]  # a cell a column; text is as spreadsheets may have it


async def batches(store: Store, where: Mapping[str, Any]) -> AsyncIterator[list[Row]]:
    """All matching products by age, a row a variant, some at a time.

    No cursor stays open, so a slow reader costs nothing. Each product is told as it stands when its turn comes.
    """
    places = places_of(await store.of(Category).all())
    last: ObjectId | None = None
    while found := await store.products.following(where, last, BATCH):
        last = found[-1].id
        stock = {row.sku: row for row in await store.stock.of_products([one.id for one in found])}
        yield [row for one in found for row in rows_of(one, stock, places, store.shop)]


def rows_of(
    product: Product, stock: Mapping[str, Stock], places: Mapping[ObjectId, Sequence[str]], shop: ShopSettings
) -> list[Row]:
    """A row a variant, with the stock by SKU and the way down to each category."""
    shared = shared_cells(product, places, shop)
    rows: list[Row] = []
    for at, variant in enumerate(product.variants):
        cells = {**(own_picture(variant, shop) if at else shared), **variant_cells(product, variant, stock)}
        rows.append([_safe(cells.get(name, "")) for name in COLUMNS])
    return rows


def _safe(cell: Cell | None) -> Cell:
    if cell is None:
        return ""
    return table.escaped(cell) if isinstance(cell, str) else cell


def shared_cells(
    product: Product, places: Mapping[ObjectId, Sequence[str]], shop: ShopSettings
) -> dict[str, Cell | None]:
    """What all variants of a product have in common, by column; text as it is."""
    discount = product.discount
    images = sorted(product.images, key=lambda one: one.position)
    return {
        "name": product.name,
        "description": product.description,
        "brand": product.brand.name if product.brand else None,
        "categories": own.paths_text(places.get(one.id, (one.name,)) for one in product.categories),
        "product_type": product.product_type.name if product.product_type else None,
        "occasions": own.joined(one.name for one in product.occasions),
        "gender": product.gender and product.gender.value,
        "tags": own.joined(product.tags),
        "status": product.status.value,
        "hsn_code": product.hsn_code,
        "country_of_origin": product.country_of_origin,
        "manufacturer": product.manufacturer,
        "importer": product.importer,
        "net_quantity": product.net_quantity,
        "max_per_order": product.max_per_order,
        "returnable": "true" if product.returnable else "false",
        "discount": f"{discount.type.value}:{money.wire(discount.value)}" if discount else None,
        "seo_title": product.seo.title,
        "seo_description": product.seo.description,
        "image": own.joined(shop.file_url(one.id) for one in images),
        "image_alt": own.joined(one.alt or "" for one in images),
    }


def variant_cells(product: Product, variant: Variant, stock: Mapping[str, Stock]) -> dict[str, Cell | None]:
    """What a variant has of its own, by column; text as it is."""
    mrp, price = effective(product, variant)
    row = stock.get(variant.sku)
    return {
        "slug": product.slug,
        "sku": own.code_text(variant.sku),
        "size": variant.size,
        "color": variant.color,
        "attributes": own.attributes_text(variant.attributes),
        "mrp": Decimal(money.wire(mrp)),
        "price": Decimal(money.wire(price)),
        "barcode": variant.barcode,
        "stock": row.on_hand if row else 0,
    }


def own_picture(variant: Variant, shop: ShopSettings) -> dict[str, Cell | None]:
    """What stands for pictures on the rows below a product's first."""
    return {"image": shop.file_url(variant.image_id)} if variant.image_id else {}


def places_of(rows: Sequence[Category]) -> dict[ObjectId, list[str]]:
    """Each category's names from the top of the tree."""
    known = {row.id: row for row in rows}
    found: dict[ObjectId, list[str]] = {}
    for row in rows:
        names, at = list[str](), row
        while len(names) < DEEPEST:
            names.insert(0, at.name)
            above = known.get(at.parent_id) if at.parent_id else None
            if above is None:
                break
            at = above
        found[row.id] = names
    return found
