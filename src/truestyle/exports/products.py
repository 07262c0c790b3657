"""Products, a row a variant: the columns of `GET /products/export` with what reports need beside them."""

from truestyle.catalog.exporting import rows as catalogue
from truestyle.catalog.lookups import Category
from truestyle.catalog.products import references
from truestyle.catalog.products.models import Product, ProductStatus, Variant
from truestyle.catalog.products.pricing import effective
from truestyle.exports.columns import Column, Kind, Values
from truestyle.exports.models import ProductsAsk
from truestyle.exports.sources import Batches, Plan, Source, between, given, some
from truestyle.infra.snapshot import Snapshot
from truestyle.infra.workbook import USUAL_WIDTH
from truestyle.inventory.models import Stock
from truestyle.kit.repository import Row
from truestyle.store import Store

BATCH = 200  # products told at once
KINDS = {"mrp": Kind.MONEY, "price": Kind.MONEY, "stock": Kind.NUMBER, "max_per_order": Kind.NUMBER}
PRINTED: dict[str, tuple[str, float]] = {
    "sku": ("SKU", 1.5),
    "name": ("Name", 2),
    "size": ("Size", 0.6),
    "color": ("Colour", 0.8),
    "brand": ("Brand", 1.1),
    "status": ("Status", 0.7),
    "mrp": ("MRP", 1),
    "price": ("Price", 1),
    "stock": ("On hand", 0.7),
}


def _column(name: str) -> Column:
    width = catalogue.WIDTHS.get(name, USUAL_WIDTH)
    printed, share = PRINTED.get(name, (None, 1))
    return Column(name, KINDS.get(name, Kind.TEXT), width, printed, share, summed=name == "stock")


COLUMNS = (
    *map(_column, catalogue.COLUMNS),
    Column("reserved", Kind.NUMBER, 9),
    Column("available", Kind.NUMBER, 9, "Available", 0.7),
    Column("sold", Kind.NUMBER, 9),
    Column("rating", width=8),
    Column("ratings", Kind.NUMBER, 8),
    Column("created_at", Kind.MOMENT, 20),
    Column("updated_at", Kind.MOMENT, 20),
    Column("vendor_id", width=26),
    Column("product_id", width=26),
)


async def plan(store: Store, ask: ProductsAsk) -> Plan:
    """Products of all statuses, or of one. Raises ValidationFailed."""
    where = given(brand__id=ask.brand_id, product_type__id=ask.product_type_id, vendor_id=ask.vendor_id)
    if ask.category_id is not None:
        where["categories.id"] = {"$in": await references.descendants(store, [str(ask.category_id)])}
    if ask.status is not None:
        where["status"] = ask.status
    elif where:  # all, said so that the indexes that begin with another filter give the order
        where["status"] = {"$in": list(ProductStatus)}
    span = between(ask, store)
    return Plan(store.products, {**where, "created_at": span}, "created_at") if span else Plan(store.products, where)


async def batches(store: Store, snapshot: Snapshot, ask: ProductsAsk, plan: Plan) -> Batches:
    """A row a variant; all that products have in common stands on each, so that rows can be sorted."""
    del ask
    places = catalogue.places_of(await store.of(Category).all())
    async for rows in some(snapshot.rows(plan.of.name, plan.where, sort=plan.sort), BATCH):
        products = [Product.load(row) for row in rows]
        there = snapshot.rows(store.stock.name, {"product_id": {"$in": [one.id for one in products]}})
        stock = {row["_id"]: Stock.model_validate({**row, "sku": row["_id"]}) async for row in there}
        told: list[Values] = []
        for product in products:
            shared = catalogue.shared_cells(product, places, store.shop) | _facts(product)
            below = shared | {"image": None, "image_alt": None}
            for at, one in enumerate(product.variants):
                common = below | catalogue.own_picture(one, store.shop) if at else shared
                told.append(_told(product, one, common, stock))
        yield len(products), told


def _facts(product: Product) -> Row:
    return {
        "sold": product.popularity,
        "rating": f"{product.rating.average:.2f}" if product.rating.count else None,
        "ratings": product.rating.count,
        "created_at": product.created_at,
        "updated_at": product.updated_at,
        "vendor_id": str(product.vendor_id) if product.vendor_id else None,
        "product_id": str(product.id),
    }


def _told(product: Product, variant: Variant, shared: Row, stock: dict[str, Stock]) -> Values:
    mrp, price = effective(product, variant)
    row = stock.get(variant.sku)
    pieces = {"reserved": row.reserved if row else 0, "available": row.available if row else 0}
    cells = shared | catalogue.variant_cells(product, variant, stock) | {"mrp": mrp, "price": price} | pieces
    return [cells[one.name] for one in COLUMNS]


SOURCE = Source("Products", COLUMNS, plan, batches)
