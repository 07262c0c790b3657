"""Which route answers a request: looked up by the shape of its path, not tried one pattern after the other.

FastAPI's `include_router` builds every route a second time and looks for each twice; with several hundred of them that
was a quarter of the time to start, and more than most answers took.
"""

from copy import copy

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Match, compile_path
from starlette.types import Receive, Scope, Send

Shape = tuple[int, str]  # how many words a path has, and the first


class Table:
    """The routes of an app, below their prefixes. What it does not find is the app's own router's to answer."""

    def __init__(self, app: FastAPI) -> None:
        """Around the app's router, within what answers errors."""
        self._router, self._next = app.router, app.router.middleware_stack
        self._routes: dict[str, dict[Shape, list[tuple[APIRoute, APIRoute]]]] = {}
        self._router.middleware_stack = self

    def add(self, router: APIRouter, prefix: str = "") -> None:
        """Answer the routes of a router. Raises ValueError for one that no shape of path leads to."""
        for route in router.routes:
            if not isinstance(route, APIRoute):
                msg = f"{route} is no route of an API"
                raise ValueError(msg)  # noqa: TRY004 - what is wrong is the router
            placed = copy(route)
            placed.path = prefix + route.path
            placed.path_regex, placed.path_format, placed.param_convertors = compile_path(placed.path)
            shape = _shape(route.path_format)
            if "{" in shape[1] or ":path}" in route.path:
                msg = f"{route.path} has no shape"
                raise ValueError(msg)
            self._routes.setdefault(prefix, {}).setdefault(shape, []).append((placed, route))
            self._router.routes.append(placed)  # the OpenAPI document is made of these

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            refused: tuple[APIRoute, Scope] | None = None
            for placed, route in self._like(scope["path"]):
                match, found = placed.matches(scope)
                if match is Match.NONE:
                    continue
                found["route"] = route  # logs and metrics name it without the prefix
                if match is Match.FULL:
                    scope.update(found)
                    await placed.handle(scope, receive, send)
                    return
                refused = refused or (placed, found)
            if refused is not None:
                scope.update(refused[1])
                await refused[0].handle(scope, receive, send)  # which says what is allowed
                return
        await self._next(scope, receive, send)

    def led_to(self, path: str) -> list[APIRoute]:
        """The routes whose patterns are tried for a path, in their order."""
        return [placed for placed, _ in self._like(path)]

    def _like(self, path: str) -> list[tuple[APIRoute, APIRoute]]:
        for prefix, routes in self._routes.items():
            if path.startswith(prefix):
                found = routes.get(_shape(path[len(prefix) :]))
                if found is not None:
                    return found
        return []


def _shape(path: str) -> Shape:
    words = path.split("/", 2)
    return path.count("/"), words[1] if len(words) > 1 else ""
