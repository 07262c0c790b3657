"""/products."""

from typing import Annotated

from fastapi import Path, Response
from fastapi import Query as Ask
from fastapi.responses import RedirectResponse
from pydantic import StringConstraints

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.catalog.products import neighbours, reading, service
from truestyle.catalog.products.models import ProductAnswer, ProductCard, ProductChange, ProductCreate
from truestyle.catalog.products.neighbours import Comparison
from truestyle.deps import OPTIONAL_SIGN_IN, Db, MaybeCaller, PublicRead, Version, allowed
from truestyle.infra.http.route import changing, router
from truestyle.inventory import service as inventory
from truestyle.inventory.models import Movement, Stock, StockSet
from truestyle.inventory.repository import InsufficientStock
from truestyle.kit.errors import Duplicate, InUse, NotFound, VersionConflict, responses
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.types import Id, object_id

routes = router("/products", tag="Products")
Writer = Annotated[Caller, allowed(Permission.PRODUCTS_WRITE)]
Keeper = Annotated[Caller, allowed(Permission.STOCK_WRITE)]
Ids = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{24}(,[0-9a-fA-F]{24}){0,19}$")]


@routes.post("", status_code=201, responses=responses(Duplicate))
async def create_product(body: ProductCreate, response: Response, store: Db, caller: Writer) -> ProductAnswer:
    """Add a product with its variants and opening stock."""
    product = await service.create(store, caller, body)
    response.headers["location"] = f"{store.shop.api_v1_prefix}/products/{product.id}"
    return await reading.answer(store, product)


@routes.get("/compare", dependencies=[PublicRead], openapi_extra=OPTIONAL_SIGN_IN, responses=responses(NotFound))
async def compare_products(
    store: Db, caller: MaybeCaller, ids: Annotated[list[Ids], Ask(max_length=20, description="Ids, also by comma.")]
) -> Comparison:
    """Products side by side."""
    return await neighbours.compare(store, caller, [object_id(one) for part in ids for one in part.split(",")])


@routes.get(
    "/slug/{slug}",
    dependencies=[PublicRead],
    openapi_extra=OPTIONAL_SIGN_IN,
    responses={301: {"description": "The product has another slug now: see `Location`."}, **responses(NotFound)},
)
async def get_product_by_slug(
    slug: Annotated[str, Path(max_length=200, description="As in a product's `slug`.")], store: Db, caller: MaybeCaller
) -> ProductAnswer:
    """A product by its slug; a former slug redirects."""
    product = await reading.by_slug(store, caller, slug)
    if product.slug != slug:
        moved = f"{store.shop.api_v1_prefix}/products/slug/{product.slug}"
        return RedirectResponse(moved, 301)  # type: ignore[return-value]
    return await reading.answer(store, product)


@routes.get("/{product_id}", dependencies=[PublicRead], openapi_extra=OPTIONAL_SIGN_IN, responses=responses(NotFound))
async def get_product(product_id: Id, store: Db, caller: MaybeCaller) -> ProductAnswer:
    """A product with its variants and what is available now."""
    return await reading.page(store, caller, product_id)


@routes.get(
    "/{product_id}/related", dependencies=[PublicRead], openapi_extra=OPTIONAL_SIGN_IN, responses=responses(NotFound)
)
async def list_related_products(
    product_id: Id,
    store: Db,
    caller: MaybeCaller,
    limit: Annotated[int, Ask(ge=1, le=50, description="At most so many.")] = 12,
) -> Page[ProductCard]:
    """Products like this one."""
    cards = await neighbours.related(store, caller, product_id, limit)
    return Page(items=cards, total=len(cards), page=1, page_size=limit, pages=1)


@changing(routes, "/{product_id}", responses=responses(NotFound, Duplicate, InUse, VersionConflict))
async def change_product(
    product_id: Id, body: ProductChange, store: Db, caller: Writer, version: Version
) -> ProductAnswer:
    """Change a product; what is left out stays."""
    return await reading.answer(store, await service.change(store, caller, product_id, body, version))


@routes.delete("/{product_id}", status_code=204, responses=responses(NotFound))
async def remove_product(product_id: Id, store: Db, caller: Writer) -> None:
    """Delete a product, or archive one that was ever ordered."""
    await service.remove(store, caller, product_id)


@routes.put("/{product_id}/stock", responses=responses(NotFound, InsufficientStock))
async def set_stock(product_id: Id, body: StockSet, store: Db, caller: Keeper) -> Stock:
    """Record a stock-take (`on_hand`) or a change (`delta`) of one SKU."""
    product = await store.products.get(product_id, **service.own(caller))
    return await inventory.set_stock(store, caller, product, body)


@routes.get("/{product_id}/stock-movements", responses=responses(NotFound))
async def list_stock_movements(
    product_id: Id, store: Db, caller: Keeper, query: Annotated[PageQuery, paging("-created_at", "created_at")]
) -> Page[Movement]:
    """Everything that happened to a product's stock."""
    await store.products.get(product_id, **service.own(caller))
    return (await store.movements.find({"product_id": product_id}, query)).page()
