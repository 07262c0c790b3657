"""The HTTP routes of declared resources."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from truestyle.kit import clock
from truestyle.kit.documents import Body, example
from truestyle.kit.errors import Duplicate, InUse, NotFound, Problem, VersionConflict, responses
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.resource import IfMatch, Resource, change, create, live, read_version, remove, reorder
from truestyle.kit.types import Id

OPTIONAL: dict[str, Any] = {"security": [{}]}  # signing in is possible, not needed


class Order(Body):
    """The ids of a list in the order that is wanted."""

    ids: Annotated[list[Id], Field(min_length=1, max_length=1000, json_schema_extra={"uniqueItems": True})]

    model_config = example({"ids": ["65af0b12c4a1d2e3f4a5b6c7"]})


async def _nobody() -> None:
    """Whoever looks at what everybody sees."""


NOBODY = Annotated[None, Depends(_nobody)]


@dataclass(frozen=True)
class _Parts:
    """What the routes of a resource are made of."""

    router: APIRouter
    db: Any
    guard: Any
    viewer: Any
    public_read: Any


def add_routes(
    router: APIRouter,
    resource: Resource[Any],
    *,
    db: Any,
    allowed: Callable[[str], Any],
    viewer: Any,
    public_read: Any,
) -> None:
    """Add the declared routes of a resource.

    `db` is the store dependency, `allowed` makes the guard of a permission, `viewer` is whoever may be signed in,
    `public_read` marks cacheable answers.
    """
    parts = _Parts(router, db, allowed(resource.write), viewer, public_read)
    acts = {
        "create": _create,
        "list": _list,
        "reorder": _reorder,
        "get": _get,
        "change": _change,
        "remove": _remove,
    }
    for act, declare in acts.items():
        if act in resource.only:
            declare(resource, parts)


def _taken(resource: Resource[Any]) -> tuple[type[Problem], ...]:
    return (Duplicate,) if resource.unique else ()


def _create(resource: Resource[Any], parts: _Parts) -> None:
    db, body_type = parts.db, resource.body(partial=False)

    async def create_one(body: body_type, response: Response, store: db) -> Any:  # type: ignore[valid-type]
        values: Any = body
        found = await create(store, resource, values.sent())
        prefix = cast("Any", store).shop.api_v1_prefix
        response.headers["location"] = f"{prefix}{resource.path}/{found.id}"
        return found

    create_one.__doc__ = f"Add to {resource.path}."
    parts.router.add_api_route(
        resource.path,
        create_one,
        methods=["POST"],
        status_code=201,
        response_model=resource.document,
        responses=responses(*_taken(resource)),
        dependencies=[parts.guard],
        name=f"create_{resource.name}",
    )


def _shown(resource: Resource[Any], viewer: Any) -> dict[str, Any]:
    """The filter for what a viewer may see: all of it, for who may write."""
    sees_all = not resource.scheduled or (viewer is not None and viewer.may(resource.write))
    return {} if sees_all else live(clock.now())


def _list(resource: Resource[Any], parts: _Parts) -> None:
    db, viewer_type, page_query = parts.db, parts.viewer if resource.scheduled else NOBODY, paging(*resource.sorts)

    async def list_all(
        store: db,  # type: ignore[valid-type]
        query: Annotated[PageQuery, page_query],
        viewer: viewer_type,  # type: ignore[valid-type]
        is_active: Annotated[bool | None, Query(description="Only those that are, or that are not.")] = None,
    ) -> Any:
        where = {} if is_active is None else {"is_active": is_active}
        repository = cast("Any", store).of(resource.document)
        return (await repository.find(where, query, also=_shown(resource, viewer))).page()

    list_all.__doc__ = f"List {resource.path}."
    page: Any = Page
    parts.router.add_api_route(
        resource.path,
        list_all,
        methods=["GET"],
        response_model=page[resource.document],
        dependencies=[parts.public_read],
        openapi_extra=OPTIONAL if resource.scheduled else None,
        name=f"list_{resource.name}",
    )


def _get(resource: Resource[Any], parts: _Parts) -> None:
    db, viewer_type = parts.db, parts.viewer if resource.scheduled else NOBODY

    async def get_one(item_id: Id, store: db, viewer: viewer_type) -> Any:  # type: ignore[valid-type]
        return await cast("Any", store).of(resource.document).get(item_id, **_shown(resource, viewer))

    get_one.__doc__ = f"One of {resource.path}."
    parts.router.add_api_route(
        f"{resource.path}/{{item_id}}",
        get_one,
        methods=["GET"],
        response_model=resource.document,
        responses=responses(NotFound),
        dependencies=[parts.public_read],
        openapi_extra=OPTIONAL if resource.scheduled else None,
        name=f"get_{resource.name}",
    )


def _reorder(resource: Resource[Any], parts: _Parts) -> None:
    db = parts.db

    async def reorder_all(body: Order, store: db) -> Any:  # type: ignore[valid-type]
        rows = await reorder(store, resource, body.ids)
        return Page(items=rows, total=len(rows), page=1, page_size=max(1, len(rows)), pages=1)

    reorder_all.__doc__ = f"Put the rows of {resource.path} into an order; those not named come after."
    page: Any = Page
    parts.router.add_api_route(
        f"{resource.path}/reorder",
        reorder_all,
        methods=["PUT"],
        response_model=page[resource.document],
        dependencies=[parts.guard],
        name=f"reorder_{resource.name}",
    )


def _change(resource: Resource[Any], parts: _Parts) -> None:
    db, body_type = parts.db, resource.body(partial=True)

    async def change_one(
        item_id: Id,
        body: body_type,  # type: ignore[valid-type]
        store: db,  # type: ignore[valid-type]
        if_match: IfMatch = None,
    ) -> Any:
        values: Any = body
        return await change(store, resource, item_id, values.sent(), read_version(if_match))

    change_one.__doc__ = f"Change one of {resource.path}; what is left out stays."
    for method, verb in (("PUT", "change"), ("PATCH", "patch")):
        parts.router.add_api_route(
            f"{resource.path}/{{item_id}}",
            change_one,
            methods=[method],
            response_model=resource.document,
            responses=responses(NotFound, *_taken(resource), InUse, VersionConflict),
            dependencies=[parts.guard],
            name=f"{verb}_{resource.name}",
        )


def _remove(resource: Resource[Any], parts: _Parts) -> None:
    db = parts.db

    async def remove_one(item_id: Id, store: db) -> None:  # type: ignore[valid-type]
        await remove(store, resource, item_id)

    remove_one.__doc__ = f"Delete one of {resource.path}."
    parts.router.add_api_route(
        f"{resource.path}/{{item_id}}",
        remove_one,
        methods=["DELETE"],
        status_code=204,
        responses=responses(NotFound, InUse),
        dependencies=[parts.guard],
        name=f"remove_{resource.name}",
    )
