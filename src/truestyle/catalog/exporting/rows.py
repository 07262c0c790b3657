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
from truestyle.inventory.models import Stock
from truestyle.kit import money
from truestyle.setting_groups import ShopSettings
from truestyle.store import Store

BATCH = 200  # products held at once
COLUMNS = own.COLUMNS
Cell = str | int | Decimal
Row = Sequence[Cell]  # a cell a column; text is as spreadsheets may have it


async def batches(store: Store, where: Mapping[str, Any]) -> AsyncIterator[list[Row]]:
    """All matching products by age, a row a variant, some at a time.

    No cursor stays open, so a slow reader costs nothing. Each product is told as it stands when its turn comes.
    """
    places = _places(await store.of(Category).all())
    last: ObjectId | None = None
    while found := await store.products.following(where, last, BATCH):
        last = found[-1].id
        stock = {row.sku: row for row in await store.stock.of_products([one.id for one in found])}
        yield [row for one in found for row in _rows(one, stock, places, store.shop)]


def _rows(
    product: Product, stock: Mapping[str, Stock], places: Mapping[ObjectId, Sequence[str]], shop: ShopSettings
) -> list[Row]:
    shared = _shared(product, places, shop)
    rows: list[Row] = []
    for at, variant in enumerate(product.variants):
        cells = {**(_own_picture(variant, shop) if at else shared), **_variant(product, variant, stock)}
        rows.append([_safe(cells.get(name, "")) for name in COLUMNS])
    return rows


def _safe(cell: Cell | None) -> Cell:
    if cell is None:
        return ""
    return table.escaped(cell) if isinstance(cell, str) else cell


def _shared(product: Product, places: Mapping[ObjectId, Sequence[str]], shop: ShopSettings) -> dict[str, Cell | None]:
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
        "net_quantity": product.net_quantity,
        "max_per_order": product.max_per_order,
        "returnable": "true" if product.returnable else "false",
        "discount": f"{discount.type.value}:{money.wire(discount.value)}" if discount else None,
        "seo_title": product.seo.title,
        "seo_description": product.seo.description,
        "image": own.joined(shop.file_url(one.id) for one in images),
        "image_alt": own.joined(one.alt or "" for one in images),
    }


def _variant(product: Product, variant: Variant, stock: Mapping[str, Stock]) -> dict[str, Cell | None]:
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


def _own_picture(variant: Variant, shop: ShopSettings) -> dict[str, Cell | None]:
    return {"image": shop.file_url(variant.image_id)} if variant.image_id else {}


def _places(rows: Sequence[Category]) -> dict[ObjectId, list[str]]:
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
