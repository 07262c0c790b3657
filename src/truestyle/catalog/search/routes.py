"""The list of products, searching it, and suggestions while typing."""

from typing import Annotated

from fastapi import Depends, Query, Request, Response

from truestyle.catalog.products.reading import Filters
from truestyle.catalog.search import service
from truestyle.catalog.search.models import ProductPage, Suggestions
from truestyle.deps import OPTIONAL_SIGN_IN, PUBLIC, Db, MaybeCaller, PublicRead, ShopDep
from truestyle.infra.http.front import time_of
from truestyle.infra.http.limits import Limit, limited
from truestyle.infra.http.route import gathered, router
from truestyle.kit.paging import PageQuery, paging
from truestyle.kit.types import Line
from truestyle.shop import Shop

routes = router("/products", tag="Products")
SORTS = ("-created_at", "relevance", "price", "-price", "-rating", "-popularity", "name")
Asked = Annotated[Filters, gathered(Filters)]
WithFacets = Annotated[bool, Query(description="Whether to count what narrowing further would leave.")]


async def _relevance_first(request: Request, query: Annotated[PageQuery, paging(*SORTS)]) -> PageQuery:
    """With words to search for, the best matches come first unless another order is asked for."""
    if request.query_params.get("q") and "sort" not in request.query_params:
        return PageQuery("relevance", query.page, query.size, query.cursor)
    return query


Paging = Annotated[PageQuery, Depends(_relevance_first)]


@routes.get("", response_model=ProductPage, dependencies=[PublicRead], openapi_extra=OPTIONAL_SIGN_IN)
@limited(Limit.SEARCH, when="q")
async def list_products(
    request: Request,
    shop: ShopDep,
    store: Db,
    caller: MaybeCaller,
    filters: Asked,
    query: Paging,
    facets: WithFacets = False,
) -> Response:
    """Cards of products, filtered, sorted, or found by words."""
    written = time_of(request.headers.get("x-store-version", "").encode())
    found = await service.find(store, shop.search, caller, filters, query, facets=facets, written=written)
    return _page(shop, found)


@routes.get("/search", response_model=ProductPage, dependencies=[PublicRead], openapi_extra=OPTIONAL_SIGN_IN)
@limited(Limit.SEARCH)
async def search_products(
    shop: ShopDep, store: Db, caller: MaybeCaller, filters: Asked, query: Paging, facets: WithFacets = False
) -> Response:
    """Find products by words, the best match first; typing errors and beginnings are forgiven."""
    return _page(shop, await service.find(store, shop.search, caller, filters, query, facets=facets))


@routes.get("/suggest", dependencies=[PublicRead])
@limited(Limit.SEARCH)
async def suggest_products(
    shop: ShopDep,
    q: Annotated[Line, Query(max_length=200, description="What is typed so far.")],
    limit: Annotated[int, Query(ge=1, le=20, description="At most so many.")] = 10,
) -> Suggestions:
    """What may be meant, while somebody types."""
    return await service.suggest(shop.search, q, limit)


def _page(shop: Shop, found: service.Listed) -> Response:
    return Response(found.written(shop.settings.shop), headers=PUBLIC, media_type="application/json")
