"""The list of products, searching it, and suggestions while typing."""

from typing import Annotated

from fastapi import Depends, Query, Request

from truestyle.catalog.products.reading import Filters
from truestyle.catalog.search import service
from truestyle.catalog.search.models import ProductPage, Suggestions
from truestyle.deps import OPTIONAL_SIGN_IN, Db, MaybeCaller, PublicRead, ShopDep
from truestyle.infra.http.limits import Limit, limited
from truestyle.infra.http.route import gathered, router
from truestyle.kit.paging import PageQuery, paging
from truestyle.kit.types import Line

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


@routes.get("", dependencies=[PublicRead], openapi_extra=OPTIONAL_SIGN_IN)
@limited(Limit.SEARCH, when="q")
async def list_products(
    shop: ShopDep, store: Db, caller: MaybeCaller, filters: Asked, query: Paging, facets: WithFacets = False
) -> ProductPage:
    """Cards of products, filtered, sorted, or found by words."""
    return await service.find(store, shop.search, caller, filters, query, facets=facets)


@routes.get("/search", dependencies=[PublicRead], openapi_extra=OPTIONAL_SIGN_IN)
@limited(Limit.SEARCH)
async def search_products(
    shop: ShopDep, store: Db, caller: MaybeCaller, filters: Asked, query: Paging, facets: WithFacets = False
) -> ProductPage:
    """Find products by words, the best match first; typing errors and beginnings are forgiven."""
    return await service.find(store, shop.search, caller, filters, query, facets=facets)


@routes.get("/suggest", dependencies=[PublicRead])
@limited(Limit.SEARCH)
async def suggest_products(
    shop: ShopDep,
    q: Annotated[Line, Query(max_length=200, description="What is typed so far.")],
    limit: Annotated[int, Query(ge=1, le=20, description="At most so many.")] = 10,
) -> Suggestions:
    """What may be meant, while somebody types."""
    return await service.suggest(shop.search, q, limit)
