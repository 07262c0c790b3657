"""Products for the wire: the page, the card, and the filters of the list."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from bson import ObjectId
from fastapi import Query

from truestyle.auth.models import Caller
from truestyle.catalog.products import references
from truestyle.catalog.products.fitting import Fit, runs
from truestyle.catalog.products.models import (
    Image,
    ImageAnswer,
    Product,
    ProductAnswer,
    ProductCard,
    ProductGender,
    VariantAnswer,
)
from truestyle.catalog.products.pricing import option_names
from truestyle.catalog.products.service import visible
from truestyle.kit.errors import NotFound
from truestyle.kit.money import Money
from truestyle.kit.paging import Found, PageQuery
from truestyle.kit.repository import Row
from truestyle.kit.types import Line
from truestyle.orders.tax import in_dead_zone
from truestyle.setting_groups import ShopSettings
from truestyle.store import Store


def _names(of: str) -> Any:
    return Query(max_length=50, description=f"{of}; repeatable: any of them.")


@dataclass(frozen=True)
class Filters:
    """What a list of products is narrowed to: OR inside one filter, AND across them."""

    q: Annotated[Line | None, Query(max_length=200, description="Words to search for.")] = None
    brand: Annotated[list[Line], _names("Brands by id or slug")] = ()  # type: ignore[assignment]
    category: Annotated[list[Line], _names("Categories by id or slug, with all below them")] = ()  # type: ignore[assignment]
    occasion: Annotated[list[Line], _names("Occasions by id or slug")] = ()  # type: ignore[assignment]
    product_type: Annotated[list[Line], _names("Product types by id or slug")] = ()  # type: ignore[assignment]
    gender: Annotated[list[ProductGender], Query(max_length=10, description="Whom it is made for.")] = ()  # type: ignore[assignment]
    tag: Annotated[list[Line], _names("Tags")] = ()  # type: ignore[assignment]
    size: Annotated[list[Line], _names("Sizes")] = ()  # type: ignore[assignment]
    color: Annotated[list[Line], _names("Colours")] = ()  # type: ignore[assignment]
    vendor: Annotated[list[Line], _names("Vendors by id")] = ()  # type: ignore[assignment]
    price_min: Annotated[Money | None, Query(description="At least this price.")] = None
    price_max: Annotated[Money | None, Query(description="At most this price.")] = None
    rating_min: Annotated[float | None, Query(ge=0, le=5, description="At least so many stars.")] = None
    in_stock: Annotated[bool | None, Query(description="Whether some variant can be bought now.")] = None
    discounted: Annotated[bool | None, Query(description="Whether it is reduced now.")] = None


async def where(store: Store, caller: Caller | None, filters: Filters) -> dict[str, Any]:
    """The filters as a MongoDB query, within what the caller may see."""
    parts: list[dict[str, Any]] = [visible(caller)]
    for names, field in (
        (filters.brand, "brand"),
        (filters.product_type, "product_type"),
        (filters.occasion, "occasions"),
    ):
        if names:
            parts.append(_by_id_or_slug(field, names))
    if filters.category:
        parts.append({"categories.id": {"$in": await references.descendants(store, filters.category)}})
    if filters.vendor:
        parts.append({"vendor_id": {"$in": [ObjectId(one) for one in filters.vendor if ObjectId.is_valid(one)]}})
    if filters.gender:
        parts.append({"gender": {"$in": [one.value for one in filters.gender]}})
    if filters.tag:
        parts.append({"tags": {"$in": [one.lower() for one in filters.tag]}})
    parts += [
        {"option_keys": {"$in": [f"{option}:{one.casefold()}" for one in names]}}
        for option, names in (("size", filters.size), ("color", filters.color))
        if names
    ]
    price = {"$gte": filters.price_min, "$lte": filters.price_max}
    if price := {operator: bound for operator, bound in price.items() if bound is not None}:
        parts.append({"price": price})
    if filters.rating_min is not None:
        parts.append({"rating.average": {"$gte": filters.rating_min}})
    parts += [
        {name: wanted}
        for name, wanted in (("in_stock", filters.in_stock), ("discounted", filters.discounted))
        if wanted is not None
    ]
    if filters.q:
        parts.append({"$text": {"$search": filters.q}})
    return {"$and": parts} if len(parts) > 1 else parts[0]


def _by_id_or_slug(field: str, names: list[str]) -> dict[str, Any]:
    ids = [ObjectId(one) for one in names if ObjectId.is_valid(one)]
    slugs = [one.lower() for one in names]
    by_slug = {f"{field}.slug": {"$in": slugs}}
    return {"$or": [{f"{field}.id": {"$in": ids}}, by_slug]} if ids else by_slug


def bound(caller: Caller | None, filters: Filters) -> dict[str, Any]:
    """What a cursor of the list is bound to, whoever answers: what was asked, and what the caller may see."""
    return {**visible(caller), **asdict(filters)}


async def find(store: Store, caller: Caller | None, filters: Filters, query: PageQuery) -> Found[Row]:
    """One page of rows with what a card tells, from MongoDB."""
    rows, total, cursor = await store.products.cards(await where(store, caller, filters), query, bound(caller, filters))
    return Found(rows, query, total, cursor)


async def page(store: Store, caller: Caller | None, key: ObjectId) -> ProductAnswer:
    """The product page, with what is available now. Raises NotFound."""
    return await answer(store, await store.products.get(key, **visible(caller)))


async def by_slug(store: Store, caller: Caller | None, slug: str) -> Product:
    """The product that has or had this slug. Raises NotFound."""
    found = await store.products.first({"slugs": slug, **visible(caller)})
    if found is None:
        raise NotFound
    return found


async def answer(store: Store, product: Product) -> ProductAnswer:
    """A product as it is read."""
    return (await answers(store, [product]))[0]


async def answers(store: Store, products: Sequence[Product]) -> list[ProductAnswer]:
    """Products as they are read, with what is available now."""
    there = await store.stock.available(variant.sku for one in products for variant in one.variants)
    return [_answer(one, there, store.shop) for one in products]


def _answer(product: Product, there: Mapping[str, int], shop: ShopSettings) -> ProductAnswer:
    variants = [
        VariantAnswer(**one.model_dump(exclude={"base_mrp", "base_price"}), available=there.get(one.sku, 0))
        for one in product.variants
    ]
    chart = product.size_chart or (product.product_type.size_chart if product.product_type else None)
    return ProductAnswer.model_validate(
        {
            **{name: getattr(product, name) for name in ProductAnswer.model_fields if hasattr(product, name)},
            "brand": product.brand and product.brand.model_dump(include={"id", "name"}),
            "product_type": product.product_type and product.product_type.model_dump(exclude={"size_chart"}),
            "fit": Fit(**product.fit.model_dump(), runs=runs(product.fit, product.popularity)),
            "list_price": product.base_price,
            "options": option_names(product.variants),
            "variants": variants,
            "images": [_image(one, shop) for one in product.images],
            "size_chart": chart,
            "warnings": _warnings(product),
        }
    )


def card(row: Row, shop: ShopSettings) -> ProductCard:
    """A stored row as a card."""
    images = sorted(row["images"], key=lambda one: one["position"])
    image = _image(Image.model_validate(images[0]), shop) if images else None
    return ProductCard.model_validate({**row, "id": row["_id"], "image": image})


def _image(image: Image, shop: ShopSettings) -> ImageAnswer:
    return ImageAnswer(**image.model_dump(), url=shop.file_url(image.id), thumbnails=shop.thumbnails(image.id))


def _warnings(product: Product) -> list[str]:
    today = datetime.now(UTC)
    return [
        f"{one.sku}: no GST rate fits this price (the dead zone); the higher rate will be charged."
        for one in product.variants
        if in_dead_zone(product.hsn_code, one.price, 1, today)
    ]
