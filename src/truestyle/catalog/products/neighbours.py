"""Products beside a product: those like it, and several side by side."""

from bson import ObjectId

from truestyle.auth.models import Caller
from truestyle.catalog.products import reading
from truestyle.catalog.products.models import Product, ProductAnswer, ProductCard, ProductStatus
from truestyle.catalog.products.service import visible
from truestyle.kit.documents import Answer
from truestyle.kit.errors import NotFound, ValidationFailed
from truestyle.kit.paging import PageQuery
from truestyle.store import Store

MOST_COMPARED = 6
COMPARED = (
    *("brand", "product_type", "gender", "mrp", "price", "discount", "sizes", "colors", "rating", "in_stock"),
    *("country_of_origin", "net_quantity", "returnable"),
)


class Comparison(Answer):
    """Products side by side; `differences` names the fields in which they are not all alike."""

    items: list[ProductAnswer]
    differences: list[str]


async def related(store: Store, caller: Caller | None, key: ObjectId, limit: int) -> list[ProductCard]:
    """Products like this one, the best-selling first: of its categories, then of its type, then of its brand.

    Raises NotFound.
    """
    product = await store.products.get(key, **visible(caller))
    found: dict[ObjectId, ProductCard] = {}
    for where in _likenesses(product):
        if len(found) >= limit:
            break
        wanted = {"status": ProductStatus.ACTIVE, "_id": {"$nin": [key, *found]}, **where}
        rows, _, _ = await store.products.cards(wanted, PageQuery("-popularity", size=limit - len(found)))
        found |= {row["_id"]: reading.card(row, store.shop) for row in rows}
    return list(found.values())


def _likenesses(product: Product) -> list[dict[str, object]]:
    likenesses: list[dict[str, object]] = []
    if product.categories:
        likenesses.append({"categories.id": {"$in": [one.id for one in product.categories]}})
    if product.product_type:
        likenesses.append({"product_type.id": product.product_type.id})
    if product.brand:
        likenesses.append({"brand.id": product.brand.id})
    return likenesses


async def compare(store: Store, caller: Caller | None, ids: list[ObjectId]) -> Comparison:
    """Several products side by side, in the order asked for. Raises NotFound, ValidationFailed."""
    wanted = list(dict.fromkeys(ids))
    if not 2 <= len(wanted) <= MOST_COMPARED:  # noqa: PLR2004
        raise ValidationFailed(f"name 2 to {MOST_COMPARED} different products", ("query", "ids"))
    products = await store.products.by_ids(wanted, visible(caller))
    if len(products) != len(wanted):
        raise NotFound
    items = await reading.answers(store, [products[one] for one in wanted])
    different = [name for name in COMPARED if len({repr(getattr(products[one], name)) for one in wanted}) > 1]
    return Comparison(items=items, differences=different)
